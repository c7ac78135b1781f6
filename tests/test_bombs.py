"""Small files that stand for much more than they hold, and files without an end: one line each, at once."""

import contextlib
import json
import os
import shutil
import signal
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fuzz import ALLOWED
from fuzz_targets import READERS
from PIL import Image
from sample_folders import sample

from src.autolabel.labels import load_labels
from src.datasets import xml_files
from src.datasets.folder import Folder
from src.datasets.formats import read_faces
from src.datasets.pictures import read_square
from src.errors import InputError
from src.notebook.parameters import read_parameters
from src.predict.submission import read_solution
from src.reading import read_json, read_lines, read_text
from src.synthesis.reposing.face_model import load_face_model
from src.synthesis.reposing.sources import read_sources

DEEP = 100_000
LAUGHS = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(9)
)
LIGHT = sorted(set(READERS) - {"snapshot", "model"})


class _BlockedError(Exception):
    pass


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """A test that waits for a pipe's other end fails instead."""

    def stop(*_: object) -> None:
        raise _BlockedError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(300)  # far more than any of them takes on a busy machine
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("name", LIGHT)
def test_pipes_and_devices_in_the_place_of_any_file_stop_nobody(name: str, tmp_path: Path) -> None:
    target = READERS[name]
    (tmp_path / "whole").mkdir()
    target.make(tmp_path / "whole")
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").glob(target.files))
    for file in files[:6]:
        for replace in (os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir):
            shutil.rmtree(tmp_path / "work", ignore_errors=True)
            shutil.copytree(tmp_path / "whole", tmp_path / "work")
            path = tmp_path / "work" / file
            if path.is_dir():
                continue
            path.unlink()
            replace(path)
            with contextlib.suppress(*ALLOWED):  # some readers do without a file
                target.read(tmp_path / "work")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, r"found a reference \(\*name\)"),
        ("a: " + "[" * 50_000, "at most 20 levels"),
        ("1: 2\n", "expected lines of 'name: value'"),
        ("epochs: 2001-99-99\n", "not a readable YAML"),
        ("epochs: !!python/name:os.system\n", "not a readable YAML"),
        ("epochs: " + "9" * 5000, "not a readable YAML"),
        ("- " * 20_000, "deeper nesting"),
        ("x" * 100_000, "expected at most 0.064 MB"),
    ],
    ids=["laughs", "nested", "number as a name", "date", "code", "digits", "rows in rows", "long"],
)
def test_a_file_of_parameters_stays_small(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "parameters.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_parameters(tmp_path / "parameters.yaml")


@pytest.mark.parametrize("text", ["[" * DEEP, '{"a":' * DEEP, "9" * 5000, '{"a": ', "\x00", "NaN,"])
def test_json_that_is_deep_long_or_damaged_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match="JSON"):
        read_json(tmp_path / "a.json")


def test_text_may_have_any_line_end_but_must_be_text(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "a.txt").write_bytes("a\r\n\u00e9\rc\n".encode(encoding))
        assert read_text(tmp_path / "a.txt") == "a\n\u00e9\nc\n"
        assert list(read_lines(tmp_path / "a.txt")) == [(1, "a"), (2, "\u00e9"), (3, "c")]
    (tmp_path / "a.txt").write_bytes(b"\xff\xfd")
    with pytest.raises(InputError, match="expected text in UTF-8"):
        read_text(tmp_path / "a.txt")


@pytest.mark.parametrize("odd", [True, None, [], {}, 7, "", "\0", [[1]], 1e308], ids=repr)
@pytest.mark.parametrize("name", ["coco", "x_anylabeling"])
def test_anything_in_any_place_of_a_json_is_read_or_refused(name: str, odd: object, tmp_path: Path) -> None:
    sample(name, tmp_path / "set")
    path = next((tmp_path / "set").glob("*.json"))
    whole = json.loads(path.read_text())
    for place in _places(whole, []):
        content = json.loads(json.dumps(whole))
        inner = content
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = odd
        path.write_text(json.dumps(content))
        try:
            faces = read_faces(Folder(tmp_path / "set"), name)
        except InputError:
            continue
        assert np.isfinite(faces.points_image).all()


def _places(value: object, place: list) -> Iterator[list]:
    """The keys that lead to every part of a nested value; of a list to its first two."""
    parts = list(value.items()) if isinstance(value, dict) else list(enumerate(value))[:2]
    for key, inner in parts:
        yield [*place, key]
        if isinstance(inner, dict | list):
            yield from _places(inner, [*place, key])


