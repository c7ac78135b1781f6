"""Notebooks: what they share, the command that runs them, and their pages."""
