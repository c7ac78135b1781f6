"""Damage that leaves a file's form whole: checksums, lengths and digests are right, what they protect is not."""

import io
import itertools
import json
import pickle
import pickletools
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from fuzz_damage import VALUES, damage_array, damage_bytes, damage_value
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from src.export.properties import append_properties, seal
from src.predict.exported_files import NO_DIGEST

_NUMBERS = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 4096, 16384, 32767, 65535, 65536, 2**20, 2**31 - 1, 2**32 - 1)
_TEXTS = (b"", b"x", b"../../x", b"\xff\xfe", b"x" * 5000, "٣".encode(), b"\n", b"\0")
_HEAD = 200  # bytes in which a picture's header lies


def json_values(path: Path, draw: random.Random) -> None:
    value = damage_value(json.loads(path.read_text(encoding="utf-8")), draw)
    path.write_text(json.dumps(value, default=str), encoding="utf-8")


def pickled_values(path: Path, draw: random.Random) -> None:
    """Other values and shapes, in any of pickle's protocols."""
    value = damage_value(pickle.loads(path.read_bytes()), draw)  # a file that a target has just made
    path.write_bytes(pickle.dumps(value, protocol=draw.randrange(6)))


def pickled_steps(path: Path, draw: random.Random) -> None:
    path.write_bytes(_other_steps(path.read_bytes(), draw))


def zip_entries(path: Path, draw: random.Random) -> None:
    """An archive with right checksums of which one entry is damaged, twice there, renamed or missing."""
    with zipfile.ZipFile(path) as archive:
        entries = [(entry.filename, archive.read(entry), entry.compress_type) for entry in archive.infolist()]
    place = draw.randrange(len(entries))
    name, content, method = entries[place]
    kind = draw.choice(("content", "content", "content", "steps", "name", "twice", "lost", "method", "more"))
    if kind == "steps" and name.endswith(".pkl"):
        content = _other_steps(content, draw)
    elif kind in ("content", "steps"):
        content = _array_header(content, draw) if name.endswith(".npy") else damage_bytes(content, draw)
    elif kind == "name":
        name = draw.choice(("x", "../../x", "/etc/x", name.upper(), f"a/{name}", "x" * 300, "ü.txt", "a\\b"))
    elif kind == "method":
        method = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    elif kind == "more":
        entries.append((draw.choice(("x", "y/", ".data/version", "solution.txt")), draw.randbytes(20), method))
    entries[place : place + 1] = {"lost": [], "twice": [(name, content, method)] * 2}.get(
        kind, [(name, content, method)]
    )
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings(action="ignore"):  # that a name is there twice
        for name, content, method in entries:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)


def weights(path: Path, draw: random.Random) -> None:
    torch.save(damage_value(torch.load(path, weights_only=True), draw), path)


def arrays(path: Path, draw: random.Random) -> None:
    with np.load(path, allow_pickle=False) as content:
        changed = damage_value(dict(content), draw)
    changed = changed if isinstance(changed, dict) else {"other": np.zeros(3)}
    with open(path, "wb") as file:
        np.savez(file, **{name: _plain(value) for name, value in changed.items()})


def array(path: Path, draw: random.Random) -> None:
    if draw.random() < 0.5:
        np.save(path, damage_array(np.load(path), draw))
    else:
        path.write_bytes(_array_header(path.read_bytes(), draw))


def onnx_fields(path: Path, draw: random.Random) -> None:
    """Any field of the graph, of its tensors or its metadata with another value; sealed again where it was."""
    model = onnx.load(path)
    for _ in range(draw.choice((1, 1, 2))):
        _other_field(model, draw)
    digests = [entry for entry in model.metadata_props if entry.key == "digest"]
    for entry in digests:
        entry.value = NO_DIGEST
    path.write_bytes(model.SerializeToString())
    if digests and draw.random() < 0.9:
        seal(path)


