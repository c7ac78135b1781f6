"""Smaller networks beside the submission: quantized files, pruned models, and the table that compares them."""
