"""Model files and snapshots: written whole, read strictly and never as code.

- a model file (`best.pth.tar`): {"format", "model": configuration, "weights": float32 state, "nme", "training"} and
  optionally "conventions" (`src.network.conventions`); the auxiliary branch, used only in training, is left out
- a snapshot (`checkpoint_epoch_N.pth.tar`): a model file's entries plus the trainer's whole state
"""

import io
import math
from dataclasses import replace
from pathlib import Path

import torch

from src.config import ModelConfig, TrainingConfig, to_dict
from src.errors import InputError, about
from src.files import atomic_path
from src.markup import NUM_POINTS, POINT_SETS
from src.network import conventions
from src.network.model import AUXILIARY, LandmarkNet, build_model
from src.network.stored import differences, read_config
from src.reading import open_zip

FORMAT = 1
_MODEL_ENTRIES = ("format", "model", "weights", "nme", "training", "conventions")
INTERRUPTED = "checkpoint_interrupted.pth.tar"  # the snapshot that Ctrl-C leaves
_ROOT = Path(__file__).resolve().parents[2]
# Entries of a configuration that change no weight's shape.
_SHAPELESS = ("crop", "second_look", "auxiliary", "convention", "pip_score_weight", "pip_offset_weight")
_MOST_BYTES = 8_000_000_000  # of a file, and so of its content: entries are not compressed


def save(path: str | Path, content: dict) -> None:
    """Write a dictionary of tensors and plain values. A full disk raises OSError and leaves the old file."""
    buffer = io.BytesIO()  # torch reports a full disk as an internal assertion; plain writing reports it as such
    torch.save(content, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load(path: str | Path) -> dict:
    """Read what `save` wrote, onto the CPU; `training` and `nme`, which an old file may lack, get default values.

    A bare name that is not in the working directory is looked for in the repository's root, where the shipped models
    are, so that commands run from anywhere. Raises InputError for anything else, without executing any of it: a missing
    file, wrong checksums (PyTorch does not check them), compressed entries, and values of a wrong type or range.
    """
    path = locate(path)
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint; run python3 train.py or give another path")
    try:
        with open_zip(path, most=_MOST_BYTES, only_stored=True):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError and others for damaged files
        reason = str(error).strip().split("\n")[0].split(". ")[0]  # torch goes on with how to load it unsafely
        raise InputError(f"{path}: not a readable checkpoint of weights ({reason})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or not {"model", "weights"} <= content.keys():
        raise InputError(f"{path}: expected a checkpoint of format {FORMAT} as train.py writes it")
    content = {"training": {}, "nme": math.nan} | content
    with about(path):
        _check_content(content)
    return content


def locate(path: str | Path) -> Path:
    """Where `load` looks for a file."""
    path = Path(path)
    shipped = _ROOT / path.name
    return shipped if path.parent == Path() and not path.exists() and shipped.is_file() else path


def epoch_name(epoch: int | str) -> str:
    """File name of an epoch's snapshot."""
    return f"checkpoint_epoch_{epoch}.pth.tar"


def latest_snapshot(folder: Path) -> Path:
    """The snapshot written last. Raises InputError if there is none."""
    snapshots = [*folder.glob(epoch_name("*")), *folder.glob(INTERRUPTED)]
    if not snapshots:
        raise InputError(f"{folder}: expected snapshots of an earlier run, found none; start a new run")
    return max(snapshots, key=lambda path: path.stat().st_mtime_ns)


def _check_content(content: dict) -> None:
    read_config(ModelConfig, content["model"])
    read_config(TrainingConfig, content["training"])
    if not isinstance(content["nme"], float):
        raise InputError(f"expected nme as a number, found {content['nme']!r:.60}")
    weights = content["weights"]
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) and _is_stored(value)
        for name, value in weights.items()
    ):
        raise InputError("expected weights as a dictionary of named tensors")
    conventions.check(content)


def _is_stored(value: torch.Tensor) -> bool:
    """Whether a file holds every element of a tensor; otherwise a few bytes could stand for terabytes."""
    return value.layout == torch.strided and value.nbytes <= value.untyped_storage().nbytes()


def model_content(model: LandmarkNet, *, nme: float, training: TrainingConfig) -> dict:
    """What a model file holds."""
    weights = {
        name: value.detach().cpu().float() if value.is_floating_point() else value.cpu()
        for name, value in model.state_dict().items()
        if not name.startswith(AUXILIARY)
    }
    return {
        "format": FORMAT,
        "model": to_dict(replace(model.config, auxiliary=False)),
        "weights": _in_one_storage(weights),
        "nme": float(nme),
        "training": to_dict(training),
    }


