"""A table in place of a number: what it may say, where it may stand, and what becomes of it in a job."""

from __future__ import annotations

import sys
import tomllib

import pytest

from stemtasks import plugins
from stemtasks.action.check import check
from stemtasks.action.pipeline import jobs_of
from stemtasks.spec import parts, schema
from stemtasks.spec.draft import draft_of
from stemtasks.spec.reading import read_song
from stemtasks.units import Automated
from tests.spec.test_json_schema import refused
from tests.spec.test_reading import GOOD, load, mistake

SONG = GOOD.replace(
    'name = "chorus"\nfill = true', 'name = "chorus"\nbars = 2\n\n[[sections]]\nname = "chorus"\nfill = true'
)
HERE = "stems.bass.effects[0]"
NUMBER = "a number, 1 to half the sample rate Hz"


def cutoff(said):
    return SONG.replace("cutoff_hz = 800", f"cutoff_hz = {said}")


def stem(said):
    return SONG.replace('note = "A2"', f'note = "A2"\n{said}')


def of_effects(said):
    return SONG.replace('[{ name = "lowpass", cutoff_hz = 800 }]', f"[{said}]")


WRONG = {
    "no section": ('{ points = [["intro", 400]] }', f"{HERE}.cutoff_hz.points[0]: 'intro' is no section of the song"),
    "above Nyquist": ('{ points = [["chorus", 30000]] }', f"{HERE}.cutoff_hz.points[0]: 30000 Hz is not below half"),
    "out of range": ('{ points = [["chorus", 0.5]] }', f"{HERE}.cutoff_hz.points[0]: 0.5 is outside 1 to half"),
    "no number": (
        '{ points = [["chorus", "400"]] }',
        f"{HERE}.cutoff_hz.points[0]: '400' is no number; expected {NUMBER}",
    ),
    "a switch": (
        '{ points = [["chorus", true]] }',
        f"{HERE}.cutoff_hz.points[0]: True is a boolean; expected {NUMBER}",
    ),
    "a point in a point": ('{ points = [["chorus", { points = [[0, 400]] }]] }', f"{HERE}.cutoff_hz.points[0]: "),
    "no point": (
        '{ points = [["chorus"]] }',
        f"{HERE}.cutoff_hz.points[0]: ['chorus'] is no point; write [place, value]",
    ),
    "no points": ("{ points = [] }", f"{HERE}.cutoff_hz.points: is empty; write [[place, value], ...]"),
    "no list": ("{ points = 3 }", f"{HERE}.cutoff_hz.points: 3 is a whole number; expected a list"),
    "bars out of order": (
        '{ points = [["3.1", 400], ["2.1", 500]] }',
        f"{HERE}.cutoff_hz.points[1]: '2.1' does not come after '3.1'; put points in the order of the song",
    ),
    "a bar before a time": (
        '{ points = [["0:04", 400], ["2.1 + 1 beat", 500]] }',
        f"{HERE}.cutoff_hz.points[1]: '2.1 + 1 beat' does not come after '0:04'",
    ),
    "one place twice": (
        '{ points = [["chorus", 400], ["chorus", 500]] }',
        f"{HERE}.cutoff_hz.points[1]: 'chorus' does not come after 'chorus'",
    ),
    "no curve": (
        '{ points = [["chorus", 400]], curve = "exponential" }',
        f"{HERE}.cutoff_hz.curve: 'exponential' is not one of 'linear', 'smooth', 'step'",
    ),
    "a ramp of what is a ramp": (
        '{ points = [["chorus", 400]], ramp_ms = 5 }',
        f'{HERE}.cutoff_hz.ramp_ms: is for sections and for curve = "step"; leave it out',
    ),
    "a default of points": (
        '{ points = [["chorus", 400]], default = 500 }',
        f"{HERE}.cutoff_hz.default: is for sections; leave it out",
    ),
    "points and sections": (
        '{ points = [["chorus", 400]], sections = { verse = 400 } }',
        f"{HERE}.cutoff_hz: give either 'points' or 'sections'",
    ),
    "a section without a value": (
        "{ sections = { verse = 400 } }",
        f"{HERE}.cutoff_hz.sections: chorus has no value; name all sections, or give 'default'",
    ),
    "no such section": (
        "{ sections = { vers = 400 }, default = 300 }",
        f"{HERE}.cutoff_hz.sections: 'vers' is no section; the song has verse, chorus; did you mean 'verse'?",
    ),
    "no such time": (
        '{ sections = { "chorus#3" = 400 }, default = 300 }',
        f"{HERE}.cutoff_hz.sections: 'chorus#3': 'chorus' comes 2 times",
    ),
    "a curve of sections": (
        '{ sections = { verse = 400 }, default = 300, curve = "smooth" }',
        f"{HERE}.cutoff_hz.curve: is for points; leave it out",
    ),
    "a default out of range": (
        "{ sections = { verse = 400 }, default = 0.1 }",
        f"{HERE}.cutoff_hz.default: 0.1 is outside 1 to half",
    ),
    "no automation": (
        '{ point = [["chorus", 400]] }',
        f"{HERE}.cutoff_hz: {{'point': [[...]]}} is a table; expected {NUMBER}",
    ),
    "an unknown key": (
        "{ points = [[0, 400]], ramp = 5 }",
        f"{HERE}.cutoff_hz: unknown key 'ramp'; known: curve, default",
    ),
}
KNOWN_TO_CHECK_ALONE = {
    "no section",
    "above Nyquist",
    "bars out of order",
    "a bar before a time",
    "one place twice",
    "a ramp of what is a ramp",
    "a default of points",
    "a section without a value",
    "no such section",
    "no such time",
    "a curve of sections",
}
"""What the schema for editors cannot tell: it says something of two keys, or of the song."""


