"""Names of delivered files: fields joined by underscores, legal on every file system, known before anything is built.

The form is that of the Recording Academy's Producers & Engineers Wing ('Recommendation for Delivery of Recorded
Music Projects', AES TD1002): CamelCase fields, the sample rate and the bit depth: ``Demo_Bass_48k_24b.wav``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

NAME_BYTES = 255
FIELD_BYTES = 100  # two fields, the format and an ending stay below NAME_BYTES
SHORT_FIELD_BYTES = 60
"""Of three fields."""
BITS = {"PCM_16": "16", "PCM_24": "24", "FLOAT": "32"}

_RESERVED_CHARACTERS = re.compile(r'[<>:"/\\|?*]')
NO_CHARACTERS = "\ufffe\uffff"  # which XML cannot hold
_JOINERS = "\u200c\u200d"  # spelling in Persian and Indic scripts, and in emoji
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    port + digit for port in ("COM", "LPT") for digit in "0123456789¹²³"
}


def archive_name(params: dict[str, Any]) -> str:
    """Return the archive's file name without a folder: ``Demo_48k_24bit.zip``, of a delivery ``Demo_Game_44.1k.zip``.

    ``params`` has ``song``, ``sample_rate`` in Hz, ``subtype`` and, unless absent or None, ``title``; ``delivery``
    where it is one of several.
    """
    return folder_name(params) + ".zip"


def folder_name(params: dict[str, Any]) -> str:
    """Return the name of the one folder inside the archive, which is the archive's without its ending."""
    rate = rate_label(params["sample_rate"])
    if "delivery" in params:
        return f"{song_field(params)}_{field(params['delivery']['name'], 'Delivery')}_{rate}"
    float_or_not = "float" if params["subtype"] == "FLOAT" else "bit"
    return f"{song_field(params)}_{rate}_{BITS[params['subtype']]}{float_or_not}"


def song_field(params: dict[str, Any]) -> str:
    """Return the field that starts the name of the archive and of each file in it."""
    return field(params.get("title") or params["song"], "Song")


def file_names(params: dict[str, Any]) -> dict[str, str]:
    """Return the name of each file by what it is, ``stems/NAME``, ``mix``, ``master`` or ``previews``, in their order.

    ``params`` is what ``archive_name`` takes, with ``stems``: ``{NAME: {"title": str or None}}``. Stems are in the
    order of their names, those of a delivery in that of the spec. No two names are the same, also where upper and
    lower case are.
    """
    delivery = params.get("delivery") or _the_songs(params)
    titles = (field(params["stems"][name].get("title") or name, "Stem") for name in delivery["order"])
    # they take their words first, in whatever order they stand
    reserved = ["master", *(part for part in ("mix", "previews") if part in delivery["parts"])]
    fields = distinct([*(part.capitalize().removesuffix("s") for part in reserved), *titles])
    of_stems = [f"stems/{name}" for name in delivery["order"]]
    word = dict(zip([*reserved, *of_stems], fields, strict=True))
    words = {role: word[role] for role in (*of_stems, "mix", "master", "previews") if _part(role) in delivery["parts"]}
    places = max(2, len(str(len(words))))
    # what is left of a name without some fields may be the same for two files
    names = distinct(
        "_".join([*([f"{place:0{places}}"] if delivery["numbers"] else []), *_fields(params, delivery, role, word)])
        for place, (role, word) in enumerate(words.items(), 1)
    )
    return {role: f"{name}.{delivery['parts'][_part(role)]['ending']}" for role, name in zip(words, names, strict=True)}


def _the_songs(params: dict[str, Any]) -> dict[str, Any]:
    """Return what the one archive of a song is that has no deliveries."""
    part = {"ending": "wav", "subtype": params["subtype"]}
    parts = {"stems": part, "master": part}
    return {
        "order": sorted(params["stems"]),
        "parts": parts,
        "fields": ["song", "part", "rate", "bits"],
        "numbers": False,
    }


def _part(role: str) -> str:
    return role.partition("/")[0]


def _fields(params: dict[str, Any], delivery: dict[str, Any], role: str, word: str) -> Iterator[str]:
    """Yield the fields of a file's name that have something to say."""
    bpm, part = delivery.get("bpm"), delivery["parts"][_part(role)]
    most = FIELD_BYTES if "delivery" not in delivery["fields"] else SHORT_FIELD_BYTES
    said = {
        "song": _cut(song_field(params), most),
        "delivery": _cut(field(delivery.get("name", ""), "Delivery"), most),
        "part": _cut(word, most),
        "bpm": "" if bpm is None else f"{bpm:g}bpm",
        "key": field(delivery.get("key") or "", "-").strip("-"),
        "rate": rate_label(part.get("sample_rate") or params["sample_rate"]),
        "bits": file_depth(part["subtype"]) if part["subtype"] in BITS else "",
    }
    yield from (said[name] for name in delivery["fields"] if said[name])


def file_depth(subtype: str) -> str:
    """Return the bits of a subtype: ``24b``, and ``32f`` for float."""
    return BITS[subtype] + ("f" if subtype == "FLOAT" else "b")


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
    wanted = {same_name(part) for part in fields}
    taken: set[str] = set()
    found = []
    for part in fields:
        name, number = part, 1
        while same_name(name) in taken or (number > 1 and same_name(name) in wanted):
            number += 1
            name = f"{part}{number}"
        taken.add(same_name(name))
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


def _cut(text: str, most: int = FIELD_BYTES) -> str:
    """Return as much of the text as fits ``most`` bytes, not parting a letter from its marks."""
    if len(text.encode()) <= most:
        return text
    end = len(text.encode()[:most].decode(errors="ignore"))
    whole = end
    while whole and (unicodedata.category(text[whole])[0] == "M" or text[whole] in _JOINERS):
        whole -= 1
    return text[: whole or end]


def same_name(text: str) -> str:
    """Return what two names share that some file system takes for one."""
    return unicodedata.normalize("NFKC", text.upper().casefold())
