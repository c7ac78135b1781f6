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

from src.predict.exported_files import onnx_metadata, open_onnx
from src.synthesis.renderer.folder import render_faces

PAGE = ROOT / "docs" / "demo"
NEEDED = {
    PAGE / "vendor": "make web",
    PAGE / "model.onnx": "make web",
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


def look_at(address: str, picture: Path) -> dict:
    """What the page shows for a picture: status, points as text, number of drawn pixels."""
    command = ["node", ROOT / "tests" / "web_page.mjs", address, picture, PAGE / "package.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_page_draws_pythons_points(address: str, tmp_path: Path) -> None:
    render_faces(tmp_path, 1, seed=3, image_size=300)
    (rendered,) = (path for path in tmp_path.iterdir() if path.suffix in (".jpg", ".png"))
    picture = np.asarray(Image.open(rendered).convert("RGB"))[:, 20:]  # not square
    path = tmp_path / "face.png"
    Image.fromarray(picture).save(path)
    session = open_onnx(PAGE / "model.onnx")
    assert onnx_metadata(session, PAGE / "model.onnx").input == "picture"
    expected, score = session.run(["points_image", "score"], {"pictures": picture[None]})

    shown = look_at(address, path)
    found = np.array([line.split() for line in shown["points"].splitlines()], float)
    assert shown["status"].startswith("68 points in")
    assert abs(float(shown["status"].rstrip(".").split()[-1]) - score[0]) < 0.05
    assert np.abs(found - expected[0]).max() < 0.5  # pixels
    assert shown["drawn"] > 68


def test_the_page_says_what_is_no_picture(address: str, tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(b"no picture")
    shown = look_at(address, path)
    assert shown["status"].startswith("This picture does not work")
    assert shown["points"] == ""
