"""faces.csv and faces.json: what was found, one row or entry per face, written while it is found."""

import contextlib
import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from src.files import atomic_path
from src.markup import NUM_POINTS
from src.predict.face import Face

FACE_COLUMNS = (
    *("picture", "frame", "face", "score", "pitch", "yaw", "roll", "eye_left", "eye_right"),
    *("left", "top", "right", "bottom"),
    *(f"{axis}{i}" for i in range(1, NUM_POINTS + 1) for axis in "xy"),
    "seconds",  # last, so that the columns before it keep their places
)


class Records:
    """Appends to both files. found, doubtful: faces so far; empty: pictures without any."""

    def __init__(self, table: TextIO, entries: TextIO) -> None:
        self.found, self.doubtful = 0, 0
        self.empty: list[str] = []
        self._rows, self._entries = csv.writer(table), entries
        self._rows.writerow(FACE_COLUMNS)
        self._separator = "[\n"

    def add(
        self,
        picture: str,
        faces: Sequence[Face],
        *,
        frame: int | None = None,
        seconds: float = 0.0,
        numbers: Sequence[int] = (),
    ) -> None:
        """Append the faces of a picture, or those of a video's frame, `seconds` after the first, with their numbers."""
        numbers = numbers or range(len(faces))
        self.found += len(faces)
        self.doubtful += sum(face.is_doubtful for face in faces)
        if not faces and frame is None:
            self.empty.append(picture)
        for number, face in zip(numbers, faces, strict=True):
            measures = (face.score, *face.pose, *face.eyes, *face.box, *face.points.ravel())
            where, when = ("", "") if frame is None else (frame, f"{seconds:.3f}")
            self._rows.writerow([picture, where, number, *(f"{value:.3f}" for value in measures), when])
        place = {} if frame is None else {"frame": frame, "seconds": round(seconds, 3)}
        found = [{"face": number, **face.to_dict()} for number, face in zip(numbers, faces, strict=True)]
        self._entries.write(self._separator + json.dumps({"picture": picture, **place, "faces": found}))
        self._separator = ",\n"

    def close(self) -> None:
        self._entries.write("[]\n" if self._separator.startswith("[") else "\n]\n")


@contextlib.contextmanager
def open_records(folder: Path) -> Iterator[Records]:
    """faces.csv and faces.json in a folder; both appear when the block ends. Names may be bytes that are not UTF-8."""
    with (
        atomic_path(folder / "faces.csv") as table_path,
        atomic_path(folder / "faces.json") as entries_path,
        open(table_path, "w", newline="", encoding="utf-8", errors="surrogateescape") as table,
        open(entries_path, "w", encoding="utf-8", errors="surrogateescape") as entries,
    ):
        records = Records(table, entries)
        yield records
        records.close()
