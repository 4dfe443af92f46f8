"""The JSON Schema of a song accepts and refuses what the reader does, and an editor shows a mistake where it stands."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from stemtasks import cli
from stemtasks.spec import binding, hints, json_schema, parts, reading, schema, tables
from stemtasks.units import CommandLine, Duration, Range
from tests import examples, starts
from tests.spec.test_reading import GOOD, WRONG, line_of, load
from tests.test_docs import BLOCKS, TONE

ROOT = Path(__file__).parents[2]
TAPLO = Path(sys.executable).with_name("taplo")


@functools.cache
def song():
    """Return what holds a song against the schema, which is right itself."""
    drawn = json.loads(json_schema.as_json())
    Draft7Validator.check_schema(drawn)
    return Draft7Validator(drawn)


def refused(data):
    """Return where the schema refuses something in a song."""
    return [".".join(map(str, error.absolute_path)) for error in song().iter_errors(data)]


@pytest.mark.parametrize("path", ["spec/demo.toml", "stemtasks/template/song.toml"])
def test_the_songs_that_are_shown_are_accepted(path):
    assert refused(tomllib.loads((ROOT / path).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("text", [text for _, text in BLOCKS], ids=[name for name, _ in BLOCKS])
def test_every_example_of_the_guides_is_accepted_that_the_reader_accepts(text):
    said = tomllib.loads(text)
    said.setdefault("reference", {"duration": "0:08"})
    said.setdefault("stems", tomllib.loads(TONE)["stems"])
    assert refused(said) == []


LEFT_TO_CHECK = {
    "bpm not finite",  # no number of JSON
    "sections without bpm",
    "channels",  # 2.0 is a whole number in a JSON Schema
    "no duration",
    "section twice",
    "empty section",
    "two fill",
    "Nyquist",
    "no length",
    "days",
    "years in bars",
    "twins",
    "fader",
}
"""What the reader refuses and one key's schema cannot: most say something of two keys."""


@pytest.mark.parametrize("name", WRONG)
def test_what_the_reader_refuses_is_refused_unless_it_is_left_to_the_check(name):
    old, new, _ = WRONG[name]
    try:
        data = tomllib.loads(GOOD.replace(old, new, 1))
    except ValueError:
        return  # an editor says that it is not TOML
    assert (refused(data) == []) == (name in LEFT_TO_CHECK)


def test_a_good_song_is_accepted():
    assert refused(tomllib.loads(GOOD)) == []


@pytest.mark.parametrize(
    ("keys", "is_right"),
    [
        ('align = "crossfade"', True),
        ('align = { strategy = "crossfade", overlap_ms = 80 }', True),
        ("align = { sync = true }", True),
        ('align = { sync = true, strategy = "loop", bpm = 100 }', True),
        ("align = { sync = 1 }", False),
        ('align = { strategy = "crossfade", sync = "yes" }', False),
        ("align = { sync = true, overlap_ms = 80 }", False),  # which 'auto' has not
        ('align = { strategy = "loop", overlap = 80 }', False),
        ('effects = [{ name = "gain", gain_db = 3 }, { name = "lowpass", cutoff_hz = 0.5 }]', False),
        ('effects = [{ name = "lowpass", cutoff_hz = 100, order = 2.5 }]', False),
        ("effects = [{ cutoff_hz = 100 }]", False),
        ('effects = { name = "gain" }', False),
        ('mend = [{ name = "gain", gain_db = 3 }]', False),  # a tone has nothing to mend
        ("mend = []", True),
        ('kind = "drum"', False),
        ("duration = 86400", True),
        ("duration = 86401", False),
        ('duration = " 4 bars "', True),
        ('patterns = { default = "1" }', False),  # of another generator
        ("channels = true", False),
        ('level = "reference"', True),
        ('level = "mix"', False),
        ("loudness_lufs = -18", True),
        ("loudness_lufs = -80", False),
        ("verify = { in_key = 0.5 }", True),
    ],
)
def test_a_stem_is_refused_where_the_reader_refuses_it(tmp_path, keys, is_right):
    text = f'[song]\nbpm = 120\n[reference]\nfile = "a.wav"\n[stems.a]\ngenerator = "tone"\n{keys}\n'
    assert (line_of(lambda: load(tmp_path, text)) == "") == is_right
    assert (refused(tomllib.loads(text)) == []) == is_right


