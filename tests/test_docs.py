"""What the guides show is so: their examples are songs, their files exist, their effect keeps the laws."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stemtasks.action.circles import read_buildable
from stemtasks.spec.reading import read_song
from tests.project import Project

ROOT = Path(__file__).parents[1]
GUIDES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
BLOCKS = [
    (f"{guide.stem}-{number}", text)
    for guide in GUIDES
    if guide.stem in ("songs", "recordings", "delivery")
    for number, text in enumerate(re.findall(r"```toml\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL))
]
ALBUMS = [text for _, text in BLOCKS if "[album]" in text]
BLOCKS = [(name, text) for name, text in BLOCKS if text not in ALBUMS]
TONE = '\n[stems.tone]\ngenerator = "tone"\n'


@pytest.mark.parametrize("text", [text for _, text in BLOCKS], ids=[name for name, _ in BLOCKS])
def test_every_example_is_a_song_or_a_part_of_one(text, tmp_path):
    said = tomllib.loads(text)
    whole = text
    if "song" not in said:
        whole = '[song]\nbpm = 120\nkey = "A minor"\n[reference]\nduration = "0:08"\n' + text
    if "stems" not in said:
        whole += TONE
    (tmp_path / "song.toml").write_text(whole, encoding="utf-8")
    assert read_song(tmp_path / "song.toml").stems


@pytest.mark.parametrize("text", ALBUMS)
def test_every_album_that_is_shown_can_be_built_of_its_songs(text, tmp_path):
    for name in tomllib.loads(text)["album"]["songs"]:
        (tmp_path / f"{name}.toml").write_text(f"[reference]\nduration = 8\n{TONE}", encoding="utf-8")
    (tmp_path / "albums").mkdir()
    (tmp_path / "albums" / "light.toml").write_text(text, encoding="utf-8")
    specs, broken = read_buildable(tmp_path)
    assert (len(specs), broken) == (4, [])


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_every_file_that_a_guide_names_is_there(guide):
    text = guide.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_0-9]+/)*[a-z_0-9]+\.(?:py|md))`", text))
    places = (ROOT, ROOT / "stemtasks", guide.parent)
    made_up = {"parts/effects/my_tremolo.py", "parts/generators/my_click.py"}
    assert not [name for name in named - made_up if not any((place / name).is_file() for place in places)]
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert not [link for link in links if not (guide.parent / link).exists()]


def test_the_readme_has_no_link_that_only_works_beside_the_files():
    assert not re.findall(r"\]\((?!https?:)[^)]*\)", (ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_houses_rooms_are_those_of_the_architecture():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "stemtasks").iterdir() if (path / "__init__.py").is_file()}
    assert set(re.findall(r"(?m)^  ([a-z]+)/ ", text)) == rooms
    (leaves,) = re.findall(r"(?m)^  (errors job .*)$", text)
    doors = {"graph", "cli", "executors", "__init__"}
    assert set(leaves.split()) == {path.stem for path in (ROOT / "stemtasks").glob("*.py")} - doors


def test_the_parts_in_the_guide_keep_the_laws_and_build(project: Project):
    text = (ROOT / "docs/songs.md").read_text()
    for place, code in zip(
        re.findall(r"`(parts/\w+/\w+\.py)`:", text), re.findall(r"```python\n(.*?)```", text, re.DOTALL), strict=True
    ):
        (project.folder / place).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / place).write_text(code)
    laws = [sys.executable, "-m", "stemtasks.cli", "laws"]
    done = subprocess.run(laws, cwd=project.folder, capture_output=True, text=True, check=False)
    kept = ["kept     generators/my_click  no arguments", "kept     effects/my_tremolo  no arguments"]
    assert done.stdout.splitlines() == kept, done.stderr
    chain = '[{ name = "my_tremolo", depth = 0.8 }]'
    click = TONE.replace("tone", "my_click")
    verify = "[verify]\nsilence_dbfs = -90\n"
    head = f"[song]\nbpm = 120\nsample_rate = 16000\n[reference]\nduration = 2\n{verify}"
    project.spec(f"{head}{TONE}effects = {chain}\n{click}")
    assert "process:song/tone" in project.build().tasks("ran")
