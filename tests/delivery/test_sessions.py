"""A session that lies beside the archive's files sums to the mix: read, and summed, by programs that are not ours."""

from __future__ import annotations

import hashlib
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
import rpp
import soundfile

from tests.project import Project
from tests.three_stems import SPEC

TITLE = 'Für "Élise" & <Co>'
CHANGES = """
[archive]
formats = ["dawproject", "rpp", "sha256sums"]

[mix]
gain_db = -4.5
gains_db = { bass = 2.25, pad = -7 }

[reference]"""
HEAD = f"[song]\ntitle = '{TITLE}'\ntail_seconds = 0.7"


@pytest.fixture(scope="module", params=["FLOAT", "PCM_24"])
def unpacked(request, tmp_path_factory):
    """Return the folder of an unpacked archive and the mix: stems panned, faders set."""
    project = Project(tmp_path_factory.mktemp("session") / "song")
    spec = SPEC.replace("[song]", f'{HEAD}\nsubtype = "{request.param}"').replace("\n[reference]", CHANGES)
    project.spec(spec.replace("gain_db = -6\n", "gain_db = -6\npan = 0.5\n"))
    assert project.build().code == 0
    (archive,) = (project.folder / "build/song").glob("*.zip")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(project.folder / "unpacked")
    (folder,) = (project.folder / "unpacked").iterdir()
    mix, rate = soundfile.read(project.folder / "build/song/mix.wav", always_2d=True)
    return folder, mix, rate


def of_dawproject(folder):
    """Yield file, gain, start and length in seconds of what is heard."""
    (file,) = folder.glob("*.dawproject")
    with zipfile.ZipFile(file) as packed:
        root = ElementTree.fromstring(packed.read("project.xml"))
    bpm = float(root.find("Transport/Tempo").get("value"))
    for track in root.findall("Structure/Track"):
        lanes = root.find(f".//Lanes[@track='{track.get('id')}']")
        if lanes is None or track.find("Channel/Mute").get("value") == "true":
            continue
        clip = lanes.find("Clips/Clip")
        gain = float(track.find("Channel/Volume").get("value"))
        times = [float(clip.get(name)) * 60 / bpm for name in ("time", "duration")]
        yield clip.find("Audio/File").get("path"), gain, *times


def of_rpp(folder):
    """Yield file, gain, start and length in seconds of what is heard."""
    (file,) = folder.glob("*.rpp")
    for track in rpp.loads(file.read_text(encoding="utf-8")).findall("TRACK"):
        if track.find("MUTESOLO")[1] == "0":
            item = track.find("ITEM")
            times = [float(item.find(name)[1]) for name in ("POSITION", "LENGTH")]
            yield item.find("SOURCE").find("FILE")[1], float(track.find("VOLPAN")[1]), *times


@pytest.mark.parametrize("session", [of_dawproject, of_rpp])
def test_opened_as_it_is_it_sums_to_the_mix(unpacked, session):
    folder, mix, rate = unpacked
    heard = list(session(folder))
    assert len(heard) == 3
    total = np.zeros_like(mix)
    for name, gain, start, length in heard:
        audio, _ = soundfile.read(folder / name, always_2d=True)
        assert (start, round(length * rate, 6)) == (0, len(audio))
        total += gain * audio
    assert 20 * np.log10(np.max(np.abs(total - mix)) + 1e-30) < -120
    assert np.max(np.abs(mix)) > 0.05


def test_all_that_is_in_the_archive_is_among_its_checksums(unpacked):
    folder, _, _ = unpacked
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    assert sums == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.name in sums
    }
    assert set(sums) == {file.name for file in folder.iterdir()} - {"SHA256SUMS"}
    assert {"FürÉlise&Co.dawproject", "FürÉlise&Co.rpp"} < set(sums)
