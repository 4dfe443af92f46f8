"""What the name of a recording says: what plays, its tempo and key, and whether it is a mix of all others."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from stemtasks.music.pitch import parse_key

GROUPS: dict[str, tuple[str, str]] = {
    "drums": (
        "drums",
        (
            "kick kik bd bassdrum snare snr sd rim rimshot hat hats hihat hh hihats chh ohh oh ohs ohl ohr "
            "ovh overhead overheads room rooms tom toms rack floor cymbal cymbals crash ride splash china "
            "clap claps snap snaps drum drums drumkit kit beat beats break breaks breakbeat perc percs "
            "percussion conga congas bongo bongos shaker shakers tamb tambo tambourine cowbell triangle "
            "timbale timbales cajon tabla djembe amen"
        ),
    ),
    "bass": ("bass", "bass bs basses bas sub subbass 808 upright contrabass"),
    "guitars": ("melodic", "gtr gtrs gt guitar guitars guit git agtr egtr acgtr elgtr strat tele banjo ukulele uke"),
    "keys": (
        "melodic",
        (
            "keys key keyboard keyboards piano pianos pno epiano ep rhodes wurli wurlitzer organ hammond "
            "clav clavinet harpsichord"
        ),
    ),
    "synths": ("melodic", "synth synths syn arp arps arpeggio pluck plucks stab stabs seq sequence saw lead leads"),
    "pads": ("pad", "pad pads drone drones atmo atmos ambience"),
    "strings": ("melodic", "strings string str violin violins vln viola violas vla cello cellos celli orch orchestra"),
    "winds": (
        "melodic",
        ("brass horn horns trumpet trumpets tpt trombone trombones sax saxophone flute clarinet bassoon woodwinds"),
    ),
    "vocals": (
        "vocal",
        (
            "vox vocal vocals voc vocs voice voices vx bv bvs bgv bgvs lv ldvox ldvx leadvox choir choirs "
            "adlib adlibs harmony harmonies harm backing backings rap singer"
        ),
    ),
    "fx": ("fx", "fx sfx efx riser risers sweep sweeps impact impacts whoosh downlifter uplifter noise foley"),
}
"""What stems are grouped by: their kind in the spec, and the words that say it."""
KIND_OF = {group: kind for group, (kind, _) in GROUPS.items()}
_GROUP_OF = {word: group for group, (_, words) in GROUPS.items() for word in words.split()}
_WEAK = frozenset(
    (
        "key",
        "lead",
        "leads",
        "backing",
        "harmony",
        "harmonies",
        "room",
        "rooms",
        "sub",
        "string",
        "oh",
        "sd",
        "str",
        "ep",
        "gt",
        "noise",
        "beat",
        "break",
    )
)
"""What another word of the name outdoes: a lead vocal is a vocal, a room of a guitar a guitar."""
_BEGINS, _ENDS = 4, 5
"""From so many letters a word counts where a longer one begins or ends with it: 'kickin', 'leadvocal', not 'track'."""

MIXES = ("rough", "mix", "mixdown", "bounce", "premaster", "ref", "reference", "master", "2mix", "stereomix", "mixes")
"""What a mix of all stems is called, the best to compare a mix with first."""
_NUMBER = r"[0-9]{2,3}(?:[.,][0-9]{1,2})?"
_BPM = re.compile(rf"(?<![0-9.])({_NUMBER})[\s_-]?bpm|bpm[\s_-]?({_NUMBER})(?![0-9])", re.IGNORECASE)
_BPM_RANGE = 40.0, 300.0
_KEY = re.compile(
    r"(?:^|[\s_(\[.-])([A-G])(#|b|♯|♭|sharp|flat)?[\s_-]?(major|minor|maj|min|m)(?=$|[\s_)\].-])", re.ASCII
)
_ACCIDENTALS = {"♯": "#", "♭": "b", "sharp": "#", "flat": "b", None: ""}
_PIECES = re.compile(r"(?<=[a-zà-ÿ])(?=[A-Z])|(?<=[A-Z][A-Z])(?=[A-Z][a-z][a-z])|[\W_]+")
_ENDING_NUMBER = re.compile(r"(?<=[^\W\d_])[0-9]+$")


@dataclass(frozen=True)
class Said:
    """What a name says: a group and the word for it, how a mix is called, tempo and key; None where nothing."""

    group: str | None = None
    word: str = ""
    mix: str | None = None
    bpm: float | None = None
    key: str | None = None

    @property
    def kind(self) -> str | None:
        """Return the kind in the spec."""
        return KIND_OF[self.group] if self.group else None


def said_by(name: str, folder: str = "") -> Said:
    """Return what a name without its ending says; the folder's is asked only where that says no kind.

    >>> said_by("03 LeadVox_dbl").group, said_by("loop 92bpm Am").bpm, said_by("loop 92bpm Am").key
    ('vocals', 92.0, 'A minor')
    """
    words = _words(name)
    group, word = _group(words)
    mix = next((each for each in MIXES if each in words), None) if group is None else None
    if group is None and mix is None and folder:
        group, word = _group(_words(folder))
    return Said(group, word, mix, _bpm(name), _key(name))


def pieces(name: str) -> list[str]:
    """Return the words of a name as they are written: 'KickIn 01_b' is Kick, In, 01 and b."""
    return [piece for piece in _PIECES.split(unicodedata.normalize("NFC", name)) if piece]


def _words(name: str) -> list[str]:
    found = [piece.casefold() for piece in pieces(name)]
    return [
        *found,
        *(_ENDING_NUMBER.sub("", word) for word in found),
        *map("".join, pairwise(found)),
    ]


def _group(words: list[str]) -> tuple[str | None, str]:
    known = [word for word in words if word in _GROUP_OF]
    if not known:
        known = [inside for word in words if (inside := _inside(word))]
    if not known:
        return None, ""
    # 'bass drum' is a drum and 'drum bass' is none of both: the last word says what it is, unless it is a weak one
    strong = [word for word in known if word not in _WEAK] or known
    word = "bassdrum" if "bassdrum" in known else strong[-1]
    return _GROUP_OF[word], word


def _inside(word: str) -> str:
    """Return the longest known word that a longer one begins with, or ends with where that is long; or nothing."""
    known = [each for each in _GROUP_OF if len(each) >= _BEGINS and each not in _WEAK]
    found = [each for each in known if word.startswith(each) or (len(each) >= _ENDS and word.endswith(each))]
    return max(found, key=len, default="")


def _bpm(name: str) -> float | None:
    found = _BPM.search(name)
    if found is None:
        return None
    bpm = float((found[1] or found[2]).replace(",", "."))
    return bpm if _BPM_RANGE[0] <= bpm <= _BPM_RANGE[1] else None


def _key(name: str) -> str | None:
    found = _KEY.search(name)
    if found is None:
        return None
    key = f"{found[1]}{_ACCIDENTALS.get(found[2], found[2])} {'major' if found[3].startswith('maj') else 'minor'}"
    parse_key(key)
    return key
