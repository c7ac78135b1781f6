"""An upright face that is imagined in an upside-down head is left out; neighbors stay."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from commands import ROOT
from PIL import Image
from rectangle_face import rectangle_points

from src.predict.face import Face, make_face
from src.predict.predictor import SAME_HEAD, _distinct
from src.predict.search import crop_region

_HEAD, _IN_IT, _NEXT = (100, 100, 200, 200), (110, 170, 190, 250), (190, 100, 290, 200)  # overlaps 0.17 and 0.05


def _face(box: tuple[int, int, int, int], score: float, *, roll: float = 0.0) -> Face:
    points = rectangle_points(box)
    points = points if roll == 0 else np.array([box[0] + box[2], box[1] + box[3]]) - points  # turned by 180 degrees
    return make_face(points, score, roll, crop_region(Image.new("RGB", (400, 400)), np.array([0.0, 0.0, 400.0])))


_CASES = pytest.mark.parametrize(
    ("second", "score", "rolls", "count"),
    [
        (_IN_IT, 0.8, (180, 0), 1),
        (_IN_IT, 0.95, (180, 0), 2),  # surer than the head that hangs
        (_IN_IT, 0.8, (180, 180), 2),
        (_IN_IT, 0.8, (0, 0), 2),  # upright neighbors in a crowd
        (_NEXT, 0.8, (180, 0), 2),
    ],
)


@_CASES
def test_an_upright_face_in_a_surer_hanging_head_is_none(
    second: tuple[int, int, int, int], score: float, rolls: tuple[float, float], count: int
) -> None:
    head = _face(_HEAD, 0.9, roll=rolls[0])
    assert head.is_upside_down == (rolls[0] == 180)
    kept = _distinct([_face(second, score, roll=rolls[1]), head], 0.1)
    assert len(kept) == count
    assert head in kept


@_CASES
def test_the_page_leaves_out_the_same(
    second: tuple[int, int, int, int], score: float, rolls: tuple[float, float], count: int
) -> None:
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    sides = ("left", "top", "right", "bottom")
    items = [
        {"box": dict(zip(sides, box, strict=True)), "score": each, "roll": roll}
        for box, each, roll in ((_HEAD, 0.9, rolls[0]), (second, score, rolls[1]))
    ]
    code = f"""import {{ withoutImagined }} from "{ROOT / "docs" / "demo" / "views.js"}";
console.log(withoutImagined({json.dumps(items)}, ({{ roll }}) => roll === 180, {SAME_HEAD}).length);"""
    done = subprocess.run(["node", "--input-type=module", "-e", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == count
