"""What the parts of a head are made of: numbers that the shader reads. Colors are linear light, (3,) float32."""

from typing import NamedTuple

Color = tuple[float, float, float]


class Skin(NamedTuple):
    """hair: color of brows and beard. shift: place in the noise pictures. blotches: strength of their clouds."""

    color: Color
    hair: Color
    shift: tuple[float, float]
    blotches: float


class Eye(NamedTuple):
    """gaze: the iris's shift on the ball, right and up. Lengths in cm."""

    gaze: tuple[float, float]
    iris: Color
    iris_size: float
    pupil_size: float


class Hair(NamedTuple):
    """contrast: of the strands, whose frequencies along and across are `strands`."""

    color: Color
    contrast: float
    strands: tuple[float, float]
    gloss: float


class Cloth(NamedTuple):
    """Its color is that of its vertices. stripe: color of the stripes. stripes: their strength. waves: their
    frequencies downwards and around the body.

    The neck line lies neck + neck_depth * cos(angle) centimeters below the chin; above it is skin.
    """

    stripe: Color
    stripes: float
    waves: tuple[float, float]
    neck: float
    neck_depth: float


class Frame(NamedTuple):
    """Of glasses."""

    color: Color
    gloss: float


class Lens(NamedTuple):
    """Of sunglasses. sky: how much of it they mirror."""

    color: Color
    sky: float


class Materials(NamedTuple):
    """All materials of a face. teeth_light, mouth_light: share of the sky's light that reaches them."""

    skin: Skin
    eye: Eye
    hair: Hair
    cloth: Cloth
    frame: Frame
    lens: Lens
    teeth_light: float
    mouth_light: float
