"""A spec is checked before anything is built; each mistake is one line that says where, what and what to do."""

from __future__ import annotations

import ast
import inspect
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks import plugins
from stemtasks.errors import SpecError
from stemtasks.positions import length_in
from stemtasks.spec import parts, reading, schema, strips, tables
from stemtasks.stages import master, process
from tests import examples

GOOD = """
[song]
bpm = 120
key = "G major"

[reference]
duration = "0:16"

[[sections]]
name = "verse"
bars = 4

[[sections]]
name = "chorus"
fill = true

[stems.bass]
generator = "tone"
note = "A2"
effects = [{ name = "lowpass", cutoff_hz = 800 }]

[stems.drums]
generator = "drums"
[stems.drums.patterns.default]
kick = "x..."
"""


def load(tmp_path, text, name="song"):
    path = tmp_path / f"{name}.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return reading.read_song(path)


def mistake(tmp_path, text, name="song"):
    """Return the error's line without the file, which it must begin with."""
    with pytest.raises(SpecError) as caught:
        load(tmp_path, text, name)
    line = str(caught.value)
    assert "\n" not in line
    start = f"{tmp_path / name}.toml: "
    assert line.startswith(start)
    return line.removeprefix(start)


def line_of(action):
    """Return the line of a mistake, or nothing; anything else it raises is the test's failure."""
    try:
        action()
    except SpecError as error:
        return str(error)
    return ""


def test_a_good_spec_is_bound_with_every_default(tmp_path):
    song = load(tmp_path, GOOD)
    assert [stem.name for stem in song.stems] == ["bass", "drums"]
    assert song.stems[0].effects[0].arguments["cutoff_hz"] == 800.0
    assert song.stems[0].effects[0].arguments["phase"] == "minimum"
    assert song.stems[0].align.name == "auto"
    assert song.title == "song"
    assert song.sections[1].fill


