"""A loopback site with the viewer alone: the real scripts and styles, a bare page, frames made by a test."""

import secrets
import threading
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from readerstudy.cases.frame import MASK_BYTES, encode_frame, mask_frame, pad_frame, straight

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PAGES = {"/": "viewer.html", "/components": "components.html"}
TYPES = {
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
}


class ViewerSite:
    """Serves the viewer's page, the static folder and named frames; a frame is padded as in a study."""

    def __init__(self, width: int, height: int) -> None:
        self.frames: dict[str, bytes] = {}
        self.style = f"html,body{{margin:0;background:#000}} .view{{width:{width}px;height:{height}px}}"
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/"

    def add(
        self,
        name: str,
        pixels: np.ndarray,
        bits: int,
        window: tuple[int, int],
        curve: np.ndarray | None = None,
    ) -> dict[str, Any]:
        """Serve an image as a frame, with the window's straight curve by default; return what the viewer shows."""
        encoded = encode_frame(pixels, bits, straight(bits, *window) if curve is None else curve)
        self.frames[f"/frames/{name}"] = pad_frame(encoded, len(encoded) + 5_000)
        rows, columns = pixels.shape[:2]
        frame = {"format": 3 if pixels.ndim == 3 else 2, "rows": rows, "columns": columns, "bits": bits}
        frame |= {"window": list(window), "spacing": None}
        return {"id": name, "frame_url": f"/frames/{name}", "frame": frame}

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()

    def body_of(self, path: str) -> tuple[bytes, str] | None:
        """Return what is under a path, and its type."""
        if path in self.frames:
            masked = mask_frame(self.frames[path], secrets.token_bytes(MASK_BYTES))
            return masked, "application/octet-stream"
        if path == "/viewer.css":
            return self.style.encode(), TYPES[".css"]
        if path in PAGES:
            file = Path(__file__).parent / PAGES[path]
        elif path.startswith("/static/"):
            file = ROOT / path.lstrip("/")
        else:
            return None
        if not file.is_file():
            return None
        return file.read_bytes(), TYPES[file.suffix]

    @cached_property
    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = site.body_of(self.path)
                self.send_response(200 if found else 404)
                self.send_header("Content-Security-Policy", POLICY)
                body, kind = found or (b"", "text/plain")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler
