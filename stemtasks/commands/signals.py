"""How a build ends when it is asked to: at once, with one line; what was finished is kept."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from stemtasks.progress import process_groups

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def on_signal(doing: Callable[[], str]) -> None:
    """From now on end at a signal to stop, with the line that ``doing`` returns once it has put things in order.

    A signal that the process was started to ignore (``nohup``, a shell's background job) stays ignored.
    """
    owner = os.getpid()

    def stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a signal handler's form
        if os.getpid() == owner:
            _end_what_was_started()
            _say(doing())
        # not sys.exit: a stage in another thread would be waited for
        os._exit(128 + number)

    with contextlib.suppress(ValueError):  # not in the main thread
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, stop)


def _end_what_was_started() -> None:
    """Kill external programs; worker processes see the build end, and end with what they have started."""
    for group in list(process_groups):
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


def _say(line: str) -> None:
    # the signal may have come in the middle of a print, whose buffer then refuses another
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode())
