"""Prediction: the points of faces in pictures, from a model file for any runtime."""

from src.predict.face import Face
from src.predict.predictor import Predictor

__all__ = ["Face", "Predictor"]
