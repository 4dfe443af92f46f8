"""Beginning a song of one's own, and reading what a spec may say."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from importlib.metadata import distribution
from pathlib import Path

import pytest

from stemtasks import cli
from stemtasks.commands import beginning
from stemtasks.spec import json_schema, parts, schema
from stemtasks.spec.reading import read_song
from tests.pipeline import tasks_of
from tests.project import Project

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return a new song as it is, and what its first build said."""
    folder = tmp_path_factory.mktemp("begun") / "my-song"
    assert cli.main(["new", str(folder)]) == 0
    return folder, sorted(path.name for path in folder.iterdir()), Project(folder).build()


def test_a_new_song_builds_at_once(begun):
    folder, there, run = begun
    assert there == [".gitignore", "dodo.py", "spec"]
    song = read_song(folder / "spec/my-song.toml")
    assert song.title == "My Song"
    assert run.tasks("ran") == tasks_of("my-song", [stem.name for stem in song.stems])
    assert len(list((folder / "build/my-song").glob("*.zip"))) == 1


def test_a_new_song_says_how_to_go_on(tmp_path, capsys):
    assert cli.main(["new", str(tmp_path / "my-song")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"next: cd {tmp_path / 'my-song'} && doit"


def test_a_new_song_names_its_schema_which_is_of_no_task(begun):
    project = Project(begun[0])
    spec, file = project.folder / "spec/my-song.toml", project.folder / "spec/song.schema.json"
    assert spec.read_text(encoding="utf-8").splitlines()[0] == f"#:schema ./{file.name}"
    assert file.read_text(encoding="utf-8") == json_schema.as_json()
    lint = [str(Path(sys.executable).with_name("taplo")), "lint", "--no-auto-config", spec.name]
    assert subprocess.run(lint, cwd=spec.parent, capture_output=True, check=False).returncode == 0
    assert not [name for name, content in project.products().items() if b"song.schema" in content]
    for change in (lambda: file.write_text("{}"), file.unlink):
        change()
        for _ in range(2):
            run = project.build()
            assert run.done == {}
            assert run.tasks("up to date") == tasks_of("my-song", [stem.name for stem in read_song(spec).stems])
    file.write_text(json_schema.as_json(), encoding="utf-8")
    project.edit("bpm = 120.0 ", "bpm = 1200.0 ", "my-song")
    run = subprocess.run(lint, cwd=spec.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "my-song.toml:7:7" in run.stderr


def test_the_schema_of_a_new_song_has_none_of_another_projects_parts(project, tmp_path):
    part = project.folder / "parts/effects/my_tremolo.py"
    part.parent.mkdir(parents=True)
    part.write_text('def my_tremolo(blocks, stream):\n    """Tremble."""\n    yield from blocks\n')
    command = [sys.executable, "-m", "stemtasks.cli", "new", str(tmp_path / "other")]
    subprocess.run(command, cwd=project.folder, check=True, capture_output=True)
    text = (tmp_path / "other/spec/song.schema.json").read_text(encoding="utf-8")
    assert "my_tremolo" not in text
    assert '"lowpass"' in text


def test_a_new_song_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "dodo.py").write_text("mine")
    assert cli.main(["new", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"ERROR: {tmp_path}: is a folder with files in it (dodo.py); "
        "name one that is not there yet, or write another song into spec/ of a project that is\n"
    )
    assert (tmp_path / "dodo.py").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["dodo.py"]


def test_a_new_song_needs_a_name(capsys):
    assert cli.main(["new", ""]) == 1
    assert capsys.readouterr().err == (
        "ERROR: the folder's name is empty; give the song a name: 'stemtasks new my-song'\n"
    )


def test_a_new_song_has_a_usable_name(tmp_path, capsys):
    assert cli.main(["new", str(tmp_path / "a=b")]) == 1
    assert "the name may not hold '='" in capsys.readouterr().err


def test_the_template_and_this_project_have_the_same_dodo():
    assert (ROOT / "dodo.py").read_bytes() == (beginning.TEMPLATE / "dodo.py").read_bytes()


def test_schema_shows_every_name_and_parameter_with_its_sentence(capsys):
    assert cli.main(["schema"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for kind in parts.KINDS:
        for name in parts.names(kind):
            start = next(index for index, line in enumerate(lines) if line.startswith(f"{name}: "))
            block = lines[start + 1 : lines.index("", start)]
            found = [re.match(r"  (\w+)  \(", line) for line in block]
            assert [match[1] for match in found if match] == [
                parameter.name for parameter in schema.of(kind, name).parameters
            ]
    assert all(len(line) <= 250 for line in lines)


@pytest.mark.parametrize("name", ["effects", "delay", "song", "stems", "generators", "loop"])
def test_schema_shows_one_part(capsys, name):
    assert cli.main(["schema", name]) == 0
    assert 3 < len(capsys.readouterr().out.splitlines()) < 600


def test_schema_of_an_unknown_name_suggests_the_nearest(capsys):
    assert cli.main(["schema", "dealy"]) == 1
    assert capsys.readouterr().err.endswith("did you mean 'delay'?\n")


def test_a_closed_pipe_is_no_mistake():
    done = subprocess.run(
        f"{sys.executable} -m stemtasks.cli schema | head -n 1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stdout == "TABLES\n"
    assert done.stderr == ""


@pytest.mark.parametrize("name", [[], ["delay"]], ids=["more than a buffer", "less than a buffer"])
def test_a_full_disk_on_the_output_is_one_line(name):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "stemtasks.cli", "schema", *name]
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (run.returncode, run.stderr) == (
        1,
        "ERROR: what there is to say cannot be written (No space left on device)\n",
    )


def test_the_readmes_spec_is_a_song(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert text.count("\n# [stems.guitar]") == 1
    (tmp_path / "my-song.toml").write_text(text)
    song = read_song(tmp_path / "my-song.toml")
    assert [stem.name for stem in song.stems] == ["drums", "bass"]
    (tmp_path / "more.toml").write_text(re.sub(r"(?m)^# (?=[\[a-z]+.*[=\]])", "", text))
    assert [stem.name for stem in read_song(tmp_path / "more.toml").stems] == ["drums", "bass", "guitar"]


@pytest.mark.parametrize("kind", parts.KINDS)
def test_the_readme_names_every_plugin(kind):
    (row,) = re.findall(rf"(?m)^\| {kind} \| (.*) \|$", README)
    assert sorted(re.findall(r"`(\w+)`", row)) == list(parts.names(kind))


def test_the_package_brings_doit_where_an_installer_shows_its_scripts_alone_and_says_that_it_is_typed():
    """Installers take them from the list of files: pipx and uv show what lies in the folder of scripts."""
    files = distribution("stemtasks").files or []
    folder = Path(sysconfig.get_path("scripts")).resolve()
    assert {"doit", "stemtasks"} <= {file.name for file in files if Path(file.locate()).resolve().parent == folder}
    assert (Path(cli.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("name", ["draft", "Listening"])
@pytest.mark.parametrize("command", [["new"], ["import", "takes", "--name"]])
def test_no_song_is_begun_under_a_name_that_none_may_have(tmp_path, monkeypatch, capsys, command, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "takes").mkdir()
    assert cli.main([*command, name]) == 1
    assert (
        f": build/{name.lower()}/ is taken, so no song may be called so; give another name" in capsys.readouterr().err
    )
    assert [path.name for path in tmp_path.iterdir()] == ["takes"]
