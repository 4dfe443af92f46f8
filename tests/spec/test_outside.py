"""What a generator takes from outside the spec: exactly which files, under which names, and where it was asked."""

from __future__ import annotations

import glob
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks import seen
from stemtasks.action.pipeline import jobs_of
from stemtasks.spec import outside
from stemtasks.spec.reading import read_song
from tests import examples

SPEC = """
[song]
[reference]
duration = 1
[stems.made]
generator = "command"
"""


def job_of(*command, inputs=(), environment=()):
    """Return the job of a command stem of the project in this folder."""
    path = Path("spec/song.toml")
    listed = {"command": [*command, "{output}"], "inputs": list(inputs), "environment": list(environment)}
    path.parent.mkdir(exist_ok=True)
    path.write_text(SPEC + "".join(f"{key} = {value}\n" for key, value in listed.items()), encoding="utf-8")
    (job,) = jobs_of("stem", read_song(path))
    return job


def files_of(*inputs):
    """Return the files among a job's inputs, by their roles."""
    job = job_of("true", inputs=inputs)
    assert "mistake" not in job.params, job.params["mistake"]
    return {role: path for role, path in job.inputs.items() if role.startswith("inputs/")}


def mistake_of(*inputs):
    return job_of("true", inputs=inputs).params["mistake"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in a project of one's own."""
    (tmp_path / "project/spec").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(seen, "stamps", {})
    monkeypatch.setattr(seen, "variables", set())
    return tmp_path / "project"


def write(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(str(name))


def looked_at():
    """Return what the note of a build with nothing to do would know of, below this folder."""
    found = (os.path.relpath(path) for path in seen.stamps)
    return {path for path in found if not path.startswith("..") and not path.endswith(".toml")}


def program(path, text="#!/bin/sh\n"):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    Path(path).chmod(0o755)
    return str(Path(path).absolute())


def test_files_patterns_and_folders_have_their_names_in_the_project():
    write("spec/a.py", "spec/kit/kick.wav", "spec/kit/deep/tom.wav", "spec/s/1.mid", "spec/s/t/2.mid", "tools/b.py")
    assert files_of("a.py", "../tools/b.py", "kit", "s/**/*.mid", "s/*.mid", "../tools/*.py") == {
        "inputs/0/spec/a.py": "spec/a.py",
        "inputs/1/tools/b.py": "spec/../tools/b.py",
        "inputs/2/spec/kit//deep/tom.wav": "spec/kit/deep/tom.wav",
        "inputs/2/spec/kit//kick.wav": "spec/kit/kick.wav",
        "inputs/3/spec/s/1.mid": "spec/s/1.mid",
        "inputs/3/spec/s/t/2.mid": "spec/s/t/2.mid",
        "inputs/4/spec/s/1.mid": "spec/s/1.mid",
        "inputs/5/tools/b.py": "spec/../tools/b.py",
    }


def test_no_place_in_a_machine_is_in_a_name(tmp_path):
    write(*(tmp_path / "sounds" / name for name in ("gm.sf2", "b.sf2", "kit/kick.wav", "kit/x/y.wav")))
    sounds = tmp_path / "sounds"
    assert files_of(f"{sounds}/gm.sf2", f"{sounds}/kit", f"{sounds}/b.sf2", f"{sounds}/kit/**/*.wav") == {
        "inputs/0/.elsewhere/0/gm.sf2": f"{sounds}/gm.sf2",
        "inputs/1/.elsewhere/0/kit//kick.wav": f"{sounds}/kit/kick.wav",
        "inputs/1/.elsewhere/0/kit//x/y.wav": f"{sounds}/kit/x/y.wav",
        "inputs/2/.elsewhere/0/b.sf2": f"{sounds}/b.sf2",
        "inputs/3/.elsewhere/1/kick.wav": f"{sounds}/kit/kick.wav",
        "inputs/3/.elsewhere/1/x/y.wav": f"{sounds}/kit/x/y.wav",
    }


def test_a_file_whose_name_is_a_pattern_is_that_file():
    write("spec/take [2].wav", "spec/take 2.wav")
    assert list(files_of("take [2].wav").values()) == ["spec/take [2].wav"]
    os.remove("spec/take [2].wav")
    assert list(files_of("take [2].wav").values()) == ["spec/take 2.wav"]


def test_a_name_is_found_in_the_other_form_of_its_letters():
    write("spec/e\u0301te\u0301/kle\u0301.wav")
    (path,) = files_of("\u00e9t\u00e9/kl\u00e9*").values()
    assert Path(path).is_file()


def test_links_are_followed_and_circles_are_not():
    write("spec/kit/a.wav", "spec/other/b.wav")
    Path("spec/kit/up").symlink_to("..")
    Path("spec/kit/self").symlink_to(".")
    Path("spec/kit/other").symlink_to("../other")
    Path("spec/other/back").symlink_to("../kit")
    names = [role.partition("//")[2] for role in files_of("kit")]
    assert names == ["a.wav", "other/b.wav", "up/other/b.wav", "up/song.toml"]
    assert len(files_of("**/*.wav")) == 4


def test_a_link_that_leads_nowhere_is_a_file_that_is_missing():
    write("spec/kit/a.wav")
    Path("spec/kit/b.wav").symlink_to("gone.wav")
    assert files_of("kit")["inputs/0/spec/kit//b.wav"] == "spec/kit/b.wav"


def test_what_is_in_build_is_never_found_by_a_pattern_or_a_folder():
    write("build/song/mix.wav", "build/x.wav", "y.wav", "spec/z.wav")
    Path("spec/link").symlink_to("../build/song")
    assert set(files_of("../**/*.wav").values()) == {"spec/../y.wav", "spec/../spec/z.wav"}
    assert "build" not in str(files_of(".."))
    for inputs in ("../build", "../build/song/*.wav", "link", "link/*.wav"):
        assert mistake_of(inputs).endswith("is in build/, where files come and go; name each file")
    assert list(files_of("../build/song/mix.wav").values()) == ["build/song/mix.wav"]


def test_a_linked_product_is_what_its_task_makes():
    Path("spec/kit").mkdir()
    Path("spec/kit/mix.wav").symlink_to("../../build/other/mix.wav")
    assert files_of("kit") == {"inputs/0/spec/kit//mix.wav": "build/other/mix.wav"}


def test_names_that_are_no_text_are_a_mistake():
    with open(b"spec/\xff.wav", "w"):
        pass
    assert mistake_of("*.wav") == "inputs[0]: 'spec/\\udcff.wav': the name is not UTF-8; rename it"


def test_more_files_than_anybody_needs_are_a_mistake(here, monkeypatch):
    monkeypatch.setattr(outside, "MOST_FILES", 3)
    write("spec/a.wav", "spec/b.wav")
    assert len(files_of("*.wav")) == 2
    write("spec/c.wav")
    words = "inputs[0]: more than 3 files, or 100 folders in each other, would be gone through; name a smaller folder"
    assert mistake_of("*.wav") == words
    monkeypatch.undo()
    monkeypatch.chdir(here)
    folder = here / "spec" / "/".join("d" * 150)
    folder.mkdir(parents=True)
    assert mistake_of("d/**/*.wav").startswith("inputs[0]: more than 100000 files, or 100 folders in each other")
    assert mistake_of("**/**/**/*.wav").startswith("inputs[0]: more than")


def test_where_files_may_come_is_looked_at():
    write("spec/kit/deep/a.wav")
    job_of("/bin/sh", inputs=["kit", "s/*/t/*.wav"])
    assert looked_at() == {"spec/kit", "spec/kit/deep", "spec/s"}
    write("spec/s/1/t/a.wav", "spec/s/2/u/a.wav")
    job_of("/bin/sh", inputs=["s/*/t/*.wav"])
    assert looked_at() == {"spec/kit", "spec/kit/deep", "spec/s", "spec/s/1", "spec/s/1/t", "spec/s/2"}


NAMES = st.sampled_from(["a", "b", "ab", ".a", "a.wav", "b.wav", "[a]", "A"])
PATTERNS = st.lists(
    st.sampled_from(["*", "**", "a*", "?", "[ab]", "*.wav", "a", ".*", "[!a]*"]), min_size=1, max_size=4
)


@given(trees=st.lists(st.lists(NAMES, min_size=1, max_size=4), max_size=12), pattern=PATTERNS)
@settings(max_examples=examples(120), deadline=None)
def test_a_pattern_matches_what_pythons_glob_does(trees, pattern):
    text = "/".join(pattern)
    if not outside.MAGIC.search(text):
        text = f"{text}/*"
    with tempfile.TemporaryDirectory(dir=".") as folder:
        root = Path(folder).absolute()
        for tree in trees:
            place = root.joinpath(*tree)
            if not any(above.is_file() for above in place.parents) and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text("")
        expected = set(filter(os.path.isfile, glob.glob(f"{glob.escape(str(root))}/{text}", recursive=True)))
        found = list(files_of(f"{root}/{text}").values())
        assert set(filter(os.path.isfile, found)) == expected
    assert len(found) == max(1, len(expected))


def runs(*command, **given):
    """Return what runs, by role."""
    job = job_of(*command, **given)
    return {role.removeprefix("run/"): path for role, path in job.inputs.items() if role.startswith("run/")}


def test_a_program_is_the_first_on_path_that_can_be_run(here, monkeypatch):
    first, second = here / "first", here / "second"
    monkeypatch.setenv("PATH", f"{first}:{second}:relative")
    assert runs("synth") == {}
    (first / "synth").mkdir(parents=True)
    program("relative/synth")
    assert runs("synth")["program"] == str(here / "relative/synth")
    program("second/synth")
    assert job_of("synth").inputs["run/program"] == str(second / "synth")
    assert looked_at() == {"first/synth", "second/synth", "relative/synth"}
    assert seen.variables == {"PATH"}
    (second / "synth").chmod(0o644)
    assert runs("synth")["program"] == str(here / "relative/synth")


def test_what_interprets_a_script_is_what_runs(here, monkeypatch):
    shell = program("bin/shell", "\x7fELF")
    script = program("bin/script", f"#! {shell} -e\n")
    twice = program("bin/twice", f"#!{script}\n")
    assert runs(twice) == {
        "program": twice,
        "program/interpreter": script,
        "program/interpreter/interpreter": shell,
    }
    circle = program("bin/circle", "#!" + str(here / "bin/circle") + "\n")
    assert set(runs(circle).values()) == {circle}
    write("spec/render")
    Path("spec/render").write_text(f"#!{shell}\n")
    assert runs("{input}", inputs=["render"]) == {"input/interpreter": shell}
    Path("spec/kit").mkdir()
    Path("spec/render").rename("spec/kit/render")
    assert runs("{input}/render", inputs=["kit"]) == {"input/interpreter": shell}


def test_what_env_looks_for_is_found_on_the_path_that_the_program_has(here, monkeypatch):
    synth = program("bin/synth", "\x7fELF")
    env = program("tools/env", "\x7fELF")
    script = program("bin/script", f"#!{env} -S A=1 synth\n")
    monkeypatch.setenv("PATH", str(here / "bin"))
    assert runs(script) == {"program": script, "program/interpreter": env}
    assert runs(script, environment=["PATH"]) == {
        "program": script,
        "program/interpreter": env,
        "program/interpreter/env": synth,
    }
    assert runs(env, "synth", environment=["PATH"])["program/env"] == synth


def test_the_files_that_arguments_name_are_inputs(here):
    write("a b.mid", "c.sf2", "d.py", "e.txt", "written.log")
    build = here / "build/other/mix.wav"
    write(build)
    command = [
        *(
            "/bin/sh",
            f"{here}/a b.mid",
            f"--font={here}/c.sf2",
            f"python '{here}/d.py'; cat <{here}/e.txt >>{here}/written.log",
        ),
        *(str(build), "/dev/null", "/proc/self/status", "/", "relative.txt", "{{/x}}", f"{here}/{{seed}}"),
    ]
    found = runs(*command)
    assert {role: path for role, path in found.items() if role.startswith("argument")} == {
        "argument/1/0": f"{here}/a b.mid",
        "argument/2/0": f"{here}/c.sf2",
        "argument/3/0": f"{here}/d.py",
        "argument/3/1": f"{here}/e.txt",
        "argument/4/0": "build/other/mix.wav",
    }


def test_a_file_that_an_argument_names_and_is_not_there_is_looked_at(here):
    job_of("/bin/sh", f"-p={here}/gone.txt", f"{here}/spec")
    assert looked_at() == {"gone.txt"}


def test_the_packages_of_a_python_are_known_by_their_versions(here):
    python = program("venv/bin/python3.12", "\x7fELF")
    packages = here / "venv/lib/python3.12/site-packages"
    write(packages / "numpy-2.0.dist-info/METADATA", packages / "old-1.egg-info", packages / "stemtasks-1.dist-info/x")
    job = job_of(python)
    assert job.params["packages"] == {"numpy": "2.0", "old": "1"}
    assert "venv/lib/python3.12/site-packages" in looked_at()
    script = program("script", f"#!{python}\n")
    assert job_of(script).params["packages"] == {"numpy": "2.0", "old": "1"}
    assert job_of("/bin/sh", "-c", f"{python} x").params["packages"] == {"numpy": "2.0", "old": "1"}
    assert job_of(program("synth", "\x7fELF")).params["packages"] == {}


def test_python_is_that_of_the_build_and_its_packages_count():
    job = job_of("{python}", "x")
    assert job.inputs["run/python"] == sys.executable
    assert {"numpy", "scipy"} <= job.params["packages"].keys()
    assert "stemtasks" not in job.params["packages"]


def test_variables_have_their_values(monkeypatch):
    monkeypatch.setenv("ONE", "1")
    monkeypatch.setenv("TWO", "")
    monkeypatch.delenv("THREE", raising=False)
    job = job_of("/bin/sh", "$THREE ${{FOUR}} $HOME $PATH $PWD $0 $STEMTASKS_CACHE_KEY", environment=["ONE", "TWO"])
    assert job.params["environment"] == {"ONE": "1", "TWO": "", "THREE": None, "FOUR": None}
    assert seen.variables == {"ONE", "TWO", "THREE", "FOUR"}
    monkeypatch.setenv("TWO", "\udcff")
    mistake = job_of("/bin/sh", environment=["TWO"]).params["mistake"]
    assert mistake == "environment: the value of TWO is not UTF-8; set it to text"


def test_other_generators_have_no_environment_and_no_packages():
    path = Path("spec/song.toml")
    path.write_text(SPEC.replace("command", "tone"))
    (job,) = jobs_of("stem", read_song(path))
    assert (looked_at(), seen.variables, job.params["environment"], job.params["packages"]) == (set(), set(), {}, {})