def test_json_of_too_many_values_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with open(tmp_path / "a.json", "wb") as file:
        file.write(b'{"images": [' + b"[]," * 25_000_000 + b"[]]}")
    with pytest.raises(InputError, match=r"expected JSON that takes at most 2\.5 GB, found 2\.7"):
        read_json(tmp_path / "a.json")


def test_json_whose_last_key_of_many_stands_twice_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{" + ", ".join(f'"{i}": 0' for i in range(50_000)) + ', "49999": 1}')
    start = time.process_time()
    with pytest.raises(InputError, match="each key once, found '49999'"):
        read_json(tmp_path / "a.json")
    assert time.process_time() - start < 5


@pytest.mark.parametrize("text", ["<a>" * DEEP + "</a>" * DEEP, f"<a{' b{}=``' * DEEP}/>".format(*range(DEEP))])
def test_the_size_of_xml_in_memory_is_known_before_it_is_parsed(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.xml").write_text(text.replace("`", "'"))
    tracemalloc.start()
    assert xml_files.read_xml(tmp_path / "a.xml").tag == "a"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    monkeypatch.setattr(xml_files, "_MOST_MEMORY", peak / 2)
    with pytest.raises(InputError, match=r"expected XML that takes at most .* GB, found"):
        xml_files.read_xml(tmp_path / "a.xml")


def test_lines_are_read_one_at_a_time_and_none_is_endless(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a b\n\n  \nc\n")
    assert list(read_lines(tmp_path / "a.txt")) == [(1, "a b"), (4, "c")]
    (tmp_path / "a.txt").write_text("1," * 100_000)
    with pytest.raises(InputError, match="line 1: expected at most 100000 characters, found more"):
        list(read_lines(tmp_path / "a.txt"))
    (tmp_path / "a.txt").write_text("a\n" * 1_000_001)
    with pytest.raises(InputError, match="at most 1,000,000 faces"):
        list(read_lines(tmp_path / "a.txt"))


@pytest.mark.parametrize("line", [b"", b" ", b"1 2", b"1 2\r", "é 2".encode(), b"9" * 100_000])
def test_lines_are_whole_whatever_the_parts_in_which_a_file_is_read(line: bytes, tmp_path: Path) -> None:
    count = max(3, 2_500_000 // (len(line) + 1))  # some parts
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + (line + b"\n") * count + b"last")
    *found, last = read_lines(tmp_path / "a.txt")
    assert last == (count + 1, "last")
    kept = line.decode().rstrip("\r")
    assert found == ([(number, kept) for number in range(1, count + 1)] if kept.strip() else [])


@pytest.mark.parametrize("content", [b"\n" * 20_000_000, b"[]," * 7_000_000, b" " * 20_000_000])
def test_the_size_of_a_text_of_lines_does_not_count_in_memory(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    tracemalloc.start()
    with contextlib.suppress(InputError):
        assert list(read_lines(tmp_path / "a.txt")) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(content) / 2


def test_a_jpeg_of_very_many_scans_is_refused(tmp_path: Path) -> None:
    """Each of a progressive JPEG's scans, of ten bytes or more, passes over all of its pixels."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.jpg", progressive=True)
    content = (tmp_path / "a.jpg").read_bytes()
    last = content[content.rindex(b"\xff\xda") : -2]
    for count, is_refused in ((10, False), (1000, True)):
        film = 1000 * b"\xff\xda"  # as telephones put it behind a picture
        (tmp_path / "a.jpg").write_bytes(content[:-2] + count * last + content[-2:] + film)
        with pytest.raises(InputError, match="at most 100 scans") if is_refused else contextlib.nullcontext():
            read_square(tmp_path / "a.jpg", 64)


def test_toml_that_is_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text("source = " + "[" * DEEP)
    with pytest.raises(InputError, match="expected TOML text"):
        read_sources(tmp_path / "sources.toml")


def test_arrays_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "labels.npz", points_image=np.zeros((2, 68, 2)), certainty=np.zeros(3), size=np.zeros((2, 2)))
    with pytest.raises(InputError, match="do not fit each other"):
        load_labels(tmp_path / "labels.npz")
    np.savez(tmp_path / "ict_face_model.npz", **dict.fromkeys(("neutral", "identity", "expression"), np.zeros(3)),
             quads=np.array("text"), landmark68=np.zeros(0), expression_names=np.float64(1))  # fmt: skip
    with pytest.raises(InputError, match="do not fit each other"):
        load_face_model(tmp_path)


def test_an_archive_of_very_many_empty_entries_is_not_listed_in_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "solution.zip", "w") as archive:
        for number in range(20_000):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    tracemalloc.start()
    with pytest.raises(InputError, match="list of entries takes at most 1 MB"):
        read_solution(tmp_path / "solution.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000  # bytes; Python's list of them takes 400 each
