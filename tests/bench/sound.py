"""Benchmark of the sound against peers: ``python -m tests.bench.sound [PART ...]`` prints a table a part.

A part is a function of ``PARTS`` that prints its rows; without names all parts run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.bench import alignment, dynamics, limiters, meters, rooms

PARTS: dict[str, Callable[[], None]] = {
    "alignment": alignment.table,
    "dynamics": dynamics.table,
    "limiters": limiters.table,
    "meters": meters.table,
    "rooms": rooms.table,
}


def main(names: list[str]) -> None:
    """Print the tables of the parts named, or of all."""
    for name in names or PARTS:
        print(f"\n## {name}\n")
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
