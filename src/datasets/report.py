"""What a command reports about a folder of faces that it wrote."""

from dataclasses import dataclass

from src.datasets.names import counted


@dataclass(frozen=True)
class FolderReport:
    """Counts of a folder of faces. outside: those with a point beyond their picture, which are kept.

    broken, left_out: pictures that were left out, how many and which. remarks: what was decided while reading. redone:
    the folder was written; else it was kept, as nothing had changed.
    """

    faces: int
    broken: int
    outside: int
    left_out: str
    redone: bool
    remarks: str = ""

    def describe(self) -> str:
        """The counts in one line."""
        parts = [counted(self.faces, "faces")]
        if self.broken:
            parts.append(f"{counted(self.broken, 'broken pictures')} left out ({self.left_out})")
        if self.outside:
            parts.append(f"{self.outside} with points outside their picture")
        return ", ".join(parts) + ("" if self.redone else " (unchanged, kept)")
