"""What goes wrong while it builds: killed, stopped, out of room, not allowed, failing commands. Never a wrong file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.held import Hold
from tests.mounts import UNSHARE, needs_mounts
from tests.project import Run
from tests.slow_song import RENDER, SLOW, failed, renders, started


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("reverted", [False, True])
def test_a_stopped_build_goes_on_where_it_was_also_if_its_input_is_reverted(slow_built, number, reverted):
    slow = slow_built
    expected = slow.products()
    renders(slow, 30)
    process = started(slow, until="up to date  stem:song/bass")
    assert not (slow.folder / "build/song/stems/slow.wav").exists()
    begun = time.monotonic()
    os.killpg(process.pid, number) if number == signal.SIGKILL else process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode != 0
    if number != signal.SIGKILL:
        assert time.monotonic() - begun < 2
        assert err.decode().splitlines() == [
            f"stopped while running {SLOW}; what was finished is kept: run doit again to go on"
        ]
        slow.assert_clean()
    renders(slow, 0) if reverted else renders(slow, 0.01)
    run = slow.build()
    assert (run.tasks("restored") if reverted else run.tasks("ran")) == [SLOW]
    assert slow.products() == expected


def running(text):
    """Return the processes of this machine that were started with an argument that holds a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if text.encode() in path.read_bytes():
                found.append(path)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="only Linux lists processes as files")
def test_a_stopped_build_leaves_no_external_program_running(slow):
    slow.build("stem:song/bass")
    renders(slow, 60)
    process = started(slow, until="up to date  stem:song/bass")
    while not running(str(slow.folder)):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    for _ in range(100):  # what is killed is gone when the kernel comes to it
        if not running(str(slow.folder)):
            break
        time.sleep(0.02)
    else:
        pytest.fail(f"still there: {running(str(slow.folder))}")


def test_an_input_that_changes_while_its_task_runs_fails_it_and_the_next_build_is_right(slow):
    renders(
        slow, 0, RENDER + "open({input!r}, 'a').write('# changed')\n".format(input=str(slow.folder / "spec/render.py"))
    )
    run = failed(slow)
    assert run.tasks("FAILED") == [SLOW]
    assert run.lines("FAILED")[SLOW].endswith("spec/render.py: changed while it was being read; run doit again")
    assert not (slow.folder / "build/song/stems/slow.wav").exists()
    renders(slow, 0)
    assert SLOW in slow.build().tasks("ran")