@pytest.mark.parametrize("name", WRONG)
def test_each_mistake_is_one_line(tmp_path, name):
    said, line = WRONG[name]
    assert mistake(tmp_path, cutoff(said)).startswith(line)
    assert (refused(tomllib.loads(cutoff(said))) == []) == (name in KNOWN_TO_CHECK_ALONE)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            SONG.replace("cutoff_hz = 800", "cutoff_hz = 800, order = { points = [[0, 2]] }"),
            f"{HERE}.order: cannot change along the song; give it one value: a whole number, 1 to 16",
        ),
        (
            SONG.replace("cutoff_hz = 800", 'cutoff_hz = 800, phase = { sections = { chorus = "zero" } }'),
            f"{HERE}.phase: cannot change along the song; give it one value: one of 'minimum', 'zero'",
        ),
        (
            stem("level_dbfs = { points = [[0, -3]] }"),
            "stems.bass.level_dbfs: cannot change along the song; give it one value: a number, -144 to 0 dBFS",
        ),
        (
            SONG + "\n[mix]\ngain_db = { points = [[0, 1]] }\n",
            "mix.gain_db: cannot change along the song; give it one value: a number, -144 to 48 dB",
        ),
        (
            SONG + "\n[mix]\ngains_db = { bass = { points = [[0, 1]] } }\n",
            "mix.gains_db.bass: a fader stays where it is; let stems.bass.gain_db change instead",
        ),
        (
            of_effects(
                '{ name = "delay", time_ms = { points = [[0, 20], [1, 30]] }, mix = { points = [[0, 0], [1, 1]] }, '
                "feedback = { points = [[0, 0], [1, 0.5]] } }"
            ),
            (
                f"{HERE}: feedback, mix, time_ms all change along the song; at most 2 parameters of 'delay' can: "
                "give the others one value"
            ),
        ),
        (
            SONG.replace(
                'generator = "tone"\nnote = "A2"',
                'generator = "file"\nfile = "a.wav"\nmend = [{ name = "gain", gain_db = { points = [[0, 0]] } }]',
            ),
            "stems.bass.mend[0].gain_db: cannot change along the song, where the stem has no place yet; use effects",
        ),
    ],
)
def test_where_a_number_stays_one_the_line_says_so(tmp_path, text, line):
    assert mistake(tmp_path, text) == line


