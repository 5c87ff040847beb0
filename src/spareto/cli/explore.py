"""`spareto explore`: the report page of a study, served to this machine while the study runs."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, urlsplit

from cyclopts import Parameter

from spareto.cli import numbers
from spareto.cli.console import Console
from spareto.core.errors import ConfigError, Problem, SparetoError
from spareto.reports.page import render
from spareto.study.report import results_of
from spareto.study.store import TrialStore

LOOPBACK: Final = "127.0.0.1"


def explore(
    run: Path,
    /,
    *,
    port: Annotated[int, numbers.count(0, 65_535)] = 0,
    host: Annotated[str, Parameter(help="Address to listen on; only this machine if left out.")] = LOOPBACK,
) -> None:
    """Serve a study's report page, which renews itself while the study runs; stop with Ctrl-C.

    Who has the printed address can read the study and change nothing.

    Args:
        run: Run folder of a study, or its database.
        port: Port to listen on; 0 takes a free one.
        host: Address to listen on.
    """
    with TrialStore.of(run):
        pass  # refuses what is no study before anything listens
    with server(run, host, port) as serving:
        Console().print(f"Serving {run} read-only at {serving.address}  (Ctrl-C stops)", soft_wrap=True)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            return


class Serving(ThreadingHTTPServer):
    """Serves one study under one token.

    Args:
        where: Host and port.
        run: Run folder or database.
    """

    daemon_threads = True

    def __init__(self, where: tuple[str, int], run: Path) -> None:
        self.run, self.token = run, secrets.token_urlsafe(16)
        self._page: tuple[str, bytes] = ("", b"")
        super().__init__(where, _Handler)

    @property
    def address(self) -> str:
        """What to open in a browser."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/?token={self.token}"

    def version(self) -> str:
        """Changes with every stored trial."""
        with TrialStore.of(self.run) as store:
            return store.version()

    def page(self) -> bytes:
        """The page of what is stored now; made once a version."""
        version = self.version()
        if self._page[0] != version:
            with TrialStore.of(self.run) as store:
                results = results_of(store)
            text = render(results, live=f"version?token={self.token}")
            self._page = version, text.encode()
        return self._page[1]


def server(run: Path, host: str = LOOPBACK, port: int = 0) -> Serving:
    """A server of one study, which listens already.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    try:
        return Serving((host, port), run)
    except (OSError, OverflowError) as error:
        cure = "Choose another port, or 0 for a free one."
        got = str(getattr(error, "strerror", None) or error)
        raise ConfigError(Problem(f"{host}:{port}", got, "an address that is free", cure)) from None


class _Handler(BaseHTTPRequestHandler):
    """Answers two reads, and nothing without the token."""

    server: Serving  # pyright: ignore[reportIncompatibleVariableOverride]
    server_version, sys_version = "spareto", ""

    def do_GET(self) -> None:
        """Give the page, or the version of what is stored."""
        asked = urlsplit(self.path)
        token = parse_qs(asked.query).get("token", [""])[0]
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._send(HTTPStatus.FORBIDDEN, b"Open the address that spareto explore printed.", "text/plain")
            return
        try:
            if asked.path == "/":
                self._send(HTTPStatus.OK, self.server.page(), "text/html")
            elif asked.path == "/version":
                self._send(HTTPStatus.OK, self.server.version().encode(), "text/plain")
            else:
                self._send(HTTPStatus.NOT_FOUND, b"There is nothing here.", "text/plain")
        except SparetoError as error:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, str(error).encode(), "text/plain")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the address holds the token."""

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
