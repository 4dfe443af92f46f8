"""External renderers: what they are given, and every way in which they fail."""

from __future__ import annotations

import dataclasses
import os
import shutil
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
from stemtasks.audio.program import KEPT_BYTES, _Log, filled
from stemtasks.audio.wav import write_wav
from stemtasks.errors import CommandError, SpecError
from stemtasks.generators.command import COPIED_BYTES, command
from stemtasks.progress import on_frames
from stemtasks.spec import binding, schema
from stemtasks.timeline import Section, Timeline
from stemtasks.units import ENVIRONMENT

FRAMES = 4800
TIMELINE = Timeline(48000, FRAMES, 0, 93.5, 4.0, "4/4", None, (Section("song", 0, FRAMES, 0.0, 0.0),))


def paths_of(arguments, inputs, **named):
    """Return what a job would have as inputs, by role."""
    paths = {f"inputs/{index}/spec/{Path(path).name}": Path(path) for index, path in enumerate(inputs)}
    program = shutil.which(arguments[0])
    return paths | ({"run/program": Path(program)} if program else {}) | named


def rendered(scratch, arguments, inputs=(), variables=None, named=None, **options):
    stream = Stream(48000, 2, FRAMES, scratch)
    paths = paths_of(arguments, inputs, **(named or {}))
    made = command(
        stream, timeline=TIMELINE, seed=11, paths=paths, variables=variables or {}, command=arguments, **options
    )
    blocks = list(made)
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
PYTHON = {"run/python": Path(sys.executable)}
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
    arguments = python(COPY, "{input}", "{output}")
    paths = paths_of(arguments, [path.name])
    blocks = command(stream, timeline=TIMELINE, seed=0, paths=paths, variables={}, command=arguments)
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
            "{timing}",
            "{python}",
        ),
        named={"timing": Path("/song/timing.json"), "run/python": Path("/opt/bin/python3")},
    )
    shown = said.split("it said: ")[1].split("|")
    assert shown == [
        *("48000/2", "4800", "0.1", "11", "{x}", "$HOME *"),
        *("o={output}", "93.5", "/song/timing.json", "/opt/bin/python3"),
    ]


def test_what_is_written_to_output_lies_in_the_folder_of_the_job(scratch):
    code = "import os, sys; print(sys.argv[1] == os.path.join(os.getcwd(), 'output.wav'), os.listdir()); sys.exit(1)"
    assert failure(scratch, python(code, "{output}")).endswith("it said: True []")


def test_inputs_becomes_one_argument_each_and_of_a_folder_one(scratch, tmp_path):
    for name in ("a b.mid", "c.sf2", "kick.wav", "snare.wav"):
        (tmp_path / name).write_text(name)
    folder = {f"inputs/2/kit//{name}": tmp_path / name for name in ("kick.wav", "snare.wav")}
    said = failure(
        scratch,
        python(SHOW, "{inputs}", "{input}", "{output}"),
        inputs=[tmp_path / "a b.mid", tmp_path / "c.sf2"],
        named=folder,
    )
    assert said.endswith("it said: spec/a b.mid|spec/c.sf2|kit|spec/a b.mid|{output}")


def test_inputs_are_found_under_their_names_and_nothing_beside_them(scratch, tmp_path):
    (tmp_path / "beside.py").write_text("")
    (tmp_path / "render.py").write_text("import sys; sys.path; import beside")
    said = failure(scratch, ["{python}", "{input}", "{output}"], inputs=[tmp_path / "render.py"], named=PYTHON)
    assert said.endswith("it said: ModuleNotFoundError: No module named 'beside'")
    both = [tmp_path / "render.py", tmp_path / "beside.py"]
    assert "without writing" in failure(scratch, ["{python}", "{input}", "{output}"], inputs=both, named=PYTHON)


