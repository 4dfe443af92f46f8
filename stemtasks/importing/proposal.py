"""What is proposed for a song: its table, its reference, and each stem with what was found, chosen, and not sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemtasks.audio.facts import Facts
from stemtasks.audio.surveying import Survey
from stemtasks.importing.session import Clip
from stemtasks.importing.words import Said
from stemtasks.spec.tables import StemKind

Tell = Callable[[str, int, int], None]
"""Called with what is being done, how many of it are done, and how many there are."""


@dataclass(frozen=True)
class Value:
    """What the spec says, why, and whether it is only a comment, to be taken where it is right."""

    value: Any
    why: str = ""
    is_sure: bool = True


@dataclass
class Recording:
    """A recording of the folder, and what becomes of it."""

    path: str
    name: str
    title: str
    said: Said
    survey: Survey
    stated_bpm: float | None = None
    offset_s: float = 0.0
    """How much later than the song it begins, by its start stamp."""
    kind: Value | None = None
    bpm: Value | None = None
    start: Value | None = None
    align: Value = field(default_factory=lambda: Value("auto"))
    verify: dict[str, Value] = field(default_factory=dict)
    clips: list[Clip] = field(default_factory=list)
    """What of recordings lies where, of a session's track; of a whole recording none."""
    gain_db: float = 0.0
    pan: float = 0.0
    notes: list[str] = field(default_factory=list)
    """What is not taken over."""
    facts: Facts = field(init=False)
    """What it measures as a stem of this song."""

    def __post_init__(self) -> None:
        self.facts = self.survey.facts

    @property
    def own_bpm(self) -> float | None:
        """Return its own tempo, where that is sure."""
        return self.bpm.value if self.bpm is not None and self.bpm.is_sure else None

    @property
    def own_kind(self) -> StemKind | None:
        """Return its kind, where that is sure."""
        return self.kind.value if self.kind is not None and self.kind.is_sure else None

    @property
    def seconds(self) -> float:
        """Return how long it is."""
        return self.survey.seconds

    @property
    def group(self) -> str | None:
        """Return what stems it is grouped with: those of whose kind its name leaves no doubt."""
        return self.said.group


@dataclass
class Group:
    """Stems that are one kind of instrument; a gain where they would be above full scale, which the mix gives back."""

    name: str
    stems: list[str]
    gain_db: Value | None = None
    verify: dict[str, Value] = field(default_factory=dict)


@dataclass
class Proposal:
    """A song as it is proposed."""

    name: str
    title: str
    folder: Path
    stems: list[Recording]
    left_out: dict[str, str] = field(default_factory=dict)
    sample_rate: Value = field(default_factory=lambda: Value(48_000))
    subtype: Value = field(default_factory=lambda: Value("PCM_24"))
    bpm: Value | None = None
    key: Value | None = None
    reference: Recording | None = None
    recognised: str = ""
    """How the reference was recognised."""
    frames: int = 0
    """Of the target."""
    duration: Value | None = None
    tail_seconds: Value | None = None
    loudness_lufs: Value = field(default_factory=lambda: Value(-14.0))
    verify: dict[str, Value] = field(default_factory=dict)
    artist: str = ""
    time_signature: str = "4/4"
    mix_gain_db: float = 0.0
    sections: list[dict[str, Any]] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is not taken over of a session."""

    @property
    def seconds(self) -> float:
        """Return how long the target is."""
        return float(self.frames / self.sample_rate.value)

    @property
    def known_bpm(self) -> float | None:
        """Return the tempo, where it is sure."""
        return self.bpm.value if self.bpm is not None and self.bpm.is_sure else None
