"""S3 servers on loopback, real ones from wheels, and a proxy that spoils what a server answers."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ACCESS = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
BUCKET = "stems"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command_of(name: str) -> str:
    """Return a program that a wheel put beside this Python."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    assert found, f"{name} is missing; pip install -e '.[test]'"
    return found


class Server:
    """An S3 server; it can be stopped and started again on its port with what it had."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (folder / BUCKET).mkdir(parents=True, exist_ok=True)

    def environment(self, port: int | None = None, secret: str = SECRET) -> dict[str, str]:
        """Return what a build needs to use it."""
        return {
            "STEMTASKS_CACHE": f"s3://{BUCKET}/team/one",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> Server:
        address = f"127.0.0.1:{self.port}"
        if self.kind == "rclone":
            command = [
                *(command_of("rclone"), "serve", "s3", "--auth-key", f"{ACCESS},{SECRET}"),
                *("--addr", address, "--config", os.devnull, str(self.folder)),
            ]
        else:
            command = [command_of("moto_server"), "-H", "127.0.0.1", "-p", str(self.port)]
        with open(self.folder.parent / "server.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(3000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                break
            assert self.process.poll() is None, (self.folder.parent / "server.log").read_text()
            time.sleep(0.02)
        if self.kind == "moto":
            with urllib.request.urlopen(
                urllib.request.Request(f"http://{address}/{BUCKET}", method="PUT", data=b"")
            ) as answer:
                assert answer.status == 200
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


Spoil = Callable[[str, str, int, bytes], tuple[int, bytes, int] | None]


class Proxy:
    """A server between a build and an S3 server; ``spoil`` may delay or change what is answered.

    ``spoil(method, path, status, body)`` returns what to answer instead: a status, a body, and the
    length that the header claims; or None for what the server said.
    """

    def __init__(self, port: int, spoil: Spoil) -> None:
        self.spoil = spoil
        self.piece_bytes, self.pause_seconds = 1 << 30, 0.0  # how answers come: a piece, then a pause
        self.requests: list[tuple[str, str]] = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def relay(self) -> None:
                proxy.requests.append((self.command, self.path))
                sent = self.rfile.read(int(self.headers.get("content-length") or 0))
                onward = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                # the signature is over the address that the build knows
                onward.request(self.command, self.path, sent, headers)
                answer = onward.getresponse()
                status, body = answer.status, answer.read()
                length = int(answer.headers.get("content-length") or len(body))
                spoilt = proxy.spoil(self.command, self.path, status, body)
                if spoilt is not None:
                    status, body, length = spoilt
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in answer.headers.items():
                        if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                            self.send_header(name, value)
                    self.send_header("content-length", str(length))
                    self.end_headers()
                    if self.command != "HEAD":
                        for place in range(0, len(body), proxy.piece_bytes):
                            self.wfile.write(body[place : place + proxy.piece_bytes])
                            time.sleep(proxy.pause_seconds)
                    if len(body) < length and self.command != "HEAD":
                        self.close_connection = True
                onward.close()

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = relay  # noqa: N815 - http.server's names

            def log_message(self, *arguments: Any) -> None:
                """Say nothing."""

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments: Any) -> None:
                """Say nothing of clients that went away."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
