"""The reports or the drafts over HTTP, for the browsers of this machine alone.

An address has a token that no other page or user knows. ``Host`` must be ours, so that no other site's name can be
turned into our address (DNS rebinding), and an ``Origin`` too. What is served lies below ``build/``, is reached without
a link, and has no name that begins with a dot, as the state's folder has.
"""

from __future__ import annotations

import hmac
import io
import json
import os
import re
import secrets
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import unquote

from stemtasks.watch.beneath import Files, is_name
from stemtasks.watch.board import Board
from stemtasks.watch.pages import Page, page_of

HOST = "127.0.0.1"
STATE = ".state"
"""What a page asks for to know what has changed, below its own folder."""
MOST_CONNECTIONS = 64
MOST_HEAD_BYTES = 16 << 10
HEAD_S = 10.0
"""A request's lines have come by then, from its first byte on."""
IDLE_S = 60.0
PART_BYTES = 512 << 10
"""Of an answer to a part of a file: a browser has six connections, and keeps one that it does not read on."""
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".png": "image/png",
}
POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Of all but the pages, which say their own beside it."""
PAGE_POLICY = "frame-ancestors 'none'"
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Server(ThreadingMixIn, TCPServer):
    """Serves ``build/`` of this folder until it is closed."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, board: Board, port: int) -> None:
        self.board = board
        self.files = Files(board.kind, lambda: board.is_building)
        self.token = secrets.token_urlsafe(24)
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((HOST, port), Handler)
        self.host = f"{HOST}:{self.server_address[1]}"

    @property
    def address(self) -> str:
        """Return what a person opens."""
        return f"http://{self.host}/{self.token}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own; one more than there may be is closed at once."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def setup(self) -> None:
        """Begin with nothing read."""
        super().setup()
        self._read = b""

    def version_string(self) -> str:
        """Return what this is, without versions."""
        return "stemtasks"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Say nothing: the terminal is the build's."""

    def handle_one_request(self) -> None:
        """Read a request's lines, as many as may be and in the time that they may take, and answer it."""
        self.close_connection = True
        try:
            head = self._head()
            if head is None:
                return
            self.rfile = io.BytesIO(head)
            self.raw_requestline = self.rfile.readline()
            if self.parse_request():
                self._answer()
            self.wfile.flush()
        except OSError:  # the browser went away, or is too slow
            self.close_connection = True

    def _head(self) -> bytes | None:
        """Return the bytes of a request up to its empty line; None where there are none, or too many, or too late."""
        until = 0.0
        while b"\r\n\r\n" not in self._read:
            if self._read and not until:
                until = time.monotonic() + HEAD_S
            self.connection.settimeout(max(0.001, until - time.monotonic()) if until else IDLE_S)
            if len(self._read) > MOST_HEAD_BYTES or not (more := self.connection.recv(MOST_HEAD_BYTES)):
                return None
            self._read += more
        self.connection.settimeout(IDLE_S)
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def _answer(self) -> None:
        if self.headers.get_all("Host") != [self.server.host] or self.headers.get("Origin") not in (
            None,
            f"http://{self.server.host}",
        ):
            return self._refuse(HTTPStatus.FORBIDDEN)
        if self.command not in ("GET", "HEAD"):
            return self._refuse(HTTPStatus.METHOD_NOT_ALLOWED)
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            return self._refuse(HTTPStatus.BAD_REQUEST)
        begin, *named = self.path.partition("?")[0].split("/", 2)
        token, path = named if len(named) == 2 and not begin else ("", "")
        if not hmac.compare_digest(token.encode(errors="replace"), self.server.token.encode()):
            return self._refuse(HTTPStatus.FORBIDDEN)
        names = [unquote(name, errors="surrogateescape") for name in path.split("/")]
        if names[-1] == STATE and len(names) <= 2:
            return self._send_state("/".join(names[:-1]))
        if names == [""]:
            names = ["index.html"]
        if (page := page_of(names, self.server.files, self.server.board)) is not None:
            return self._send_page(page)
        return self._send_file(names)

    def _send_state(self, folder: str) -> None:
        if folder and not is_name(folder):
            return self._refuse(HTTPStatus.NOT_FOUND)
        shown = self.server.board.shown(folder)
        names = [folder, self.server.board.kind.page] if folder else ["index.html"]
        page = page_of(names, self.server.files, self.server.board)
        return self._send(json.dumps({**shown, "page": page.version if page else ""}).encode(), TYPES[".json"])

    def _send_page(self, page: Page) -> None:
        self._send(page.text.encode(), TYPES[".html"])

    def _send(self, body: bytes, kind: str) -> None:
        policy = PAGE_POLICY if kind == TYPES[".html"] else POLICY
        self._begin(HTTPStatus.OK, kind, len(body), "no-store", **{"Content-Security-Policy": policy})
        if self.command == "GET":
            self.wfile.write(body)

    def _send_file(self, names: list[str]) -> None:
        file = self.server.files.open(names)
        if file is None:
            return self._refuse(HTTPStatus.NOT_FOUND)
        with file:
            status = os.fstat(file.fileno())
            # not the ctime, which changes with the names that the file has
            tag = f'"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"'
            kind = TYPES.get(Path(names[-1]).suffix, "application/octet-stream")
            if self.headers.get("If-None-Match") == tag:
                return self._begin(HTTPStatus.NOT_MODIFIED, kind, None, "no-cache", ETag=tag)
            start, end, asked = 0, status.st_size, self.headers.get("Range")
            if asked is None or self.headers.get("If-Range", tag) != tag or not (found := RANGE.fullmatch(asked)):
                self._begin(HTTPStatus.OK, kind, end, "no-cache", ETag=tag, **{"Accept-Ranges": "bytes"})
            else:
                start, end = _part(found[1], found[2], status.st_size)
                if start >= end:
                    unmet = {"Content-Range": f"bytes */{status.st_size}"}
                    return self._begin(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, kind, 0, "no-store", **unmet)
                more = {"Accept-Ranges": "bytes", "Content-Range": f"bytes {start}-{end - 1}/{status.st_size}"}
                self._begin(HTTPStatus.PARTIAL_CONTENT, kind, end - start, "no-cache", ETag=tag, **more)
            if self.command == "GET" and start < end:
                # a file that has become shorter is not all that was promised, which only an end can say
                self.close_connection |= self.connection.sendfile(file, start, end - start) < end - start
        return None

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        body = f"{status.value} {status.phrase}\n".encode()
        self._begin(status, TYPES[".txt"], len(body), "no-store")
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, status: HTTPStatus, kind: str, length: int | None, caching: str, **more: str) -> None:
        self.send_response(status)
        if length is not None:
            more |= {"Content-Type": kind, "Content-Length": str(length)}
        more = {
            "Cache-Control": caching,
            "Content-Security-Policy": POLICY,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **more,
        }
        if self.close_connection:
            more["Connection"] = "close"
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()


def _part(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the start and the end of a part of a file, no longer than ``PART_BYTES``; the same where there is none."""
    if not first:
        start, end = (max(0, size - int(last)), size) if last else (size, size)
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    return start, min(end, start + PART_BYTES)
