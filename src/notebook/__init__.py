"""What the notebooks share, and the command that runs them."""
