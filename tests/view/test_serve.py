"""The page on a port: for this machine alone."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from ffnet3d.view import page_server, serve
from ffnet3d.view.serve import PageServer

PAGE = "<!doctype html><title>é</title>"


@pytest.fixture
def server() -> Iterator[PageServer]:
    with page_server(PAGE) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(
    server: PageServer, path: str = "/", host: str | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    headers = {} if host is None else {"Host": host}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers


def test_the_page_is_served(server: PageServer):
    status, body, headers = get(server)
    assert (status, body) == (200, PAGE.encode())
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_only_this_machine_can_connect(server: PageServer):
    assert server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:9", "[::1]"])
def test_own_names_are_served(server: PageServer, host):
    assert get(server, host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["", "example.org", "example.org:80", "127.0.0.1.example.org", "localhost.example.org:80", "10.0.0.1"],
)
def test_other_names_are_refused(server: PageServer, host):
    status, body, _ = get(server, host=host)
    assert status == 403
    assert PAGE.encode() not in body


@pytest.mark.parametrize("path", ["/favicon.ico", "/../etc/passwd", "/?a=1"])
def test_there_is_one_page(server: PageServer, path):
    assert get(server, path)[0] == 404


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ValueError, match=r"--port \d+: .*0 takes a free port"):
            page_server(PAGE, taken.getsockname()[1])
    with pytest.raises(ValueError, match="--port 70000"):
        page_server(PAGE, 70000)


def test_ctrl_c_ends_it(monkeypatch):
    addresses = []

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", interrupted)
    with pytest.raises(KeyboardInterrupt):
        serve(PAGE, started=addresses.append)
    assert addresses[0].startswith("http://127.0.0.1:")
    with (
        pytest.raises(OSError, match="refused"),
        socket.create_connection(("127.0.0.1", int(addresses[0][17:-1]))),
    ):
        pass
