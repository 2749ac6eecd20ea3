"""The page on a port of this machine, for its own browser and for nobody else."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOPBACK = "127.0.0.1"
OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")


class PageServer(ThreadingHTTPServer):
    """Serves one page on the loopback interface.

    Attributes:
        page: its HTML.
        url: where it is.
    """

    daemon_threads = True

    def __init__(self, page: str, port: int) -> None:
        try:
            super().__init__((LOOPBACK, port), PageHandler)
        except (OSError, OverflowError) as error:
            raise ValueError(f"--port {port}: {error}; 0 takes a free port") from error
        self.page = page.encode()
        self.url = f"http://{LOOPBACK}:{self.server_port}/"


class PageHandler(BaseHTTPRequestHandler):
    """Answers GET / with the page.

    Hosts by other names are refused: a foreign site could point its name at this machine, and would then be
    given the scan as its own page.
    """

    server: PageServer

    def do_GET(self) -> None:
        """The page, or the reason why not."""
        host = self.headers.get("Host", "")
        if _without_port(host) not in OWN_NAMES:
            self.send_error(HTTPStatus.FORBIDDEN, "Only this machine's own names are served")
        elif self.path != "/":
            self.send_error(HTTPStatus.NOT_FOUND, "There is one page here, at /")
        else:
            self._send_page()

    def _send_page(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self.server.page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_message(self, *_: Any) -> None:
        """Nothing: the terminal shows the address alone."""


def page_server(page: str, port: int = 0) -> PageServer:
    """A server of the page on 127.0.0.1; port 0 takes a free one. ValueError where a port cannot be had."""
    return PageServer(page, port)


def serve(page: str, port: int = 0, started: Callable[[str], object] | None = None) -> None:
    """Serve the page until Ctrl-C, which goes on as KeyboardInterrupt; `started` gets its address."""
    with page_server(page, port) as server:
        if started is not None:
            started(server.url)
        server.serve_forever(poll_interval=0.2)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()