def test_a_large_input_is_not_copied(scratch, tmp_path):
    for size, copied in ((COPIED_BYTES, True), (COPIED_BYTES + 1, False)):
        with open(tmp_path / "samples", "wb") as file:
            file.truncate(size)
        code = "import os, sys; print(os.path.islink(sys.argv[1]), os.path.getsize(sys.argv[1])); sys.exit(1)"
        said = failure(scratch, python(code, "{input}", "{output}"), inputs=[tmp_path / "samples"])
        assert said.endswith(f"it said: {not copied} {size}")


def test_the_date_of_an_input_decides_nothing(scratch, tmp_path):
    (tmp_path / "preset").write_text("mine")
    code = "import os, sys; print(os.stat(sys.argv[1]).st_mtime); sys.exit(1)"
    said = {failure(scratch, python(code, "{input}", "{output}"), inputs=[tmp_path / "preset"])}
    os.utime(tmp_path / "preset", (1, 1))
    said.add(failure(scratch, python(code, "{input}", "{output}"), inputs=[tmp_path / "preset"]))
    assert len(said) == 1


def test_a_text_is_hashed_the_same_each_time(scratch):
    said = {failure(scratch, python("print(hash('a')); import sys; sys.exit(1)", "{output}")) for _ in range(2)}
    assert len(said) == 1


def test_the_users_input_cannot_be_changed_through_its_copy(scratch, tmp_path):
    (tmp_path / "preset").write_text("mine")
    failure(scratch, python("import sys; open(sys.argv[1], 'w')", "{input}", "{output}"), inputs=[tmp_path / "preset"])
    assert (tmp_path / "preset").read_text() == "mine"


def test_it_runs_in_an_empty_folder_without_input_or_terminal(scratch, monkeypatch, take):
    monkeypatch.chdir(take[0].parent)
    code = "import os, sys; print(os.listdir(), sys.stdin.read() == '', os.getsid(0) == os.getpid()); sys.exit(1)"
    assert failure(scratch, python(code, "{output}")).endswith("it said: [] True True")
    said = failure(scratch, python(COPY, take[0].name, "{output}"))
    assert "No such file or directory: 'a take.wav'" in said


def problem(arguments):
    """Return what a spec is told of a command line."""
    (parameter,) = (each for each in schema.of("generators", "command").parameters if each.name == "command")
    table = {"command": arguments}
    with pytest.raises(SpecError) as error:
        binding.bind(schema.Schema("command", "", (parameter,)), table, "stems.a")
    text = str(error.value)
    assert "\n" not in text
    return text.removeprefix("stems.a.command: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "is empty"),
        (["", "{output}"], "is empty"),
        (["render", "out.wav"], "no argument holds {output}"),
        (["render", "{{output}}"], "no argument holds {output}"),
        (["render", "{outptu}"], "'{outptu}': unknown placeholder {outptu}; did you mean {output}? known: {bpm}, {cha"),
        (["render", "{samplerate}"], "did you mean {sample_rate}? known: "),
        (["render", "{}", "{output}"], "unknown placeholder {}"),
        (["render", "-i{inputs}", "{output}"], "must be one by itself"),
        (["render", "{output", "x"], "a literal brace is doubled"),
        (["render", "}", "{output}"], "a literal brace is doubled"),
        (["render", "{frames:08d}", "{output}"], "{frames} takes no format"),
        (["render", "{frames!r}", "{output}"], "{frames} takes no format"),
        (["render", "{output.parent}"], "unknown placeholder {output.parent}"),
        (["render", "a\0b", "{output}"], "NUL"),
        (["synth{channels}", "{output}"], "the program is a name on PATH, an absolute path, {python}, or {input}"),
    ],
)
def test_arguments_that_cannot_be_filled_in_are_a_mistake_in_the_spec(arguments, words):
    assert words in problem(arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*python("0"), "{input}", "{output}"], "there are none: list the files it reads in inputs"),
        ([*python("0"), "{inputs}", "{output}"], "list at least one file"),
    ],
)
def test_inputs_that_are_not_there(scratch, arguments, words):
    assert words in failure(scratch, arguments, SpecError)


