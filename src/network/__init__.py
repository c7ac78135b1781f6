"""The network: backbone, head, losses, model files and what a model costs."""
