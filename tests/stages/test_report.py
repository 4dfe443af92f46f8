"""The report: a page that any reader takes in, that loads nothing, and says what was measured."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from stemtasks.report.contents import contents
from stemtasks.report.player import PLAYER
from stemtasks.spec.reading import read_song
from stemtasks.stages import report
from tests.three_stems import SPEC, STEMS

VOID = {"meta", "link", "img", "input", "br", "path"}
HOSTILE = "<b>\"&'</script><img src=//x onerror=1>"


class Tree(HTMLParser):
    """Elements with their attributes and their text; insists that each is closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data):
        self.texts.append((tuple(self.open), data))

    def all(self, tag, **attrs):
        wanted = {name.replace("_", "-"): value for name, value in attrs.items()}
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]

    def text(self, within=None):
        skip = ("script", "style")
        parts = [data for path, data in self.texts if not set(skip) & set(path) and (not within or within in path)]
        return " ".join(" ".join(parts).split())


@pytest.fixture(scope="module")
def page(template):
    return (template / "build/song/report.html").read_text(encoding="utf-8")


def facts(template, name):
    return json.loads((template / f"build/song/{name}.json").read_text())


def test_it_is_well_formed_and_every_id_is_one(page):
    tree = Tree(page)
    ids = [attrs["id"] for _, attrs in tree.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in tree.elements:
        for name in attrs.get("aria-labelledby", "").split():
            assert name in ids
        if attrs.get("href", "").startswith("#"):
            assert attrs["href"][1:] in ids
    assert [tag for tag, _ in tree.elements if tag in ("h1", "main", "header", "footer")] == [
        "header", "h1", "main", "footer"]  # fmt: skip
    assert tree.all("html", lang="en")
    assert all(attrs.get("alt") for attrs in tree.all("img"))
    assert all(attrs["aria-label"] for attrs in tree.all("svg", role="img"))
    assert all("controls" in attrs for attrs in tree.all("audio"))
    assert len(tree.all("table")) == len(tree.all("caption"))


def test_it_refers_to_nothing_but_files_that_are_beside_it(page, template):
    assert not re.search(r"https?:|//\w|@import|url\(", re.sub(r"base64,[\w+/=]+", "", page))
    tree = Tree(page)
    named = {attrs[name] for _, attrs in tree.elements for name in ("src", "href") if name in attrs}
    files = {name for name in named if not name.startswith(("#", "data:"))}
    assert files == {
        "mix.wav",
        "master.wav",
        *(f"{folder}/{stem}.wav" for stem in STEMS for folder in ("stems", "aligned", "processed")),
    }
    assert all((template / "build/song" / file).is_file() for file in files)
    assert len(tree.all("audio", data_together=None)) == len(STEMS) + 2


def test_every_stem_has_a_row_and_what_was_measured_is_said(page, template):
    tree = Tree(page)
    assert [attrs["data-stem"] for attrs in tree.all("div", data_track="stem")] == list(STEMS)
    assert facts(template, "report")["rows"] == list(STEMS)
    text = tree.text()
    master = facts(template, "master")
    assert f"{master['lufs']:.1f} LUFS" in text
    assert f"{master['true_peak_dbtp']:.1f} dBTP" in text
    assert "0:16.000" in text
    assert "120 bpm" in text
    assert "lowpass: cutoff_hz = 800" in text
    seams = [attrs for attrs in tree.all("g") if attrs.get("class") == "seam"]
    places = [float(attrs["data-at"]) for attrs in seams]
    fitted = [facts(template, f"aligned/{stem}")["align"] for stem in STEMS]
    expected = [seam["frame"] / 9_000 for each in fitted for seam in each["seam_list"]]
    assert len(expected) > 3
    assert places == pytest.approx(expected)
    for frame in (0, 128_000):
        assert tree.all("button", data_at=f"{frame / 16_000:.6f}", type="button")
    said = facts(template, "report")
    assert said["checks"] == said["passed"] > 50
    assert f"{said['checks']} of {said['checks']}" in text


CLIPS = """
[song]
sample_rate = 8000
[reference]
duration = 4.0
[stems.tone]
generator = "tone"
effects = [{ name = "gain", gain_db = -6 }]
[stems.takes]
generator = "clips"
align = { strategy = "%s" }
[[stems.takes.clips]]
stem = "tone"
length = 1.0
[[stems.takes.clips]]
stem = "tone"
from = 2.3
length = 1.5
"""


@pytest.mark.parametrize(("strategy", "places"), [("zero_pad", [0.98]), ("crossfade", [])])
def test_joins_of_clips_are_drawn_and_listed_where_the_alignment_left_them(project, strategy, places):
    project.spec(CLIPS % strategy)
    project.build("report:song")
    joins = facts(project.folder, "stems/takes")["joins"]["list"]
    assert [join["frame"] for join in joins] == [7_840]  # an overlap of 20 ms before
    tree = Tree((project.folder / "build/song/report.html").read_text(encoding="utf-8"))
    drawn = {float(attrs["data-at"]) for attrs in tree.all("g") if attrs.get("class") == "seam"}
    seams = {seam["frame"] / 8_000 for seam in facts(project.folder, "aligned/takes")["align"]["seam_list"]}
    assert sorted(drawn - seams) == places
    assert ("Joins of takes" in tree.text()) == (", 1 join" in tree.text()) == bool(places)
    assert ("Join at 0:00.980" in tree.text()) == bool(places)


def test_it_can_be_read_and_each_file_played_without_javascript(page):
    tree = Tree(page)
    live = [attrs for _, attrs in tree.elements if "data-live" in attrs]
    assert live
    assert all("hidden" in attrs for attrs in live)
    assert all("disabled" in attrs for attrs in tree.all("button") if "data-at" in attrs)
    assert "Playing files together needs JavaScript" in tree.text("noscript")


def test_what_a_spec_says_is_text_and_no_markup(project):
    project.spec(
        SPEC.replace("[song]\n", f"[song]\ntitle = '''{HOSTILE}'''\nartist = '''{HOSTILE}'''\n")
        .replace('name = "verse"', f"name = '''{HOSTILE}'''")
        .replace("[stems.pad]\n", f"[stems.pad]\ntitle = '''{HOSTILE}'''\n")
        .replace("[stems.bass]", "[stems.\"ba ss & 'ü'#1\"]")
    )
    run = project.build("report:song")
    tree = Tree((project.folder / "build/song/report.html").read_text(encoding="utf-8"))
    assert run.done["ran"][-1] == "timing:song"
    assert HOSTILE in tree.text("h1")
    assert not tree.all("b")
    assert {attrs["src"][:5] for attrs in tree.all("img")} == {"data:"}
    assert "processed/ba%20ss%20%26%20%27%C3%BC%27%231.wav" in {attrs["src"] for attrs in tree.all("audio")}
    assert "ba ss & 'ü'#1" in {attrs["data-stem"] for attrs in tree.all("div", data_track="stem")}


def test_it_is_the_same_page_of_a_restored_song_and_in_another_folder(template, tmp_path, page):
    from tests.project import Project

    other = Project(tmp_path / "elsewhere")
    other.spec(SPEC)
    other.build()
    assert (other.folder / "build/song/report.html").read_text(encoding="utf-8") == page
    shutil.rmtree(other.folder / "build/song")
    assert other.build().done.keys() == {"restored"}
    assert (other.folder / "build/song/report.html").read_text(encoding="utf-8") == page


def test_a_changed_title_of_one_stem_draws_no_picture_anew(built):
    built.edit("[stems.pad]\n", '[stems.pad]\ntitle = "Cushion"\n')
    assert built.build().done == {"ran": ["archive:song", "report:song"]}


def test_the_archive_is_built_without_it(built):
    shutil.rmtree(built.folder / "build")
    run = built.build("archive:song")
    assert not [task for task in run.tasks("ran") if task.startswith(("picture", "report"))]


def test_a_page_that_loads_from_elsewhere_lacks_a_row_or_is_too_large_fails():
    page = '<div data-stem="a"></div><img src="https://x/y.png"><p style="background:url(z.png)"></p>'
    page += '<style>@import "w.css";</style><a href="../up.wav"></a><a href="stems/a.wav"></a><a href="mix.wav"></a>'
    found = contents(page)
    assert found["elsewhere"] == ["https://x/y.png", "url(z.png)", '@import "w.css"', "../up.wav"]
    assert report.verify(found, {"stems": ["a", "b"]}) == [
        "stem b has no row",
        *(f"it refers to {name!r}, which is not beside it" for name in found["elsewhere"]),
    ]
    assert report.verify(found | {"elsewhere": [], "bytes": 10**6}, {"stems": ["a"]}) == [
        "it has 1000000 bytes, 440000 are allowed"
    ]


def test_what_failed_and_what_was_remarked_is_the_first_thing_on_the_page(template, tmp_path, page):
    assert page.index("</h1>") < page.index("checks passed</h2>") < page.index("</dl>")
    assert "failed" not in Tree(page).text("h2")
    job = report.job(read_song(template / "spec/song.toml"))
    inputs = {role: template / path for role, path in job.inputs.items()}
    for role, change in (
        ("master_facts", {"true_peak_dbtp": -0.25}),
        ("stem_facts/pad", {"remarks": ["it is <soft>"]}),
    ):
        said = json.loads(inputs[role].read_text()) | change
        inputs[role] = tmp_path / role.replace("/", "-")
        inputs[role].write_text(json.dumps(said))
    outputs = {role: tmp_path / role for role in job.outputs}
    digests = {"sha256": dict.fromkeys(inputs, "0" * 64)}  # which a build adds
    report.run(inputs, outputs, json.loads(json.dumps(job.params)) | digests)
    found = json.loads(outputs["facts"].read_text())
    assert found["checks"] == found["passed"] + 1
    assert (
        Tree(outputs["page"].read_text())
        .text("main")
        .startswith(
            f"✗ {found['passed']} of {found['checks']} checks passed, 1 failed Failed checks File Check Found Allowed "
            "Master True peak -0.25 dBTP at most -1 dBTP pad: it is <soft> Loudness"
        )
    )


def test_the_players_script_knows_no_element_that_the_page_has_not():
    assert not set(re.findall(r'byId\("(\w+)"\)', PLAYER)) - {
        "player", "clock", "position", "play", "said", "clear", "keys"}  # fmt: skip
