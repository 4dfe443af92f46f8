"""What names of recordings say, by how sessions are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.errors import SpecError
from stemtasks.importing.naming import in_order, named, song_name
from stemtasks.importing.words import GROUPS, KIND_OF, said_by
from stemtasks.spec.names import check_name
from stemtasks.spec.tables import StemKind

NAMES = {
    "drums": [
        "01 Kick In",
        "kick_out",
        "KICK",
        "5_BD_03",
        "Snare Btm",
        "SnareTop2",
        "OHs",
        "Overheads L",
        "HiHat",
        "hh",
    ],
    "bass": ["Bass DI", "BASS", "subBass", "808 long", "05-bass-amp"],
    "guitars": ["Gtr L", "EGtr 2", "Lead Gtr", "acoustic_guitar", "Rhythm Guitars"],
    "keys": ["E-Piano", "Rhodes", "Keys", "organ 3", "KeysMain"],
    "synths": ["Synth Lead", "arp1", "Plucks"],
    "pads": ["Warm Pad", "pads"],
    "strings": ["synth_strings", "Violin 1"],
    "winds": ["Horns", "Alto Sax"],
    "vocals": ["LdVox", "ld vox", "BVs", "Lead Vocal", "vox_dbl", "leadvocal", "Backing Vocals", "choir"],
    "fx": ["FX", "sfx 3", "Riser", "reverse sweep"],
}


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, names in NAMES.items() for name in names])
def test_a_name_says_what_plays(group, name):
    said = said_by(name)
    assert (said.group, said.kind, said.mix) == (group, KIND_OF[group], None)


@pytest.mark.parametrize("name", ["Audio 1", "Track 05", "take3", "First Light", "bounced", "x", ""])
def test_a_name_that_says_nothing_has_no_kind(name):
    said = said_by(name)
    assert (said.group, said.mix, said.bpm, said.key) == (None, None, None, None)


def test_the_folder_says_what_the_name_does_not():
    assert said_by("take 3", "Drums").group == "drums"
    assert said_by("bass", "Drums").group == "bass"


@pytest.mark.parametrize(
    ("name", "mix"),
    [("First Light rough mix v3", "rough"), ("MASTER", "master"), ("Mix", "mix"), ("2mix", "2mix"), ("ref", "ref"),
     ("Song_bounce_2", "bounce"), ("premaster", "premaster")],
)  # fmt: skip
def test_a_mix_is_known_by_its_name(name, mix):
    assert said_by(name).mix == mix


@pytest.mark.parametrize("name", ["Drum Bounce", "Vox Master", "drums mix"])
def test_a_mix_of_one_kind_is_a_stem(name):
    assert said_by(name).mix is None


@pytest.mark.parametrize(
    ("name", "bpm", "key"),
    [
        ("loop_120bpm", 120.0, None),
        ("Break 92.5 BPM", 92.5, None),
        ("bpm174 amen", 174.0, None),
        ("pluck_Am_128bpm", 128.0, "A minor"),
        ("pad F# min", None, "F# minor"),
        ("stab (Eb maj)", None, "Eb major"),
        ("strum_Cmajor_up", None, "C major"),
        ("take 120", None, None),
        ("9999bpm", None, None),
        ("Em9 chord", None, None),
        ("I am here", None, None),
    ],
)
def test_a_name_says_tempo_and_key(name, bpm, key):
    said = said_by(name)
    assert (said.bpm, said.key) == (bpm, key)


def test_every_kind_is_one_of_a_spec():
    assert {kind for kind, _ in GROUPS.values()} <= set(StemKind.__args__)
    words = [word for _, words in GROUPS.values() for word in words.split()]
    assert len(words) == len(set(words))


def test_numbers_are_sorted_by_their_value():
    names = ["10 BVs.wav", "2 Snare.wav", "1 Kick.wav", "02b.wav", "sub/1.wav", "Ä.wav", "z.wav"]
    assert sorted(names, key=in_order) == [
        "1 Kick.wav", "2 Snare.wav", "02b.wav", "10 BVs.wav", "z.wav", "Ä.wav", "sub/1.wav",
    ]  # fmt: skip


def test_names_lose_numbers_and_what_all_have_in_common():
    found = named(["01_FirstLight_Kick_48k", "02_FirstLight_SnareTop_48k", "03_FirstLight_snare_top_48k"])
    assert [(each.name, each.title) for each in found] == [
        ("kick", "Kick"), ("snare_top", "SnareTop"), ("snare_top_2", "snare_top"),
    ]  # fmt: skip


def test_tracks_of_a_session_keep_what_their_names_have_in_common():
    found = named(["Gtr A", "Gtr B", "Gtr C"], are_files=False)
    assert [each.name for each in found] == ["gtr_a", "gtr_b", "gtr_c"]


@given(st.lists(st.text(max_size=250), max_size=8))
def test_all_names_can_be_those_of_stems(names):
    found = [each.name for each in named(names)]
    assert len({name.casefold() for name in found}) == len(names)
    for name in found:
        check_name(name, "a test")


@given(st.text(max_size=300))
def test_a_songs_name_can_be_one_or_is_empty(text):
    name = song_name(text)
    if name:
        check_name(name, "a test")
    assert name.casefold() != "draft"
    with pytest.raises(SpecError):
        check_name(f"{name}/", "a test")
