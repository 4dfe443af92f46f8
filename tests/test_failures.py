"""What goes wrong while it builds: killed, stopped, out of room, not allowed, failing commands. Never a wrong file."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import unicodedata

import numpy as np
import pytest
import soundfile

from tests import slow_song, starts
from tests.held import Hold
from tests.mounts import IN_OWN_MOUNTS, needs_mounts
from tests.project import Project, Run
from tests.slow_song import LISTS_PROCESSES, RENDER, SLOW, failed, renders, running, started


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


@pytest.mark.skipif(not LISTS_PROCESSES, reason="only Linux lists processes as files")
def test_a_stopped_build_leaves_no_external_program_running(slow):
    slow.build("stem:song/bass")
    renders(slow, 60)
    process = started(slow, until="up to date  stem:song/bass")
    assert running(str(slow.folder))
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
    run = failed(slow, SLOW)
    assert run.tasks("FAILED") == [SLOW]
    assert run.lines("FAILED")[SLOW].endswith("spec/render.py: changed while it was being read; run doit again")
    assert not (slow.folder / "build/song/stems/slow.wav").exists()
    renders(slow, 0)
    assert SLOW in slow.build(SLOW).tasks("ran")


COMMANDS = {
    "exit": ("import sys; print('no licence'); sys.exit(3)", "it failed with exit code 3; it said: no licence"),
    "nothing": ("", "it ended without writing {output}"),
    "not-audio": ("import sys; open(sys.argv[1], 'w').write('hello')", "cannot be read as audio"),
    "silence": (
        RENDER.replace("bytes(range(256)) * 250 * 4", "bytes(64000)").format(seconds=0),
        "it is silent",
    ),
}


@pytest.fixture(scope="module")
def commanded(tmp_path_factory):
    """Return a song with a stem for each command, and what its build said."""
    project = Project(tmp_path_factory.mktemp("commanded") / "song")
    spec = slow_song.SPEC.format(python=sys.executable)
    head, stem = spec[: spec.index("[stems.slow]")], spec[spec.index("[stems.slow]") :]
    for name, (code, _) in COMMANDS.items():
        head += stem.replace("stems.slow", f'stems."{name}"').replace("render.py", f"{name}.py")
        (project.folder / "spec" / f"{name}.py").write_text(code)
    project.spec(head)
    return project, failed(project)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_fails_is_one_line_and_the_other_stems_are_kept(commanded, name):
    project, run = commanded
    assert run.tasks("FAILED") == sorted(f"stem:song/{each}" for each in COMMANDS)
    line = run.lines("FAILED")[f"stem:song/{name}"]
    assert COMMANDS[name][1] in line
    assert line.startswith(f"spec/song.toml: stems.{name}: ")
    assert "process:song/bass" in run.tasks("ran")
    assert not (project.folder / f"build/song/stems/{name}.wav").exists()


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
    "missing": (lambda _: None, "spec/missing.wav: no such file"),
    "empty": (lambda path: path.touch(), "spec/empty.wav: the file is empty (0 bytes)"),
    "text": (lambda path: path.write_text("I am not a WAV\n" * 50), "spec/text.wav: cannot be read as audio"),
    "folder": (lambda path: path.mkdir(), "spec/folder.wav: "),
    "NaN": (nan, "spec/NaN.wav: frame 8000 (0.500 s) is NaN or infinite"),
    "rate_of_0": (zero_rate, "spec/rate_of_0.wav: "),
    "truncated": (truncated, "spec/truncated.wav: cut short"),
    "silent": (lambda path: wav(path, np.zeros(16000)), "it is silent: "),
    "offset": (lambda path: wav(path, np.full(16000, 0.25)), "its DC offset is 0.2500, 0.02 is allowed"),
    "clipped": (
        lambda path: wav(path, np.clip(3 * np.sin(np.arange(16000) / 20), -1, 1)),
        "of it is clipped, 0.1000% is allowed",
    ),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return a song with a stem for each file, and what its build said."""
    project = Project(tmp_path_factory.mktemp("recorded") / "song")
    text, stem = AUDIO, '[stems.{0}]\ngenerator = "file"\nfile = "{0}.wav"\n'
    for name, (make, _) in FILES.items():
        text += stem.format(name)
        make(project.folder / "spec" / f"{name}.wav")
    project.spec(text.replace(stem.format("take"), ""))
    return project, failed(project)


