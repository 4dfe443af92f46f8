"""External renderers: what they are given, and every way in which they fail."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.audio.blocks import Stream
from stemtasks.audio.wav import write_wav
from stemtasks.errors import CommandError, SpecError
from stemtasks.generators.command import KEPT_BYTES, _filled, _keep_ending, command
from stemtasks.progress import on_frames
from stemtasks.timeline import Section, Timeline

FRAMES = 4800
TIMELINE = Timeline(48000, FRAMES, 0, 93.5, 4.0, "4/4", None, (Section("song", 0, FRAMES, 0.0, 0.0),))


def rendered(scratch, arguments, channels=2, **options):
    stream = Stream(48000, channels, FRAMES, scratch)
    blocks = list(command(stream, timeline=TIMELINE, seed=11, command=arguments, **options))
    assert list(scratch.iterdir()) == []
    return np.concatenate(blocks)


def failure(scratch, arguments, kind=CommandError, **options):
    with pytest.raises(kind) as error:
        rendered(scratch, arguments, **options)
    text = str(error.value)
    assert text.startswith("command")
    assert "\n" not in text
    assert len(text) < 700
    assert list(scratch.iterdir()) == []
    return text


def python(code, *arguments):
    return [sys.executable, "-c", code.replace("{", "{{").replace("}", "}}"), *arguments]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def scratch(tmp_path):
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def take(tmp_path):
    samples = np.random.default_rng(5).uniform(-0.5, 0.5, (FRAMES, 2)).astype(np.float32)
    write_wav(tmp_path / "a take.wav", iter([samples]), 48000, 2)
    return tmp_path / "a take.wav", samples


COPY = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
SHOW = "import sys; print(*sys.argv[1:], sep='|'); sys.exit(3)"


def test_what_it_writes_is_the_stem(scratch, take):
    path, samples = take
    assert np.array_equal(rendered(scratch, python(COPY, "{input}", "{output}"), inputs=[str(path)]), samples)


def test_ffmpeg_renders_a_tone_at_another_rate_and_in_mono(scratch):
    arguments = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i",
        "sine=frequency=1000:sample_rate=44100:duration={duration_s}", "-c:a", "pcm_f32le", "{output}",
    ]  # fmt: skip
    out = rendered(scratch, arguments)
    assert out.shape == (FRAMES, 2)
    assert np.array_equal(out[:, 0], out[:, 1])
    assert np.argmax(np.abs(np.fft.rfft(out[:, 0]))) == 100


def test_relative_inputs_are_found_though_it_runs_elsewhere(scratch, take, monkeypatch):
    path, samples = take
    monkeypatch.chdir(path.parent)
    assert np.array_equal(rendered(scratch, python(COPY, "{input}", "{output}"), inputs=[path.name]), samples)


def test_a_relative_scratch_folder_works(scratch, take, monkeypatch):
    path, samples = take
    monkeypatch.chdir(scratch.parent)
    stream = Stream(48000, 2, FRAMES, Path("scratch"))
    blocks = command(stream, timeline=TIMELINE, seed=0, command=python(COPY, "{input}", "{output}"), inputs=[path.name])
    assert np.array_equal(np.concatenate(list(blocks)), samples)


def test_placeholders_are_filled_in(scratch, tmp_path):
    said = failure(
        scratch,
        python(
            SHOW,
            "{sample_rate}/{channels}",
            "{frames}",
            "{duration_s}",
            "{seed}",
            "{{x}}",
            "$HOME *",
            "o={output}",
            "{bpm}",
        ),
    )
    shown = said.split("it said: ")[1].split("|")
    assert shown[:6] == ["48000/2", "4800", "0.1", "11", "{x}", "$HOME *"]
    assert shown[6].startswith(f"o={scratch}/command-")
    assert shown[6].endswith("/output.wav")
    assert shown[7] == "93.5"


def test_inputs_becomes_one_argument_each(scratch, tmp_path):
    files = ["/in/a b.mid", "/in/c.sf2"]
    said = failure(scratch, python(SHOW, "{inputs}", "{input}", "{output}"), inputs=files)
    assert "it said: /in/a b.mid|/in/c.sf2|/in/a b.mid|" in said


def test_it_runs_in_an_empty_folder_without_input_or_terminal(scratch, monkeypatch, take):
    monkeypatch.chdir(take[0].parent)
    code = "import os, sys; print(os.listdir(), sys.stdin.read() == '', os.getsid(0) == os.getpid()); sys.exit(1)"
    assert failure(scratch, python(code, "{output}")).endswith("it said: [] True True")
    said = failure(scratch, python(COPY, take[0].name, "{output}"))
    assert "No such file or directory: 'a take.wav'" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "is empty"),
        (["", "{output}"], "is empty"),
        (["render", "out.wav"], "no argument holds {output}"),
        (["render", "{{output}}"], "no argument holds {output}"),
        (
            ["render", "{outptu}"],
            "unknown placeholder {outptu}; known: {bpm}, {channels}, {duration_s}, {frames}, {input}, ",
        ),
        (["render", "{}", "{output}"], "unknown placeholder {}"),
        (["render", "{input}", "{output}"], "there are none: list the files it reads in inputs"),
        (["render", "{inputs}", "{output}"], "list at least one file"),
        (["render", "-i{inputs}", "{output}"], "must be an argument by itself"),
        (["render", "{output", "x"], "a literal brace is doubled"),
        (["render", "}", "{output}"], "a literal brace is doubled"),
        (["render", "{frames:08d}", "{output}"], "{frames} takes no format"),
        (["render", "{frames!r}", "{output}"], "{frames} takes no format"),
        (["render", "{output.parent}"], "unknown placeholder {output.parent}"),
        (["render", "a\0b", "{output}"], "NUL"),
    ],
)
def test_arguments_that_cannot_be_filled_in(scratch, arguments, words):
    assert words in failure(scratch, arguments, SpecError)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_passes_when_its_braces_are_doubled(text):
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert _filled(["p", "{output}", doubled], {"output": "/o"}, []) == ["p", "/o", text]


def test_programs_that_cannot_be_started(scratch, tmp_path):
    assert "no such program on PATH" in failure(scratch, ["no-such-synth", "{output}"])
    assert "write the absolute path" in failure(scratch, ["/opt/no/synth", "{output}"])
    assert "list a script of your own in inputs" in failure(scratch, ["./render.sh", "{output}"])
    script = tmp_path / "render"
    script.write_text("#!/no/such/interpreter\n")
    assert "chmod +x" in failure(scratch, ["{input}", "{output}"], inputs=[str(script)])
    script.chmod(0o755)
    assert "interpreter" in failure(scratch, ["{input}", "{output}"], inputs=[str(script)])
    script.write_bytes(b"\x7fELF not really")
    assert "cannot be run (Exec format error)" in failure(scratch, ["{input}", "{output}"], inputs=[str(script)])


def test_a_script_among_the_inputs_is_run(scratch, tmp_path, take):
    script = tmp_path / "render.py"
    script.write_text(f"#!{sys.executable}\nimport shutil, sys\nshutil.copy(sys.argv[1], sys.argv[2])\n")
    script.chmod(0o755)
    out = rendered(scratch, ["{input}", str(take[0]), "{output}"], inputs=[str(script)])
    assert np.array_equal(out, take[1])


def test_an_exit_code_quotes_the_last_line_of_either_stream(scratch):
    code = "import sys; print('loading'); print('no preset\\x1b[0m 7 é\\n\\n ', file=sys.stderr); sys.exit(5)"
    assert failure(scratch, python(code, "{output}")).endswith("it failed with exit code 5; it said: no preset[0m 7 é")


def test_a_signal_is_named(scratch):
    assert "it was ended by SIGSEGV" in failure(scratch, python("import os; os.kill(os.getpid(), 11)", "{output}"))


def test_it_does_not_read_the_input_of_the_build(scratch):
    read_end, write_end = os.pipe()
    os.write(write_end, b"y")
    os.close(write_end)
    saved = os.dup(0)
    os.dup2(read_end, 0)
    try:
        said = failure(scratch, python("import sys; print(repr(sys.stdin.read())); sys.exit(1)", "{output}"))
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(read_end)
    assert said.endswith("it said: ''")


def test_only_the_end_of_the_output_is_kept(tmp_path):
    (tmp_path / "log").write_bytes(b"x" * 1_000_000 + b"last")
    ending = bytearray()
    with open(tmp_path / "log", "rb") as log:
        _keep_ending(log, ending)
    assert ending == b"x" * (KEPT_BYTES - 4) + b"last"


def test_endless_output_is_bounded_and_does_not_block_it(scratch):
    code = "import sys; sys.stdout.write('x' * 30_000_000); sys.exit(2)"
    said = failure(scratch, python(code, "{output}"))
    assert said.endswith("xxx…")


def test_success_without_a_file(scratch):
    said = failure(scratch, python("print('rendered to default.wav')", "{output}"))
    assert "ended without writing {output}; it said: rendered to default.wav" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [("b'no audio at all'", "what it wrote to {output}: cannot be read as audio"), ("b''", "the file is empty")],
)
def test_what_it_wrote_is_no_audio(scratch, content, words):
    code = f"import sys; open(sys.argv[1], 'wb').write({content})"
    said = failure(scratch, python(code, "{output}"))
    assert words in said
    assert str(scratch) not in said


def test_what_it_wrote_is_cut_short_invalid_or_empty(scratch, tmp_path, take):
    path, samples = take
    path.write_bytes(path.read_bytes()[:-100])
    copy = python(COPY, "{input}", "{output}")
    assert "cut short" in failure(scratch, copy, inputs=[str(path)])
    samples[100] = np.nan
    soundfile.write(path, samples, 44100, subtype="FLOAT")
    assert "frame 100 (0.002 s) is NaN" in failure(scratch, copy, inputs=[str(path)])
    soundfile.write(path, samples[:0], 44100, subtype="FLOAT")
    assert "holds no audio" in failure(scratch, copy, inputs=[str(path)])


FORK_AND_WAIT = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
{then}
"""


