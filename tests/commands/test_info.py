"""What a command line asks for is done, or is one line."""

from __future__ import annotations

import pytest

from tests.test_doit import SPEC

COMMANDS = [
    "run",
    "list",
    "why",
    "plan",
    "info",
    "check",
    "clean",
    "forget",
    "ignore",
    "reset-dep",
    "strace",
    "tabcompletion",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_shows_its_help(project, command):
    asked = [project.doit(*arguments) for arguments in ((command, "-h"), (command, "--help"), ("help", command))]
    assert [(run.code, run.err) for run in asked] == [(0, "")] * 3
    assert len({run.out for run in asked}) == 1


@pytest.mark.parametrize(
    "arguments", [["--backend", "json"], ["--check_file_uptodate", "md5"], ["list", "--backend", "dbm"]]
)
def test_other_records_than_ours_are_one_line(project, arguments):
    project.spec(SPEC)
    run = project.doit(*arguments)
    assert (run.code, run.out) == (3, "")
    assert run.err.startswith(f"ERROR: {arguments[-2]}: {arguments[-1]}: songs are known by")
    assert run.err.count("\n") == 1


def test_strace_of_a_songs_task_is_one_line_and_builds_nothing(project):
    project.spec(SPEC)
    run = project.doit("strace", "mix:song")
    assert (run.code, run.out) == (3, "")
    assert run.err == "ERROR: mix:song: is made by functions, not by a command that strace could run\n"
    assert project.products() == {}
