"""Complete sets of train.py's flags by name: `python3 train.py --recipe NAME`."""

RECIPES: dict[str, dict[str, object]] = {
    # The faces that `make demo` renders: a small set and minutes of time, so a higher rate and a faster average.
    "demo": {"head": "heatmap", "minutes": 4.0, "base_lr": 3e-3, "ema": 0.99},
    # The shipped model: relabeled photographs and three turned copies of each, which `preparation.py --repose 3` makes.
    # Turned faces fill the large poses that photographs lack; the rest of a batch keeps real textures in the majority
    # near the frontal view.
    "best": {"head": "heatmap", "minutes": 48.0, "source_weights": [0.5, 0.5]},
}
