"""68 facial landmarks in any picture, with only NumPy, Pillow and ONNX Runtime.

from light_landmarks import Predictor

for face in Predictor().faces("group.jpg"):
    print(face.points, face.score, face.box, face.pose, face.eyes)

`src.light.build` makes the package light_landmarks from this file and everything that it imports.
"""

from src.predict import Face, Predictor

__all__ = ["Face", "Predictor"]
