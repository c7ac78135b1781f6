"""A folder's .xml files by their root element: dlib's `dataset`, CVAT's `annotations`, or another one."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from src.datasets.folder import Folder
from src.errors import InputError
from src.reading import read_text

Parsed = TypeVar("Parsed")

_ELEMENT = re.compile(r"<([A-Za-z_][\w.-]*)")  # the first one is the root: comments and instructions begin otherwise
_BYTES = {"<": 130, "=": 250}  # of Python's objects for an element and an attribute, at most
_MOST_MEMORY = 2_500_000_000


def has_root(folder: Folder, root: str) -> bool:
    """Whether any of the folder's first files has this root element; a damaged file is judged by its beginning."""
    firsts = [_ELEMENT.search(head) for _, head in folder.peek(".xml")]
    return any(first and first.group(1) == root for first in firsts)


def read_root(
    folder: Folder, root: str, parse: Callable[[Element], Parsed]
) -> tuple[dict[str, Parsed], dict[str, list[str]]]:
    """parse(element) of every file with this root element, by its name, and all other .xml files, to be left out.

    Raises InputError for a damaged file.
    """

    def parse_one(path: Path) -> Parsed | None:
        element = read_xml(path)
        return parse(element) if element.tag == root else None

    files, others = folder.parse_kind(folder.ending(".xml"), parse_one)
    return files, {"other .xml files": others}


def read_xml(path: Path) -> Element:
    """An XML file's root element. The text is UTF-8 or UTF-16 whatever it declares, as dlib's tools do not care.

    Raises errors as `read_text` does, and InputError if it is not XML, is too large or has a document type, whose
    entities may stand for any amount of text.
    """
    text = read_text(path)
    if "<!DOCTYPE" in text:
        raise InputError("expected XML without a document type, found <!DOCTYPE; take it out, with its entities")
    needed = len(text) + sum(size * text.count(sign) for sign, size in _BYTES.items())
    if needed > _MOST_MEMORY:
        raise InputError(f"expected XML that takes at most {_MOST_MEMORY / 1e9:g} GB, found {needed / 1e9:.1f}")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(f"not readable XML ({error}); it may be truncated") from None
