"""A mix to listen to: some stems alone (solo), or without some (mute), beside the real mix and untouched by it.

Every stem is the real one. A group that is heard in part is summed anew, of what is heard of it; one that only sends
feed is heard with what is sent by what is heard. Side-chains follow what they follow in the real mix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stemtasks.action.pipeline import jobs_of
from stemtasks.errors import SpecError
from stemtasks.job import Job
from stemtasks.paths import LISTENING, LISTENING_PREFIX

if TYPE_CHECKING:
    from stemtasks.spec.groups import Group
    from stemtasks.spec.song import Song


@dataclass(frozen=True)
class Heard:
    """What a listener asked for: the names of stems and groups that sound alone, and of those that do not."""

    solo: Sequence[str] = ()
    mute: Sequence[str] = ()

    def unknown(self, song: Song) -> list[str]:
        """Return the names that a song has not."""
        names = {strip.name for strip in song.strips}
        return [name for name in (*self.solo, *self.mute) if name not in names]


def listening_jobs(song: Song, heard: Heard) -> Iterator[Job]:
    """Yield the jobs of the groups that are heard in part, and of the mix; raises ``SpecError`` where all is silent."""
    yield from _Listening(song, heard).jobs()


class _Listening:
    def __init__(self, song: Song, heard: Heard) -> None:
        self.song, self.heard = song, heard
        self.real = {job.task: job for stage in ("group", "mix") for job in jobs_of(stage, song)}
        self.made: dict[str, Job | None] = {}
        """The jobs of groups that are summed anew; None for one of which nothing is heard."""

    def jobs(self) -> Iterator[Job]:
        for group in self.song.groups:
            self._group(group)
        yield from (job for job in self.made.values() if job is not None)
        yield self._mix()

    def _group(self, group: Group) -> None:
        if group.name in self.made:
            return
        for inner in self.song.groups:
            if inner.name in group.table.stems:
                self._group(inner)
        job = self.real[f"group:{self.song.called(group.name)}"]
        summed: list[Any] = []
        inputs = {role: path for role, path in job.inputs.items() if not role.startswith("sum/")}
        for place, each in enumerate(job.params["summed"]):
            sends_alone = "send" in each and group.name in self.heard.solo
            if sends_alone or self._sounds(each["of"]):
                inputs[f"sum/{len(summed)}"] = self._path(each["of"], job.inputs[f"sum/{place}"])
                summed.append(each)
        if not summed or self._is_muted(group.name):
            self.made[group.name] = None
        elif summed != job.params["summed"] or set(inputs.values()) != set(job.inputs.values()):
            self.made[group.name] = self._placed(job, {**job.params, "summed": summed}, inputs)

    def _mix(self) -> Job:
        job = self.real[f"mix:{self.song.name}"]
        names = [strip.name for strip in self.song.mixed if self._sounds(strip.name)]
        if not names:
            said = ", ".join([*(f"solo={name}" for name in self.heard.solo), *(f"mute={n}" for n in self.heard.mute)])
            raise SpecError(f"{said}: nothing is heard")
        inputs = {role: path for role, path in job.inputs.items() if not role.startswith("stems/")}
        inputs |= {f"stems/{name}": self._path(name, job.inputs[f"stems/{name}"]) for name in names}
        gains = {name: gain for name, gain in job.params["gains_db"].items() if name in names}
        return self._placed(job, {**job.params, "gains_db": gains}, inputs)

    def _path(self, name: str, path: str) -> str:
        """Return where a group lies that is summed anew; what else is heard lies where it does."""
        made = self.made.get(name)
        return path if made is None else made.outputs["audio"]

    def _placed(self, job: Job, params: dict[str, Any], inputs: dict[str, str]) -> Job:
        """Return a job in the place of what is listened to; how soft it may be nobody asks."""
        real, own = self.song.product(), "/".join((*LISTENING.parts, self.song.name))
        outputs = {role: own + path.removeprefix(real) for role, path in job.outputs.items()}
        limits = {**job.limits, "silence_dbfs": -200.0}
        task = f"{LISTENING_PREFIX}{job.task}"
        return replace(job, task=task, inputs=inputs, outputs=outputs, params=params, limits=limits)

    def _sounds(self, name: str) -> bool:
        """Return whether anything of a stem or a group is heard."""
        if self._is_muted(name) or (name in self.made and self.made[name] is None):
            return False
        if not self.heard.solo or any(each in self.heard.solo for each in self._with_groups(name)):
            return True
        groups = [group for group in self.song.groups if group.name == name]
        return any(self._sounds(each) for group in groups for each in self._fed_by(group))

    def _fed_by(self, group: Group) -> list[str]:
        sent = [strip.name for strip in self.song.strips for send in strip.sends if send.to == group.name]
        return [*group.table.stems, *sent]

    def _is_muted(self, name: str) -> bool:
        return any(each in self.heard.mute for each in self._with_groups(name))

    def _with_groups(self, name: str) -> list[str]:
        names = [name]
        while names[-1] in self.song.within:
            names.append(self.song.within[names[-1]].name)
        return names