@pytest.mark.parametrize(
    ("tables", "is_right"),
    [
        ('[archive]\nformats = ["manifest", { format = "track_sheet" }]', True),
        ('[archive]\nformats = ["manifesto"]', False),
        ('[archive]\nformats = [{ format = "manifest", what = 1 }]', False),
        ("[mix.gains_db]\na = -3", True),
        ("[mix]\nmatch = true", False),
        ("[mix.gains_db]\na = 49", False),
        ('[mix.gains_db]\na = "3"', False),
        ('[master]\nloudness_lufs = "off"', True),
        ('[master]\nloudness_lufs = "on"', False),
        ('[song]\nkey = "F# harmonic minor"', True),
        ('[song]\nkey = "F# major minor"', False),
        ('[song]\ntime_signature = "12/8"', True),
        ('[song]\ntime_signature = "00/8"', False),
        ('[[sections]]\nname = "a"\nfill = true\nkey = "C"', False),
        ("sections = 3", False),
        ('[stems."\\u00e4 b"]\ngenerator = "tone"', True),
        (f'[stems.{"n" * 151}]\ngenerator = "tone"', False),
        ('[stems.b]\ngenerator = "file"\nfile = "a.wav"\nmend = [{ name = "gain", gain_db = 3 }]', True),
        ('[stems.b]\ngenerator = "file"\nfile = ""', False),
        ('[stems.b]\ngenerator = "command"\ncommand = ["sox", "{output}"]', True),
        ('[stems.b]\ngenerator = "command"\ncommand = ["sox"]', False),
        ('[stems.b]\ngenerator = "command"\ncommand = ["sox", "{output}"]\nenvironment = ["A B"]', False),
        (
            '[stems.b]\ngenerator = "command"\ncommand = ["sox", "{output}"]\nenvironment = ["STEMTASKS_CACHE_KEY"]',
            False,
        ),
    ],
)
def test_a_table_is_refused_where_the_reader_refuses_it(tmp_path, tables, is_right):
    text = f'{tables}\n[reference]\nduration = 8\n[stems.a]\ngenerator = "tone"\n'
    assert (line_of(lambda: load(tmp_path, text)) == "") == is_right
    assert (refused(tomllib.loads(text)) == []) == is_right


PLACES = [(("table", name), schema.of_table(kind)) for name, kind in tables.TABLES.items() if name != "stems"] + [
    ((kind, name), schema.of(kind, name)) for kind in parts.KINDS for name in parts.ours(kind)
]
KEYS = [
    (place, drawn, parameter)
    for place, drawn in PLACES
    for parameter in drawn.parameters
    if not parameter.is_a(CommandLine) and "table" not in hints.describe(parameter.annotation)
]
GIVEN = {"file": "a.wav", "patterns": {"default": "1"}, "name": "a", "command": ["sox", "{output}"]}
"""What must be there beside the key that is tried; a number else."""


def around(parameter):
    """Return values at the ends of a parameter's ranges and just beyond, and some of every type."""
    found = [0, 1, -1, 0.5, True, "", "off", "A4", "4 bars", [], ["a"], {}, {"a": 1}, "\0", [1], "wav"]
    for mark in hints.marks(parameter.annotation):
        if isinstance(mark, Range):
            found += [mark.low, mark.high, mark.low - 1, mark.high + 1, int(mark.low), int(mark.high)]
    for option in (parameter.annotation, *typing.get_args(parameter.annotation)):
        found += [choice for choice in typing.get_args(option) if isinstance(choice, str)]
    numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    return st.sampled_from(found) | numbers | st.text(max_size=5)


