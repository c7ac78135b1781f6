"""Faces that the project renders itself, from a parametric head of its own."""
