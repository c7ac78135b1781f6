"""Compression: quantized files, pruned and widened models, and a table that compares them."""
