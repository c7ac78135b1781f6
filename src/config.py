"""The configuration of a model and of a training run: frozen, plain values only, so that a checkpoint can carry it."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import TypeVar

from src.errors import InputError

Config = TypeVar("Config")
MAX_MODEL_MB = 15.0  # the challenge's limit for the saved model
MOST_THREADS = 1024  # of a process: a system refuses more, and ends the process with them


@dataclass(frozen=True)
class ModelConfig:
    """All that is needed to rebuild a network."""

    backbone: str = "shufflenet_v2_x1_0"
    head: str = "regression"
    input_size: int = 112  # pixels: a face box is half of the crop, so 112 shows it at 62 pixels
    # Center x, center y and side of the part of the picture that the network sees, in the unit square. The challenge's
    # points lie within x 0.08-0.95, y 0.16-0.88, so this crop loses none; recipes with several looks see less of it.
    crop: tuple[float, float, float] = (0.5, 0.53, 0.9)
    # How a second look (src/predict/looks.py) frames the points' upright box, in the unit square: center x, center y,
    # sqrt(width * height), and the look's weight in the mean of both. Training includes such faces (`second_looks`).
    second_look: tuple[float, float, float, float] = (0.5, 0.58, 0.585, 0.5)
    points: int = 68  # 68, 51 without the jaw, or the 12 of the eyes: the sets of src/markup.py
    auxiliary: bool = True  # the Euler-angle branch, in training only
    convention: str = "aflw"  # annotation scheme; a model file may hold further ones (src/network/conventions.py)
    # Options of heads; a head refuses those that it does not have (src/network/heads).
    attention: str = "none"  # none, se or coordinate, on the pyramid's sum
    coord_conv: bool = False  # the pyramid is given the position of each cell
    map_stride: int = 4  # input pixels per cell of the heatmap head; at 8 the head costs a third
    shape_layer: bool = False  # a linear shape model corrects the heatmap head's points (src/network/heads)
    pip_neighbors: int = 10  # other points that a cell of the pip head votes for
    pip_score_weight: float = 10.0  # the paper's: of a score's squared error, relative to a vote's error in cells
    pip_offset_weight: float = 1.0  # of the votes' error
    widths: tuple[int, ...] = ()  # of the channel groups of a pruned or widened model (src/network/channels.py)


@dataclass(frozen=True)
class AugmentationConfig:
    """Ranges of the random transforms; a probability of 0 or a range of 0 switches one off."""

    rotation: float = 60.0  # degrees, largest; the median is a third of it, and 37 % of heads are tilted by over 30
    scale: float = 0.15  # size changes by a factor exp(uniform +-)
    shift: float = 0.05  # of the crop's side, uniform in +- on both axes
    flip: float = 0.5  # probability of a mirrored face
    stretch: float = 0.0  # along a random direction by exp(uniform +-), across it by the inverse: varies face shapes
    brightness: float = 0.3  # factor 1 +- uniform
    contrast: float = 0.3  # factor 1 +- uniform, about the picture's mean
    saturation: float = 0.5  # factor 1 +- uniform
    hue: float = 20.0  # degrees of rotation about the gray axis, uniform in +-
    gray: float = 0.1  # probability
    channel_shift: float = 0.0  # of the full range, uniform in +- on each color channel by itself
    shade: float = 0.0  # light from one side: the logarithm of the ratio between opposite borders is uniform in +-
    blur: float = 0.15  # probability
    blur_sigma: float = 1.5  # input pixels, largest
    noise: float = 0.2  # probability of gray Gaussian noise
    noise_sigma: float = 0.08  # of the full range, largest
    erasing: float = 0.4  # probability of a rectangle over the face
    erasing_texture: float = 0.5  # probability that it shows another face's picture rather than one random color
    erasing_side: float = 0.45  # of the input's side, largest
    second_looks: float = 0.0  # probability of framing a face as a second look does: upright, centered and larger
    damage: float = 0.0  # probability of each of src/augmentation's DEGRADATIONS and WORN: darkness, blur, masks...
    border: float = 0.1  # probability of a black bar at each side: AFLW crops extend beyond their pictures
    border_width: float = 0.3  # of the input's side, widest

    def __str__(self) -> str:
        """The name of these settings, if they have one (see AUGMENTATIONS)."""
        return next((name for name, config in AUGMENTATIONS.items() if config == self), repr(self))

    @classmethod
    def named(cls, name: str) -> "AugmentationConfig":
        """One of the named settings (see AUGMENTATIONS); raises InputError for another name."""
        if name not in AUGMENTATIONS:
            raise InputError(f"unknown augmentation {name!r}; expected one of {', '.join(AUGMENTATIONS)}")
        return AUGMENTATIONS[name]


_NO_GEOMETRY = {"rotation": 0.0, "scale": 0.0, "shift": 0.0, "flip": 0.0}
_NO_COLOR = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0, "gray": 0.0}
_NO_DAMAGE = {"blur": 0.0, "noise": 0.0, "erasing": 0.0, "border": 0.0, "damage": 0.0}
_NONE = AugmentationConfig(**_NO_GEOMETRY, **_NO_COLOR, **_NO_DAMAGE)
_COLOR = AugmentationConfig(**_NO_GEOMETRY, **_NO_DAMAGE)
_LOOKS = AugmentationConfig(
    second_looks=0.5, damage=0.04, blur=0.12, noise=0.15, erasing=0.3, border=0.07, border_width=0.4
)
AUGMENTATIONS: dict[str, AugmentationConfig] = {
    "full": AugmentationConfig(),
    "looks": _LOOKS,
    # For training on millions of faces: also varies their proportions and their light.
    "varied": replace(_LOOKS, stretch=0.12, shade=1.0, hue=30.0, damage=0.06),
    "none": _NONE,
    # For short runs, which end before stronger transforms pay off (docs/results/02_augmentation.md).
    "light": AugmentationConfig(rotation=20.0, scale=0.1, shift=0.03, saturation=0.3, hue=10.0, gray=0.0, **_NO_DAMAGE),
    "gray": replace(_NONE, gray=0.5),
    "erasing": replace(_NONE, erasing=0.5),
    "color": _COLOR,
    "geometry": AugmentationConfig(**_NO_COLOR, **_NO_DAMAGE),
    "color_geometry": AugmentationConfig(**_NO_DAMAGE),
}


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained."""

    epochs: int = 60
    minutes: float = 0.0  # budget of time spent in steps; above 0 it replaces `epochs` in the schedule
    batch_size: int = 64  # faces per process
    learning_rate: float = 2e-3  # peak, for a batch of 64; AdamW
    weight_decay: float = 0.02
    warmup: float = 0.05  # share of the run with a linearly rising learning rate
    hold: float = 0.0  # share of the run at the peak, before the cosine begins
    final_learning_rate: float = 0.01  # share of the peak at the end of the cosine
    clip_norm: float = 1.0  # largest norm of the gradient
    start_size: int = 0  # pixels of the first inputs, smaller and so cheaper than the model's; 0: full size at once
    start_share: float = 0.2  # share of the run with inputs of `start_size`
    ema_decay: float = 0.999  # of the averaged weights, reached after a warm-up; 0 switches averaging off
    criterion: str = "l1"
    # The use of the Euler-angle branch. learning: its gradient reaches the shared layers, but all faces weigh the same;
    # weighting: its error weights the faces, but only the branch learns from it; both.
    euler_branch: str = "both"
    teacher: str | None = None  # path of a model that the network imitates
    mutual: bool = False  # a second network learns at the same time, and both imitate each other
    distill: str = "none"  # what is imitated: heatmap, landmark or feature
    distill_weight: float = 1.0  # of the imitation, relative to the loss on the labels
    amp: str = "off"  # off, bf16 or fp16, on CUDA
    seed: int = 7414
    source_weights: tuple[float, ...] = ()  # share of each training source in a batch; empty: as many as there are
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


