"""The scripts ``doit`` and ``stemtasks``: from the first instant on Ctrl-C is a line, and a closed output is no error.

The scripts themselves (``stemtasks/scripts``) look after Ctrl-C until this is imported. What then stops a build, and
says so, is ``signals.py``; a dodo file that is not of this package is doit's own to stop.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn


def doit() -> NoReturn:
    """Run doit's own command."""
    _run(_doit)


def stemtasks() -> NoReturn:
    """Run the command of this package."""
    _run(_stemtasks)


def _doit() -> object:
    from doit.__main__ import main  # noqa: PLC0415

    return main()


def _stemtasks() -> object:
    from stemtasks.cli import main  # noqa: PLC0415

    return main()


def _run(command: Callable[[], object]) -> NoReturn:
    try:
        open_what_is_closed()
        import signal  # noqa: PLC0415

        # an exception may be turned into another one, or be swallowed, by what is being imported
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _stop)
        sys.exit(command())  # type: ignore[arg-type]  # doit ends by itself, ours returns a number
    except KeyboardInterrupt:
        _stop()
    except OSError as error:  # of 'doit --help', all else says it itself
        import errno  # noqa: PLC0415

        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        if error.errno == errno.ENOSPC:
            os.write(2, b"what there is to say cannot be written (No space left on device)\n")
        os._exit(int(error.errno == errno.ENOSPC))


def _stop(number: int = 2, frame: FrameType | None = None) -> NoReturn:  # noqa: ARG001 - a signal handler's form
    os.write(2, b"stopped before anything was done: run it again\n")
    os._exit(128 + number)


def leave_stopping_to_doit() -> None:
    """Let Ctrl-C be the exception that it is to any program, if nothing else has been said of it since the start."""
    import signal  # noqa: PLC0415

    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def open_what_is_closed() -> None:
    """Give what is read and printed a place where the shell gave it none ('doit >&-'): no file may get its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for as long as this process
