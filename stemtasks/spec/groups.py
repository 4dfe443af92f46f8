"""Groups, and how stems and groups meet: what each sums, what is sent to it, and that nothing is made of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stemtasks.errors import Mistakes, shown, unknown
from stemtasks.ordering import circle_in
from stemtasks.positions import Known
from stemtasks.spec import binding, schema
from stemtasks.spec.tables import GroupTable, SendTable, VerifyTable
from stemtasks.units import PartName, StemName

if TYPE_CHECKING:
    from stemtasks.spec.song import Named, Song, Stem

FORMS = ("aligned", "processed")
"""Of a stem, of which others are made."""


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
            found.append(SendTable(**binding.bind(schema.of_table(SendTable), table, place, known)))
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
                mistakes.append(f"{where}.stems[{index}]: {unknown('stem or group', name, strips)}")
            elif name in inside:
                if inside[name] == group.name:
                    also = "there twice; remove one"
                else:
                    also = f"in group '{inside[name]}' too; keep it in one"
                mistakes.append(f"{where}.stems[{index}]: {shown(name)} is {also}")
            inside.setdefault(name, group.name)
    for strip in song.strips:
        sent = [send.to for send in strip.sends]
        for index, name in enumerate(sent):
            if name in sent[:index]:
                mistakes.append(f"{song.table_of(strip)}.send[{index}].to: {shown(name)} is there twice; remove one")
    for where, name, what in _named(song):
        known = {"group": groups, "stem": stems}.get(what, strips)
        if name not in known:
            mistakes.append(f"{where}: {unknown(what, name, known)}")
    fed = {send.to for strip in song.strips for send in strip.sends}
    for group in song.groups:
        if not group.table.stems and group.name not in fed:
            mistakes.append(
                f"groups.{group.name}: it has no sound: give it stems, or send something to it, or remove it"
            )
    if not mistakes:
        needed = {(strip.name, form): sorted(_needed(song, strip, form)) for strip in song.strips for form in FORMS}
        if circle := circle_in(needed, needed.__getitem__):
            names = [name for name, _ in circle]
            turns = [name for at, name in enumerate(names) if at in (0, len(names) - 1) or name != names[at - 1]]
            mistakes.append(
                f"{song.table_of(song.strip(turns[0]))}: it is made of itself: {' -> '.join(turns)}; take out one of "
                "these ways"
            )


def _named(song: Song) -> Iterator[tuple[str, str, str]]:
    """Yield each stem or group that something else names: where, the name, and what it must be."""
    for strip in song.strips:
        where = song.table_of(strip)
        for index, send in enumerate(strip.sends):
            yield f"{where}.send[{index}].to", send.to, "group"
    for where, effect in song.effects():
        yield from ((f"{where}.{parameter}", name, "stem or group") for parameter, name in others_of(effect))

    for stem in song.stems:
        for held in _pieces_of(stem):
            yield f"stems.{stem.name}.{held.where}", held.value, "stem"


def _pieces_of(stem: Stem) -> list[schema.Held]:
    """Return where a stem's generator names another stem."""
    generator = stem.generator
    found = schema.held(schema.of("generators", generator.name), generator.arguments, StemName)
    return [held for held in found if held.value is not None]


def others_of(effect: Named) -> Iterator[tuple[str, str]]:
    """Yield each parameter of an effect that names another stem or group, and the name."""
    for parameter in schema.of("effects", effect.name).parameters:
        if parameter.is_a(PartName) and effect.arguments[parameter.name] is not None:
            yield parameter.name, effect.arguments[parameter.name]


def _needed(song: Song, strip: Stem | Group, form: str) -> set[tuple[str, str]]:
    """Return what a stem or a group is made of, of the same song, as it is aligned or processed."""
    if isinstance(strip, Group):
        named = {
            *strip.table.stems,
            *(other.name for other in song.strips for send in other.sends if send.to == strip.name),
        }
        named |= {name for effect in strip.effects for _, name in others_of(effect)}
        if song.matched:  # what it sums is as loud as all stems together say
            named |= {stem.name for stem in song.stems}
        return {(name, "processed") for name in named} if form == "processed" else set()
    if form == "processed":
        named = {name for effect in strip.effects for _, name in others_of(effect)}
        return {(strip.name, "aligned"), *((name, "processed") for name in named)}
    mended = {(name, "processed") for effect in strip.mend for _, name in others_of(effect)}
    return mended | {(held.value, "aligned") for held in _pieces_of(strip)}


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
