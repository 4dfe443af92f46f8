"""What a spec may say of deliveries, and each mistake in one line."""

from __future__ import annotations

import pytest

from stemtasks.errors import SpecError
from stemtasks.spec.deliveries import Form, own_master
from tests.spec.test_reading import load, mistake

SONG = """
[song]
sample_rate = {rate}
subtype = "{subtype}"
[reference]
duration = 2
[stems.a]
generator = "tone"
"""
WRONG = {
    "unknown key": ("[deliveries.x]\nstem = true", "deliveries.x: unknown key 'stem'; known: ceiling_dbtp, "),
    "not a table": ("deliveries.x = 3", "deliveries.x: expected a table; write [deliveries.x]"),
    "no table of tables": ("deliveries = 3", "deliveries: expected a table; write [deliveries]"),
    "unknown format": (
        '[deliveries.x]\nstems = { format = "ogg" }',
        "deliveries.x.stems.format: 'ogg' is not one of 'wav', 'rf64', 'flac', 'mp3'",
    ),
    "a format that is not in a table": (
        '[deliveries.x]\nmaster = "flac"',
        "deliveries.x.master: 'flac' is a string; expected true or false or a table",
    ),
    "FLAC with FLOAT": (
        '[deliveries.x]\nmaster = { format = "flac", subtype = "FLOAT" }',
        "deliveries.x.master.subtype: FLAC holds no FLOAT; write PCM_24 or PCM_16, or format = 'wav'",
    ),
    "MP3 with a subtype": (
        '[deliveries.x]\nmix = { format = "mp3", subtype = "PCM_16" }',
        "deliveries.x.mix.subtype: MP3 has none; leave it out",
    ),
    "MP3 at 96 kHz": (
        '[deliveries.x]\nsample_rate = 96000\nmaster = { format = "mp3" }',
        "deliveries.x.master.format: MP3 has no 96000 Hz, only 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100,",
    ),
    "a name that is no file's": ('[deliveries."a/b"]', "deliveries.a/b: the name may not hold '/'"),
    "an empty name": ('[deliveries.""]', "deliveries.: the name '' may not be empty"),
    "a twin": (
        "[deliveries.game]\n[deliveries.Game]",
        "deliveries: two have the name 'Game', once written 'game'; rename one",
    ),
    "one archive of two": (
        '[deliveries."my game"]\n[deliveries.myGame]',
        "deliveries.myGame: its archive would be Song_MyGame_48k.zip, as that of deliveries.my game; rename one",
    ),
    "nothing in it": (
        "[deliveries.x]\nstems = false\nmaster = false",
        "deliveries.x: nothing is in it; give it stems, mix, master or previews, or leave the table out",
    ),
    "an ISRC that is none": (
        '[tags]\nisrc = "DE-A1-26-00001"',
        "tags.isrc: 'DE-A1-26-00001' is no ISRC: two letters, three letters or digits, and seven digits, such as",
    ),
    "a date of no calendar": (
        '[tags]\ndate = "2026-13-01"',
        "tags.date: '2026-13-01' is no date; write '2026' or '2026-11-26'",
    ),
    "stems of which none is delivered": (
        "deliver = false\n[deliveries.x]\nmaster = false",
        "deliveries.x: nothing is in it; give it stems, mix, master or previews, or leave the table out",
    ),
    "loudness of no master": (
        "[deliveries.x]\nmaster = false\nloudness_lufs = -16",
        "deliveries.x.loudness_lufs: it has no master; leave loudness_lufs out, or write master = true",
    ),
    "a loudness out of range": ("[deliveries.x]\nloudness_lufs = 3", "deliveries.x.loudness_lufs: "),
    "a limit that there is not": (
        "[deliveries.x]\nverify = { silence = 3 }",
        "deliveries.x.verify: unknown key 'silence'",
    ),
    "an unknown delivery format": (
        '[deliveries.x]\nformats = ["manifset"]',
        "deliveries.x.formats[0]: unknown delivery format 'manifset'; known: dawproject, manifest, ",
    ),
    "names that tell nothing apart": (
        '[deliveries.x]\nfields = ["song", "rate"]',
        "deliveries.x.fields: each may be there once, and 'part' must, which tells the files apart",
    ),
    "an unknown field": ('[deliveries.x]\nfields = ["parts"]', "deliveries.x.fields[0]: 'parts' is not one of "),
}