WRONG = {
    "unknown table": (
        "[song]",
        "[sonk]",
        "unknown table 'sonk'; known: archive, deliveries, groups, master, mix, ",
    ),
    "unknown key": ("bpm = 120", "bmp = 120", "song: unknown key 'bmp'; known: "),
    "loudness without its sign": (
        "[stems.bass]",
        "[master]\nloudness_lufs = 14\n[stems.bass]",
        "master.loudness_lufs: 14 is outside -60 to -5 LUFS",
    ),
    "nearest key": ("bpm = 120", "bmp = 120", "; did you mean 'bpm'?"),
    "bpm of 0": ("bpm = 120", "bpm = 0", "song.bpm: 0 is outside 10 to 1000 beats/min"),
    "bpm a string": (
        "bpm = 120",
        'bpm = "120"',
        "song.bpm: '120' is a string; expected a number, 10 to 1000 beats/min",
    ),
    "bpm not finite": ("bpm = 120", "bpm = nan", "song.bpm: nan is not a finite number"),
    "sections without bpm": ("bpm = 120", "", "sections[0] 'verse': sections in bars or beats need song.bpm"),
    "signature": ("bpm = 120", 'bpm = 120\ntime_signature = "4/5"', "song.time_signature: '4/5' is not one such as"),
    "rate": ("bpm = 120", "bpm = 120\nsample_rate = 0", "song.sample_rate: 0 is outside 8000 to 384000 Hz"),
    "subtype": ("bpm = 120", 'bpm = 120\nsubtype = "PCM24"', "song.subtype: 'PCM24' is not one of 'FLOAT', 'PCM_24', "),
    "dither": (
        "bpm = 120",
        'bpm = 120\ndither = "noise"',
        "song.dither: 'noise' is not one of 'off', 'tpdf', 'shaped'",
    ),
    "nearest choice": ("bpm = 120", 'bpm = 120\nsubtype = "PCM24"', "; did you mean 'PCM_24'?"),
    "channels": (
        "bpm = 120",
        "bpm = 120\nchannels = 2.0",
        "song.channels: 2.0 is a number; expected a whole number, 1 t",
    ),
    "no duration": (
        'duration = "0:16"',
        "",
        "reference: give one of 'file', 'duration' or 'stem', which is where the target",
    ),
    "duration": (
        'duration = "0:16"',
        'duration = "16 seconds"',
        "reference.duration: '16 seconds' is not a length of ",
    ),
    "negative": ('duration = "0:16"', "duration = -1", "reference.duration: -1 s is outside 0 to 86400 s (a day)"),
    "section twice": (
        "fill = true",
        "fill = true\nbars = 3",
        "sections[1] 'chorus': give one of 'bars', 'beats' or 'fill",
    ),
    "empty section": ("bars = 4", "bars = 0", "sections[0] 'verse': its length is 0"),
    "two fill": ("bars = 4", "fill = true", "sections: only one may be marked 'fill = true'"),
    "generator": (
        'generator = "tone"',
        'generator = "tune"',
        "stems.bass: unknown generator 'tune'; known: clips, ",
    ),
    "no generator": (
        'generator = "tone"',
        "",
        "stems.bass: 'generator' is missing; it is one of clips, ",
    ),
    "argument": ('note = "A2"', 'nota = "A2"', "stems.bass: unknown key (for generator 'tone') 'nota'; known: align, "),
    "note": ('note = "A2"', 'note = "H2"', "stems.bass.note: 'H2' is not a note such as 'A4', 'C#3' or 'Bb2'"),
    "effect": ('name = "lowpass"', 'name = "lopass"', "stems.bass.effects[0]: unknown effect 'lopass'; known: "),
    "nearest effect": ('name = "lowpass"', 'name = "lopass"', "; did you mean 'lowpass'?"),
    "effect argument": (
        "cutoff_hz = 800",
        "cutoff = 800",
        "stems.bass.effects[0]: unknown key 'cutoff'; known: cutoff_hz",
    ),
    "missing": (
        ", cutoff_hz = 800",
        "",
        "stems.bass.effects[0]: 'cutoff_hz' is missing; it is a number, 1 to half the",
    ),
    "Nyquist": (
        "cutoff_hz = 800",
        "cutoff_hz = 30000",
        "stems.bass.effects[0].cutoff_hz: 30000 Hz is not below half the sample rate (24000 Hz); lower it",
    ),
    "strategy": ('note = "A2"', 'align = "lop"', "stems.bass.align: unknown strategy 'lop'; known: "),
    "strategy table": ('note = "A2"', "align = {}", "stems.bass.align: 'strategy' is missing; it is one of "),
    "align a number": (
        'note = "A2"',
        "align = 3",
        "stems.bass.align: 3 is a whole number; expected a string, a strategy or a table",
    ),
    "whole number too large": (
        'note = "A2"',
        f"gain_db = {10**400}",
        "stems.bass.gain_db: a whole number of more than 64",
    ),
    "whole number too long": ('note = "A2"', f"gain_db = 1{'0' * 5000}", "is not TOML: Exceeds the limit"),
    "large seed": ('note = "A2"', f"seed = 0x{'f' * 300}", "stems.bass.seed: a whole number of more than 64 bits"),
    "date in a pattern": ('"x..."', "[{ a = 1979-05-27 }]", "patterns.default.kick[0].a: 1979-05-27 is a date or time"),
    "no length": ('"0:16"', '"0:00"', "reference.duration: 0 s is outside 0 to 86400 s (a day)"),
    "days": ('"0:16"', '"99999:00:00"', "reference.duration: 3.59996e+08 s is outside 0 to 86400 s (a day)"),
    "years in bars": ('"0:16"', '"9999999 bars"', "reference.duration: 1e+07 bars are outside 0 to 100000 bars"),
    "key": ('"G major"', '"H major"', "song.key: 'H major' is not a key; a key is a tonic and a scale"),
    "unknown limit": ("[stems.bass]", "[verify]\nloud = 3\n[stems.bass]", "verify: unknown key 'loud'"),
    "line break": ("[stems.bass]", '[song."a\\nb"]\n[stems.bass]', "song: unknown key 'a\\nb'"),
    "rejected": ("[stems.bass]", '[stems."a.rejected"]', "stems.a.rejected: the name may not end with '.rejected'"),
    "turned": ("[stems.bass]", '[stems."\u202eb"]', "the name may not hold '\\u202e'"),
    "slash": ("[stems.bass]", '[stems."a/b"]', "stems.a/b: the name may not hold '/': it becomes a file's name"),
    "dots": ("[stems.bass]", '[stems.".."]', "stems...: the name '..' may not be empty, or begin or end with a dot"),
    "twins": ("[stems.bass]", "[stems.Drums]", "stems: two have the name 'drums', once written 'Drums'; rename one"),
    "same name": (
        "[stems.bass]",
        "[stems.drums]\n[stems.drums]",
        "is not TOML: Cannot declare ('stems', 'drums') twice",
    ),
    "not a table": ("[reference]", "[[reference]]", "reference: expected a table; write [reference]"),
    "fader": ("[song]", "[mix.gains_db]\nlead = 1\n[song]", "mix.gains_db: unknown stem 'lead'; known: bass, drums"),
    "limit": ("[song]", "[verify]\nclipping_ratio = 2\n[song]", "verify.clipping_ratio: 2 is outside 0 to 1"),
    "own limit": ('note = "A2"', "verify = {dc = 1}", "stems.bass.verify: unknown key 'dc'; known: clipping_ratio, "),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_line_that_says_where(tmp_path, name):
    old, new, expected = WRONG[name]
    assert GOOD.count(old) >= 1
    assert expected in mistake(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "is empty; a song needs [song], [reference] and at least one [stems.NAME]"),
        (b"\n  \n", "is empty; a song needs"),
        ("[song]\ntitle = 'Grün'".encode("latin-1"), "is not UTF-8 (byte 0xfc in line 2); save it as UTF-8"),
        ("[song]".encode("utf-16"), "is not UTF-8 (byte 0xff in line 1); save it as UTF-8"),
        (b"[song\n", "is not TOML: Expected ']' at the end of a table declaration (at line 1, column 6)"),
        (b"[song]\nbpm = 120\n", "reference: give one of 'file', 'duration' or 'stem'"),
        (b"[reference]\nduration = 3\n", "stems: a song needs at least one, written as [stems.NAME]"),
        (b"a = " + b"[" * 5000, "is not TOML"),
    ],
)
def test_a_file_that_is_no_song_is_one_line(tmp_path, raw, expected):
    assert expected in mistake(tmp_path, raw)


