"""Every parameter has bounds that keep memory and time sane; a file that is a bomb is one line, at once."""

from __future__ import annotations

import json
import os
import sys
import tomllib
import types
import typing
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.cache.settings import CacheTable
from stemtasks.errors import SpecError
from stemtasks.positions import length_in
from stemtasks.spec import parts, reading, schema, tables
from stemtasks.spec.toml import parsed
from stemtasks.units import Duration, Longest, NoteName, Place, Range
from tests import examples, starts
from tests.spec.test_reading import GOOD, line_of, load, mistake

PARTS = [(kind, name) for kind in parts.KINDS for name in parts.ours(kind)]
SCHEMAS = [schema.of(kind, name) for kind, name in PARTS]
SCHEMAS += [schema.of_table(table) for table in (*tables.TABLES.values(), CacheTable)]
SCHEMAS += [parameter.entries for drawn in SCHEMAS for parameter in drawn.parameters if parameter.entries]


def unbounded(annotation: Any, marks: tuple[Any, ...] = ()) -> list[Any]:
    """Return the types of an annotation that have no bound: both ends of a number, a length of all else."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return unbounded(arguments[0], (*marks, *annotation.__metadata__))
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        return [each for option in arguments for each in unbounded(option, marks)]
    if origin is Literal or annotation in (bool, type(None)):
        return []
    kinds = {type(mark) for mark in marks}
    if annotation in (int, float):
        return [] if kinds & {Range, Duration, Place} else [annotation]
    found = [] if kinds & {Longest, Duration, NoteName, Place} else [annotation]
    if origin is list:
        found += [each for item in arguments for each in unbounded(item)]
    return found


@pytest.mark.parametrize("drawn", SCHEMAS, ids=lambda drawn: drawn.name)
def test_every_number_has_both_bounds_and_every_text_list_and_table_a_longest_length(drawn):
    assert drawn.parameters or drawn.name in parts.ours("delivery")
    assert {p.name: unbounded(p.annotation) for p in drawn.parameters if unbounded(p.annotation)} == {}


@pytest.mark.parametrize(
    "text",
    [
        "2:75",
        "2:60",
        "0:61",
        "1:60:00",
        "1:00:60",
        "1:75:00",
        "0:0:61",
        "1:2:3:4",
        ":30",
        "2:",
        "2:-5",
        "9" * 5000 + ":00",
        "1:00." + "0" * 5000,
        "9" * 5000 + " bars",
        "\u0662:17",
        "1:000",
        "1e3 s",
        "",
        "-1 bars",
    ],
)
def test_what_is_no_time_is_refused_in_one_line(tmp_path, text):
    line = mistake(tmp_path, GOOD.replace("0:16", text))
    assert line.startswith("reference.duration: ")
    assert len(line) < 300


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:59", 59.0), ("75:30", 4530.0), ("1:59:59.999", 7199.999), ("0:5", 5.0), ("1:0:0", 3600.0), (" 90 s ", 90.0)],
)
def test_what_is_a_time_is_taken(text, seconds):
    assert length_in(text) == (seconds, "s")


MANY = "".join(f"\nx{n} = 1" for n in range(60_000)) + "\n"
BOMBS = {
    "3000 parts inside a stem": GOOD
    + "\n[stems.z]\ngenerator='synth'\n[stems.z.patterns]\n"
    + ".".join(["a"] * 3000)
    + "='1'",
    "200000 parts": "a" + ".a" * 200_000 + " = 1",
    "200000 parts in a header": "[a" + ".a" * 200_000 + "]",
    "200000 quoted parts": "a" + '."a"' * 200_000 + " = 1",
    "spaced parts": "a" + " . a" * 200_000 + " = 1",
    "many deep headers": "\n".join("[" + ".".join(["a"] * 15 + [str(n)]) + "]" for n in range(20_000)),
    "an inline table of parts": GOOD + "\n[stems.z]\ngenerator='synth'\npatterns={" + ".".join(["a"] * 3000) + "='1'}",
    "nested lists": "a = " + "[" * 900 + "]" * 900,
    "nested tables": "a = " + "{a=" * 300 + "1" + "}" * 300,
    "a key of 400,000 letters": "a" * 400_000 + " = 1",
    "a value of 400,000 letters": GOOD.replace('"A2"', '"' + "A" * 400_000 + '"'),
    "a choice of 400,000 letters": GOOD + "\n[master]\nloudness_lufs = '" + "x" * 400_000 + "'",
    "a stem's name of 400,000 letters": GOOD + "\n[stems." + "a" * 400_000 + "]\ngenerator = 'tone'",
    "100,000 stems": GOOD + "".join(f"\n[stems.x{n}]" for n in range(60_000)),
    "60,000 unknown keys": GOOD.replace("[song]", "[song]" + MANY),
    "60,000 unknown tables": MANY + GOOD,
    "60,000 voices": GOOD + MANY,
    "50,000 sections": GOOD + "".join("\n[[sections]]" for n in range(50_000)),
    "1,000 effects": GOOD.replace("effects = [", "effects = [" + '{ name = "lowpass", cutoff_hz = 900 }, ' * 1000),
    "a whole number of 10,000 hexadecimal digits": GOOD.replace("x...", "x...").replace(
        'kick = "x..."', "kick = 0x" + "f" * 10_000
    ),
    "the same for a choice": GOOD.replace("bpm = 120", "bpm = 120\nsubtype = 0x" + "f" * 10_000),
    "the same for a fader": GOOD + "\n[mix.gains_db]\nbass = 0x" + "f" * 10_000,
    "2 MiB": GOOD + "\n# " + "x" * (2 << 20),
}


READ = """
import json, sys
from pathlib import Path
from stemtasks.spec.reading import read_all
if sys.platform != "win32":  # which has no resource limits
    import resource
    there = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if LINUX else 0
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    resource.setrlimit(resource.RLIMIT_AS, (there + 900_000_000,) * 2)
print(json.dumps([each.mistakes for each in read_all(Path())[1]]))
""".replace("LINUX", str(sys.platform == "linux"))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_lines_that_can_be_read_and_costs_seconds_and_megabytes_at_most(tmp_path, name):
    (tmp_path / "song.toml").write_text(BOMBS[name])
    done = starts.run([sys.executable, "-c", READ], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    (mistakes,) = json.loads(done.stdout)
    assert mistakes
    assert all(len(line) < 1100 and line.isprintable() for line in mistakes)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_in_a_specs_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "song.toml")
    with pytest.raises(SpecError, match=r"song.toml: cannot be read \(it is no file\)"):
        reading.read_song(tmp_path / "song.toml")


def test_a_pattern_has_a_largest_number_of_steps(tmp_path):
    from stemtasks.music.patterns import parse_pattern

    with pytest.raises(SpecError, match="more than 100000 steps; let the pattern repeat instead"):
        parse_pattern("A4*1000 " * 101, None, 4, "patterns.a")
    with pytest.raises(SpecError, match="at most 10 octave marks"):
        parse_pattern("A4" + "'" * 20_000, None, 4, "patterns.a")


PIECES = st.sampled_from(
    [
        "a",
        "stems",
        "song",
        "bpm",
        ".",
        "=",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        '"""',
        "#",
        "\n",
        ",",
        " ",
        "1",
        "0x" + "f" * 5000,
        "-",
        "nan",
        "1979-05-27",
        "\\",
        "\u202e",
        "a" * 3000,
        "a." * 40,
        "[" * 60,
        "effects",
        "patterns",
        "generator = 'synth'",
    ]
)


@given(st.lists(PIECES, max_size=40))
@settings(max_examples=examples(300), deadline=None)
def test_no_text_is_anything_but_tables_or_one_line(pieces):
    text = "".join(pieces)
    line = line_of(lambda: parsed(text, "x.toml"))
    assert line.isprintable()
    assert len(line) < 1100


@given(st.lists(PIECES, max_size=40))
@settings(max_examples=examples(300), deadline=None)
def test_a_long_text_is_toml_exactly_if_a_short_one_is(pieces):
    """Of a long text keys are looked at before it is read: that refuses nothing but keys that are too long."""
    text = "".join(pieces)
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    padded = f"# {'x' * 20_000}\n{text}"
    assert line_of(lambda: parsed(padded, "x")) == line_of(lambda: parsed(text, "x")) or "parts" in line_of(
        lambda: parsed(padded, "x")
    )


def test_dots_in_texts_and_comments_are_no_key(tmp_path):
    rows = "".join(
        f'\n[stems.d{n}]\ngenerator = "drums"\npatterns.default.kick = "{"x." * 40}"  # {"." * 99}' for n in range(200)
    )
    assert len(GOOD + rows) > 1 << 14
    assert len(load(tmp_path, GOOD + rows).stems) == 202
