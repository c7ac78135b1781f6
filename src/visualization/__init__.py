"""Pictures of results: each function returns a Figure, or an Image drawn with Pillow, or says what else it returns."""
