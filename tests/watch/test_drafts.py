"""``stemtasks watch --draft``: a page of players for each draft, and no other file is served or touched."""

from __future__ import annotations

import re
import shutil
import urllib.error
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.project import Project
from tests.report.browser import started
from tests.watch.watching import watching

FILES = ["draft-master.wav", "draft-mix.wav", *(f"processed/draft-{name}.wav" for name in ("bass", "drums", "pad"))]
PLAYERS = """() => Object.fromEntries([...document.querySelectorAll("audio")].map(
  (each) => [each.getAttribute("src").split("?")[0], [each.currentTime, each.paused]]))"""


@pytest.fixture(scope="module")
def watch(tmp_path_factory, template):
    project = Project(tmp_path_factory.mktemp("drafted") / "song")
    shutil.copytree(template, project.folder, dirs_exist_ok=True)
    real = everything(project.folder / "build")
    with watching(project.folder, "--draft") as found:
        found.project = project
        found.until(lambda: found.builds() == 1)
        assert found.wrong() == ""
        yield found
        assert found.end() == 130
    assert everything(project.folder / "build") == real
    project.assert_clean()


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return all files of the real build, with its state's, when they were written and what they hold."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "draft" not in path.relative_to(folder).parts]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def read(watch, path: str, **headers: str) -> bytes:
    with urlopen(Request(watch.address + path, headers=headers), timeout=30) as answer:
        return answer.read()


def others(watch, before: dict[str, str]) -> set[str]:
    now = watch.settled()["files"]
    return {name for name in now if name.endswith(".wav") and now[name] != before.get(name)}


def test_a_page_says_what_it_is_and_plays_all_that_there_is_of_a_draft(watch):
    assert 'href="song/draft.html"' in read(watch, "").decode()
    page = read(watch, "song/draft.html").decode()
    assert "<title>song - draft</title>" in page
    assert "<h1>song - draft</h1>" in page
    assert re.findall(r'<audio controls [^>]*src="([^"]*)"', page) == FILES
    for name in FILES:
        whole = (watch.project.folder / "build/draft/song" / name).read_bytes()
        assert read(watch, f"song/{name}", Range="bytes=100-299") == whole[100:300]


def test_every_task_on_the_terminal_is_a_drafts(watch):
    ran = re.findall(r"^ran +(\S+)", watch.said, re.MULTILINE)
    assert ran
    assert [task for task in ran if not task.startswith("draft-")] == []


@pytest.mark.parametrize(
    "path",
    [
        "song/report.html",
        "song/master.wav",
        "song/other.wav",
        "song/.draft-hidden.wav",
        ".stemtasks/records.db",
        ".stemtasks/draft-x",
        "draft/song/draft-master.wav",
        "../song/master.wav",
        "none/draft.html",
    ],
)
def test_what_is_no_drafts_is_not_served(watch, path):
    folder = watch.project.folder / "build/draft"
    for name in ("song/other.wav", "song/.draft-hidden.wav", ".stemtasks/draft-x"):
        (folder / name).write_bytes(b"secret")
    try:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            read(watch, path)
        assert [name for name in watch.state()["files"] if "draft-" not in name or "hidden" in name] == []
    finally:
        for name in ("song/other.wav", "song/.draft-hidden.wav", ".stemtasks/draft-x"):
            (folder / name).unlink()


def test_a_save_builds_of_the_draft_what_it_changes_and_a_mistake_has_its_line(watch):
    before = watch.settled()["files"]
    watch.project.edit("gain_db = -6", "gain_db = -7")
    changed = {"processed/draft-pad.wav", "draft-mix.wav", "draft-master.wav"}
    watch.until(lambda: others(watch, before) == changed)
    watch.project.edit('note = "E4"', 'note = "Q4"')
    line = (watch.project.folder / "spec/song.toml").read_text().partition('note = "Q4"')[0].count("\n") + 1
    assert f"spec/song.toml:{line} " in watch.until_wrong("'Q4' is not a note")
    assert re.findall(r'<audio [^>]*src="([^"]*)"', read(watch, "song/draft.html").decode()) == FILES
    watch.project.edit('note = "Q4"', 'note = "E4"')
    watch.project.edit("gain_db = -7", "gain_db = -6")
    watch.until_wrong("")
    watch.until(lambda: not others(watch, before))


def test_a_stem_that_did_not_change_plays_on_and_one_that_did_is_loaded_where_it_was(watch):
    with started() as browser:
        page = browser.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        page.goto(f"{watch.address}song/draft.html")
        page.evaluate("""async () => {
          window.heard = [];
          for (const audio of document.querySelectorAll("audio")) {
            for (const event of ["emptied", "pause", "error"])
              audio.addEventListener(event, () => window.heard.push([event, audio.getAttribute("src").split("?")[0]]));
            audio.volume = 0;
          }
          const [drums, pad] = ["drums", "pad"].map((name) => document.querySelector(`[src$="${name}.wav"]`));
          drums.loop = true;
          await drums.play();
          pad.defaultPlaybackRate = pad.playbackRate = 0.1;
          pad.currentTime = 5;
          await pad.play();
        }""")
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        watch.project.edit("gain_db = -6", "gain_db = -8")
        watch.until(lambda: "draft-master.wav" in {file for _, file in page.evaluate("window.heard")})
        watch.until(lambda: page.evaluate(PLAYERS)["processed/draft-pad.wav"][0] > 5.05)
        assert any("processed/draft-pad.wav?" in url for url in asked), "it is not what the browser has kept"
        assert not any(event == "error" or "drums" in file for event, file in page.evaluate("window.heard"))
        players = page.evaluate(PLAYERS)
        assert players["processed/draft-pad.wav"][1] is False
        assert players["processed/draft-drums.wav"][1] is False
        watch.project.edit("gain_db = -8", "gain_db = -6")
        assert wrong == []
