"""Run notebooks with papermill, refusing unknown parameters: python3 -m src.notebook 03 -p epochs 5."""

import argparse
import ast
import contextlib
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from jupyter_client.kernelspec import KernelSpec
from tqdm import tqdm

from src.command_line import progress, run_command
from src.errors import InputError
from src.files import check_writable, write_text
from src.notebook.parameters import (
    NOTEBOOKS,
    ROOT,
    TABLES,
    Parameters,
    choose_parameters,
    find_notebook,
    list_notebooks,
    read_parameters,
)
from src.parser import Parser
from src.training.interruption import ONE_REQUEST


def parse_arguments() -> argparse.Namespace:
    parser = Parser(prog="python3 -m src.notebook", description="Run notebooks with papermill.")
    parser.add_argument("notebook", nargs="?", help="a number or name: 03, 03_backbones or its path")
    parser.add_argument("--all", action="store_true", help="run all of them, in order")
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="set a parameter"
    )
    parser.add_argument("-f", "--file", type=Path, help="YAML of parameters; each notebook uses those that it has")
    parser.add_argument("--out_dir", type=Path, default=TABLES, help="where executed notebooks go")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write each as a Markdown page, too")
    parser.add_argument("--lines", action="store_true", help="a line every half minute instead of a bar over the cells")
    parser.add_argument("--update", action="store_true", help="keep the outputs in notebooks/ itself, to commit them")
    arguments = parser.parse_args()
    if arguments.update:
        parser.refuse(["out_dir"], "goes without --update, which writes into notebooks/ itself")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    if arguments.all == bool(arguments.notebook):
        raise InputError("expected a notebook or --all, for example: python3 -m src.notebook 03")
    if arguments.update and (arguments.parameter or arguments.file):
        raise InputError("--update keeps the outputs of the default parameters; leave out -p and -f")
    if not arguments.update and arguments.out_dir.resolve() == NOTEBOOKS.resolve():
        raise InputError(f"--out_dir {arguments.out_dir} would replace the notebooks; name another, or give --update")
    for folder in (TABLES, NOTEBOOKS if arguments.update else arguments.out_dir, arguments.report or TABLES):
        check_writable(folder)  # before the first cell, not after the last one
    paths = list_notebooks() if arguments.all else [find_notebook(arguments.notebook)]
    given = {name: _value(text) for name, text in arguments.parameter}
    shared = read_parameters(arguments.file) if arguments.file else {}
    chosen = [choose_parameters(path, given, shared) for path in paths]  # all are checked before the first one runs
    if arguments.file and not any(parameters.keys() & shared.keys() for parameters in chosen):
        raise InputError(f"{arguments.file}: expected parameters of {paths[0].stem}, found {', '.join(shared)}")
    jobs = list(zip(paths, chosen, strict=True))
    with progress(jobs, desc="notebooks", unit="notebook", disable=len(paths) == 1) as bar:
        for path, parameters in bar:
            bar.set_postfix_str(path.stem)
            target = path if arguments.update else arguments.out_dir / path.name
            show_cells = len(paths) == 1 and sys.stderr.isatty() and not arguments.lines
            execute(path, target, parameters, show_cells=show_cells)
            tqdm.write(f"{path.stem}: {target}")
            if arguments.report:
                tqdm.write(f"{path.stem}: {report(target, arguments.report)}")


def report(executed: Path, folder: Path) -> Path:
    """Write an executed notebook as a Markdown page with the command that ran it. Returns the page's path."""
    from src.notebook.report import write_report  # nbformat takes long to import

    quoted = (f'"{part}"' if "'" in part else shlex.quote(part) for part in sys.argv[1:])
    command = " ".join(["python3 -m src.notebook", *quoted])
    tables = sorted(TABLES.glob(f"{executed.stem.split('_')[0]}_*.csv"))
    return write_report(executed, folder, command=command, tables=tables)