def tflite_properties(path: Path, draw: random.Random) -> None:
    with zipfile.ZipFile(path) as archive:
        entry = archive.infolist()[0]
        values = json.loads(json.dumps(damage_value(json.loads(archive.read(entry)), draw), default=str))
    path.write_bytes(path.read_bytes()[: entry.header_offset])
    append_properties(path, values if isinstance(values, dict) else {"model_config": json.dumps(values)})


def png_chunks(path: Path, draw: random.Random) -> None:
    """Chunks with right checksums: their content, kind, number or order is another."""
    content, chunks, place = path.read_bytes(), [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    place = draw.randrange(len(chunks))
    kind, data = chunks[place]
    change = draw.choice(("data", "data", "kind", "lost", "twice", "first"))
    if change == "data":
        chunks[place] = kind, _other_number(data, draw, ">") if draw.random() < 0.7 else damage_bytes(data, draw)
    elif change == "kind":
        chunks[place] = draw.choice((b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"zTXt", b"iCCP", b"acTL", b"fdAT")), data
    elif change == "lost":
        del chunks[place]
    else:
        chunks.insert(place if change == "twice" else 0, (kind, data))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    path.write_bytes(content[:8] + b"".join(parts))


def big_endian(path: Path, draw: random.Random) -> None:
    """A number of the header, as JPEG, JPEG 2000 and AVIF write them."""
    content = path.read_bytes()
    head = content[: draw.choice((_HEAD, len(content)))]
    path.write_bytes(_other_number(head, draw, ">") + content[len(head) :])


def little_endian(path: Path, draw: random.Random) -> None:
    """A number of the header, as BMP, GIF, TIFF, WebP and MATLAB write them."""
    content = path.read_bytes()
    head = content[: draw.choice((_HEAD, len(content)))]
    path.write_bytes(_other_number(head, draw, "<") + content[len(head) :])


def lines(path: Path, draw: random.Random) -> None:
    """A text whose rows or columns are lost, doubled, exchanged or others."""
    rows = path.read_bytes().split(b"\n")
    for _ in range(draw.choice((1, 1, 3))):
        place, other = draw.randrange(len(rows)), draw.randrange(len(rows))
        kind = draw.choice(("lost", "twice", "swap", "word", "word", "column", "end", "mark"))
        if kind == "lost" and len(rows) > 1:
            del rows[place]
        elif kind == "twice":
            rows.insert(other, rows[place])
        elif kind == "swap":
            rows[place], rows[other] = rows[other], rows[place]
        elif kind == "end":
            rows[place] += draw.choice((b"\r", b" ", b"\t", "\u2028".encode(), b"\f", b","))
        elif kind == "mark":
            rows[0] = b"\xef\xbb\xbf" + rows[0]
        else:
            separator = next((mark for mark in (b"\t", b",", b" ") if mark in rows[place]), b" ")
            words = rows[place].split(separator)
            column = draw.randrange(len(words))
            words[column : column + 1] = [draw.choice(VALUES)] if kind == "word" else words[column : column + 1] * 2
            rows[place] = separator.join(words)
    path.write_bytes(b"\n".join(rows))


def _other_steps(content: bytes, draw: random.Random) -> bytes:
    """A pickle of which one step is lost, doubled, moved or another."""
    starts = [place for _, _, place in pickletools.genops(content)] + [len(content)]
    steps = [content[start:end] for start, end in itertools.pairwise(starts)]
    place, other = draw.randrange(len(steps)), draw.randrange(len(steps))
    kind = draw.choice(("lost", "twice", "moved", "other", "bytes"))
    if kind == "lost":
        del steps[place]
    elif kind == "bytes":
        steps[place] = damage_bytes(steps[place], draw)
    elif kind == "other":
        steps[place] = draw.choice(pickletools.opcodes).code.encode("latin-1") + steps[place][1:]
    else:
        steps.insert(other, steps[place] if kind == "twice" else steps.pop(place))
    return b"".join(steps)


def _other_number(content: bytes, draw: random.Random, order: str) -> bytes:
    form = order + draw.choice("BHHIIQ")
    size = struct.calcsize(form)
    if len(content) < size:
        return content + draw.randbytes(1)
    place = draw.randrange(len(content) - size + 1)
    place -= place % size if draw.random() < 0.5 else 0
    number = draw.choice(_NUMBERS) & ((1 << (8 * size)) - 1)
    return content[:place] + struct.pack(form, number) + content[place + size :]


def _array_header(content: bytes, draw: random.Random) -> bytes:
    """An array's file with another shape, type or order stated, of which its bytes know nothing."""
    values = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    header = np.lib.format.header_data_from_array_1_0(values)
    kind = draw.choice(("shape", "shape", "descr", "fortran_order", "cut"))
    if kind == "shape":
        shape = list(values.shape) or [1]
        shape[draw.randrange(len(shape))] = draw.choice((-1, 0, 1, 2, 10**6, 10**12, 2**63, True, 1.5, None))
        header["shape"] = tuple(shape) if draw.random() < 0.8 else draw.choice(((), (values.size,), (1,) * 40, [3], 3))
    elif kind == "descr":
        header["descr"] = draw.choice(("|O", "|V8", "<U3", "<M8[s]", ">f8", "<c16", "|S0", "x", [("a", "<f4")], None))
    elif kind == "fortran_order":
        header["fortran_order"] = draw.choice((True, None, 1))
    text = repr(header).encode()
    text += b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    data = values.tobytes()
    data = data[: draw.randrange(len(data) + 1)] if kind == "cut" else data
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def _other_field(message: Message, draw: random.Random) -> None:
    while True:
        field, value = draw.choice(message.ListFields())
        inner = draw.choice(value) if field.is_repeated else value
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            break
        if field.is_repeated and draw.random() < 0.1:
            if draw.random() < 0.5:
                value.remove(inner)
            else:
                value.add().CopyFrom(inner)
            return
        if not inner.ListFields():
            return
        message = inner
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        other = draw.choice(_TEXTS)
        other = other if field.type == FieldDescriptor.TYPE_BYTES else other.decode("utf-8", "replace")
    elif field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        other = draw.choice((0.0, -1.0, 1e38, float("nan"), float("inf")))
    else:
        other = draw.choice((*_NUMBERS[:-1], -1, -(2**31)))
    if field.type == FieldDescriptor.TYPE_ENUM and other not in field.enum_type.values_by_number:
        other = draw.choice(list(field.enum_type.values_by_number))
    if field.is_repeated:
        value[draw.randrange(len(value))] = other
    else:
        setattr(message, field.name, other)


def _plain(value: object) -> np.ndarray:
    try:
        plain = np.asarray(value)
    except ValueError:
        return np.zeros(1)
    return np.zeros(1) if plain.dtype.kind == "O" else plain


Change = Callable[[Path, random.Random], None]
BY_ENDING: dict[str, tuple[Change, ...]] = {
    ".json": (json_values,),
    ".ipynb": (json_values,),
    ".pth.tar": (weights, zip_entries),
    ".npz": (arrays, zip_entries),
    ".npy": (array,),
    ".pkl": (pickled_values, pickled_steps),
    ".zip": (zip_entries,),
    ".onnx": (onnx_fields,),
    ".tflite": (tflite_properties,),
    ".png": (png_chunks,),
    **dict.fromkeys((".jpg", ".jp2", ".avif"), (big_endian,)),
    **dict.fromkeys((".bmp", ".gif", ".tif", ".webp", ".mat"), (little_endian,)),
    **dict.fromkeys((".txt", ".pts", ".csv", ".tsv", ".yaml", ".toml", ".obj"), (lines,)),
}


def damage(path: Path, draw: random.Random) -> None:
    """One file with one to four things wrong: in its form's own terms where that is known, or in its bytes."""
    changes = next((changes for ending, changes in BY_ENDING.items() if path.name.endswith(ending)), ())
    if not changes or draw.random() < 0.4:
        path.write_bytes(damage_bytes(path.read_bytes(), draw))
    else:
        draw.choice(changes)(path, draw)