@pytest.mark.parametrize(("subtype", "dither"), [("PCM_16", "shaped"), ("FLOAT", "off")])
def test_dither_is_the_songs_where_its_files_are_pcm(tmp_path, subtype, dither):
    song = load(tmp_path, GOOD.replace("bpm = 120", f'bpm = 120\nsubtype = "{subtype}"\ndither = "shaped"'))
    made = [process.job(song, song.stems[0]), master.job(song, *song.each("mastered"))]
    assert [job.params["dither"] for job in made] == [dither, dither]
    assert load(tmp_path, GOOD).song.dither == "tpdf"


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    assert load(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()).song.bpm == 120


def test_names_with_spaces_umlauts_and_cjk_are_names(tmp_path):
    song = load(tmp_path, GOOD.replace("[stems.bass]", '[stems."Größe 低音 2"]'), "Übung 曲")
    assert song.stems[0].name == "Größe 低音 2"


def test_what_editors_leave_beside_a_song_is_no_song(tmp_path):
    load(tmp_path, GOOD)
    (tmp_path / ".#song.toml").symlink_to("user@host.1234")
    (tmp_path / "._song.toml").write_bytes(b"\x00\x05\x16\x07")
    assert [song.name for song in reading.read_songs(tmp_path)] == ["song"]