def test_a_tempo_that_the_song_has_not(scratch):
    stream = Stream(48000, 2, FRAMES, scratch)
    timeline = dataclasses.replace(TIMELINE, bpm=None)
    given = {"timeline": timeline, "seed": 0, "paths": {}, "variables": {}}
    with pytest.raises(SpecError, match="the song has no bpm"):
        list(command(stream, **given, command=["sox", "{output}", "{bpm}"]))


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_passes_when_its_braces_are_doubled(text):
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert filled(["p", "{output}", doubled], {"output": "/o"}, []) == ["p", "/o", text]


def test_programs_that_cannot_be_started(scratch, tmp_path, monkeypatch):
    assert "no such program on PATH; install it" in failure(scratch, ["no-such-synth", "{output}"])
    assert "write the absolute path" in failure(scratch, ["/opt/no/synth", "{output}"])
    assert "is a folder" in failure(scratch, [str(tmp_path), "{output}"])
    assert "list a script of your own in inputs" in failure(scratch, ["./render.sh", "{output}"])
    script = tmp_path / "render"
    script.write_text("#!/no/such/interpreter\n")
    assert "command spec/render: this user may not run it; make it executable (chmod +x)" in failure(
        scratch, ["{input}", "{output}"], inputs=[str(script)]
    )
    assert f"command {script}: this user may not run it" in failure(scratch, [str(script), "{output}"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert f"command render: {script}: this user may not run it" in failure(scratch, ["render", "{output}"])
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
    code = "import sys; print('loading', flush=True); print('preset 7 é\\n\\n ', file=sys.stderr); sys.exit(5)"
    assert failure(scratch, python(code, "{output}")).endswith("it failed with exit code 5; it said: preset 7 é")


TRACED = """Traceback (most recent call last):
  File "render.py", line 3, in <module>
    raise Silent("no such preset: cannot go on")
studio.Silent: preset 7
"""


@pytest.mark.parametrize(
    ("log", "quoted"),
    [
        (b"ERROR: no preset 7\ncleaning up\nbye\n", "ERROR: no preset 7"),
        (b"Error: a\nfatal: b\ndone, 0 errors\n", "fatal: b"),
        (TRACED.encode() + b"removing files\n", "studio.Silent: preset 7"),
        (f"error 1\n{TRACED}During handling\n{TRACED.replace('7', '8')}".encode(), "studio.Silent: preset 8"),
        (b"  File 'x.py', line 1\n    f(\n     ^\nSyntaxError: '(' is open\n", "SyntaxError: '(' is open"),
        (b"\x1b[31mERROR\x1b[0m: no \x1b[1;4mpreset\x1b[m\x1b[K\n", "ERROR: no preset"),
        (b"\x1b]0;a title\x07error here\x1b]8;;http://x\x1b\\ link\x1b]8;;\x1b\\\n", "error here link"),
        (b"\x1bP1$r0m\x1b\\\x1b(Bfailed\x1b7\x1bc\n", "failed"),
        (b"error\x1b]0;a title that never ends\n", "error"),
        (" 10 %\r 20 %\rcannot open é\r".encode(), "cannot open é"),
        (b"10 %\b\b\b\b20 %\b\b\b\bstopped", "stopped"),
        (b"bar 1\nbar 2\n\x1b[0m\n\n", "bar 2"),
        (b"tab\there\x00\x07\xe2\x80\xae!\xff\n", "tab here!\ufffd"),
        (b"", ""),
    ],
)  # fmt: skip
def test_the_line_that_says_the_error_is_quoted_as_a_terminal_shows_it(tmp_path, log, quoted):
    assert said_of(tmp_path, log) == (f"; it said: {quoted}" if quoted else "")


def said_of(tmp_path, log):
    (tmp_path / "log").write_bytes(log)
    kept = _Log()
    with open(tmp_path / "log", "rb") as file:
        kept.read(file)
    return kept.quoted({})


def test_a_long_line_is_quoted_from_its_error(tmp_path):
    said = said_of(tmp_path, b"." * 100_000 + b"error: preset 7 " + b"x" * 1000)
    assert said == "; it said: …error: preset 7 " + "x" * 184 + "…"


@given(log=st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"\x1b[", b"\n", b"\r", b"error", b"\x1b]"]))))
def test_any_output_is_one_short_printable_line(tmp_path_factory, log):
    said = said_of(tmp_path_factory.getbasetemp(), b"".join(log)).removeprefix("; it said: ")
    assert said.isprintable()
    assert len(said) <= 202


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


