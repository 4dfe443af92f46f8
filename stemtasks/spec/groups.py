"""Groups, and how stems and groups meet: what each sums, what is sent to it, and that nothing is made of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stemtasks.errors import Mistakes, shown
from stemtasks.ordering import circle_in
from stemtasks.positions import Known
from stemtasks.spec import schema
from stemtasks.spec.tables import GroupTable, SendTable, VerifyTable
from stemtasks.units import PartName

if TYPE_CHECKING:
    from stemtasks.spec.song import Named, Song, Stem


@dataclass(frozen=True)
class Group:
    """One group: its table, bound."""

    name: str
    table: GroupTable
    effects: tuple[Named, ...]
    verify: VerifyTable
    sends: tuple[SendTable, ...] = ()
    kind: str | None = None
    """'drums' where all that it sums is drums or effects, which have no notes."""

    @property
    def described(self) -> dict[str, Any]:
        """Return what the spec says of it, as plain data for a reader of what is delivered."""
        return {
            "title": self.table.title or None,
            "kind": self.kind,
            "stems": list(self.table.stems),
            "effects": [{"effect": effect.name, "arguments": effect.arguments} for effect in self.effects],
            "gain_db": self.table.gain_db,
            "pan": self.table.pan,
        }


def sends_of(mistakes: Mistakes, value: dict[str, Any] | list[Any], where: str, known: Known) -> tuple[SendTable, ...]:
    """Return the sends of a stem or a group; what is wrong with one is noted."""
    found = []
    for index, table in enumerate([value] if isinstance(value, dict) else value):
        place = where if isinstance(value, dict) else f"{where}[{index}]"
        with mistakes:
            found.append(SendTable(**schema.bind(schema.of_table(SendTable), table, place, known)))
    return tuple(found)


def check_ways(song: Song, mistakes: Mistakes) -> None:
    """Note what is named and is not there, what is in two groups, and what is made of itself."""
    stems, groups = {stem.name for stem in song.stems}, {group.name: group for group in song.groups}
    strips = sorted({*stems, *groups})
    inside: dict[str, str] = {}
    for group in song.groups:
        where = f"groups.{group.name}"
        if group.name in stems:
            mistakes.append(f"{where}: a stem has the name '{group.name}' too; rename one")
        for index, name in enumerate(group.table.stems):
            if name not in strips:
                mistakes.append(f"{where}.stems[{index}]: {schema.unknown('stem or group', name, strips)}")
            elif name in inside:
                if inside[name] == group.name:
                    also = "there twice; remove one"
                else:
                    also = f"in group '{inside[name]}' too; keep it in one"
                mistakes.append(f"{where}.stems[{index}]: {shown(name)} is {also}")
            inside.setdefault(name, group.name)
    for where, name, is_send in _named(song):
        if is_send and name not in groups:
            mistakes.append(f"{where}: {schema.unknown('group', name, groups)}")
        elif not is_send and name not in strips:
            mistakes.append(f"{where}: {schema.unknown('stem or group', name, strips)}")
    fed = {send.to for strip in song.strips for send in strip.sends}
    for group in song.groups:
        if not group.table.stems and group.name not in fed:
            mistakes.append(
                f"groups.{group.name}: it has no sound: give it stems, or send something to it, or remove it"
            )
    if not mistakes:
        needed = {strip.name: sorted(_needed(song, strip)) for strip in song.strips}
        if circle := circle_in(needed, needed.__getitem__):
            mistakes.append(
                f"{song.table_of(song.strip(circle[0]))}: it is made of itself: {' -> '.join(circle)}; take out one of "
                "these ways"
            )


def _named(song: Song) -> Iterator[tuple[str, str, bool]]:
    """Yield each stem or group that something else names: where, the name, and whether it must be a group."""
    for strip in song.strips:
        where = song.table_of(strip)
        for index, send in enumerate(strip.sends):
            yield f"{where}.send[{index}].to", send.to, True
    for where, effect in song.effects():
        yield from ((f"{where}.{parameter}", name, False) for parameter, name in others_of(effect))


def others_of(effect: Named) -> Iterator[tuple[str, str]]:
    """Yield each parameter of an effect that names another stem or group, and the name."""
    for parameter in schema.of("effects", effect.name).parameters:
        if parameter.is_a(PartName) and effect.arguments[parameter.name] is not None:
            yield parameter.name, effect.arguments[parameter.name]


def _needed(song: Song, strip: Stem | Group) -> set[str]:
    """Return what a stem or a group is made of, of the same song."""
    chain = strip.effects if isinstance(strip, Group) else (*strip.effects, *strip.mend)
    needed = {name for effect in chain for _, name in others_of(effect)}
    if isinstance(strip, Group):
        needed |= {*strip.table.stems}
        needed |= {other.name for other in song.strips for send in other.sends if send.to == strip.name}
    return needed


def outside_of(song: Song, groups: bool) -> list[str]:
    """Return what is between delivered files and the mix beside gains: effects, pans and sends of what is not there."""
    found = [f"the mix's {effect.name}" for effect in song.mix_effects]
    for group in () if groups else song.groups:
        if group.table.stems:
            found += [f"{each} of group {group.name}" for each in _beside_gains(song, group)]
    return found


def _beside_gains(song: Song, group: Group) -> list[str]:
    sent = any(send.to == group.name for strip in song.strips for send in strip.sends)
    return [
        *(effect.name for effect in group.effects),
        *(["the changing gain"] if isinstance(group.table.gain_db, dict) else []),
        *(["the pan"] if group.table.pan else []),
        *(["what is sent to it"] if sent else []),
    ]
