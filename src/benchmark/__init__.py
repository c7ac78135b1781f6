"""Benchmark: speed, measured against named baselines."""
