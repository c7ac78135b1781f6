"""Complete sets of train.py's flags by name: `python3 train.py --recipe NAME`."""

RECIPES: dict[str, dict[str, object]] = {
    # The faces that `make demo` renders: a small set and minutes of time, so a higher rate and a faster average.
    "demo": {"minutes": 5.0, "base_lr": 4e-3, "ema": 0.99, "backbone": "shufflenet_v2_x1_0"},
}
