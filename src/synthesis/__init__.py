"""Faces made here: a parametric head, a renderer, and photo re-posing, written in the challenge's own format."""
