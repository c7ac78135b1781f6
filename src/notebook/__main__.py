"""Run notebooks by papermill, and refuse unknown parameters: python3 -m src.notebook 03 -p epochs 5."""

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
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from jupyter_client.kernelspec import KernelSpec
from tqdm import tqdm

from src.command_line import Parser, progress, run_command
from src.errors import InputError, about
from src.files import check_writable, read_json, read_text, write_text
from src.notebook.data import ROOT
from src.training.interruption import ONE_REQUEST

NOTEBOOKS = ROOT / "notebooks"
OUTPUT = ROOT / "output" / "notebooks"
_MOST_BYTES, _MOST_LEVELS = 64_000, 20  # of a file of parameters
Parameters = dict[str, object]


def parse_arguments() -> argparse.Namespace:
    parser = Parser(prog="python3 -m src.notebook", description="Run notebooks with papermill.")
    parser.add_argument("notebook", nargs="?", help="a number or name: 03, 03_backbones or its path")
    parser.add_argument("--all", action="store_true", help="run all of them, in order")
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="set a parameter"
    )
    parser.add_argument("-f", "--file", type=Path, help="YAML of parameters; each notebook takes those that it has")
    parser.add_argument("--out_dir", type=Path, default=OUTPUT, help="where executed notebooks go")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write each as a Markdown page, too")
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
    for folder in (OUTPUT, NOTEBOOKS if arguments.update else arguments.out_dir, arguments.report or OUTPUT):
        check_writable(folder)  # before the first cell, not after the last one
    paths = list_notebooks() if arguments.all else [find_notebook(arguments.notebook)]
    given = {name: _value(text) for name, text in arguments.parameter}
    shared = read_parameters(arguments.file) if arguments.file else {}
    chosen = [choose_parameters(path, given, shared) for path in paths]  # all are checked before the first one runs
    jobs = list(zip(paths, chosen, strict=True))
    with progress(jobs, desc="notebooks", unit="notebook", disable=len(paths) == 1) as bar:
        for path, parameters in bar:
            bar.set_postfix_str(path.stem)
            target = path if arguments.update else arguments.out_dir / path.name
            execute(path, target, parameters, show_cells=len(paths) == 1 and sys.stderr.isatty())
            tqdm.write(f"{path.stem}: {target}")
            if arguments.report:
                tqdm.write(f"{path.stem}: {report(target, arguments.report)}")


def report(executed: Path, folder: Path) -> Path:
    """An executed notebook as a Markdown page, under the command that was given. Returns the page's path."""
    from src.notebook.report import write_report  # nbformat takes long to import

    quoted = (f'"{part}"' if "'" in part else shlex.quote(part) for part in sys.argv[1:])
    command = " ".join(["python3 -m src.notebook", *quoted])
    tables = sorted(OUTPUT.glob(f"{executed.stem.split('_')[0]}_*.csv"))
    return write_report(executed, folder, command=command, tables=tables)


def list_notebooks() -> list[Path]:
    """All notebooks in order. Raises InputError where there is none."""
    paths = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise InputError(f"{NOTEBOOKS}: expected notebooks named 01_something.ipynb, found none")
    return paths


def find_notebook(name: str) -> Path:
    """The notebook of a number (3 or 03), a name or a path. Raises InputError where none or several fit."""
    paths = list_notebooks()
    stem = Path(name).stem if name.endswith(".ipynb") else name
    start = f"{int(stem):02d}_" if stem.isdecimal() else stem
    found = [path for path in paths if path.stem.startswith(start)]
    exact = [path for path in found if path.stem == stem]
    if len(exact or found) != 1:
        raise InputError(f"expected one of {', '.join(path.stem for path in paths)}, found {name!r}")
    return (exact or found)[0]


def notebook_parameters(path: Path) -> Parameters:
    """Names and default values of a notebook's `parameters` cell. Raises InputError unless it has exactly one."""
    try:
        cells = read_json(path)["cells"]
        tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: not a readable notebook") from None
    if len(tagged) != 1:
        raise InputError(f"{path}: expected one cell tagged 'parameters', found {len(tagged)}")
    parameters = {}
    for statement in ast.parse("".join(tagged[0]["source"])).body:
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        parameters[target.id] = ast.literal_eval(statement.value)
    return parameters


def read_parameters(path: Path) -> Parameters:
    """A YAML file of parameters. Raises InputError for anything else, or for a name that no notebook has."""
    with about(path):
        content = _read_yaml(path)
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise InputError(f"{path}: expected lines of 'name: value'")
    known = set().union(*(notebook_parameters(notebook) for notebook in list_notebooks()))
    _refuse_unknown(content, known, f"{path}: no notebook has")
    return content


