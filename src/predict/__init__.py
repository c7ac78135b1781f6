"""Points of a face in a picture, by a model file of any runtime."""

from src.predict.predictor import Predictor

__all__ = ["Predictor"]
