from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stemtasks.delivery.names import FIELD_BYTES, NAME_BYTES, archive_name, distinct, field, file_names, folder_name

FORMAT = {"sample_rate": 48000, "subtype": "PCM_24"}
HOSTILE = st.text(
    st.one_of(st.characters(), st.sampled_from('<>:"/\\|?*._- \t\n\0\u200d\u202e\u0301cConN音é👩')), max_size=150
)


@pytest.mark.parametrize(
    ("title", "sample_rate", "subtype", "name"),
    [
        ("Demo", 48000, "PCM_24", "Demo_48k_24bit.zip"),
        ("demo", 44100, "PCM_16", "Demo_44.1k_16bit.zip"),
        ("over the  hills", 96000, "FLOAT", "OverTheHills_96k_32float.zip"),
        ("Für Élise", 88200, "PCM_24", "FürÉlise_88.2k_24bit.zip"),
        ("夜に駆ける", 48000, "PCM_24", "夜に駆ける_48k_24bit.zip"),
        ("AC/DC: live?", 48000, "PCM_24", "ACDCLive_48k_24bit.zip"),
        ("..\\..\\etc/passwd", 48000, "PCM_24", "EtcPasswd_48k_24bit.zip"),
        (None, 48000, "PCM_24", "SongId_48k_24bit.zip"),
        ("???", 48000, "PCM_24", "Song_48k_24bit.zip"),
    ],
)
def test_an_archive_is_named_by_title_rate_and_depth(title, sample_rate, subtype, name):
    params = {"song": "song_id", "title": title, "sample_rate": sample_rate, "subtype": subtype}
    assert archive_name(params) == name
    assert folder_name(params) + ".zip" == name


def test_a_name_is_known_without_importing_numpy():
    code = "import sys, stemtasks.delivery.names; print(sorted({'numpy', 'soundfile', 'zipfile'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_files_are_named_by_song_part_rate_and_depth():
    params = {**FORMAT, "song": "demo", "title": "Demo", "stems": {"bass": {"title": None}, "gtr": {"title": "Gtr L"}}}
    assert file_names(params) == {
        "stems/bass": "Demo_Bass_48k_24b.wav",
        "stems/gtr": "Demo_GtrL_48k_24b.wav",
        "master": "Demo_Master_48k_24b.wav",
    }
    assert file_names({**params, "subtype": "FLOAT"})["stems/bass"] == "Demo_Bass_48k_32f.wav"


def test_names_that_become_the_same_are_numbered_whatever_the_order_of_the_table():
    stems = {name: {"title": None} for name in ("lead", "Lead", "master", "le/ad", "le ad", "lead2")}
    names = file_names({**FORMAT, "song": "demo", "stems": stems})
    turned = file_names({**FORMAT, "song": "demo", "stems": dict(reversed(stems.items()))})
    assert names == turned
    assert len({name.casefold() for name in names.values()}) == len(stems) + 1
    assert names["master"] == "Demo_Master_48k_24b.wav"
    assert names["stems/master"] == "Demo_Master2_48k_24b.wav"
    assert names["stems/lead2"] == "Demo_Lead2_48k_24b.wav", "a name that is free is kept"


@pytest.mark.parametrize("device", ["con", "NUL", "Com1", "lpt9", "aux.cert", "COM²", "CONIN$"])
def test_windows_devices_are_not_names(device):
    name = field(device, "Song")
    assert name.upper().startswith(device.partition(".")[0].upper() + "-")


def test_a_letter_is_not_parted_from_its_marks():
    text = "x" * (FIELD_BYTES - 3) + "q\u0323\u0302" * 10
    assert field(text, "Song") == "X" + "x" * (FIELD_BYTES - 4)


def test_what_xml_cannot_hold_is_left_out():
    assert field("low\uffff e\ufffend", "Song") == "LowEnd"


def test_text_that_turns_the_direction_of_reading_is_left_out():
    assert field("bass\u202egpj.exe", "Song") == "Bassgpj.exe"


@given(HOSTILE)
@example("con-")
@example(".a")
@example("q" + "\u0323" * 300)
@example("a." * 100)
@example("\u0131\u0307")
@example("con." + "x" * 200)
@example("conx" + "\u0323" * 200)
def test_a_field_is_never_empty_or_long_has_no_separators_and_is_its_own_field(text):
    name = field(text, "Song")
    assert name
    assert len(name.encode("utf-8")) <= FIELD_BYTES
    assert not set(name) & set('<>:"/\\|?*_ \0\n\r\t')
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name)
    assert name[0] not in ".-"
    assert name[-1] not in ". "
    assert name == unicodedata.normalize("NFC", name)
    assert field(name, "Other") == name


@given(st.lists(HOSTILE, max_size=12, unique=True), HOSTILE)
def test_files_of_a_song_never_share_a_name(stems, title):
    names = file_names({**FORMAT, "song": "demo", "title": title, "stems": {name: {} for name in stems}})
    assert len(names) == len(stems) + 1
    for form in ("NFC", "NFD"):
        assert len({unicodedata.normalize(form, name).casefold() for name in names.values()}) == len(names)
    assert max(len(name.encode("utf-8")) for name in names.values()) <= NAME_BYTES


@given(st.lists(st.sampled_from(["a", "A", "a2", "A2", "a22", "ß", "ss"]), max_size=10))
def test_numbers_make_fields_distinct_and_leave_the_first_alone(fields):
    found = distinct(fields)
    assert len({name.casefold() for name in found}) == len(fields)
    assert all(name.startswith(part) for name, part in zip(found, fields, strict=True))
    assert found[:1] == fields[:1]
