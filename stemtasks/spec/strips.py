"""Reading ``[stems.NAME]`` and ``[groups.NAME]``: their own keys, their parts, and what a chain of effects says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from stemtasks.errors import Mistakes, SpecError, shown, unknown
from stemtasks.positions import Known
from stemtasks.spec import binding, schema
from stemtasks.spec.automating import automations, check_swept
from stemtasks.spec.chosen import bound_part, chosen_name, named_part
from stemtasks.spec.groups import Group, sends_of
from stemtasks.spec.names import check_name, refuse_twin
from stemtasks.spec.song import Named, Stem
from stemtasks.spec.tables import MOST_GROUPS, MOST_STEMS, GroupTable, SongTable, StemTable, VerifyTable

STEM_KEYS = schema.of_table(StemTable)


def read_stems(
    data: dict[str, Any], song: SongTable | None, known: Known, verify_is_right: bool, mistakes: Mistakes
) -> tuple[Stem, ...]:
    """Return the stems that are right; what is wrong with the others is noted, as in all functions with ``mistakes``.

    Where ``[verify]`` is wrong itself, nothing is inherited of it.
    """
    tables = data.get("stems", {})
    if not tables:
        mistakes.append("stems: a song needs at least one, written as [stems.NAME] with a generator")
    elif len(tables) > MOST_STEMS:
        mistakes.append(f"stems: {len(tables)} of them; at most {MOST_STEMS} are allowed")
        return ()
    seen: dict[str, str] = {}
    stems = []
    for name, table in tables.items():
        with mistakes:
            refuse_twin(name, seen, "stems: two have the name")
        with mistakes:
            verify = data.get("verify", {}) if verify_is_right else {}
            stems.append(_stem(name, table, song, known, verify, "file" in data.get("reference", {})))
    return tuple(stems)


def _stem(
    name: str, table: Any, song: SongTable | None, known: Known, verify: dict[str, Any], has_reference: bool
) -> Stem:
    """Return a stem; what it says wrong of its generator does not keep its own keys and effects from being read."""
    where = f"stems.{name}"
    _check_strip(name, table, where)
    mistakes = Mistakes()
    common = STEM_KEYS.by_name.keys()
    source = align = None
    sync = False
    takes_mend = False
    own_keys = {"generator": "", **{key: table[key] for key in table if key in common}}
    bound = binding.bound_with(mistakes, STEM_KEYS, own_keys, where, known)
    with mistakes:
        check_tempo(bound["duration"], song, f"{where}.duration")
    with mistakes:
        generator = chosen_name("generators", "generator", table.get("generator"), where)
        drawn = schema.of("generators", generator)
        own, takes_mend = drawn.by_name.keys(), drawn.brings_audio
        if bound["mend"] and not takes_mend:
            mistakes.append(
                f"{where}.mend: generator {generator!r} brings no audio from outside, so there is nothing to mend; "
                "use effects"
            )
        for key in table:
            if key not in common and key not in own:
                mistakes.append(f"{where}: {unknown(f'key (for generator {generator!r})', key, common | own)}")
        arguments = {key: value for key, value in table.items() if key in own}
        source = bound_part("generators", generator, arguments, where, known)
    with mistakes:
        said = bound["align"] if bound["align"] is not None else song.align if song else "auto"
        asked, sync = _synced(said, f"{where}.align", has_reference)
        align = named_part("strategies", "strategy", asked, f"{where}.align", known)
    mend, effects = (read_effects(mistakes, bound[key], f"{where}.{key}", known) for key in ("mend", "effects"))
    for index, effect in enumerate(mend):
        mistakes += [
            f"{where}.mend[{index}].{name}: cannot change along the song, where the stem has no place yet; use effects"
            for name in automations(effect)
        ]
    sends = sends_of(mistakes, bound["send"], f"{where}.send", known)
    own_verify = _own_verify(mistakes, verify, bound["verify"], where)
    mistakes.settle()
    assert source and align and own_verify  # noqa: PT018 - what is None was a mistake
    return Stem(name, StemTable(**bound), source, align, effects, own_verify, sync, mend, takes_mend, sends)


def _synced(value: str | dict[str, Any], where: str, has_reference: bool) -> tuple[str | dict[str, Any], bool]:
    """Return what names the strategy, and whether the table asks to bring the stem in time with the reference."""
    if not isinstance(value, dict) or "sync" not in value:
        return value, False
    sync = value["sync"]
    if not isinstance(sync, bool):
        raise SpecError(f"{where}.sync: {shown(sync)} is not true or false")
    if sync and not has_reference:
        raise SpecError(f"{where}.sync: there is nothing to be in time with; give reference.file, or leave it out")
    rest = {key: each for key, each in value.items() if key != "sync"}
    return {"strategy": "auto"} | rest, sync


def read_groups(
    data: dict[str, Any], stems: tuple[Stem, ...], known: Known, verify_is_right: bool, mistakes: Mistakes
) -> tuple[Group, ...]:
    """Return the groups that are right; one that holds drums and effects alone is of drums too."""
    tables = data.get("groups", {})
    if len(tables) > MOST_GROUPS:
        mistakes.append(f"groups: {len(tables)} of them; at most {MOST_GROUPS} are allowed")
        return ()
    verify = data.get("verify", {}) if verify_is_right else {}
    kinds_of = {stem.name: stem.kind for stem in stems}
    seen: dict[str, str] = {}
    groups = []
    for name, table in tables.items():
        with mistakes:
            refuse_twin(name, seen, "groups: two have the name")
        with mistakes:
            group = _group(name, table, known, verify)
            kinds = {kinds_of.get(inside) for inside in group.table.stems}
            groups.append(replace(group, kind="drums") if kinds and kinds <= {"drums", "fx"} else group)
    return tuple(groups)


def _group(name: str, table: Any, known: Known, verify: dict[str, Any]) -> Group:
    where = f"groups.{name}"
    _check_strip(name, table, where)
    mistakes = Mistakes()
    bound = binding.bound_with(mistakes, schema.of_table(GroupTable), table, where, known)
    effects = read_effects(mistakes, bound["effects"], f"{where}.effects", known)
    sends = sends_of(mistakes, bound["send"], f"{where}.send", known)
    own_verify = _own_verify(mistakes, verify, bound["verify"], where)
    mistakes.settle()
    assert own_verify  # what is None was a mistake
    return Group(name, GroupTable(**bound), effects, own_verify, sends)


def read_effects(mistakes: Mistakes, tables: Iterable[Any], where: str, known: Known) -> tuple[Named, ...]:
    """Return the effects of a chain that are right; what is wrong with the others is noted."""
    chain = []
    for index, table in enumerate(tables):
        with mistakes:
            effect = named_part("effects", "name", table, f"{where}[{index}]", known)
            check_swept(effect, f"{where}[{index}]")
            chain.append(effect)
    return tuple(chain)


def _own_verify(mistakes: Mistakes, verify: dict[str, Any], own: dict[str, Any], where: str) -> VerifyTable | None:
    """Return the song's limits with those of a stem or a group over them."""
    with mistakes:
        return VerifyTable(**binding.bind(schema.of_table(VerifyTable), {**verify, **own}, f"{where}.verify"))
    return None


def _check_strip(name: str, table: Any, where: str) -> None:
    """Refuse a name that a stem or a group cannot have, and what is no table."""
    check_name(name, where)
    if name.endswith(".rejected"):
        raise SpecError(f"{where}: the name may not end with '.rejected', which marks a file that failed; rename it")
    if not isinstance(table, dict):
        raise SpecError(f"{where}: expected a table; write [{where}]")


def check_tempo(duration: float | str | None, song: SongTable | None, where: str) -> None:
    """Refuse a length in bars or beats in a song without a tempo."""
    if isinstance(duration, str) and "b" in duration and song is not None and song.bpm is None:
        raise SpecError(f"{where}: '{duration}' needs song.bpm")
