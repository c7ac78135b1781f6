"""What the parameters of notebooks may be: checked before a kernel starts, so that nothing is trained in vain."""

from collections.abc import Collection

from src.config import AUGMENTATIONS
from src.errors import InputError, about

Parameters = dict[str, object]
_MOST = 1_000_000
_COUNTS = """faces few_faces labeled elsewhere others held_out tested calibration_faces training_sizes epochs lengths
    teacher_times batch_size copies pruning_steps crops_per_round"""
_COUNTS_OR_NONE = "sample drawn shown training_faces damaged_faces rounds"
# Of numbers, in a list or by themselves; parameters of one name mean the same in all notebooks.
_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(_COUNTS.split(), (1, _MOST)),
    **dict.fromkeys(_COUNTS_OR_NONE.split(), (0, _MOST)),
    **dict.fromkeys(("seed", "seeds"), (0, 2**32)),  # a model file refuses others
    **dict.fromkeys(("input_size", "input_sizes"), (64, 512)),
    "accept": (0.2, 1),  # below, hardly a picture is certain in all regions: 4 % at 0.2, 0.4 % at 0.1
    "remaining": (0.01, 1),
    "image_size": (32, 1024),
    "crops": (1, 1000 * _MOST),
    "learning_rate": (1e-9, 10),
    "hold": (0, 0.949),  # a twentieth of the run is its warm-up
    "distill_weight": (0, 1000),
    "looks": (1, 3),
    "crop": (-100_000, 100_000),
    "failure": (0.01, 100),
    "frontal": (0, 180),
    "turned": (0, 180),
    "occlusion": (0, 10),
    "blur": (0, 20),  # its kernel then fits into the smallest input
    "rotation": (-360, 360),
}
_CROPS = ("crops", "crops_per_round")  # of a run, at least one batch
_FRACTIONS = ("turned", "occlusion", "blur", "rotation")  # numbers of these lists need not be whole
_PREFIXES = "held_out"  # as a list, of names of pictures
_LENGTHS = {"turned": 2, "crop": 3}  # of lists that are one value each; other lists have distinct entries
_MAY_BE_EMPTY = ("left_out", "only_options", "more_models", "folders", "photographs")  # lists of words


def check_values(notebook: str, defaults: Parameters, chosen: Parameters) -> None:
    """Raise InputError, which begins with the notebook's name, for a value that it could only fail at.

    defaults: values of all of its parameters, which show their types. chosen: those that are set.
    """
    with about(notebook):
        for name, value in chosen.items():
            _check_kind(name, value, defaults[name])
            _check_entries(name, value if isinstance(value, list) else [value])
        if chosen:
            _check_together(defaults | chosen)


def check_names(parameter: str, given: Collection[str], known: Collection[str]) -> None:
    """Raise InputError unless all `given` names are among the `known` ones."""
    for name in given:
        if name not in known:
            raise InputError(f"expected {parameter} of {', '.join(known)}, found {name!r:.60}")


def _check_kind(name: str, value: object, default: object) -> None:
    like = f" like {default!r}" if default else ""
    if not _is_like(value, default):
        raise InputError(f"expected {name} of type {type(default).__name__}{like}, found {value!r:.60}")
    if not isinstance(value, list):
        return
    if not value and name not in _MAY_BE_EMPTY:
        raise InputError(f"expected at least one entry in {name}{like}, found none")
    kind = _kind_of_entries(name, default or value)
    if not all(_is_like(entry, kind()) for entry in value):
        raise InputError(f"expected {name} as a list of {kind.__name__}, found {value!r:.60}")
    if len(value) != _LENGTHS.get(name, len(value)):
        raise InputError(f"expected {_LENGTHS[name]} numbers in {name}{like}, found {value!r:.60}")
    if name not in _LENGTHS and len(set(value)) < len(value):
        raise InputError(f"expected each entry of {name} once, found {value!r:.60}")


def _kind_of_entries(name: str, example: list) -> type:
    if name in _MAY_BE_EMPTY:
        return str
    if name in _RANGES and name != _PREFIXES:
        return float if name in _FRACTIONS else int
    return type(example[0])


def _is_like(value: object, default: object) -> bool:
    """Whether a value is of the default's type; a whole number also stands for a float."""
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def _check_entries(name: str, entries: list) -> None:
    numbers = [entry for entry in entries if type(entry) in (int, float)]
    low, high = _RANGES.get(name, (float("-inf"), float("inf")))
    for number in numbers:
        if not low <= number <= high:  # nor is NaN
            raise InputError(f"expected {name} from {low:,.10g} to {high:,.10g}, found {number}")
    check_names(name, entries, _names(name) or entries)


def _names(parameter: str) -> Collection[str]:
    """The names that a parameter may have; none if it is not one of those."""
    if parameter == "augmentation":
        return AUGMENTATIONS
    if parameter.split("_")[-1] not in ("backbone", "backbones", "head", "heads", "criteria"):
        return ()
    from src.network.backbones import BACKBONES  # these import PyTorch, which takes seconds
    from src.network.heads import HEADS
    from src.network.losses import CRITERIA, MAP_CRITERIA

    if parameter == "criteria":
        return (*CRITERIA, *MAP_CRITERIA)
    return HEADS if parameter.startswith("head") else BACKBONES


def _check_together(values: Parameters) -> None:
    """Raise InputError for values that are sound by themselves only."""
    head, stride = values.get("head", "heatmap"), values.get("map_stride", 4)
    if stride not in (4, 8) or (stride != 4 and head != "heatmap"):
        raise InputError(
            f"expected map_stride 4, or 8 with the head heatmap, found {stride} with {head}; add -p map_stride 4"
        )
    if values.get("crop", [0, 0, 1])[2] < 1:
        raise InputError(f"expected a crop of at least a pixel, found the side {values['crop'][2]}")
    _check_losses(values.get("criteria", ()), head)
    batch, sizes = values.get("batch_size", 1), ["few_faces", "training_faces", "training_sizes", *_CROPS]
    if not values.get("training_data") and not values.get("original_data"):
        sizes.append("faces")  # rendered ones train
    for name in sizes:
        smallest = min(value) if isinstance(value := values.get(name, 0), list) else value
        if 0 < smallest < batch:
            raise InputError(f"expected {name} of at least a batch, {batch} faces, found {smallest}; lower batch_size")


def _check_losses(criteria: Collection[str], head: str) -> None:
    if criteria:
        from src.network.heads import HEADS
        from src.network.losses import CRITERIA

        check_names(f"criteria for the head {head}", criteria, (*CRITERIA, *HEADS[head].criteria))
