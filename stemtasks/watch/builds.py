"""A build in a process of its own, and how it is ended when a newer save makes it pointless."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time

from stemtasks import seen
from stemtasks.commands.signals import SIGNALS
from stemtasks.watch.board import Board
from stemtasks.watch.following import Followed

END_S = 10.0
"""A build that was asked to end has ended by then, or is killed: what it finished is right in any case."""
READ_BYTES = 1 << 16


class Build:
    """One build, from its start to its end; what it tells goes to the board and to what is followed."""

    def __init__(self, board: Board, followed: Followed) -> None:
        self._board, self._followed = board, followed
        self._rest, self._said = b"", ""
        reads, writes = os.pipe()
        board.begin()
        followed.begin()
        # the build takes signals from when it can end in order; ours wait until it can be ended
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stemtasks.watch.building", str(writes), *board.kind.variables],
                stdin=subprocess.DEVNULL,
                pass_fds=(writes,),
                process_group=0,  # Ctrl-C is for us, and once for it
            )
            self._reads: int | None = reads
        finally:
            os.close(writes)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def follow(self, seconds: float) -> bool:
        """Take in what the build tells in this time; return whether it is still at work."""
        until = time.monotonic() + seconds
        while self._reads is not None and select.select([self._reads], [], [], max(0.0, until - time.monotonic()))[0]:
            read = os.read(self._reads, READ_BYTES)
            *lines, self._rest = (self._rest + read).split(b"\n")
            for line in lines:
                self._hear(line)
            if not read:
                self._close()
                self._board.end(self._process.wait(), self._said)
        return self._reads is not None

    def stop(self) -> None:
        """End the build; what it has finished stays."""
        if self._reads is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()
        self._board.stopped()

    def _close(self) -> None:
        assert self._reads is not None
        os.close(self._reads)
        self._reads = None

    def _hear(self, line: bytes) -> None:
        told = json.loads(line)
        if "rests_on" in told:
            self._followed.learn({path: at and seen.Stamp(*at) for path, at in told["rests_on"].items()})
        if "broken" in told:
            self._board.loaded(told["broken"])
        if "made" in told:
            self._board.made(told["made"])
        if "failed" in told:
            self._board.failed(told["failed"], told["said"])
        self._said = told.get("ended", self._said)
