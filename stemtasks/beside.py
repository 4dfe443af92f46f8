"""Work in a second thread beside the caller's: numpy, libsndfile and hashes run there at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def beside(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Start ``work`` in a thread and give a function that waits for what it returns, or raises what it raised.

    The block ends after the thread has, however it ends. The thread does not see the caller's context variables.
    """
    with ThreadPoolExecutor(1, "beside") as thread:
        yield thread.submit(work).result
