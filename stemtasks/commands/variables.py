"""Variables on doit's command line (``doit draft=true``): what a build is, and so which tree it is of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doit import doit_cmd
from doit.exceptions import InvalidCommand

from stemtasks.paths import DRAFT_PREFIX, STAGES_OF_DRAFTS, STATE, STATE_OF_DRAFTS

if TYPE_CHECKING:
    from stemtasks.action.listening import Heard

DRAFT, SOLO, MUTE = "draft", "solo", "mute"
SAID = {"true": True, "false": False}


def given() -> dict[str, str]:
    """Return all variables by name; none where doit was not called from a command line."""
    return dict(doit_cmd._CMDLINE_VARS or {})


def are_known() -> bool:
    """Return whether nothing was said that only ``dodo.py`` may understand."""
    return all(name == DRAFT and value in SAID for name, value in given().items())


def heard() -> Heard | None:
    """Return what is to be listened to alone, or without; None where a whole mix is asked for."""
    from stemtasks.action.listening import Heard  # noqa: PLC0415 - not in a build with nothing to do

    names = {
        variable: [each for part in given().get(variable, "").split(",") if (each := part.strip())]
        for variable in (SOLO, MUTE)
    }
    if not any(names.values()):
        return None
    if is_draft():
        raise InvalidCommand(f"{DRAFT}=true with {SOLO} or {MUTE}: a draft is of the whole song; leave one out")
    return Heard(names[SOLO], names[MUTE])


def is_draft() -> bool:
    """Return whether a draft is asked for; raises doit's ``InvalidCommand`` for what is neither yes nor no."""
    value = given().get(DRAFT, "false")
    if value not in SAID:
        raise InvalidCommand(f"{DRAFT}={value}: is neither {DRAFT}=true nor {DRAFT}=false; write one of them")
    return SAID[value]


def state() -> Path:
    """Return where the state of the tree lies that is asked for."""
    return STATE_OF_DRAFTS if is_draft() else STATE


def called(stage: str) -> str:
    """Return what the tasks of a stage are called in the build that is asked for."""
    return f"{DRAFT_PREFIX}{stage}" if is_draft() else stage


def has(stage: str) -> bool:
    """Return whether the build that is asked for has a stage."""
    return not is_draft() or stage in STAGES_OF_DRAFTS


def said() -> str:
    """Return how a line begins that names no task, so that every line of a draft says what it is."""
    return "draft: " if is_draft() else ""
