"""What a build says to programs: JSON, JUnit's XML, few words, and its exit code."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from stemtasks.commands.reporter import Result
from stemtasks.commands.results import write_junit
from tests.three_stems import ALL, SPEC

FAILING = f"{SPEC}silence_dbfs = 0\n"


def test_json_has_each_task_with_its_measurements_and_how_it_came_to_be(project):
    project.spec(SPEC)
    said = json.loads(project.build("-r", "json").out)
    assert sorted(task["task"] for task in said["tasks"]) == ALL
    assert said["counts"] == {"ran": len(ALL)}
    mix = next(task for task in said["tasks"] if task["task"] == "mix:song")
    assert mix["facts"] == json.loads((project.folder / "build/song/mix.json").read_text())
    assert mix["files"] == {
        "audio": "build/song/mix.wav",
        "facts": "build/song/mix.json",
        "loudness": "build/song/mix.loudness.json",
    }
    assert (mix["how"], mix["store"], mix["error"]) == ("ran", "", None)
    (project.folder / "build/song/mix.wav").unlink()
    said = json.loads(project.build("-r", "json", "-n", "1").out)
    hows = {task["task"]: (task["how"], task["store"]) for task in said["tasks"]}
    assert hows.pop("mix:song") == ("restored", "local")
    assert set(hows.values()) == {("up to date", "")}
    out = project.folder / "said.json"
    assert project.build("-r", "json", "-o", str(out)).out == ""
    assert json.loads(out.read_text())["counts"] == {"up to date": len(ALL)}


def test_json_of_a_failed_build_has_the_line_and_no_measurements(project):
    project.spec(FAILING)
    run = project.doit("-r", "json", "--continue", "-n", "1")
    said = json.loads(run.out)
    assert (run.code, run.err) == (1, "")
    failed = [task for task in said["tasks"] if task["how"] == "failed"]
    assert failed
    assert all("dBFS" in task["error"] and task["facts"] is None for task in failed)
    assert {task["task"] for task in said["tasks"] if task["how"] == "not built"} >= {"mix:song", "archive:song"}


def test_quiet_says_what_failed_and_the_last_line(project):
    project.spec(SPEC)
    for how in ("ran", "up to date", "up to date"):  # the last of them from the note
        (line,) = project.build("-q").out.splitlines()
        assert line.startswith(f"{len(ALL)} {how}; ")
    project.spec(FAILING)
    run = project.doit("--quiet", "-n", "1")
    assert {line.split()[0] for line in run.out.splitlines()[:-1]} == {"FAILED"}


def cases(path):
    """Return (class, name, kind) of each case, the kind being that of the child that is no output."""
    root = Xml.parse(path).getroot()
    assert root.tag == "testsuites"
    found = []
    for suite in root:
        assert suite.tag == "testsuite"
        kinds = []
        for case in suite:
            assert case.tag == "testcase"
            assert float(case.get("time")) >= 0
            kinds.append(next((child.tag for child in case if child.tag != "system-out"), "passed"))
            found.append((case.get("classname"), case.get("name"), kinds[-1]))
        counted = {"skipped": "skipped", "failures": "failure", "errors": "error"}
        assert suite.get("tests") == str(len(kinds))
        assert {name: suite.get(name) for name in counted} == {
            name: str(kinds.count(kind)) for name, kind in counted.items()
        }
    return sorted(found)


def test_junit_has_a_case_for_each_task_of_builds_that_succeed_fail_or_have_nothing_to_do(project, tmp_path):
    project.spec(SPEC)
    results = tmp_path / "results.xml"
    expected = sorted((*task.split(":", 1), "passed") for task in ALL)
    for _ in range(3):
        project.build("--junit", str(results))
        assert cases(results) == expected
        results.unlink()
    project.spec(FAILING)
    run = project.doit("--continue", "--junit", str(results))
    assert run.code == 1
    kinds = {f"{stage}:{name}": kind for stage, name, kind in cases(results)}
    assert kinds.keys() == set(ALL)
    assert {task for task, kind in kinds.items() if kind == "failure"} == set(run.tasks("FAILED"))
    assert kinds["archive:song"] == "skipped"
    (message, *_) = [node.get("message") for node in Xml.parse(results).iter("failure")]
    assert message in run.out


def test_junit_of_a_build_that_was_not_begun_says_so_and_nothing_of_the_one_before(built, tmp_path):
    results = tmp_path / "results.xml"
    built.build("--junit", str(results))
    (built.folder / "dodo.py").write_text("not python")
    assert built.doit("--junit", str(results)).code == 3
    assert cases(results) == [("build", "build", "error")]


def test_junit_of_any_text_is_xml(tmp_path):
    texts = ["a\x00b\x1b[31m<&>\"'", "\ud800", "\ufffe", "ok \U0001f3b8"]
    results = [Result(f"stem:song/{number}", "failed", text) for number, text in enumerate(texts)]
    write_junit(str(tmp_path / "x.xml"), results, 1.0)
    found = [node.get("message") for node in Xml.parse(tmp_path / "x.xml").iter("failure")]
    assert found == ["a\ufffdb\ufffd[31m<&>\"'", "\ufffd", "\ufffd", "ok \U0001f3b8"]


@pytest.mark.parametrize("option", ["--junit", "-o"])
def test_a_file_that_cannot_be_written_is_known_before_anything_is_built(project, option):
    project.spec(SPEC)
    run = project.doit(option, "no/such/folder/file")
    assert (run.code, run.out) == (3, "")
    assert run.err == f"ERROR: {option}: no/such/folder/file: cannot be written (No such file or directory)\n"
    assert not (project.folder / "build/song").exists()


@pytest.mark.parametrize("reporter", ["console", "executed-only", "error-only", "zero"])
def test_with_a_reporter_of_doits_own_a_build_is_as_right(built, reporter):
    built.edit("[stems.pad]", "[stems.cushion]")
    run = built.doit("-r", reporter)
    assert (run.code, run.err) == (0, "")
    files = built.products()
    assert [name for name in files if "pad" in name] == []
    assert built.build("-n", "1").done == {}


def row(code):
    """Return the row of the guide's table of exit codes."""
    text = (Path(__file__).parents[2] / "docs/ci.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"(?m)^\| (?:\d+, )*{code}(?:, \d+)* \|.*$", text)
    return found


def test_exit_codes_are_those_of_the_guide(built):
    assert row(0)
    assert built.doit().code == 0
    assert built.doit("plan", "--exit-code").code == 0
    assert built.doit("check").code == 0
    assert row(3)
    assert built.doit("--nosuch").code == built.doit("mix:nothing").code == 3
    assert built.doit("plan", "--nosuch").code == built.doit("check", "--nosuch").code == 3
    built.spec(FAILING)
    assert row(1)
    assert built.doit("plan", "--exit-code").code == 1
    assert built.doit("plan").code == 0
    assert [built.doit("-n", "1").code, built.doit("--continue").code, built.doit("-n", "2").code] == [1, 1, 1]
    built.spec(SPEC.replace("bpm = 120", "bpm = fast"))
    assert [built.doit().code, built.doit("check").code, built.doit("list").code] == [1, 1, 0]
    (built.folder / "dodo.py").write_text("not python")
    assert built.doit().code == 3


def test_an_error_that_is_no_users_mistake_ends_with_2(project):
    project.spec(SPEC.replace('{ name = "lowpass", cutoff_hz = 800 }', '{ name = "broken" }'))
    part = project.folder / "parts/effects/broken.py"
    part.parent.mkdir(parents=True)
    part.write_text(
        "from stemtasks.audio.blocks import Blocks, Stream\n\n\n"
        "def broken(blocks: Blocks, stream: Stream) -> Blocks:\n"
        '    """Fail."""\n    raise ZeroDivisionError\n    yield\n'
    )
    run = project.doit("-n", "1")
    assert row(2)
    assert run.code == 2
    assert "ZeroDivisionError" in run.out + run.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_with_its_code(built, hold, number):
    built.edit("[verify]", "[mix]\ngains_db = { pad = -3.0 }\n[verify]")
    hold.mark("mix")
    process = built.start(env=hold.env)
    hold.wait("mix", process)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert row(128 + number)
    assert process.returncode == 128 + number
