"""What needs what, by name: whether anything is made of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def circle_in(names: Iterable[str], needed: Callable[[str], Iterable[str]]) -> list[str]:
    """Return names each of which needs the next, the last being the first again; nothing where there are none."""
    done: set[str] = set()
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