def _in_one_storage(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors as views of one long tensor per dtype: every storage, but no view, costs a file 300 bytes."""
    packed = {}
    for dtype in {value.dtype for value in weights.values()}:
        names = [name for name, value in weights.items() if value.dtype == dtype]
        parts = torch.cat([weights[name].reshape(-1) for name in names]).split([weights[n].numel() for n in names])
        packed |= {name: part.view(weights[name].shape) for name, part in zip(names, parts, strict=True)}
    return {name: packed[name] for name in weights}


def load_model(
    path: str | Path,
    device: torch.device | str = "cpu",
    *,
    points: int | None = NUM_POINTS,
    convention: str | None = None,
) -> tuple[LandmarkNet, dict]:
    """Rebuild the network of a model file or snapshot, in evaluation mode. Returns it and the file's content.

    points: the number that the caller expects, None for any. convention: one of the file's
    (`src.network.conventions`), None for the model's own. Raises InputError for a model with another number of points
    and for a convention that the file lacks.
    """
    content = load(path)
    with about(path):
        content = conventions.choose(content, convention)
    config = replace(read_config(ModelConfig, content["model"]), auxiliary=False)
    if points not in (None, config.points):
        raise InputError(
            f"{path}: expected a model of {points} points, found one of {config.points}; "
            f"give another one or train one of {points} points"
        )
    model = build_model(config)
    _load_weights(model, content, path)
    return model.to(device).to(memory_format=torch.channels_last).eval(), content


def model_entries(content: dict) -> dict:
    """What a model file holds of a loaded file, which may be a snapshot."""
    return {name: content[name] for name in _MODEL_ENTRIES if name in content}


def stores_float32(content: dict) -> bool:
    """Whether all weights in a loaded file are float32, as the challenge demands; a rebuilt network's always are."""
    return all(value.dtype == torch.float32 for value in content["weights"].values() if value.is_floating_point())


def initialize(model: LandmarkNet, path: str | Path) -> str:
    """Load a model file's weights into a network, in place; its auxiliary branch, which the file lacks, stays as it is.

    A network of fewer points takes those of its own points. Returns the settings in which the network differs from the
    file's, such as its crop, in words. Raises InputError if the file holds another architecture or a weight that is not
    finite.
    """
    content = load(path)
    _load_weights(model, content | {"weights": _of_points(content, model)}, path)
    names = [name for name in vars(model.config) if name != "auxiliary"]
    found = differences(read_config(ModelConfig, content["model"]), model.config, names)
    return f"other settings than those of {path}: {found}" if found else ""


def _of_points(content: dict, model: LandmarkNet) -> dict[str, torch.Tensor]:
    """A file's weights, those of each point only for the network's points, if these are a part of the file's.

    An axis with one entry per point, or with its x and y side by side, is one of points. A matrix of points by points,
    as the shape layer's, starts afresh: without the other points it would be no shape model.
    """
    held = POINT_SETS.get(read_config(ModelConfig, content["model"]).points, ())
    wanted = POINT_SETS[model.config.points]
    weights = dict(content["weights"])
    if len(held) == len(wanted) or not set(wanted) <= set(held):
        return weights
    places = torch.searchsorted(torch.tensor(held), torch.tensor(wanted))
    entries = {each * len(held): (each * places[:, None] + torch.arange(each)).flatten() for each in (1, 2)}
    for name, value in model.state_dict().items():
        shape = weights[name].shape if name in weights else ()
        pairs = list(zip(shape, value.shape, strict=False))
        axes = [axis for axis, (old, new) in enumerate(pairs) if old != new and len(entries.get(old, ())) == new]
        if len(axes) == 1:
            weights[name] = weights[name].index_select(axes[0], entries[shape[axes[0]]])
        elif axes:
            weights[name] = value
    return weights


def _load_weights(model: LandmarkNet, content: dict, path: str | Path) -> None:
    fresh = {name: value for name, value in model.state_dict().items() if name.startswith(AUXILIARY)}
    try:
        model.load_state_dict(content["weights"] | fresh, strict=True)
    except (RuntimeError, TypeError) as error:
        config = model.config
        shaping = [name for name in vars(config) if name not in _SHAPELESS]
        reason = differences(config, read_config(ModelConfig, content["model"]), shaping)
        reason = f"found {reason}" if reason else str(error).strip().split("\n")[-1].strip()
        raise InputError(
            f"{path}: expected weights of {config.backbone} + {config.head} at {config.input_size} px; {reason}"
        ) from None
    broken = [name for name, value in model.state_dict().items() if not torch.isfinite(value).all()]
    if broken:
        raise InputError(f"{path}: expected finite weights, found NaN or infinity in {broken[0]}; train again")
    broken = [name for name, value in model.state_dict().items() if name.endswith("running_var") and (value < 0).any()]
    if broken:
        raise InputError(f"{path}: expected variances of at least 0, found one below in {broken[0]}; train again")
