"""What the small web servers of tests share."""

from http.server import BaseHTTPRequestHandler
from typing import Any


class Answers(BaseHTTPRequestHandler):
    """A handler that can answer, and says nothing of it: what tests print is read."""

    def answer(self, body: bytes, status: int = 200) -> None:
        """Send an answer of a known length."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""