def song_of(tmp_path, text, rate=48000, subtype="FLOAT"):
    return load(tmp_path, SONG.format(rate=rate, subtype=subtype) + text)


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_line_that_says_where(tmp_path, name):
    text, expected = WRONG[name]
    head = SONG.format(rate=48000, subtype="FLOAT")
    whole = f"{text}\n{head}" if text.startswith("deliveries") else head + text
    said = mistake(tmp_path, whole)
    assert expected in said
    assert "\n" not in said


def test_all_mistakes_of_all_deliveries_are_said_at_once(tmp_path):
    text = '[deliveries.x]\nmix = 3\nstems = { format = "ogg" }\n[deliveries.y]\nsample_rate = 1'
    with pytest.raises(SpecError) as caught:
        song_of(tmp_path, text)
    said = [line.partition(": ")[2].partition(":")[0] for line in caught.value.mistakes]
    assert said == ["deliveries.x.mix", "deliveries.x.stems.format", "deliveries.y.sample_rate"]


def test_a_delivery_that_says_nothing_has_the_stems_and_the_master_of_the_song(tmp_path):
    song = song_of(tmp_path, "[deliveries.x]", subtype="PCM_24")
    (delivery,) = song.deliveries
    form = Form("wav", "PCM_24", 48000)
    assert delivery.forms == {"stems": form, "master": form}
    assert song.each("converted") == ()
    assert [each.name for each in song.each("mastered")] == [""]
    assert [each.name for each in song.each("delivery")] == ["x"]


def test_flac_of_a_float_song_has_24_bits_and_of_a_pcm_song_as_many_as_that(tmp_path):
    text = '[deliveries.x]\nstems = { format = "flac" }'
    found = [song_of(tmp_path, text, subtype=subtype).deliveries[0].forms["stems"] for subtype in ("FLOAT", "PCM_16")]
    assert found == [Form("flac", "PCM_24", 48000), Form("flac", "PCM_16", 48000)]


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("", False),
        ("loudness_lufs = -14", False),
        ("loudness_lufs = -16", True),
        ('loudness_lufs = "off"', True),
        ("ceiling_dbtp = -2", True),
        ("sample_rate = 44100", True),
        ('master = { subtype = "PCM_16" }', True),
        ('master = { format = "flac" }', True),
        ('master = { format = "mp3" }', False),
        ('master = { format = "rf64" }', False),
        ('stems = { format = "flac" }', False),
    ],
)
def test_a_master_is_made_anew_only_where_it_is_another_one(tmp_path, text, own):
    song = song_of(tmp_path, f"[deliveries.x]\n{text}")
    assert own_master(song, song.deliveries[0]) == own
    assert [each.name for each in song.each("mastered")] == ["", "x"][: 1 + own]


def test_names_of_a_deliverys_files_are_never_one_and_never_too_long(tmp_path):
    from stemtasks.delivery.names import NAME_BYTES, file_names

    fields = '["delivery", "song", "part", "bpm", "key", "rate", "bits"]'
    long = "x" * 120
    head = SONG.format(rate=48000, subtype="FLOAT").replace(
        "[song]", f'[song]\ntitle = "{long}"\nbpm = 93.5\nkey = "Ab minor"'
    )
    stems = "".join(f'[stems.{name}]\ngenerator = "tone"\ntitle = "{long}{name}"\n' for name in ("b", "B2", "mix"))
    song = load(tmp_path, f"{head}{stems}[deliveries.{long}]\nfields = {fields}\nnumbers = true\nmix = true")
    (delivery,) = song.deliveries
    params = song.archive_params(delivery) | {"stems": {stem.name: {"title": stem.table.title} for stem in song.stems}}
    names = file_names(params)
    assert list(names) == ["stems/a", "stems/b", "stems/B2", "stems/mix", "mix", "master"]
    assert len({name.casefold() for name in names.values()}) == 6
    assert max(len(name.encode()) for name in names.values()) <= NAME_BYTES
    assert names["master"].startswith("06_X")
    assert names["master"].endswith("_Master_93.5bpm_AbMinor_48k_32f.wav")
