"""What a build leaves to look at: all songs, and what the last build changed of each, read by a parser of HTML."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser

from stemtasks.action.records import Records
from tests.project import Project
from tests.three_stems import ALL, SPEC

LAST = ".stemtasks/builds/song.html"


class Rows(HTMLParser):
    """The rows of a page's tables as text, the links, and the alternatives of its images."""

    def __init__(self, page):
        super().__init__()
        self.rows, self.links, self.images, self._in_cell = [], [], {}, False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True
        if tag == "br" and self._in_cell:
            self.rows[-1][-1] += "\n"
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        if tag == "img":
            self.images[attrs["alt"]] = base64.b64decode(attrs["src"].partition(",")[2])

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data):
        if self._in_cell:
            self.rows[-1][-1] += data


def page(project, *names):
    return Rows(project.folder.joinpath("build", *names).read_text(encoding="utf-8"))


def row(project, task):
    (found,) = (cells for cells in page(project, LAST).rows if len(cells) == 6 and cells[0] == task)
    return dict(zip(("task", "key", "how", "now", "seconds", "summary"), found, strict=True))


def test_the_index_has_each_songs_figures_and_leads_to_its_pages(built):
    index = page(built, "index.html")
    master = json.loads((built.folder / "build/song/master.json").read_text())
    report = json.loads((built.folder / "build/song/report.json").read_text())
    (cells,) = index.rows[1:]
    assert cells[:7] == [
        "song",
        "0:16.000",
        "120",
        "G major",
        f"{master['lufs']:.1f} LUFS",
        f"{master['true_peak_dbtp']:.1f} dBTP",
        f"{report['passed']} of {report['checks']}",
    ]
    assert cells[7:] == ["Song_9k_32float.zip", "what it changed"]
    assert all((built.folder / "build" / link).is_file() for link in index.links if not link.startswith("data:"))
    assert {"song/report.html", LAST} <= {*index.links}
    last = built.folder / "build" / LAST
    links = [link for link in page(built, LAST).links if not link.startswith("data:")]
    assert {(last.parent / link).resolve() for link in links} == {
        built.folder / "build" / name for name in ("index.html", "song/report.html")
    }
    assert {row(built, task)["how"] for task in ALL} == {"ran"}


def test_a_changed_effect_is_told_with_its_figures_and_pictures_and_what_was_restored_afterwards(built):
    assert page(built, LAST).images == {}
    built.edit("cutoff_hz = 800", "cutoff_hz = 200")
    changed = built.build().done["ran"]
    song = page(built, LAST)
    told = {cells[0]: cells[1:] for cells in song.rows if len(cells) == 3}
    assert {name for name in told if name != "Task"} == set(changed)
    assert told["process:song/bass"][0] == "stems.bass.effects[0].cutoff_hz 800 -> 200"
    assert told["mix:song"][0] == "what process:song/bass made"
    assert re.search(r"→ -\d+\.\d+ LUFS", told["mix:song"][1])
    wholes = ("mix", "master")
    assert set(song.images) == {
        f"Spectrogram of {name}, {what}" for name in ("stem bass", *wholes) for what in ("before", "now", "difference")
    }
    assert row(built, "mix:song")["how"] == "ran"
    assert row(built, "stem:song/bass")["how"] == "up to date"
    keys = {task: row(built, task)["key"] for task in changed}
    built.edit("cutoff_hz = 200", "cutoff_hz = 800")
    assert built.build().done == {"restored": changed}
    assert {row(built, task)["how"] for task in changed} == {"restored"}
    assert all(row(built, task)["key"] != keys[task] for task in changed)


def test_a_build_that_failed_or_cannot_begin_says_so_on_the_index_until_it_is_mended(built):
    built.edit("dc_offset = 0.02", "dc_offset = 0.02\nsilence_dbfs = -1")
    failed = built.doit("--continue").lines("FAILED")
    text = (built.folder / "build/index.html").read_text()
    assert all(line.partition(": ")[2].partition(" ")[0] in text for line in failed.values())
    assert "What failed" in text
    assert built.doit("-s", "-a", "timing:song").tasks("ran") == ["timing:song"]
    assert (built.folder / "build/index.html").read_text() == text
    built.edit("bpm = 120", "bpm = 'fast'")
    assert built.doit().code == 1
    assert "spec/song.toml: song.bpm: &#x27;fast&#x27; is a string" in (built.folder / "build/index.html").read_text()
    built.spec(SPEC)
    built.build()
    assert "What failed" not in (built.folder / "build/index.html").read_text()


def test_what_failed_and_is_up_to_date_after_all_is_on_the_index_no_more(built):
    state, before = built.folder / "build/.stemtasks", built.products()
    # of a task whose record could not be dropped, because the disk was full, and which is right as it was
    records = Records(state)
    records.put("songs", "song", records.get("songs", "song") | {"failed": {"master:song": "the disk is full"}})
    (state / "unchanged").unlink(missing_ok=True)
    assert built.build().done == {}
    assert built.products() == before


def test_pages_that_are_lost_come_again_and_go_with_what_they_tell_of(built):
    index, song = built.folder / "build/index.html", built.folder / "build" / LAST
    before = index.read_bytes()
    index.unlink()
    assert built.build().done == {}
    assert index.read_bytes() == before
    built.doit("clean", "-a")
    assert not index.exists()
    assert not song.exists()
    (built.folder / "spec/other.toml").write_text((built.folder / "spec/song.toml").read_text())
    built.build()
    (built.folder / "spec/song.toml").unlink()
    built.build()
    assert not (built.folder / "build/song").exists()
    assert not song.exists()
    assert [link for link in page(built, "index.html").links if "song/" in link] == []


def test_an_index_that_was_edited_is_made_right_by_a_build_with_nothing_else_to_do(built):
    index = built.folder / "build/index.html"
    before = index.read_bytes()
    index.chmod(0o644)
    index.write_bytes(before.replace(b"120", b"130"))
    assert built.build().done == {}
    assert index.read_bytes() == before


def test_however_songs_were_built_all_that_lies_in_build_is_the_same(built, tmp_path):
    clean = Project(tmp_path / "clean")
    for project in (built, clean):
        project.spec(SPEC.replace("cutoff_hz = 800", "cutoff_hz = 200"))
        project.spec(SPEC.replace("bpm = 120", "bpm = 60"), "slow")
    built.edit("bpm = 60", "bpm = 'slow'", "slow")
    assert built.doit().code == 1
    built.edit("bpm = 'slow'", "bpm = 60", "slow")
    built.build("stem:*")
    built.build()
    built.edit("cutoff_hz = 200", "cutoff_hz = 800")
    built.build()
    built.edit("cutoff_hz = 800", "cutoff_hz = 200")
    assert built.build().done["restored"]
    clean.build()
    assert built.products() == clean.products()
    assert "index.html" in clean.products()


def test_a_page_that_cannot_have_its_name_is_a_warning_and_leaves_nothing(built):
    index = built.folder / "build/index.html"
    index.unlink()
    (index / "in the way").mkdir(parents=True)
    run = built.doit()
    assert run.code == 0
    assert run.err == "WARNING: build/index.html: cannot be written (Is a directory); what was built is right\n"
    assert sorted(path.name for path in (built.folder / "build").iterdir()) == [".stemtasks", "index.html", "song"]
    assert not list(built.folder.joinpath("build").rglob("*.new"))
