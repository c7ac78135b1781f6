"""Complete sets of train.py's flags by name: `python3 train.py --recipe NAME`."""

# The shipped model, trained on the faces that `preparation.py --sources data/photographs.toml` makes, whose sampling
# shares the prepared folder holds. Half of the faces are framed as in a second look, the others nearly as large: of the
# training faces, 0.2 % have a point outside of the crop, which further looks find.
# On a CPU few steps are affordable, so the first ones are cheap: inputs of 80 pixels cost half as much as those of 112.
# The Euler-angle branch costs time and gains nothing (docs/results/05_euler_branch.md).
_BEST: dict[str, object] = {
    "head": "heatmap",
    "map_stride": 8,
    "shape_layer": True,
    "auxiliary": False,
    "crop": [0.5, 0.53, 0.8],
    "second_look": [0.5, 0.53, 0.61, 0.8],
    "augmentation": "varied",
    "minutes": 240.0,
    "start_size": 80,
    # Inside units, 112 channels instead of 116 and 224 instead of 232: ONNX Runtime computes in blocks of 16.
    "widths": [*[58] * 4, *[112] * 8, *[224] * 4, 96, 128],
}

RECIPES: dict[str, dict[str, object]] = {
    # For the faces that `make demo` renders: a small set and few minutes, so a higher rate and a faster average.
    "demo": {"head": "heatmap", "minutes": 4.0, "base_lr": 3e-3, "ema": 0.99},
    "best": _BEST,
    # Twice the channels; `src.compression.widen` widens a trained model likewise.
    "large": _BEST | {"widths": [*[116] * 4, *[224] * 8, *[448] * 4, 192, 256], "minutes": 480.0},
    # The pruned network, from scratch, taught by the large one (distillation rules out smaller first inputs).
    "small": _BEST
    | {
        "widths": [48, 56, 56, 56, 32, 24, 32, 40, 32, 40, 40, 40, 16, 8, 8, 8, 24, 88],
        "teacher": "large.pth.tar",
        "distill": "heatmap",
        "distill_weight": 5.0,
        "start_size": 0,
    },
    # PIPNet as in published re-implementations: 256 pixels, 120 epochs, a slow average.
    "pipnet": {
        "head": "pip",
        "input_size": 256,
        "end_epoch": 120,
        "base_lr": 5e-4,
        "weight_decay": 5e-5,
        "ema": 0.9999,
    },
}