COMMANDS = {
    "exit": ("import sys; print('no licence'); sys.exit(3)", "it failed with exit code 3; it said: no licence"),
    "nothing": ("", "it ended without writing {output}"),
    "not audio": ("import sys; open(sys.argv[1], 'w').write('hello')", "cannot be read as audio"),
    "silence": (
        RENDER.replace("bytes(range(256)) * 250 * 4", "bytes(64000)").format(seconds=0),
        "it is silent",
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_fails_is_one_line_and_the_other_stems_are_kept(slow, name):
    code, phrase = COMMANDS[name]
    (slow.folder / "spec/render.py").write_text(code)
    run = failed(slow)
    assert run.tasks("FAILED") == [SLOW]
    assert phrase in run.lines("FAILED")[SLOW]
    assert run.lines("FAILED")[SLOW].startswith("spec/song.toml: stems.slow: ")
    assert "process:song/bass" in run.tasks("ran")
    assert not (slow.folder / "build/song/stems/slow.wav").exists()


AUDIO = """
[song]
sample_rate = 16000
[reference]
duration = "0:02"
[stems.take]
generator = "file"
file = "take.wav"
[stems.other]
generator = "tone"
"""


def wav(path, samples, rate=16000, subtype="FLOAT"):
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def nan(path):
    samples = np.full(16000, 0.1)
    samples[8000] = np.nan
    wav(path, samples)


def zero_rate(path):
    data = bytearray(wav(path, np.full(16000, 0.1)).read_bytes())
    data[24:28] = bytes(4)
    path.write_bytes(data)


def truncated(path):
    data = wav(path, np.full(16000, 0.1), subtype="PCM_16").read_bytes()
    path.write_bytes(data[: len(data) // 2])


FILES = {
    "missing": (lambda _: None, "spec/take.wav: no such file"),
    "empty": (lambda path: path.touch(), "spec/take.wav: the file is empty (0 bytes)"),
    "text": (lambda path: path.write_text("I am not a WAV\n" * 50), "spec/take.wav: cannot be read as audio"),
    "folder": (lambda path: path.mkdir(), "spec/take.wav: "),
    "NaN": (nan, "spec/take.wav: frame 8000 (0.500 s) is NaN or infinite"),
    "rate of 0": (zero_rate, "spec/take.wav: "),
    "truncated": (truncated, "spec/take.wav: cut short"),
    "silent": (lambda path: wav(path, np.zeros(16000)), "it is silent: "),
    "offset": (lambda path: wav(path, np.full(16000, 0.25)), "its DC offset is 0.2500, 0.02 is allowed"),
    "clipped": (
        lambda path: wav(path, np.clip(3 * np.sin(np.arange(16000) / 20), -1, 1)),
        "of it is clipped, 0.1000% is allowed",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_recording_that_cannot_be_used_is_one_line_and_the_other_stems_are_built(project, name):
    make, phrase = FILES[name]
    project.spec(AUDIO)
    make(project.folder / "spec/take.wav")
    run = failed(project)
    assert run.tasks("FAILED") == ["stem:song/take"]
    assert phrase in run.lines("FAILED")["stem:song/take"]
    assert "process:song/other" in run.tasks("ran")
    assert not (project.folder / "build/song/stems/take.wav").exists()
    assert run.err == ""


REFERENCE = AUDIO.replace('duration = "0:02"', 'file = "ref.wav"\nmin_duration = 5\nsample_rate = 48000\nchannels = 2')


def test_a_reference_is_held_to_what_the_spec_expects(project):
    project.spec(REFERENCE)
    wav(project.folder / "spec/ref.wav", np.sin(np.arange(32000) / 10))
    run = failed(project)
    assert run.lines("FAILED")["reference:song"] == (
        "spec/song.toml: reference: sample_rate is 16000, expected 48000; channels is 1, expected 2; it lasts 2.000 s, "
        "and min_duration is 5 s: use a longer recording or lower min_duration"
    )


def test_sections_that_do_not_fill_the_target_name_both_and_the_ways_out(project):
    sections = '[[sections]]\nname = "a"\nbars = 3\n'
    project.spec(AUDIO.replace("[song]", "[song]\nbpm = 120").replace("[stems.take]", sections + "[stems.take]", 1))
    assert failed(project).lines("FAILED")["timing:song"] == (
        "spec/song.toml: sections last 6.000 s (3 bars at 120 bpm), the target 2.000 s: 2.000 bars are too many; "
        "change the sections or the bpm, or mark one section 'fill = true'"
    )


@pytest.mark.parametrize("restored", ["as it was", "with its times"])
def test_an_input_that_was_another_while_its_task_ran_and_is_back_fails_it(slow, restored):
    times = "; os.utime({path!r}, ns=(at.st_atime_ns, at.st_mtime_ns))" if restored == "with its times" else ""
    swap = (
        "import os\nat = os.stat({path!r}); text = open({path!r}).read(); open({path!r}, 'w').write(text + '# other')\n"
        f"open({{path!r}}, 'w').write(text){times}\n"
    )
    renders(slow, 0, RENDER + swap.format(path=str(slow.folder / "spec/render.py")))
    run = failed(slow)
    assert "render.py: changed while it was being read; run doit again" in run.lines("FAILED")[SLOW]
    renders(slow, 0)
    assert SLOW in slow.build().tasks("ran")


@pytest.mark.parametrize(("seconds", "db", "more"), [(0.3, -12, ""), (2, -76, "[verify]\nsilence_dbfs = -120\n")])
def test_what_has_no_loudness_is_delivered_where_none_is_asked_for(project, seconds, db, more):
    text = f'[song]\nsample_rate = 16000\n[reference]\nduration = {seconds}\n[master]\nloudness_lufs = "off"\n{more}'
    project.spec(text + '[stems.take]\ngenerator = "file"\nfile = "take.wav"\n')
    tone = 10 ** (db / 20) * np.sin(2 * np.pi * 440 * np.arange(round(seconds * 16000)) / 16000)
    soundfile.write(project.folder / "spec/take.wav", tone, 16000, subtype="FLOAT")
    run = project.build()
    assert "silent" not in run.out
    assert run.lines("ran")["mix:song"].startswith("no LUFS figure, peak")


@pytest.mark.parametrize(("there", "typed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_name_in_another_form_of_the_same_letters_finds_the_file(project, there, typed):
    name = "Prøve é/Gitarre é.wav"
    project.spec(
        "[song]\nsample_rate = 16000\n[reference]\nduration = 1\n"
        f'[stems.take]\ngenerator = "file"\nfile = "{unicodedata.normalize(typed, name)}"\n'
    )
    path = project.folder / "spec" / unicodedata.normalize(there, name)
    path.parent.mkdir()
    soundfile.write(path, np.random.default_rng(0).uniform(-0.3, 0.3, 16000), 16000)
    assert "stem:song/take" in project.build().tasks("ran")
    assert project.build().done == {}


def test_a_section_that_fills_nothing_is_told_so(project):
    sections = '[[sections]]\nname = "a"\nbeats = 4\n[[sections]]\nname = "b"\nfill = true\n'
    project.spec(AUDIO.replace("[song]", "[song]\nbpm = 120").replace("[stems.take]", sections + "[stems.take]", 1))
    assert (
        failed(project)
        .lines("FAILED")["timing:song"]
        .endswith(
            "0.000 bars are too many; nothing is left for the section that is marked 'fill = true': "
            "shorten another section, or remove it"
        )
    )


def test_a_spec_that_is_wrong_builds_nothing_and_loses_nothing(slow_built):
    before = slow_built.products()
    slow_built.edit("bpm = 120", "bpm = 0")
    run = slow_built.doit()
    assert (run.code, run.err) == (1, "")
    assert run.out.splitlines()[0] == "FAILED      spec/song.toml: song.bpm: 0 is outside 10 to 1000 beats/min"
    assert run.done == {"FAILED": ["spec/song.toml:"]}
    assert slow_built.products() == before


def test_a_build_folder_that_cannot_be_written_is_one_line(project):
    project.spec(AUDIO)
    (project.folder / "build").write_text("a file")
    run = project.doit()
    assert run.code != 0
    assert "Traceback" not in run.out + run.err
    assert run.err == (
        "ERROR: build/.stemtasks: the build's lock cannot be written there (Not a directory); "
        "make the folder writable or free some space\n"
    )


STORE = "build/.stemtasks/store"


def mounted(project, mounts, env=None):
    """Run doit where only it sees what a shell's commands mount, and insist that nothing is a traceback."""
    command = f"{mounts} && exec {sys.executable} -m doit --continue"
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", command],
        cwd=project.folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


@needs_mounts
@pytest.mark.parametrize("options", ["size=20k", "size=100k", "size=300k", "size=1m", "size=2m", "size=100m,ro"])
def test_a_full_or_read_only_disk_is_one_line_and_with_room_the_next_build_is_right(slow, options):
    (slow.folder / "build").mkdir()
    run = mounted(slow, f"mount -t tmpfs -o {options} none build")
    assert run.code != 0
    said = run.out + run.err
    assert any(phrase in said for phrase in ("No space left", "full", "free some space", "Read-only", "readonly"))
    assert all(len(line) < 400 for line in said.splitlines())
    slow.build()


@needs_mounts
@pytest.mark.parametrize("stage", ["stem", "align", "process", "mix", "master", "archive"])
def test_a_disk_that_fills_up_in_the_middle_is_one_line_and_with_room_the_next_build_is_right(
    slow, slow_template, stage, tmp_path
):
    expected = slow_template.products()
    (slow.folder / "build").mkdir()
    hold = Hold(tmp_path / "markers")
    hold.mark(stage)
    kept = tmp_path / "kept"
    # fills the disk when the stage is reached, lets it go on, and keeps what the failed build left
    script = f"""
        mount -t tmpfs -o size=20m none build
        {sys.executable} -m doit --continue & doit=$!
        while [ ! -e {hold.folder}/{stage}.held ]; do sleep 0.05; done
        head -c 30m /dev/zero > build/filler
        rm {hold.folder}/{stage}
        wait $doit; code=$?
        rm build/filler; cp -a build {kept}; exit $code
    """
    done = subprocess.run(
        [*UNSHARE, "bash", "-c", script],
        cwd=slow.folder,
        env={**os.environ, **hold.env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode != 0, done.stdout + done.stderr
    assert "No space left" in done.stdout or "full" in done.stdout
    shutil.rmtree(slow.folder / "build")
    shutil.copytree(kept, slow.folder / "build", symlinks=True)
    slow.build()
    assert slow.products() == expected


@needs_mounts
@pytest.mark.parametrize("mount", ["-t tmpfs -o size=200k none", "-t tmpfs -o ro none", "-t tmpfs -o size=100m none"])
def test_a_store_on_a_full_read_only_or_other_disk_leaves_the_build_right(slow, slow_template, mount):
    (slow.folder / STORE).mkdir(parents=True)
    run = mounted(slow, f"mount {mount} {STORE}")
    assert (run.code, run.tasks("FAILED")) == (0, []), run.out + run.err
    warnings = [line for line in run.err.splitlines() if line.startswith("WARNING: local store build/.stemtasks/store")]
    assert len(warnings) == (0 if "100m" in mount else 1), run.err
    assert slow.products() == slow_template.products()
    assert not slow.build().tasks("ran")


@needs_mounts
def test_a_read_only_spec_folder_is_built(slow):
    (slow.folder / "build").mkdir()
    run = mounted(slow, "mount --bind spec spec && mount -o remount,ro,bind spec")
    assert (run.code, run.err) == (0, "")
    assert not slow.build().done


@pytest.mark.parametrize("stage", ["stem", "mix", "archive"])
def test_a_store_that_disappears_in_the_middle_leaves_the_build_right(slow, stage, tmp_path):
    hold = Hold(tmp_path / "markers")
    hold.mark(stage)
    process = slow.start(env=hold.env)
    hold.wait(stage, process)
    while (slow.folder / STORE).exists():  # another task may be writing to it just now
        shutil.rmtree(slow.folder / STORE, ignore_errors=True)
    hold.release(stage)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b""), out
    products = slow.products()
    assert not slow.build().done
    shutil.rmtree(slow.folder / "build/song")
    slow.build()
    assert slow.products() == products


LINKLESS = """
import errno, os
def link(*paths, **options):
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
os.link = link
"""


def test_a_disk_without_hard_links_holds_the_same_files_and_restores_them(slow, slow_template, tmp_path):
    expected = slow_template.products()
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(LINKLESS)
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "path"), os.environ.get("PYTHONPATH", "")])}
    slow.build(env=env)
    assert slow.products() == expected
    assert all(path.stat().st_nlink == 1 for path in (slow.folder / "build").rglob("*") if path.is_file())
    shutil.rmtree(slow.folder / "build/song")
    assert not slow.build(env=env).tasks("ran")
    assert slow.products() == expected
