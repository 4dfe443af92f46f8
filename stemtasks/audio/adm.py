"""The speakers that the ``chna`` chunk of a BW64, RF64 or WAV names (ITU-R BS.2088, section 8).

For each track it refers to a format of the Audio Definition Model (BS.2076), whose common definitions (BS.2094) are
the same in all files: ``AT_0001yyyy_01`` is the speaker of ``AC_0001yyyy``. A file's own definitions, in ``axml``,
are not read.
"""

from __future__ import annotations

DIRECT_SPEAKERS, BINAURAL = b"0001", b"0005"
_KINDS = {b"0002": "a matrix", b"0003": "made of objects", b"0004": "ambisonic"}
FIRST_OWN = 0x1000
_FIRST = ("L", "R", "C", "LFE", "Ls", "Rs", "Lc", "Rc", "Cs", "Ls", "Rs", "Tc", "Tfl", "Tfc", "Tfr")
_SPEAKERS = dict(enumerate(_FIRST, 1)) | {0x18: "Lw", 0x19: "Rw", 0x1C: "Lb", 0x1D: "Rb", 0x20: "LFE", 0x21: "LFE"}
"""By the number of a common definition: sides (M+090) are Ls and Rs, M+135 is Lb; others have no rule."""


def named_by_chna(chunk: bytes, channels: int, is_declared: bool) -> tuple[tuple[str, ...] | None, str | None]:
    """Return the speaker of each channel, or what its channels are instead; (None, None) where it does not say.

    Channels of the file's own definition are unknown, if nothing else declares them and they are more than two.
    """
    found: dict[int, set[bytes]] = {}
    for at in range(4, len(chunk) - 39, 40):
        track = int.from_bytes(chunk[at : at + 2], "little")
        if track:
            found.setdefault(track, set()).add(chunk[at + 14 : at + 28])
    if not found:
        return None, None
    for reference in set().union(*found.values()):
        if reference[3:7] in _KINDS:
            kind = _KINDS[reference[3:7]]
            return None, f"is {kind} by its chna chunk, its channels are no speakers: render it to stereo"
    speakers = [_speaker(found.get(track, set())) for track in range(1, channels + 1)]
    if all(speakers):
        return tuple(speakers), None
    if channels == 2 or is_declared:
        return None, None
    unknown = next(track for track, speaker in enumerate(speakers, 1) if not speaker)
    return None, f"names no common speaker for channel {unknown} in its chna chunk: mix it to stereo"


def _speaker(references: set[bytes]) -> str:
    """Return the speaker that all references of a track name, or nothing."""
    names = {_named(reference) for reference in references}
    return names.pop() if len(names) == 1 else ""


def _named(reference: bytes) -> str:
    try:
        kind, number = reference[3:7], int(reference[7:11], 16)
    except ValueError:
        return ""
    if kind == BINAURAL and number in (1, 2):
        return "LR"[number - 1]
    if kind != DIRECT_SPEAKERS or not 0 < number < FIRST_OWN:
        return ""
    return _SPEAKERS.get(number, f"AC_0001{number:04x}")
