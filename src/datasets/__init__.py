"""Data sets: one reader per format, the prepared arrays, and the batch loader."""