@settings(max_examples=examples(200), deadline=None)
@given(data=st.data(), key=st.sampled_from(KEYS))
def test_any_value_of_any_key_is_refused_where_the_reader_refuses_it(data, key):
    (kind, name), drawn, parameter = key
    value = data.draw(around(parameter))
    described = hints.describe(parameter.annotation)
    # what LEFT_TO_CHECK has
    assume(not (isinstance(value, float) and value.is_integer() and "whole number" in described))
    assume(not (isinstance(value, str) and "\n" in value))
    if parameter.is_a(Duration):
        assume(not isinstance(value, str) or not any(character.isdigit() for character in value) or value == "4 bars")
    needed = {each: GIVEN.get(each, 100) for each in drawn.required}
    table = {**needed, parameter.name: value}
    said = line_of(lambda: binding.bind(drawn, table, "here"))
    whole = {"reference": {"duration": 8}, "stems": {"a": {"generator": "tone"}}}
    if (kind, parameter.name) == ("table", "time_signature") or parameter.name == "key":
        assume(not isinstance(value, str))
    if kind == "table":
        whole[name] = [table] if name in tables.LISTED else {"a": table} if name in tables.NAMED else table
    elif kind == "generators":
        whole["stems"]["a"] = {"generator": name, **table}
    elif kind == "strategies":
        whole["stems"]["a"]["align"] = {"strategy": name, **table}
    elif kind == "effects":
        whole["stems"]["a"]["effects"] = [{"name": name, **table}]
    else:
        whole["archive"] = {"formats": [{"format": name, **table}]}
    assert (refused(whole) == []) == (said == ""), said


def test_every_table_in_a_table_has_its_keys():
    open_ended = {"type": "object", "maxProperties": 100, "additionalProperties": {"$ref": "#/definitions/plain"}}
    top = song().schema["properties"]
    found = [name for name, drawn in top.items() if json.dumps(open_ended)[1:-1] in json.dumps(drawn)]
    assert found == [], "name what it holds in INSIDE of spec/tables.py"


def test_a_choice_shows_what_each_part_is():
    drawn = song().schema["definitions"]["effects"]["properties"]["name"]
    assert drawn["enum"] == list(parts.names("effects"))
    assert drawn["x-taplo"]["docs"]["enumValues"] == [schema.of("effects", name).doc for name in drawn["enum"]]


def test_every_key_has_a_sentence_with_its_unit_and_its_default():
    top = song().schema["properties"]
    assert top["master"]["properties"]["ceiling_dbtp"] == {
        "description": "No true peak is above it.\n\na number, -20 to 0 dBTP",
        "type": "number",
        "minimum": -20,
        "maximum": 0,
        "default": -1.0,
    }
    for name, kind in tables.TABLES.items():
        drawn = top[name]
        drawn = drawn["items"] if name in tables.LISTED else drawn
        drawn = next(iter(drawn["patternProperties"].values())) if name in tables.NAMED else drawn
        told = {key: value["description"] for key, value in drawn["properties"].items()}
        expected = {each.name: each.doc for each in schema.of_table(kind).parameters}
        assert {key: text.partition("\n")[0] for key, text in told.items()} == expected


def test_the_projects_own_parts_are_in_it(project):
    part = project.folder / "parts/effects/my_tremolo.py"
    part.parent.mkdir(parents=True)
    part.write_text(
        "from stemtasks.audio.blocks import Blocks, Stream\nfrom stemtasks.units import Fraction\n\n\n"
        "def my_tremolo(blocks: Blocks, stream: Stream, *, depth: Fraction) -> Blocks:\n"
        '    """Tremble."""\n    yield from blocks\n'
    )
    command = [sys.executable, "-m", "stemtasks.cli", "schema", "--json"]
    drawn = json.loads(starts.run(command, cwd=project.folder, capture_output=True, check=True).stdout)
    validator = Draft7Validator(drawn)
    for depth, is_right in ((0.5, True), (2, False)):
        text = GOOD.replace('"lowpass", cutoff_hz = 800', f'"my_tremolo", depth = {depth}')
        assert validator.is_valid(tomllib.loads(text)) == is_right


def test_the_schema_is_of_a_whole_song(capsys):
    assert cli.main(["schema", "--json", "delay"]) == 1
    assert capsys.readouterr().err == (
        "ERROR: --json: is the schema of a whole song, not of 'delay' alone; leave the name out\n"
    )
    assert cli.main(["schema", "--json"]) == 0
    assert capsys.readouterr().out == json_schema.as_json()


