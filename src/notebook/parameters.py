"""The notebooks, their folders and parameters, and the values that a command line or a file gives these."""

import ast
from itertools import accumulate
from pathlib import Path

from src.errors import InputError, about
from src.notebook.values import Parameters, check_values
from src.reading import read_json, read_text

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
TABLES = ROOT / "output" / "notebooks"
_EMPTY = {type(value).__name__: value for value in (False, 0, 0.0, "", [])}
_MOST_BYTES, _MOST_LEVELS = 64_000, 20  # of a file of parameters


def list_notebooks() -> list[Path]:
    """All notebooks in order. Raises InputError if there is none."""
    paths = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise InputError(f"{NOTEBOOKS}: expected notebooks named 01_something.ipynb, found none")
    return paths


def find_notebook(name: str) -> Path:
    """The notebook with a number (3 or 03), a name or a path. Raises InputError if none or several fit."""
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
    lines = _read_cell(path)
    try:
        return {name: ast.literal_eval(value) for name, _, value in lines}
    except ValueError:
        raise InputError(
            f"{path}: expected plain values in the cell tagged 'parameters', like 'epochs: int = 8'"
        ) from None


def check_parameters(name: str, scope: Parameters) -> None:
    """Raise InputError for a value that a running notebook could only fail at, if its cell was edited in JupyterLab.

    name: of the notebook's file; one that is not there under this name is not checked. scope: its `globals()`.
    """
    path = NOTEBOOKS / f"{name}.ipynb"
    lines = _read_cell(path) if path.is_file() else []
    examples = {name: _example(kind, value) for name, kind, value in lines if name in scope and kind in _EMPTY}
    check_values(path.stem, examples, {name: scope[name] for name in examples})


def _read_cell(path: Path) -> list[tuple[str, str, ast.expr]]:
    """Name, declared type (or "") and value of each assignment in a notebook's `parameters` cell."""
    try:
        cells = read_json(path)["cells"]
        tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: not a readable notebook") from None
    if len(tagged) != 1:
        raise InputError(f"{path}: expected one cell tagged 'parameters', found {len(tagged)}")
    try:
        lines = ast.parse("".join(tagged[0]["source"])).body
    except SyntaxError as error:
        raise InputError(f"{path}: the cell tagged 'parameters' is not Python: {error.msg}") from None
    typed = [
        (line.target, ast.unparse(line.annotation), line.value) for line in lines if isinstance(line, ast.AnnAssign)
    ]
    untyped = [(line.targets[0], "", line.value) for line in lines if isinstance(line, ast.Assign)]
    return [(ast.unparse(target), kind, value) for target, kind, value in typed + untyped]


def _example(kind: str, value: ast.expr) -> object:
    """A value of the declared type: the default, but an empty one of a list, or if another type was saved."""
    try:
        found = ast.literal_eval(value)
    except ValueError:
        found = None
    return found if type(found).__name__ == kind != "list" else _EMPTY[kind]


def read_parameters(path: Path) -> Parameters:
    """Read a YAML file of parameters. Raises InputError for anything else, and for a name that no notebook has."""
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
        if levels > _MOST_LEVELS:  # the parser takes hours for many levels
            raise InputError(f"expected at most {_MOST_LEVELS} levels of brackets, found {levels}")
        # A few lines of references to each other can stand for gigabytes.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise InputError("expected plain values, found a reference (*name)")
        return yaml.safe_load(text)
    except InputError:
        raise
    except RecursionError:
        raise InputError("expected a few levels, found a deeper nesting") from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:  # also for odd tags
        raise InputError(f"not a readable YAML file ({error})") from None


def choose_parameters(path: Path, given: Parameters, shared: Parameters) -> Parameters:
    """The parameters to set: those of `shared` (a file) that this notebook has, and `given` (the command line).

    Raises InputError for a name in `given` that it does not have, and for a value that `src.notebook.values` refuses.
    """
    defaults = notebook_parameters(path)
    _refuse_unknown(given, set(defaults), f"{path.stem} has no parameter")
    chosen = {name: value for name, value in shared.items() if name in defaults} | given
    check_values(path.stem, defaults, chosen)
    return chosen


def _refuse_unknown(names: Parameters, known: set[str], complaint: str) -> None:
    unknown = sorted(names.keys() - known)
    if unknown:
        raise InputError(f"{complaint} {', '.join(unknown)}; expected some of {', '.join(sorted(known))}")
