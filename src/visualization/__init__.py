"""Figures of the notebooks. Every function returns a Figure; none shows or saves it."""