@pytest.mark.parametrize("name", FILES)
def test_a_recording_that_cannot_be_used_is_one_line_and_the_other_stems_are_built(recorded, name):
    project, run = recorded
    assert run.tasks("FAILED") == sorted(f"stem:song/{each}" for each in FILES)
    assert FILES[name][1] in run.lines("FAILED")[f"stem:song/{name}"]
    assert "process:song/other" in run.tasks("ran")
    assert not (project.folder / f"build/song/stems/{name}.wav").exists()
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
    run = failed(slow, SLOW)
    assert "render.py: changed while it was being read; run doit again" in run.lines("FAILED")[SLOW]
    renders(slow, 0)
    assert SLOW in slow.build(SLOW).tasks("ran")


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
    assert "stem:song/take" in project.build("stem:song/take").tasks("ran")
    assert project.build("stem:song/take").done == {}


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
    before = slow_built.made()
    slow_built.edit("bpm = 120", "bpm = 0")
    run = slow_built.doit()
    assert (run.code, run.err) == (1, "")
    assert run.out.splitlines()[0] == "FAILED      spec/song.toml: song.bpm: 0 is outside 10 to 1000 beats/min"
    assert run.done == {"FAILED": ["spec/song.toml:"]}
    assert slow_built.made() == before


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


def mounted(project, mounts, code="doit('--continue')", env=None):
    """Run doit where only it sees what a shell's commands mount, and insist that nothing is a traceback."""
    done = starts.run(
        [sys.executable, "-c", f"{IN_OWN_MOUNTS}\nunshare({mounts!r})\n{code}"],
        cwd=project.folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


@needs_mounts
@pytest.mark.parametrize("options", ["size=20k", "size=100k", "size=1m", "size=100m,ro"])
def test_a_full_or_read_only_disk_is_one_line_and_with_room_the_next_build_is_right(slow, options):
    (slow.folder / "build").mkdir()
    run = mounted(slow, f"mount -t tmpfs -o {options} none build")
    assert run.code != 0
    said = run.out + run.err
    assert any(phrase in said for phrase in ("No space left", "full", "free some space", "Read-only", "readonly"))
    assert all(len(line) < 400 for line in said.splitlines())
    slow.build()


@needs_mounts
@pytest.mark.parametrize("stage", ["stem", "mix", "archive"])
def test_a_disk_that_fills_up_in_the_middle_is_one_line_and_with_room_the_next_build_is_right(
    slow, slow_template, stage, tmp_path
):
    expected = slow_template.products()
    (slow.folder / "build").mkdir()
    hold = Hold(tmp_path / "markers")
    hold.mark(stage)
    kept = tmp_path / "kept"
    # fills the disk when the stage is reached, lets it go on, and keeps what the failed build left when doit has ended
    fill = f"""
        while [ ! -e {hold.folder}/{stage}.held ]; do sleep 0.01; done
        head -c 30m /dev/zero > build/filler
        rm {hold.folder}/{stage}
        cat
        rm build/filler; cp -a build {kept}
    """
    code = f"filling = subprocess.Popen(['sh', '-c', {fill!r}], stdin=subprocess.PIPE)\ndoit('--continue')"
    run = mounted(slow, "mount -t tmpfs -o size=8m none build", code, hold.env)
    assert run.code != 0, run.out + run.err
    assert "No space left" in run.out or "full" in run.out
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
import errno, os, sys
def link(*paths, **options):
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
os.link = link
from doit.__main__ import main
main()
"""


def linkless(project):
    """Build where the disk has no hard links."""
    command = [sys.executable, "-c", LINKLESS]
    done = starts.run(command, cwd=project.folder, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    project.assert_clean()
    return Run(done.returncode, done.stdout, done.stderr)


def test_a_disk_without_hard_links_holds_the_same_files_and_restores_them(slow, slow_template):
    expected = slow_template.products()
    linkless(slow)
    assert slow.products() == expected
    assert all(path.stat().st_nlink == 1 for path in (slow.folder / "build").rglob("*") if path.is_file())
    shutil.rmtree(slow.folder / "build/song")
    assert not linkless(slow).tasks("ran")
    assert slow.products() == expected
