"""What an album's file may say, each mistake in one line, and that what the line says to do mends it."""

from __future__ import annotations

import json
import tomllib
import unicodedata
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from stemtasks import cli
from stemtasks.action.circles import read_buildable
from stemtasks.spec.album import Album
from tests.album_songs import ALBUM, ORDER, write_album, write_songs

HEAD = "[album]\nsongs = "
THREE = f'{HEAD}["dusk", "noon", "dawn"]\n'


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return the folder of three songs, which is this one."""
    (tmp_path / "spec").mkdir()
    write_songs(tmp_path / "spec")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said():
    """Return the albums of this folder, and all that is wrong."""
    specs, broken = read_buildable(Path("spec"))
    return [each for each in specs if isinstance(each, Album)], [line for each in broken for line in each.mistakes]


def edit(name, old, new):
    path = Path("spec", f"{name}.toml")
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def other_rate():
    edit("noon", "22050", "44100")


def other_subtype():
    edit("noon", "PCM_24", "FLOAT")


def other_channels():
    edit("noon", "bpm = 120", "bpm = 120\nchannels = 1")


WRONG = {
    "a song that is not there": (
        f'{HEAD}["dusk", "non"]',
        "album.songs[1]: unknown song 'non'; known: dawn, dusk, noon; did you mean 'noon'?",
        THREE,
    ),
    "a song twice": (
        f'{HEAD}["dusk", "noon", "dusk"]',
        "album.songs[2]: 'dusk' is there twice; take one out",
        THREE,
    ),
    "no songs": (f"{HEAD}[]", "album.songs: is empty; name the songs in the order of their tracks", THREE),
    "songs not said": ("[album]\ntitle = 'Light'", "album: 'songs' is missing; it is", THREE),
    "an empty file": (
        "",
        "is empty; an album needs [album] with 'songs', their names in the order of the tracks",
        THREE,
    ),
    "an unknown key": (f"{THREE}tracks = 3", "album: unknown key 'tracks'; known: artist, ", THREE),
    "an unknown table": (f"{THREE}[song]", "unknown table 'song'; known: album", THREE),
    "no table": ("album = 3", "album: expected a table; write [album]", THREE),
    "a list of tables": ("[[album]]\ntitle = 'Light'", "album: expected a table; write [album]", THREE),
    "not TOML": ("[album", "is not TOML: ", THREE),
    "a gain for nothing": (
        f'{THREE}gain = "song"',
        "album.gain: there is no loudness to bring the songs to; give loudness_lufs, or leave gain out",
        f'{THREE}gain = "song"\nloudness_lufs = -16',
        THREE,
    ),
    "FLAC with FLOAT": (
        f'{THREE}format = "flac"\nsubtype = "FLOAT"',
        "album.subtype: FLAC holds no FLOAT; write PCM_24 or PCM_16, or format = 'wav'",
        f'{THREE}format = "flac"\nsubtype = "PCM_16"',
        f'{THREE}format = "wav"\nsubtype = "FLOAT"',
    ),
    "more than a medium holds": (
        f"{HEAD}{json.dumps([f'song{number}' for number in range(100)])}",
        "album.songs: has 100 songs; at most 99 songs are allowed",
        THREE,
    ),
    "too loud": (f"{THREE}loudness_lufs = -3", "album.loudness_lufs: -3 is outside", THREE),
    "no loudness": (f'{THREE}loudness_lufs = "loud"', "album.loudness_lufs: 'loud' is not one of 'off'", THREE),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_one_line_and_what_it_says_mends_it(here, name):
    text, expected, *mended = WRONG[name]
    path = write_album(here / "spec", text)
    albums, (line,) = said()
    assert albums == []
    assert line.startswith(f"spec/albums/light.toml: {expected}")
    for text in mended:
        path.write_text(text)
        albums, mistakes = said()
        assert (len(albums), mistakes) == (1, [])


@pytest.mark.parametrize(
    ("change", "key", "listed", "mend"),
    [
        (other_rate, "sample_rate", "22050 in dusk, dawn; 44100 in noon", "sample_rate = 22050"),
        (other_subtype, "subtype", "PCM_24 in dusk, dawn; FLOAT in noon", 'subtype = "PCM_16"'),
    ],
)
def test_songs_in_other_forms_need_one_that_the_album_says(here, change, key, listed, mend):
    change()
    path = write_album(here / "spec")
    message = f"album: its songs have not one {key} ({listed}); give the album a {key}"
    assert said() == ([], [f"spec/albums/light.toml: {message}"])
    path.write_text(ALBUM + mend)
    ((album,), mistakes) = said()
    assert mistakes == []
    assert len({track.form for track in album.tracks}) == 1


def test_mono_and_stereo_are_no_album(here):
    other_channels()
    write_album(here / "spec")
    listed = "2 in dusk, dawn; 1 in noon"
    message = f"album: its songs have not one channels ({listed}); give all songs the same channels"
    assert said() == ([], [f"spec/albums/light.toml: {message}"])
    for name in ("dusk", "dawn"):
        edit(name, "bpm = 120", "bpm = 120\nchannels = 1")
    assert [len(said()[0]), said()[1]] == [1, []]


def test_an_album_among_the_songs_is_told_where_to_go(here):
    (here / "spec/light.toml").write_text(ALBUM)
    first = said()[1][0]
    assert first == "spec/light.toml: album: an album is a file of its own; move the table to spec/albums/NAME.toml"
    (here / "spec/light.toml").unlink()
    write_album(here / "spec", name="NAME")
    assert [[album.name for album in said()[0]], said()[1]] == [["NAME"], []]


def test_an_album_may_not_have_the_name_of_a_song(here):
    path = write_album(here / "spec", name="Dusk")
    line = "spec/albums/Dusk.toml: another song or album has the name 'Dusk', once written 'dusk'; rename one"
    assert said() == ([], [line])
    path.rename(path.with_name("light.toml"))
    assert said()[1] == []


def test_a_song_that_is_broken_breaks_its_album_and_no_other(here):
    write_album(here / "spec")
    write_album(here / "spec", f'{HEAD}["dawn", "noon"]', "day")
    edit("dusk", "[reference]\n", "[reference]\nlength = 3\n")
    albums, mistakes = said()
    assert [album.name for album in albums] == ["day"]
    assert mistakes[1:] == [
        "spec/albums/light.toml: album.songs: 'dusk' is spec/dusk.toml, which has to be mended first"
    ]
    edit("dusk", "length = 3\n", "")
    assert [[album.name for album in said()[0]], said()[1]] == [["day", "light"], []]


def test_a_song_that_is_made_of_its_album_is_a_circle_that_is_named(here):
    write_album(here / "spec")
    file = '[stems.x]\ngenerator = "file"\nfile = "../build/light/master/dusk.wav"'
    edit("dusk", "[master]", f"{file}\n[master]")
    _, (line,) = said()
    assert line.startswith("spec/dusk.toml: it is made of itself: ")


@pytest.mark.parametrize(
    ("upc", "is_right"),
    # the first two are the examples of a UPC-A and an EAN-13 that are shown everywhere
    [
        ("036000291452", True),
        ("4006381333931", True),
        ("036000291453", False),
        ("4006381333913", False),
        ("1234", False),
    ],
)
def test_a_upc_has_its_digits_and_the_last_is_right(here, upc, is_right):
    write_album(here / "spec", f'{ALBUM}upc = "{upc}"')
    line = (
        f"spec/albums/light.toml: album.upc: '{upc}' is no UPC of 12 digits or EAN of 13, of which the last is a check"
    )
    assert said()[1] == [f"{line} digit"] * (not is_right)


def test_the_artist_is_the_one_that_all_songs_have(here):
    path = write_album(here / "spec")
    assert said()[0][0].artist == "Ada"
    edit("dusk", '"Ada"', '"Bo"')
    assert said()[0][0].artist is None
    path.write_text(f'{ALBUM}artist = "Various Artists"')
    assert said()[0][0].artist == "Various Artists"


def test_a_song_is_found_however_its_files_name_writes_an_accent(here):
    (here / "spec/dusk.toml").rename(here / f"spec/{unicodedata.normalize('NFD', 'été')}.toml")
    write_album(here / "spec", f'{HEAD}["noon", "été"]')
    ((album,), mistakes) = said()
    assert (len(album.tracks), mistakes) == (2, [])


def test_the_tracks_are_in_the_order_of_the_list(here):
    write_album(here / "spec")
    assert tuple(track.song.name for track in said()[0][0].tracks) == ORDER


def test_editors_have_a_schema_of_an_album(capsys):
    assert cli.main(["schema", "--json", "album"]) == 0
    drawn = json.loads(capsys.readouterr().out)
    Draft7Validator.check_schema(drawn)
    holds = Draft7Validator(drawn)
    assert list(holds.iter_errors(tomllib.loads(ALBUM))) == []
    for wrong in (
        "[album]\n",
        f"{ALBUM}track = 3",
        f'{ALBUM}gain = "none"',
        f"{ALBUM}sample_rate = 7",
        f"{ALBUM}[song]",
    ):
        assert list(holds.iter_errors(tomllib.loads(wrong))), wrong
    assert cli.main(["schema", "album"]) == 0
    assert "\n  loudness_spread_lu  (" in capsys.readouterr().out