def test_only_the_end_of_a_line_is_kept(tmp_path):
    (tmp_path / "log").write_bytes(b"x" * 1_000_000 + b"last")
    log = _Log()
    with open(tmp_path / "log", "rb") as file:
        log.read(file)
    assert log.last == "x" * (KEPT_BYTES - 4) + "last"


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
    said = failure(scratch, python(code, str(note), "{output}"), timeout_seconds=1.2)
    assert "not finished after 1.2 s and stopped; raise timeout_seconds" in said
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


def test_the_environment_is_that_of_the_spec_and_a_few_fixed_values(scratch, monkeypatch):
    monkeypatch.setenv("STUDIO_LICENCE", "abc")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    variables = {"PRESET": "7", "LANG": "de_DE.UTF-8", "UNSET": None}
    env = {**ENVIRONMENT, "HOME": ".", "TMPDIR": ".", "PRESET": "7", "LANG": "de_DE.UTF-8"}
    code = "import os, sys; os.environ.pop('LC_CTYPE', 0); here = os.getcwd(); "
    code += f"seen = {{k: '.' if v == here else v for k, v in os.environ.items()}}; print(seen == {env}); sys.exit(1)"
    assert failure(scratch, python(code, "{output}"), variables=variables).endswith("it said: True")


def test_the_mask_of_new_files_is_the_same_everywhere(scratch):
    before = os.umask(0o077)
    try:
        said = failure(scratch, python("import os, sys; print(oct(os.umask(0))); sys.exit(1)", "{output}"))
    finally:
        os.umask(before)
    assert said.endswith("it said: 0o22")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes a file")
def test_what_it_leaves_writing_its_output_is_no_success(scratch, take):
    child = "import sys, time; f = open(sys.argv[1], 'ab'); print('open', flush=True); time.sleep(60)"
    code = "import shutil, subprocess, sys; shutil.copy(sys.argv[1], sys.argv[2]); "
    code += f"child = [sys.executable, '-c', {child!r}, sys.argv[2]]; "
    code += "subprocess.Popen(child, stdout=subprocess.PIPE).stdout.readline()"
    said = failure(scratch, python(code, "{input}", "{output}"), inputs=[take[0]])
    assert "ended while something that it started was still writing {output}; have it wait for that" in said


def test_a_program_that_its_shell_does_not_find_is_told_of_path(scratch):
    said = failure(scratch, ["sh", "-c", "no-such-synth $0", "{output}"])
    assert "exit code 127: a program that it runs is not on its PATH, /usr/local/bin:/usr/bin:/bin; write" in said
    assert said.endswith("no-such-synth: not found")


def test_a_child_in_a_session_of_its_own_that_holds_the_output_delays_nothing(scratch, take):
    code = "import shutil, subprocess, sys; shutil.copy(sys.argv[1], sys.argv[2]); "
    code += "subprocess.Popen(['sleep', '5'], start_new_session=True)"
    out = rendered(scratch, python(code, "{input}", "{output}"), inputs=[take[0]])
    assert np.array_equal(out, take[1])