def execute(path: Path, target: Path, parameters: Parameters, *, show_cells: bool) -> None:
    """Run a notebook with this same Python, in the repository's root, and write it with its outputs to `target`.

    show_cells: show a bar over its cells; else a line every half minute says what it is doing. Raises InputError if a
    cell fails; the notebook up to the error is then kept with the tables. Ctrl-C interrupts the cell, which saves
    what it is training.
    """
    import papermill
    from jupyter_client.manager import AsyncKernelManager

    from src.notebook.heartbeat import Heartbeat

    kernels, stopping = [], threading.Event()

    class ThisPython(AsyncKernelManager):
        """A kernel of the running interpreter, whatever is registered under the notebook's kernel name."""

        @property
        def kernel_spec(self) -> KernelSpec:
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
            return KernelSpec(argv=command, display_name="Python 3", language="python")

        async def start_kernel(self, **options: object) -> None:
            await super().start_kernel(**options, stderr=subprocess.DEVNULL)  # the kernel's own; cells' stderr is kept
            kernels.append(self.provisioner.process)

    def begin(**_: object) -> None:
        if stopping.is_set():  # a kernel that starts, or rests between two cells, ignores the interrupt
            raise InterruptedError

    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        executed = Path(folder) / path.name
        cells = len(json.loads(path.read_text(encoding="utf-8"))["cells"]) + bool(parameters)  # they become a cell
        run = thread.submit(  # in the main thread papermill would handle Ctrl-C itself
            papermill.execute_notebook,
            path,
            executed,
            parameters,
            kernel_name="python3",  # also of a notebook without metadata, as tools that strip it leave one
            language="python",
            cwd=ROOT,
            progress_bar=show_cells,
            log_output=not show_cells,
            autosave_cell_every=0,  # validating all outputs every half minute takes 6 % of a core
            kernel_manager_class=ThisPython,
            on_cell_start=begin,
        )
        try:
            with nullcontext() if show_cells else Heartbeat(path.stem, cells=cells):
                run.result()
        except KeyboardInterrupt:
            stopping.set()
            _interrupt(run, kernels)
            raise
        except papermill.PapermillExecutionError as error:
            failed = TABLES / f"{path.stem}_failed.ipynb"
            write_text(failed, executed.read_text(encoding="utf-8"))
            raise InputError(
                f"{path.stem}: cell {error.exec_count}: {error.ename}: {error.evalue}; see {failed}"
            ) from None
        write_text(target, strip_volatile(executed.read_text(encoding="utf-8")))


def _interrupt(run: Future, kernels: list[subprocess.Popen]) -> None:
    """End a notebook's run: interrupt its kernel and all its processes; a second Ctrl-C kills them."""
    logging.disable()  # a kernel that dies while starting would be logged
    number, since = signal.SIGINT, time.monotonic()
    while not run.done():
        try:
            if kernels and number is not None:
                with contextlib.suppress(ProcessLookupError):  # it has already ended
                    os.killpg(kernels[0].pid, number)
                number = None
            time.sleep(0.1)
        except KeyboardInterrupt:
            if time.monotonic() - since > ONE_REQUEST:
                number = signal.SIGKILL


def strip_volatile(text: str) -> str:
    """A notebook's text without what differs between runs and machines: times, paths, progress bars, pieces."""
    notebook = json.loads(text)
    notebook["metadata"].pop("papermill", None)
    for cell in notebook["cells"]:
        for name in ("papermill", "execution"):
            cell["metadata"].pop(name, None)
        if "outputs" in cell:
            cell["outputs"] = _join_printed(output for output in cell["outputs"] if output.get("name") != "stderr")
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _join_printed(outputs: Iterable[dict]) -> list[dict]:
    """Outputs in which text printed without a break is one piece; a slow kernel sends it in several."""
    joined = []
    for output in outputs:
        if joined and output["output_type"] == joined[-1]["output_type"] == "stream":
            text = "".join([*joined[-1]["text"], *output["text"]])
            joined[-1] = {**output, "text": text.splitlines(keepends=True)}
        else:
            joined.append(output)
    return joined


def _value(text: str) -> object:
    """The value of a Python literal, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


if __name__ == "__main__":
    run_command(main)
