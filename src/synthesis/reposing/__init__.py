"""Photographs turned in 3D, labeled by a fitted face model."""
