"""A chain of effects as a job has it: parameters, the files that they read, and the parts that are called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stemtasks.automation import Automation
from stemtasks.spec import schema
from stemtasks.spec.automating import automations, scale_of
from stemtasks.spec.outside import outside
from stemtasks.spec.song import Named, Song

BUS = "stemtasks.audio.bus:through_effects"
"""A part, so that effects are in the keys of those mixes alone that have some."""


@dataclass
class Chain:
    """What a chain adds to a job."""

    effects: list[dict[str, Any]] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    mistake: str = ""

    @property
    def mistakes(self) -> dict[str, str]:
        """Return the parameter of a job that fails with its mistake, if there is one."""
        return {"mistake": self.mistake} if self.mistake else {}


def chain(song: Song, effects: tuple[Named, ...], role: str, *names: str) -> Chain:
    """Return effects as a job has them; ``names`` are what their seeds are drawn from.

    A file that an effect reads is an input with the role ``ROLE/INDEX/PARAMETER``.
    """
    made = Chain()
    for index, effect in enumerate(effects):
        found = outside(song, schema.of("effects", effect.name), effect.arguments)
        made.mistake = made.mistake or found.mistake
        made.inputs |= {f"{role}/{index}/{each}": path for each, path in found.inputs.items()}
        made.parts[f"effects/{effect.name}"] = effect.reference
        changing = automations(effect)
        made.effects.append(
            {
                "effect": effect.name,
                "arguments": {name: value for name, value in found.arguments.items() if name not in changing},
                "seed": song.seed(*names, str(index)) if "seed" in effect.wants else None,
                **({"automated": _scaled(effect, changing)} if changing else {}),
            }
        )
    return made


def _scaled(effect: Named, changing: dict[str, Automation]) -> dict[str, Automation]:
    """Return automations that say how what they change is heard."""
    known = schema.of("effects", effect.name).by_name
    return {name: {**each, "scale": scale_of(known[name])} for name, each in changing.items()}
