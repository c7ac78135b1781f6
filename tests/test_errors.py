"""What errors say: optional packages that are missing, names that a terminal would take for commands."""

from pathlib import Path

import pytest

from src.errors import InputError, needed, one_line


def test_a_package_that_lacks_another_is_not_called_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lacking.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        needed("lacking")


def test_a_package_of_another_environment_names_that_one() -> None:
    with pytest.raises(InputError, match="no_such_package, which is not installed; run make export-env"):
        needed("no_such_package.part", remedy="run make export-env")


def test_a_name_does_not_command_the_terminal() -> None:
    assert one_line("\x1b[2J\x07 \u202e \udcff é 写") == r"\x1b[2J\x07 \u202e \udcff é 写"
