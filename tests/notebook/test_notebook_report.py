"""A notebook's page: text, tables and figures, no code."""

import base64
from pathlib import Path

import nbformat
import pandas as pd

from src.notebook.report import write_report

PNG = b"\x89PNG not looked at"


def _executed(path: Path) -> Path:
    frame = pd.DataFrame({"head": ["pip", "a|b", "absent"], "nme": [2.5, 3.25, None]})
    outputs = [
        nbformat.v4.new_output("stream", text="- 3 runs\n"),
        nbformat.v4.new_output("execute_result", {"text/html": frame.to_html(), "text/plain": repr(frame)}),
        nbformat.v4.new_output("display_data", {"image/png": base64.b64encode(PNG).decode(), "text/plain": "<Figure>"}),
        nbformat.v4.new_output("execute_result", {"text/plain": "7"}),
        nbformat.v4.new_output("execute_result", {"text/html": frame.set_index("head").to_html()}),
        nbformat.v4.new_output("stream", text="Cost: 2 training runs\n"),
    ]
    cells = [
        nbformat.v4.new_markdown_cell("# 01 Question"),
        nbformat.v4.new_code_cell("seeds = [0]", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("# Parameters\nseeds = [0, 1]", metadata={"tags": ["injected-parameters"]}),
        nbformat.v4.new_markdown_cell("## Answer"),
        nbformat.v4.new_code_cell("secret_code()", outputs=outputs),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_a_page_has_text_tables_and_figures_and_no_code(tmp_path: Path) -> None:
    table = tmp_path / "01_rows.csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    page = write_report(
        _executed(tmp_path / "01_question.ipynb"), tmp_path / "out", command="python3 -m x", tables=[table]
    )
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# 01 Question\n\n```sh\npython3 -m x\n```\n\nCost: 2 training runs\n")
    assert text.count("Cost: ") == 1
    assert "|  | head | nme |\n|---|---|---|\n| 0 | pip | 2.50 |\n| 1 | a\\|b | 3.25 |\n| 2 | absent |  |" in text
    assert "| head | nme |\n|---|---|\n| pip | 2.50 |" in text
    assert "- 3 runs" in text
    assert "```\n7\n```" in text
    assert "![Answer](01_question_1.png)" in text
    assert "secret_code" not in text
    assert "```python\n# Parameters\nseeds = [0, 1]\n```" in text
    assert "seeds = [0]" not in text
    assert (page.parent / "01_question_1.png").read_bytes() == PNG
    assert (page.parent / "01_rows.csv").read_bytes() == table.read_bytes()
