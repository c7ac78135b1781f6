"""A run's metrics: the running means of the current epoch, and one row for every completed epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from src.errors import InputError


@dataclass
class Totals:
    """Running sums of an epoch, so that the log shows means over the epoch and not its last batch.

    rate: the learning rate of the last step.
    """

    steps: int = 0
    loss_sum: float = 0.0
    distance_sum: float = 0.0
    rate: float = 0.0

    def add(self, loss: float, distance: float, rate: float) -> None:
        self.steps += 1
        self.loss_sum += loss
        self.distance_sum += distance
        self.rate = rate

    @property
    def loss(self) -> float:
        return self.loss_sum / max(self.steps, 1)

    @property
    def distance(self) -> float:
        return self.distance_sum / max(self.steps, 1)

    def state(self) -> list[float]:
        """Plain numbers for a snapshot."""
        return [self.steps, self.loss_sum, self.distance_sum, self.rate]

    @classmethod
    def restored(cls, state: object) -> "Totals":
        """From a list that `state` returned. Raises InputError for anything else."""
        if not isinstance(state, list) or len(state) != 4 or not all(_is_number(value) for value in state):
            raise InputError("the snapshot's sums of its epoch are damaged; resume from another one")
        return cls(*state)


class History:
    """One row per epoch, the content of `summary.csv` and `train.logs`."""

    COLUMNS = ("epoch", "step", "seconds", "learning_rate", "train_loss", "train_error", "validation_nme")

    def __init__(self, header: str, rows: Sequence[dict] = ()) -> None:
        self.header = header
        self.rows = list(rows)
        self.since = 0  # the first row whose epoch's model may be the best: those of another folder may not

    @classmethod
    def restored(cls, header: str, rows: object) -> "History":
        """From a snapshot's rows. Raises InputError for anything else."""
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and row.keys() == set(cls.COLUMNS) and all(map(_is_number, row.values()))
            for row in rows
        ):
            raise InputError("the snapshot's history is damaged; resume from another one")
        return cls(header, rows)

    @property
    def best_nme(self) -> float:
        return min((row["validation_nme"] for row in self.rows[self.since :]), default=float("inf"))

    def match(self, stored_nme: float) -> None:
        """Count from the epoch of the stored best model, whose NME is given, if better ones went to another folder.

        One that is better than all epochs is of an epoch after the snapshot. Raises InputError for another run's.
        """
        if not stored_nme > self.best_nme:  # NaN, of an old file, is not
            return
        found = [row["validation_nme"] for row in self.rows]
        since = found.index(stored_nme) if stored_nme in found else len(found)
        if min(found[since:], default=None) != stored_nme:
            raise InputError(
                f"expected the best model of the snapshot's run, of NME {self.best_nme:.3f} %, found one of "
                f"{stored_nme:.3f}; name that run's folder"
            )
        self.since = since

    def add(self, totals: Totals, *, step: int, seconds: float, validation_nme: float) -> bool:
        """Append the epoch's row; returns whether it is the best so far."""
        is_best = validation_nme < self.best_nme
        self.rows.append(
            {
                "epoch": len(self.rows) + 1,
                "step": step,
                "seconds": round(seconds, 1),
                "learning_rate": totals.rate,
                "train_loss": totals.loss,
                "train_error": totals.distance,
                "validation_nme": validation_nme,
            }
        )
        return is_best

    def csv(self) -> str:
        rows = [[_text(row[column]) for column in self.COLUMNS] for row in self.rows]
        return "".join(",".join(row) + "\n" for row in [self.COLUMNS, *rows])

    def log(self) -> str:
        lines, best = [self.header] if self.header else [], float("inf")
        for row in self.rows:
            lines.append(
                f"Epoch - {row['epoch']}, Train Loss: {row['train_loss']:.4f}, "
                f"Train Error: {row['train_error']:.3f} %, Validation NME: {row['validation_nme']:.4f} %, "
                f"Learning Rate: {row['learning_rate']:.2e}, Seconds: {row['seconds']:.0f}"
            )
            if row["validation_nme"] < best:
                best = row["validation_nme"]
                lines.append("get best model!")
        return "\n".join(lines) + "\n"


def _is_number(value: object) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


def _text(value: float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