def lint(path, *options):
    """Return the lines at which Taplo finds a TOML file wrong, in its order."""
    command = [str(TAPLO), "lint", "--no-auto-config", *options, str(path)]
    run = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    lines = [int(line) for line in re.findall(r"\.toml:(\d+):\d+\n", run.stderr)]
    assert (run.returncode == 0) == (not lines), run.stderr
    return lines


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the option that has Taplo read the schema."""
    path = tmp_path_factory.mktemp("schema") / "song.schema.json"
    path.write_text(json_schema.as_json(), encoding="utf-8")
    return ("--schema", path.as_uri())


@pytest.mark.parametrize("path", ["spec/demo.toml", "stemtasks/template/song.toml"])
def test_taplo_accepts_the_demo_and_the_template(written, path):
    assert lint(ROOT / path, *written) == []


HERE = "  # here"
WRONG_LINES = {
    "unknown table": ("[song]", "[sonk]" + HERE),
    "unknown key": ("bpm = 120", "bmp = 120" + HERE),
    "out of range": ("bpm = 120", "bpm = 5" + HERE),
    "a string for a number": ("bpm = 120", 'bpm = "120"' + HERE),
    "no choice": ("bpm = 120", 'bpm = 120\nsubtype = "PCM24"' + HERE),
    "no key": ('"G major"', '"G majr"' + HERE),
    "no signature": ("bpm = 120", 'bpm = 120\ntime_signature = "4/5"' + HERE),
    "no length of time": ('"0:16"', '"16 seconds"' + HERE),
    "a list for a table": ("[reference]", "[[reference]]" + HERE),
    "a string for a switch": ("fill = true", 'fill = "yes"' + HERE),
    "a section without a name": ('[[sections]]\nname = "chorus"', "[[sections]]" + HERE),
    "unknown generator": ('"tone"', '"tune"' + HERE),
    "no generator": ('[stems.bass]\ngenerator = "tone"', "[stems.bass]" + HERE),
    "key of another generator": ('note = "A2"', 'patterns = "x"' + HERE),
    "no note": ('"A2"', '"H2"' + HERE),
    "unknown strategy": ('note = "A2"', 'align = "lop"' + HERE),
    "unknown key of a strategy": ('note = "A2"', 'align = { strategy = "loop", overlap = 3 }' + HERE),
    "unknown effect": ("cutoff_hz = 800 }]", "cutoff_hz = 800 },\n{ name = 'dealy' }" + HERE + "\n]"),
    "unknown key of an effect": (
        "cutoff_hz = 800 }]",
        "cutoff_hz = 800 },\n{ name = 'delay', beat = 1 }" + HERE + "\n]",
    ),
    "effect out of range": ("cutoff_hz = 800 }]", "cutoff_hz = 800 },\n{ name = 'delay', mix = 2 }" + HERE + "\n]"),
    "effect without what it needs": ("cutoff_hz = 800 }]", "cutoff_hz = 800 },\n{ name = 'lowpass' }" + HERE + "\n]"),
    "fader": ("[song]", "[mix]\ngains_db.bass = 'loud'" + HERE + "\n[song]"),
    "own limit": ('note = "A2"', "verify = { dc = 1 }" + HERE),
    "no format": ("[song]", "[archive]\nformats = [\n'manifest',\n'zip'," + HERE + "\n]\n[song]"),
    "a name with a slash": ("[stems.bass]", '[stems."a/b"]' + HERE),
    "loudness without its sign": ("[song]", "[master]\nloudness_lufs = 14" + HERE + "\n[song]"),
}


@pytest.mark.parametrize("name", WRONG_LINES)
def test_taplo_rejects_a_wrong_spec_at_its_line(tmp_path, written, name):
    old, new = WRONG_LINES[name]
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    assert line_of(lambda: load(tmp_path, text))
    lines = text.splitlines()
    (here,) = [number for number, line in enumerate(lines, 1) if line.endswith(HERE)]
    found = lint(tmp_path / "song.toml", *written)
    # of a table Taplo marks the header first, then all that is in it
    end = next((number for number in range(here, len(lines)) if not lines[number]), len(lines))
    assert found[0] == here
    assert set(found) <= (set(range(here, end + 1)) if lines[here - 1].startswith("[") else {here})


def test_the_reader_takes_no_schema_for_a_song(tmp_path):
    (tmp_path / "song.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "song.schema.json").write_text("not a song", encoding="utf-8")
    assert [song.name for song in reading.read_songs(tmp_path)] == ["song"]