# Fields added later, with the value that older files imply. At that value a field is not written, so that files and run
# names stay the same.
_LATER = {
    "convention": "aflw",
    "widths": (),
    "map_stride": 4,
    "shape_layer": False,
    "second_look": ModelConfig.second_look,
    "second_looks": 0.0,
    "damage": 0.0,
    "stretch": 0.0,
    "shade": 0.0,
    "hold": 0.0,
    "euler_branch": "both",
}


def to_dict(config: object) -> dict:
    """A nested dictionary of plain values, without later fields that are at their implied value."""
    return _without_later(asdict(config))


def from_dict(cls: type[Config], values: dict) -> Config:
    """Rebuild a configuration; raises InputError for keys that it does not have."""
    unknown = set(values) - {f.name for f in fields(cls)}
    if unknown:
        raise InputError(f"{cls.__name__} has no {', '.join(sorted(unknown))}; the file is from another version")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    if isinstance(values.get("augmentation"), dict):
        values["augmentation"] = from_dict(AugmentationConfig, values["augmentation"])
    return cls(**values)


def _without_later(values: dict) -> dict:
    kept = {name: value for name, value in values.items() if name not in _LATER or value != _LATER[name]}
    return {name: _without_later(value) if isinstance(value, dict) else value for name, value in kept.items()}
