"""Visualization: functions that return a matplotlib Figure or a Pillow Image, unless they say otherwise."""
