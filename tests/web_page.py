"""Serves the page docs/demo and drives it in headless Chromium by web_page.mjs."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from commands import ROOT

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


def serve_page() -> Iterator[str]:
    """Yield the address of the page while it is served; skip the test if something that it needs is missing."""
    for path, command in NEEDED.items():
        if not path.exists():
            pytest.skip(f"needs {path.relative_to(ROOT)}: {command}")
    if shutil.which("node") is None:
        pytest.skip("needs Node.js to drive the browser")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=PAGE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()


def drive(
    address: str,
    *steps: list,
    width: int = 1280,
    height: int = 800,
    scheme: str = "light",
    camera: Path | str = "",
    cameras: Sequence[dict] = (),
) -> list[dict]:
    """What the page shows after each step of tests/web_page.mjs."""
    order = {"width": width, "height": height, "scheme": scheme, "steps": steps}
    order |= {"camera": str(camera), "cameras": cameras}
    command = ["node", ROOT / "tests" / "web_page.mjs", address, PAGE / "package.json", json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["failed"] == []  # requests, among them the icon's, and exceptions
    return report["states"]
