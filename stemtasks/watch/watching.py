"""Build on every save, and serve the reports or the drafts, until a signal comes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from stemtasks.commands.signals import SIGNALS
from stemtasks.errors import SpecError
from stemtasks.watch.board import Board
from stemtasks.watch.builds import Build
from stemtasks.watch.following import Followed
from stemtasks.watch.kinds import Kind
from stemtasks.watch.serving import Server


class _EndedError(BaseException):
    """A signal to end came."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def watch(port: int, kind: Kind) -> int:
    """Say the address, build and serve until a signal comes; return the exit code of one that a signal ended."""
    if not Path("dodo.py").is_file():
        raise SpecError(f"{os.getcwd()}: has no dodo.py; run this in a song's folder")
    board = Board(kind)
    server = _server(board, port)
    print(f"{server.address}  open this; Ctrl-C ends it", flush=True)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    try:
        _build_and_build(board)
    except _EndedError as ended:
        server.server_close()
        return ended.code


def _server(board: Board, port: int) -> Server:
    if not 0 <= port <= 65535:
        raise SpecError(f"--port: {port} is not a port, 1 to 65535; leave it out, and a free one is found")
    try:
        return Server(board, port)
    except OSError as error:
        raise SpecError(
            f"--port: {port} cannot be served at ({error.strerror}); leave it out, and a free one is found"
        ) from None


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a signal handler's form
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise _EndedError(number)


def _build_and_build(board: Board) -> NoReturn:
    """Build now, and whenever what the build rests on is saved; end a build that a newer save makes pointless."""
    followed = Followed()
    build = Build(board, followed)
    try:
        while True:
            if not build.follow(followed.rest_s):
                time.sleep(followed.rest_s)
            if followed.changed():
                followed.settle()
                if followed.changed():
                    build.stop()
                    build = Build(board, followed)
    finally:
        build.stop()
        sys.stdout.flush()
