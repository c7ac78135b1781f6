"""One training run: flags, loop, step, schedule, files."""
