"""The 3D face model is read from a clone of ICT-FaceKit, and from one packed file."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from small_head import small_model

from src.errors import InputError
from src.markup import NUM_POINTS
from src.synthesis.reposing.face_model import PACKED, load_face_model


def test_face_model_is_read_from_a_clone(tmp_path: Path) -> None:
    model, clone = small_model(), tmp_path / "clone" / "FaceXModel"
    clone.mkdir(parents=True)
    shapes = {"generic_neutral_mesh": model.neutral}
    shapes |= {f"identity{i:03d}": model.neutral + mode for i, mode in enumerate(model.identity)}
    shapes |= {name: model.neutral + mode for name, mode in zip("abc", model.expression, strict=True)}
    faces = "".join("f " + " ".join(f"{i + 1}/1" for i in quad) + "\n" for quad in model.quads)
    for name, vertices in shapes.items():
        lines = "".join("v " + " ".join(f"{x:.6f}" for x in vertex) + "\n" for vertex in vertices)
        (clone / f"{name}.obj").write_text("# a comment\n" + lines + faces)
    indices = {"expressions": ["a", "b", "c"], "idx_to_landmark_verts": list(range(NUM_POINTS))}
    (clone / "vertex_indices.json").write_text(json.dumps(indices))
    read = load_face_model(tmp_path / "clone", max_identities=5)
    for field in ("neutral", "identity", "expression", "quads", "landmarks"):
        np.testing.assert_allclose(getattr(read, field), getattr(model, field), atol=1e-5)
    assert read.expression_names == ("a", "b", "c")
    with pytest.raises(InputError, match="identity005"):
        load_face_model(tmp_path / "clone", max_identities=6)


def test_wrong_face_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no face model"):
        load_face_model(tmp_path / "nowhere")
    (tmp_path / PACKED).write_bytes(b"not a zip")
    with pytest.raises(InputError, match="not a readable npz"):
        load_face_model(tmp_path)
    np.savez(tmp_path / PACKED, neutral=np.zeros((4, 3)))
    with pytest.raises(InputError, match="expected the arrays"):
        load_face_model(tmp_path)
    (tmp_path / PACKED).write_bytes(pickle.dumps(3))
    with pytest.raises(InputError):
        load_face_model(tmp_path)
