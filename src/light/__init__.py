"""68 facial landmarks in any picture, with only NumPy, Pillow and ONNX Runtime.

from light_landmarks import Predictor

for face in Predictor().faces("group.jpg"):
    print(face.points, face.score, face.box, face.pose, face.eyes)

`Tracker` follows them through a video, frame by frame. Pictures, boxes and settings that cannot be used raise
InputError, a ValueError.
"""

# src.light.build makes the package light_landmarks from this file and everything that it imports.
from src.demo.tracking import Tracker
from src.errors import InputError
from src.predict import Face, Predictor

__version__ = "1.0"
__all__ = ["Face", "InputError", "Predictor", "Tracker"]
