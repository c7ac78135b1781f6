"""A fingerprint of what a run's weights depend on besides its settings: faces, teacher, processes, device.

Every snapshot holds it and the settings, so that resuming elsewhere, on other faces or differently is noticed.
"""

import hashlib

import numpy as np
import torch

from src.config import TrainingConfig
from src.datasets.prepared import PreparedFaces
from src.errors import InputError
from src.network.checkpoint import locate
from src.network.stored import differences, read_config
from src.training.world import World

# If one of these changed, a resumed run would mix two trainings: it is refused.
_REFUSED = {
    "training_faces": "the training faces (names, labels, their number or the size of their pictures)",
    "teacher": "the teacher's file",
    "batch_size": "the batch size",
    "processes": "the number of processes",
}
# If one of these changed, the run goes on, but its weights or figures will differ from those of an uninterrupted run.
_NOTED = {
    "pictures": "the training faces were prepared from other picture files",
    "validation_faces": "the validation faces differ, so the NME of earlier epochs is not comparable",
    "threads": "another number of CPU threads rounds differently, so the weights will differ a little",
    "device": "another kind of device rounds differently, so the weights will differ a little",
}


def circumstances(
    training: PreparedFaces, validation: PreparedFaces, *, config: TrainingConfig, device: torch.device, world: World
) -> dict[str, str | int]:
    """The fingerprint, as plain values for a snapshot."""
    return {
        "training_faces": _digest(training),
        "pictures": training.fingerprint,
        "validation_faces": _digest(validation),
        "teacher": hashlib.sha256(locate(config.teacher).read_bytes()).hexdigest() if config.teacher else "",
        "batch_size": config.batch_size,
        "processes": world.size,
        "threads": torch.get_num_threads(),
        "device": device.type,
    }


def compare(before: object, now: dict[str, str | int]) -> list[str]:
    """Notes on what has changed since a snapshot; values that an older snapshot lacks count as unchanged.

    before: a snapshot's fingerprint, from an untrusted file. Raises InputError for a change that would mix two
    trainings.
    """
    if not isinstance(before, dict):
        raise InputError("the snapshot does not say what it was trained on; resume from another one")
    changed = {name for name, value in now.items() if before.get(name, value) != value}
    for name, words in _REFUSED.items():
        if name in changed:
            values = "" if isinstance(now[name], str) else f": {before[name]} then, {now[name]} now"
            raise InputError(
                f"{words} changed since the snapshot{values}; go on as it began, or begin a new run from its weights"
            )
    return [words for name, words in _NOTED.items() if name in changed]


def other_settings(snapshot: dict, config: TrainingConfig) -> list[str]:
    """A note on the settings that differ from those of the run that left a snapshot, if any: they may be meant."""
    before = read_config(TrainingConfig, snapshot.get("training"))
    found = differences(before, config, vars(before))
    return [f"other settings than the snapshot's from here on: {found}"] if found else []


def _digest(faces: PreparedFaces) -> str:
    """SHA-256 of names and labels; the pictures, gigabytes of them, are covered by the preparation's fingerprint."""
    digest = hashlib.sha256(str(faces.images.shape).encode())
    digest.update("\n".join(faces.names).encode("utf-8", "surrogateescape"))
    for values in (faces.points_unit, faces.affine, faces.euler, faces.source):
        digest.update(np.ascontiguousarray(values))
    return digest.hexdigest()