def _read_yaml(path: Path) -> object:
    import yaml  # comes with papermill

    try:
        text = read_text(path, most=_MOST_BYTES)
        levels = max(accumulate((letter in "[{") - (letter in "]}") for letter in text), default=0)
        if levels > _MOST_LEVELS:  # its parser takes hours for many
            raise InputError(f"expected at most {_MOST_LEVELS} levels of brackets, found {levels}")
        # A few lines of references to each other can stand for gigabytes.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise InputError("expected plain values, found a reference (*name)")
        return yaml.safe_load(text)
    except InputError:
        raise
    except RecursionError:
        raise InputError("expected a few levels, found a deeper nesting") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:  # of odd tags, too
        raise InputError(f"not a readable YAML file ({error})") from None


def choose_parameters(path: Path, given: Parameters, shared: Parameters) -> Parameters:
    """The parameters to set: the file's that this notebook has, then those of the command line, all of which it must.

    Raises InputError for an unknown name or a value of another type than the default's.
    """
    defaults = notebook_parameters(path)
    _refuse_unknown(given, set(defaults), f"{path.stem} has no parameter")
    chosen = {name: value for name, value in shared.items() if name in defaults} | given
    for name, value in chosen.items():
        expected = type(defaults[name])
        if type(value) is not expected and not (expected is float and type(value) is int):
            raise InputError(
                f"{path.stem}: expected {name} of type {expected.__name__} like {defaults[name]!r}, found {value!r:.60}"
            )
    return chosen


def execute(path: Path, target: Path, parameters: Parameters, *, show_cells: bool = True) -> None:
    """Run a notebook in a kernel of this very Python, from the repository's root, and write it with its outputs.

    show_cells: a bar of its cells; else a line every half minute says what it does.
    Raises InputError where a cell fails; the notebook then ends with the error. Ctrl-C interrupts the cell, which saves
    what it trains.
    """
    import papermill
    from jupyter_client.manager import AsyncKernelManager

    from src.notebook.heartbeat import Heartbeat

    kernels = []

    class ThisPython(AsyncKernelManager):
        """The running interpreter's kernel, whichever others are registered under the notebook's kernel name."""

        @property
        def kernel_spec(self) -> KernelSpec:
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
            return KernelSpec(argv=command, display_name="Python 3", language="python")

        async def start_kernel(self, **options: object) -> None:
            await super().start_kernel(**options, stderr=subprocess.DEVNULL)  # a cell's own is kept; this is the rest
            kernels.append(self.provisioner.process)

    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        executed = Path(folder) / path.name
        cells = len(json.loads(path.read_text(encoding="utf-8"))["cells"])
        run = thread.submit(  # papermill would take Ctrl-C for itself in the main thread
            papermill.execute_notebook,
            path,
            executed,
            parameters,
            cwd=ROOT,
            progress_bar=show_cells,
            log_output=not show_cells,
            kernel_manager_class=ThisPython,
        )
        try:
            with nullcontext() if show_cells else Heartbeat(path.stem, cells=cells):
                run.result()
        except KeyboardInterrupt:
            _interrupt(run, kernels)
            raise
        except papermill.PapermillExecutionError as error:
            failed = OUTPUT / f"{path.stem}_failed.ipynb"
            write_text(failed, executed.read_text(encoding="utf-8"))
            raise InputError(
                f"{path.stem}: cell {error.exec_count}: {error.ename}: {error.evalue}; see {failed}"
            ) from None
        write_text(target, strip_volatile(executed.read_text(encoding="utf-8")))


def _interrupt(run: Future, kernels: list[subprocess.Popen]) -> None:
    """End a notebook's run: interrupt its kernel with all processes of it; a second Ctrl-C kills them."""
    logging.disable()  # of a kernel that dies while it starts
    number, since = signal.SIGINT, time.monotonic()
    while not run.done():
        try:
            if kernels and number is not None:
                with contextlib.suppress(ProcessLookupError):  # it has ended
                    os.killpg(kernels[0].pid, number)
                number = None
            time.sleep(0.1)
        except KeyboardInterrupt:
            if time.monotonic() - since > ONE_REQUEST:
                number = signal.SIGKILL


def strip_volatile(text: str) -> str:
    """A notebook's text without what differs from run to run or machine to machine: times, paths, progress bars."""
    notebook = json.loads(text)
    notebook["metadata"].pop("papermill", None)
    for cell in notebook["cells"]:
        for name in ("papermill", "execution"):
            cell["metadata"].pop(name, None)
        if "outputs" in cell:
            cell["outputs"] = [output for output in cell["outputs"] if output.get("name") != "stderr"]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _refuse_unknown(names: Parameters, known: set[str], complaint: str) -> None:
    unknown = sorted(names.keys() - known)
    if unknown:
        raise InputError(f"{complaint} {', '.join(unknown)}; expected some of {', '.join(sorted(known))}")


def _value(text: str) -> object:
    """A Python literal, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


if __name__ == "__main__":
    run_command(main)
