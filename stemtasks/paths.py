"""Where things lie in a project, relative to its ``dodo.py``."""

from pathlib import Path

SPEC = Path("spec")
BUILD = Path("build")
STATE = BUILD / ".stemtasks"
LAST_BUILDS = STATE / "builds"
"""A page a song, of what its last build changed: it tells of one build, so it is state and no product."""
DRAFTS = BUILD / "draft"
"""A tree of its own: its records, its note, its lock and its store know nothing of the real build's."""
STATE_OF_DRAFTS = DRAFTS / STATE.name
DRAFT_PREFIX = "draft-"
"""How a draft's tasks and files are called, so that a name says it wherever it stands."""
STAGES_OF_DRAFTS = frozenset(
    ("reference", "timing", "stem", "align", "process", "match", "place", "group", "mix", "premaster", "master")
)
"""What is needed to listen; nothing that is delivered."""

LISTENING = BUILD / "listening"
"""Mixes of some stems alone, or without some: beside the real ones, and left alone by builds of these."""
LISTENING_PREFIX = "listening-"
NOT_SONGS = (DRAFTS.name, LISTENING.name)
"""What no song may be called."""


def within(path: Path, tree: Path) -> tuple[str, ...]:
    """Return the parts of a product's path inside a tree, ``SONG`` first; none of what is no product of that tree."""
    parts, begin = path.parts, tree.parts
    inside = parts[len(begin) :] if parts[: len(begin)] == begin else ()
    is_other = inside[:1] == (STATE.name,) or (tree == BUILD and inside[:1] and inside[0] in NOT_SONGS)
    return () if is_other or ".." in inside else inside
