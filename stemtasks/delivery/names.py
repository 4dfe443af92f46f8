"""Names of delivered files: fields joined by underscores, legal on every file system, known before anything is built.

The form is that of the Recording Academy's Producers & Engineers Wing ('Recommendation for Delivery of Recorded
Music Projects', AES TD1002): CamelCase fields, the sample rate and the bit depth: ``Demo_Bass_48k_24b.wav``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

NAME_BYTES = 255
FIELD_BYTES = 100  # two fields, the format and an ending stay below NAME_BYTES
BITS = {"PCM_16": "16", "PCM_24": "24", "FLOAT": "32"}

_RESERVED_CHARACTERS = re.compile(r'[<>:"/\\|?*]')
NO_CHARACTERS = "\ufffe\uffff"  # which XML cannot hold
_JOINERS = "\u200c\u200d"  # spelling in Persian and Indic scripts, and in emoji
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    port + digit for port in ("COM", "LPT") for digit in "0123456789¹²³"
}


def archive_name(params: dict[str, Any]) -> str:
    """Return the archive's file name without a folder: ``Demo_48k_24bit.zip``.

    ``params`` has ``song``, ``sample_rate`` in Hz, ``subtype`` and, unless absent or None, ``title``.
    """
    return folder_name(params) + ".zip"


def folder_name(params: dict[str, Any]) -> str:
    """Return the name of the one folder inside the archive, which is the archive's without its ending."""
    float_or_not = "float" if params["subtype"] == "FLOAT" else "bit"
    rate = rate_label(params["sample_rate"])
    return f"{song_field(params)}_{rate}_{BITS[params['subtype']]}{float_or_not}"


def song_field(params: dict[str, Any]) -> str:
    """Return the field that starts the name of the archive and of each file in it."""
    return field(params.get("title") or params["song"], "Song")


def file_names(params: dict[str, Any]) -> dict[str | None, str]:
    """Return the name of each stem's file, and under None the master's.

    ``params`` is what ``archive_name`` takes, with ``stems``: ``{NAME: {"title": str or None}}``.
    No two are the same, also where upper and lower case are.
    """
    song = song_field(params)
    depth = BITS[params["subtype"]] + ("f" if params["subtype"] == "FLOAT" else "b")
    ending = f"{rate_label(params['sample_rate'])}_{depth}.wav"
    stems = sorted(params["stems"])
    fields = distinct(["Master", *(field(params["stems"][name].get("title") or name, "Stem") for name in stems)])
    keys: list[str | None] = [None, *stems]
    return {key: f"{song}_{part}_{ending}" for key, part in zip(keys, fields, strict=True)}


def rate_label(sample_rate: int) -> str:
    """Return a sample rate in Hz as it is spoken: 48000 is ``48k``, 44100 ``44.1k``."""
    return str(sample_rate / 1000).removesuffix(".0") + "k"


def field(text: str, fallback: str) -> str:
    """Return text as one field of a name: CamelCase letters of any script in NFC, at most ``FIELD_BYTES`` of UTF-8.

    What separates paths, is reserved on Windows, does not print, or turns the direction of reading is left
    out; so are dots and hyphens at the ends (hidden files, options). ``fallback`` stands for text with
    nothing left. A field of a field is itself.
    """
    kept = _RESERVED_CHARACTERS.sub(" ", text)
    kept = "".join(_printing(character) for character in kept)
    words = _trimmed(kept.replace("_", " ")).split()
    camel = unicodedata.normalize("NFC", "".join(_capital(word[0]) + word[1:] for word in words))
    short = _trimmed(_cut(_trimmed(camel)))
    device, _, rest = short.partition(".")
    if device.upper() in _DEVICES:
        # Windows takes 'con.wav' for the console whatever its ending
        short = f"{device}-{rest}"
    return short or fallback


def one_line(text: str) -> str:
    """Return a text on one line, without what does not print or may not stand in XML (1.0, 2.2)."""
    line = " ".join(text.split())
    return "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cs") and c not in NO_CHARACTERS)


def distinct(fields: Iterable[str]) -> list[str]:
    """Return the fields, the later of two that differ at most in case with a number behind it."""
    fields = list(fields)
    wanted = {_same(part) for part in fields}
    taken: set[str] = set()
    found = []
    for part in fields:
        name, number = part, 1
        while _same(name) in taken or (number > 1 and _same(name) in wanted):
            number += 1
            name = f"{part}{number}"
        taken.add(_same(name))
        found.append(name)
    return found


def _printing(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    left_out = category in ("Cf", "Cs") or character in NO_CHARACTERS
    return "" if left_out and character not in _JOINERS else character


def _capital(character: str) -> str:
    upper = character.upper()
    return upper if len(upper) == 1 else character


def _trimmed(text: str) -> str:
    return text.strip(".- " + _JOINERS)


def _cut(text: str) -> str:
    """Return as much of the text as fits ``FIELD_BYTES``, not parting a letter from its marks."""
    if len(text.encode()) <= FIELD_BYTES:
        return text
    end = len(text.encode()[:FIELD_BYTES].decode(errors="ignore"))
    whole = end
    while whole and (unicodedata.category(text[whole])[0] == "M" or text[whole] in _JOINERS):
        whole -= 1
    return text[: whole or end]


def _same(text: str) -> str:
    """Return what two names share that some file system takes for one."""
    return unicodedata.normalize("NFKC", text.upper().casefold())