def wait_until_gone(pid):
    for _ in range(200):
        if not is_running(pid):
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} is still running")


def test_too_slow_is_stopped_with_its_children(scratch, tmp_path):
    note = tmp_path / "pid"
    code = FORK_AND_WAIT.replace("{then}", "print('bar 3', flush=True); time.sleep(60)")
    said = failure(scratch, python(code, str(note), "{output}"), timeout_seconds=2.0)
    assert "not finished after 2 s and stopped; raise timeout_seconds" in said
    assert said.endswith("it said: bar 3")
    wait_until_gone(int(note.read_text()))


def test_what_it_leaves_in_the_background_is_stopped(scratch, tmp_path, take):
    note = tmp_path / "pid"
    code = FORK_AND_WAIT.replace("{then}", "import shutil; shutil.copy(sys.argv[2], sys.argv[3])")
    out = rendered(scratch, python(code, str(note), "{input}", "{output}"), inputs=[str(take[0])])
    assert np.array_equal(out, take[1])
    wait_until_gone(int(note.read_text()))


def test_stopping_the_job_stops_the_program(scratch, tmp_path):
    note = tmp_path / "pid"

    class StopError(Exception):
        pass

    def tick(frames):
        if note.exists() and note.read_text():
            raise StopError

    code = FORK_AND_WAIT.replace("{then}", "time.sleep(60)")
    token = on_frames.set(tick)
    try:
        with pytest.raises(StopError):
            rendered(scratch, python(code, str(note), "{output}"))
    finally:
        on_frames.reset(token)
    wait_until_gone(int(note.read_text()))
    assert list(scratch.iterdir()) == []


def test_the_environment_is_passed_with_a_temporary_folder_of_its_own(scratch, monkeypatch):
    monkeypatch.setenv("STUDIO_LICENCE", "abc")
    code = "import os, sys; print(os.environ['STUDIO_LICENCE'], os.environ['TMPDIR'] == os.getcwd()); sys.exit(1)"
    assert failure(scratch, python(code, "{output}")).endswith("it said: abc True")
    assert os.environ.get("TMPDIR") is None or "command-" not in os.environ["TMPDIR"]
