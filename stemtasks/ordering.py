"""What needs what, by name: whether anything is made of itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def circle_in(names: Iterable[Name], needed: Callable[[Name], Iterable[Name]]) -> list[Name]:
    """Return names each of which needs the next, the last being the first again; nothing where there are none."""
    done: set[Name] = set()
    for start in names:
        way, ahead = [start], [iter(needed(start))]
        while way:
            following = next(ahead[-1], None)
            if following is None:
                done.add(way.pop())
                ahead.pop()
            elif following in way:
                return [*way[way.index(following) :], following]
            elif following not in done:
                way.append(following)
                ahead.append(iter(needed(following)))
    return []
