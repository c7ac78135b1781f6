"""Results of other people's models on the challenge's validation faces (`aflw_val`), for comparison with our own.

Errors are in percent: nme of sqrt(H * W) of the crop, box of sqrt(w * h) of the true points' box.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class OtherModel:
    """Another project's model. megabytes, mmacs (all passes), box (one error per bin of YAW_BINS): None if unknown."""

    nme: float
    megabytes: float | None = None
    mmacs: float | None = None
    box: tuple[float, float, float] | None = None


YAW_BINS = ("0-30", "30-60", "60-90")

# Public weights, run on the 199 faces as their authors say, each with the kind of box it expects, from the true points.
MEASURED = {
    "3DDFA_V2 x0.5, mirror averaged": OtherModel(1.462, 3.4, 100, (2.53, 3.44, 3.92)),
    "3DDFA_V2 x1.0, mirror averaged": OtherModel(1.475, 13.0, 368, (2.53, 3.46, 4.02)),
    "3DDFA_V2 x0.5, one pass": OtherModel(1.489, 3.4, 50, (2.60, 3.42, 3.95)),
    "OpenSeeFace 0, mirror averaged": OtherModel(1.852, box=(3.02, 4.35, 5.79)),
    "MediaPipe face mesh": OtherModel(2.77, box=(3.75, 7.09, 11.5)),
}

# Entries to the challenge, trained on FaceSynthetics at 384 pixels: figures as their authors state them.
PUBLISHED = {
    "published: MobileNetV3-small": OtherModel(2.68, 4.0),
    "published: MobileNetV3-large": OtherModel(2.45, 7.4),
    "published: ShuffleNetV2 x1.5": OtherModel(2.48, 11.0),
    "published: hourglass (test set)": OtherModel(2.02, 12.2),
    "published: PFLD": OtherModel(2.92, 13.0),
    "published: MobileNetV2 x1.25 (estimated)": OtherModel(1.8, 14.7),
}
