"""An executed notebook as a page that can be read without Jupyter: Markdown with tables and figures, without code."""

import base64
from collections.abc import Iterator
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from nbformat import NotebookNode

from src.files import atomic_path, write_text
from src.notebook.study import COST

_FIGURES = {"image/png": "png", "image/jpeg": "jpg"}


def write_report(executed: Path, folder: Path, *, command: str, tables: list[Path]) -> Path:
    """Write `folder/<name>.md`, its figures next to it, and copies of the tables. Returns the page's path.

    Of the code, only parameters that were set are shown; below the command comes what the runs cost.
    executed: a notebook with outputs. command: what ran it, shown at the top. tables: CSV files that it saved.
    """
    folder.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(executed, as_version=4)
    parts, figures, heading = [], 0, executed.stem
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            heading = next((line for line in reversed(cell.source.splitlines()) if line.startswith("#")), heading)
            continue
        if "injected-parameters" in cell.metadata.get("tags", []):  # the values that papermill set
            parts.append(f"```python\n{cell.source.strip()}\n```")
        for output in cell.get("outputs", []):
            kind = next((kind for kind in _FIGURES if kind in output.get("data", {})), None)
            if kind is None:
                parts.extend(_text(output))
                continue
            figures += 1
            name = f"{executed.stem}_{figures}.{_FIGURES[kind]}"
            with atomic_path(folder / name) as temporary:
                temporary.write_bytes(base64.b64decode(output.data[kind]))
            parts.append(f"![{heading.lstrip('# ')}]({name})")
    below_title = 1 if parts and parts[0].startswith("#") else 0
    costs = [part for part in parts if part.startswith(COST)]
    parts = [part for part in parts if part not in costs]
    parts[below_title:below_title] = [f"```sh\n{command}\n```", *costs]
    for table in tables:
        with atomic_path(folder / table.name) as temporary:
            temporary.write_bytes(table.read_bytes())
    if tables:
        parts.append("Tables: " + ", ".join(f"[{table.name}]({table.name})" for table in tables))
    page = folder / f"{executed.stem}.md"
    write_text(page, "\n\n".join(parts) + "\n")
    return page


def _text(output: NotebookNode) -> Iterator[str]:
    """What a cell printed, or its last value; a pandas frame becomes a Markdown table."""
    if output.output_type == "stream":
        yield output.text.strip()
    elif "text/html" in output.get("data", {}):
        rows = BeautifulSoup(output.data["text/html"], "html.parser").find_all("tr")
        cells = [[_cell(cell.get_text(strip=True)) for cell in row.find_all(["th", "td"])] for row in rows]
        if len(cells) > 1 and cells[1][0] and not any(cells[1][1:]):  # pandas puts an index's name in a row of its own
            cells[0][0] = cells.pop(1)[0]
        lines = [f"| {' | '.join(row)} |" for row in cells]
        if lines:
            yield "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]])
    elif "text/plain" in output.get("data", {}):
        yield f"```\n{output.data['text/plain']}\n```"


def _cell(text: str) -> str:
    """A cell's text in a Markdown table; pandas' words for an absent value become an empty cell."""
    return "" if text in ("NaN", "<NA>") else text.replace("|", "\\|")