def test_a_file_name_in_another_encoding_is_one_line(tmp_path):
    path = os.fsencode(tmp_path) + b"/gr\xfcn.toml"
    with open(path, "wb") as file:
        file.write(GOOD.encode())
    with pytest.raises(SpecError, match="the file's name: the name may not hold"):
        reading.read_songs(tmp_path)


def test_a_folder_without_songs_says_what_to_do(tmp_path):
    with pytest.raises(SpecError, match="no songs here"):
        reading.read_songs(tmp_path)


@given(st.binary(max_size=300))
@settings(max_examples=examples(300), deadline=None)
def test_no_bytes_give_anything_but_a_song_or_one_line(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    path.write_bytes(raw)
    assert "\n" not in line_of(lambda: reading.read_song(path))


TOML_VALUE = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=5), st.dates(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=4,
)


@given(
    where=st.sampled_from(["song", "reference", "stems", "mix", "master", "verify", "sections", "bass"]),
    key=st.sampled_from(
        ["bpm", "duration", "effects", "align", "gains_db", "name", "generator", "file", "verify", "x"]
    ),
    value=TOML_VALUE,
)
@settings(max_examples=examples(300), deadline=None)
def test_no_value_anywhere_gives_a_traceback(tmp_path_factory, where, key, value):
    import tomllib

    data = tomllib.loads(GOOD)
    place = (
        data["stems"]["bass"]
        if where == "bass"
        else data[where][0]
        if where == "sections"
        else data.setdefault(where, {})
    )
    place[key] = value
    line = line_of(lambda: reading._song(tmp_path_factory.getbasetemp() / "song.toml", data))
    assert "\n" not in line.replace(repr(value), "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2:17", (137.0, "s")),
        ("1:02:03.5", (3723.5, "s")),
        ("64 bars", (64.0, "bars")),
        ("1 bar", (1.0, "bars")),
        ("256 beats", (256.0, "beats")),
        ("90 s", (90.0, "s")),
        (137.2, (137.2, "s")),
    ],
)
def test_a_duration_is_seconds_clock_time_bars_or_beats(value, expected):
    assert length_in(value) == expected


PARTS = [(kind, name) for kind in parts.KINDS for name in parts.ours(kind)]


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_the_schema_read_from_source_is_the_signature_that_python_sees(kind, name):
    drawn = schema.of(kind, name)
    seen = inspect.signature(plugins.load(parts.found(kind, name).reference)).parameters
    keywords = {key: value for key, value in seen.items() if value.kind is inspect.Parameter.KEYWORD_ONLY}
    assert {parameter.name for parameter in drawn.parameters} | drawn.wants == set(keywords)
    for parameter in drawn.parameters:
        assert parameter.doc, f"{parameter.name} has no sentence"
        default = keywords[parameter.name].default
        assert (parameter.default is schema.NO_DEFAULT) == (default is inspect.Parameter.empty)
        if default is not inspect.Parameter.empty:
            assert parameter.default == default


def test_no_generators_parameter_has_the_name_of_a_stems_own_key():
    common = {parameter.name for parameter in strips.STEM_KEYS.parameters}
    for name in parts.names("generators"):
        assert not common & {parameter.name for parameter in schema.of("generators", name).parameters}, name


@pytest.mark.parametrize("table", tables.TABLES.values())
def test_every_key_of_every_table_has_a_sentence(table):
    assert all(parameter.doc for parameter in schema.of_table(table).parameters)


def test_checking_a_spec_imports_no_numpy(tmp_path):
    import subprocess
    import sys

    path = tmp_path / "song.toml"
    path.write_text(GOOD)
    code = (
        "import sys; from pathlib import Path; from stemtasks.spec import reading; "
        f"reading.read_song(Path({str(path)!r})); "
        "print([name for name in ('numpy', 'scipy', 'soundfile', 'soxr') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == []
