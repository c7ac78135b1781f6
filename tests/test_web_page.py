"""The page docs/demo finds the points that Python finds, in headless Chromium."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT
from PIL import Image

from src.predict.predictor import Predictor

PAGE = ROOT / "docs" / "demo"
NEEDED = {
    PAGE / "vendor": "make web",
    PAGE / "model.onnx": "make web",
    PAGE / "detector.onnx": "make web",
    PAGE / "node_modules" / "playwright-core": "npm install --prefix docs/demo",
    PAGE / "node_modules" / "@sparticuz" / "chromium": "npm install --prefix docs/demo",
}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    for path, command in NEEDED.items():
        if not path.exists():
            pytest.skip(f"needs {path.relative_to(ROOT)}: {command}")
    if shutil.which("node") is None:
        pytest.skip("needs Node.js to drive the browser")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=PAGE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()


def drive(address: str, *pictures: Path, width: int = 1280, height: int = 800, camera: Path | str = "") -> dict:
    """What the page shows (tests/web_page.mjs) for pictures, or for a camera."""
    order = {"width": width, "height": height, "pictures": [str(path) for path in pictures], "camera": str(camera)}
    command = ["node", ROOT / "tests" / "web_page.mjs", address, PAGE / "package.json", json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["failed"] == []  # requests, among them the icon's, and exceptions
    return report


def read_points(text: str) -> np.ndarray:
    """The page's list as (N, 68, 2)."""
    return np.array([line.split() for line in text.splitlines() if not line.startswith("#")], float).reshape(-1, 68, 2)


@pytest.fixture(scope="module")
def large_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole picture of 1600 x 1000 pixels with a face that lies and one that stands."""
    picture = Image.new("RGB", (1600, 1000), (120, 130, 140))
    for sample, side, place in (("face", 500, (100, 300)), ("lying", 420, (1000, 200))):
        with Image.open(PAGE / "samples" / f"{sample}.jpg") as face:
            picture.paste(face.resize((side, side)), place)
    path = tmp_path_factory.mktemp("page") / "large.png"
    picture.save(path)
    return path


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_page_finds_pythons_faces(
    address: str, large_picture: Path, tmp_path: Path, width: int, height: int
) -> None:
    broken = tmp_path / "face.png"
    broken.write_bytes(b"no picture")
    report = drive(address, large_picture, broken, width=width, height=height)
    assert report["firstFocus"] == "file"
    assert report["widest"] <= width
    shown, failed = report["shown"]
    assert shown["status"].startswith("2 faces, 0 doubtful")
    assert shown["label"].startswith("large.png: 2 faces")
    assert shown["width"] == 1280
    assert shown["drawn"] > 200
    found = read_points(shown["points"])
    predictor = Predictor(PAGE.parents[1] / "best.pth.tar", detector=PAGE / "detector.onnx")
    expected = sorted(predictor.faces(large_picture), key=lambda face: face.box[0])
    errors = [np.linalg.norm(points - face.points, axis=1).mean() for points, face in zip(found, expected, strict=True)]
    assert max(errors) < 4  # pixels of crops of 500
    assert failed["status"].startswith("This picture does not work")
    assert (failed["points"], failed["width"], failed["label"]) == ("", 0, "No picture")
    assert report["sample"]["status"].startswith("4 faces")
    assert "5 faces" in report["boxed"]["status"]
    assert len(report["json"]["faces"]) == 5
    assert report["json"]["width"] == 960


def test_the_page_follows_a_camera(address: str, tmp_path: Path) -> None:
    picture = Image.new("RGB", (640, 480), (120, 130, 140))
    with Image.open(PAGE / "samples" / "face.jpg") as face:
        picture.paste(face.resize((320, 320)), (150, 80))
    write_y4m(tmp_path / "camera.y4m", picture)
    report = drive(address, camera=tmp_path / "camera.y4m")
    words = report["camera"]["status"].split()
    assert words[:3] == ["Camera:", "1", "face,"]
    print("frames a second:", words[3])
    assert float(words[3]) >= 1  # on any machine; 15 on two idle cores
    assert report["camera"]["drawn"] > 100
    assert report["stopped"]["width"] == 0


def write_y4m(path: Path, picture: Image.Image, *, frames: int = 30) -> None:
    """A still picture as an uncompressed video, as Chromium's fake camera takes it."""
    luma, blue, red = (np.asarray(plane) for plane in picture.convert("YCbCr").split())
    content = b"".join(plane.tobytes() for plane in (luma, blue[::2, ::2], red[::2, ::2]))
    header = f"YUV4MPEG2 W{picture.width} H{picture.height} F30:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(header + frames * (b"FRAME\n" + content))
