"""Duplicates and leaks between folders of faces."""
