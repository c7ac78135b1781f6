"""Hygiene: duplicates within and leaks between folders of faces, and labels that look wrong."""
