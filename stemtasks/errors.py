"""The mistakes a user can make: each is one line that says where, what was found and what to do."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from types import TracebackType
from typing import Self

MOST_CHARACTERS = 1000
"""Of a mistake's line."""
LONGEST_NAME = 200
"""Of what is looked for among names: a longer one is none of them."""
_NOT_SHOWN = (*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_ESCAPED = {code: chr(code).encode("unicode_escape").decode() for code in _NOT_SHOWN}
"""Control characters, ends of lines and turns of the direction: a file's name may have them, a line may not."""


class StemtasksError(Exception):
    """A mistake outside the code: its text is one line, shown without a traceback."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class SpecError(StemtasksError):
    """A song's TOML file says something that cannot be built; ``mistakes`` are all that were found, a line each."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__(*mistakes)
        self.mistakes = tuple(dict.fromkeys(map(_line, mistakes)))

    def __str__(self) -> str:
        first, *more = self.mistakes
        return f"{first} (and {len(more)} more: 'doit check' says all)" if more else first


class AudioError(StemtasksError):
    """An audio file cannot be read, or is not what it claims to be."""


class CommandError(StemtasksError):
    """An external renderer failed, or left no usable file."""


class VerificationError(StemtasksError):
    """A file was made, measured, and is outside its limits."""


class CacheError(StemtasksError):
    """The store or the records in ``build/`` cannot be used."""


class WorkerError(StemtasksError):
    """The process or machine that ran a job was lost."""


class Mistakes(list[str]):
    """What was found wrong so far: a ``SpecError`` inside ``with mistakes:`` is noted, and what follows is read too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if isinstance(error, SpecError):
            self.extend(error.mistakes)
            return True
        return False

    def settle(self, where: str = "") -> None:
        """Raise one ``SpecError`` of all that was noted, each behind ``where``, if anything was."""
        if self:
            raise SpecError(*(f"{where}{mistake}" for mistake in self))


def one_line(text: str) -> str:
    """Return a text with its control characters escaped, so that it stays one line on a terminal."""
    return text.translate(_ESCAPED)


def _line(text: str) -> str:
    """Return a text on one line that a person may still want to read: names in a spec may be of any length."""
    text = one_line(text)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 200]} ... {text[-195:]}"


class _Shown(reprlib.Repr):
    """What a spec says as a message quotes it: no longer than a line, and not as deep as Python can nest."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 2, 80, 80, 60

    def repr_int(self, x: int, level: int) -> str:
        """Return a whole number; Python refuses to write one of more than 4,300 digits."""
        return super().repr_int(x, level) if abs(x) < 1 << 200 else "a whole number of many digits"


shown = _Shown().repr


def nearest(found: str, known: Iterable[str]) -> str:
    """Return a question whether the nearest of some names was meant, or nothing where none is near."""
    close = difflib.get_close_matches(found[:LONGEST_NAME], list(known), 1)
    return f"; did you mean '{close[0]}'?" if close else ""


def unknown(what: str, found: str, known: Iterable[str]) -> str:
    """Return the phrase for a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    return f"unknown {what} '{found}'; known: {', '.join(names) or 'none'}{nearest(found, names)}"
