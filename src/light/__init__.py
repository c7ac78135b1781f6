"""68 facial landmarks in any picture, with NumPy, Pillow and ONNX Runtime alone.

from light_landmarks import Predictor

for face in Predictor().faces("group.jpg"):
    print(face.points, face.score, face.box, face.pose, face.eyes)

`src.light.build` makes the package light_landmarks of this file and of all that it imports.
"""

from src.predict import Face, Predictor

__all__ = ["Face", "Predictor"]