RIGHT = [
    cutoff('{ points = [["verse", 400], ["chorus", 8000], ["chorus + 1 bar", 12000], ["chorus#2", 400]] }'),
    cutoff('{ points = [[0, 400], ["0:02", 500], ["4.1", 600], ["6.1 + 1 beat", 700]], curve = "smooth" }'),
    cutoff('{ points = [[0, 400]], curve = "step", ramp_ms = 5 }'),
    cutoff('{ sections = { verse = 400, "chorus#2" = 900 }, default = 8000 }'),
    cutoff('{ sections = { verse = 400, "chorus#1" = 500, "chorus#2" = 900 }, ramp_ms = 50 }'),
    stem("gain_db = { sections = { chorus = 1.5 } }\npan = { points = [['verse', -1], ['chorus', 1]] }"),
    stem("pan = { sections = { verse = 0.5 }, default = -0.5 }"),
    SONG + '[groups.all]\nstems = ["bass"]\ngain_db = { points = [["verse", -6], ["chorus", 0]] }\n',
    stem('send = { to = "room", level_db = { sections = { chorus = -6 }, default = -30 } }') + "[groups.room]\n",
    SONG + '[master]\neffects = [{ name = "gain", gain_db = { sections = { verse = -1 }, default = 0 } }]\n',
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_right_for_reader_schema_and_check(tmp_path, text):
    song = load(tmp_path, text)
    assert refused(tomllib.loads(text)) == []
    assert check(song).mistakes == []
    assert check(draft_of(song)).mistakes == []


def test_sections_that_are_not_named_have_the_default_or_what_the_parameter_is_without(tmp_path):
    song = load(tmp_path, stem("gain_db = { sections = { chorus = 1.5 } }"))
    assert song.stems[0].table.gain_db == {"sections": {"chorus": 1.5}, "default": 0.0, "ramp_ms": 20.0}


def test_points_out_of_order_around_a_section_are_found_by_check(tmp_path):
    text = cutoff('{ points = [["chorus", 400], ["2.1", 500]] }')
    text = text.replace('note = "A2"', 'note = "A2"\npan = { points = [["chorus.end", 0], ["verse", 1]] }')
    said = check(load(tmp_path, text)).mistakes
    assert [line.partition(".toml: ")[2] for line in said] == [
        (
            "stems.bass.effects[0]: cutoff_hz.points[1]: '2.1' does not come after 'chorus'; "
            "put points in the order of the song"
        ),
        "stems.bass: pan.points[1]: 'verse' does not come after 'chorus.end'; put points in the order of the song",
    ]


def test_a_parts_own_check_is_asked_for_both_ends(tmp_path):
    text = of_effects('{ name = "bandpass", low_hz = { points = [[0, 100], [4, 3000]] }, high_hz = 2000 }')
    (line,) = check(load(tmp_path, text)).mistakes
    assert line.partition(".toml: ")[2].startswith("stems.bass.effects[0]: bandpass: low_hz")


def test_a_mono_song_has_no_pan_that_moves(tmp_path):
    text = stem("pan = { points = [[0, 0], [4, 0.5]] }").replace("bpm = 120", "bpm = 120\nchannels = 1")
    (line,) = check(load(tmp_path, text)).mistakes
    assert "pan 0.5 needs a stereo song" in line


def test_a_job_says_what_changes_and_how_it_is_heard(tmp_path):
    text = of_effects(
        '{ name = "peaking", centre_hz = { points = [[0, 400], ["chorus", 900]] }, '
        'gain_db = { sections = { verse = 3 }, default = 0 }, q = 2 }, { name = "gain", gain_db = 3 }'
    )
    job = next(jobs_of("process", load(tmp_path, text)))
    automated, plain = job.params["effects"]
    assert automated["arguments"] == {"q": 2.0, "phase": "minimum"}
    assert automated["automated"] == {
        "centre_hz": {"points": [[0.0, 400.0], ["chorus", 900.0]], "curve": "linear", "scale": "octaves"},
        "gain_db": {"sections": {"verse": 3.0}, "default": 0.0, "ramp_ms": 20.0, "scale": "decibels"},
    }
    assert "automated" not in plain


def test_a_draft_has_no_frequency_that_its_rate_has_not(tmp_path):
    text = of_effects(
        '{ name = "lowpass", cutoff_hz = { points = [[0, 400], [2, 9000], [4, 20000]] } }, '
        '{ name = "bandpass", low_hz = { sections = { verse = 9000 }, default = 100 }, high_hz = 20000 }'
    )
    (tmp_path / "song.toml").write_text(text)
    lowpass, bandpass = draft_of(read_song(tmp_path / "song.toml")).stems[0].effects
    assert lowpass.arguments["cutoff_hz"]["points"] == [[0.0, 400.0], [2.0, 9000.0], [4.0, 10_800.0]]
    assert bandpass.arguments["low_hz"]["sections"] == {"verse": 9000.0}
    assert bandpass.arguments["high_hz"] == 10_800.0


@pytest.mark.parametrize("name", parts.ours("effects"))
def test_what_an_effect_takes_as_curves_are_parameters_that_may_change(name):
    drawn = schema.of("effects", name)
    assert all(drawn.by_name[curve].is_a(Automated) for curve in drawn.curves)
    assert drawn.curves == set(getattr(sys.modules[load_part(drawn.name)], "CURVES", ()))


def load_part(name):
    return plugins.load(parts.found("effects", name).reference).__module__
