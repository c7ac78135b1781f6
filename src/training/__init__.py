"""Training: flags and recipes, loop and step, teachers, averaged models, second conventions."""
