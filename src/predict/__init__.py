"""Points of faces in a picture, by a model file of any runtime."""

from src.predict.face import Face
from src.predict.predictor import Predictor

__all__ = ["Face", "Predictor"]
