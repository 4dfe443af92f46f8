"""The shared store, with real S3 servers and a folder: nothing done twice or wrong, and no build failed by it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stemtasks.cache import collect
from stemtasks.cache.store import Store
from tests import starts
from tests.pipeline import tasks_of
from tests.project import Project, Run
from tests.s3_servers import BUCKET, SECRET, Proxy, Server, command_of
from tests.three_stems import ALL, SPEC

KEY = "0123456789abcdef0123456789abcdef-signing"
QUICK = "[cache]\ntimeout_seconds = 1\n"
AT_ONCE = "[cache]\ntimeout_seconds = 0.3\n"
"""For a store that is given up: even one that answers may then be too slow now and again."""
SHORTEST = "[cache]\ntimeout_seconds = 0.1\n"
"""Likewise, where a broken answer is asked for again for as long."""
LONGEST_SECONDS = 30
"""What a build may take whose store is spoilt."""
PLACES = ("folder", "rclone", "moto")


@pytest.fixture
def server(tmp_path):
    """Return a started S3 server of rclone's."""
    server = Server("rclone", tmp_path / "s3").start()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=PLACES)
def place(request, tmp_path_factory):
    """Return the environment that names a shared store of each kind, and the project that was built with it."""
    folder = tmp_path_factory.mktemp(request.param)
    project = small(Project(folder / "song"))
    with contextlib.ExitStack() as stack:
        env = {"STEMTASKS_CACHE": str(folder / "shared")}
        if request.param != "folder":
            server = Server(request.param, folder / "s3").start()
            stack.callback(server.stop)
            env = server.environment()
        assert project.build(env=env).done == {"ran": SMALL}
        yield env, project


@pytest.fixture
def folder(tmp_path):
    """Return the environment that names a shared folder."""
    return {"STEMTASKS_CACHE": str(tmp_path / "shared")}


def clone(project, name, settings=""):
    """Return a fresh clone in another folder: no ``build/``."""
    other = Project(project.folder.parent / "elsewhere" / name / "deep")
    shutil.copytree(project.folder / "spec", other.folder / "spec", dirs_exist_ok=True)
    if settings:
        (other.folder / "stemtasks.toml").write_text(settings)
    return other


SMALL = tasks_of("song", ["bass"])


def small(project):
    """Write a short song of one stem."""
    start, end = SPEC.index("[stems.drums]"), SPEC.index("[verify]")
    project.spec((SPEC[:start] + SPEC[end:]).replace("8 bars", "2 bars").replace("bars = 4", "bars = 1"))
    return project


@pytest.fixture(scope="module")
def small_sent(tmp_path_factory):
    """Return the song of one stem that was built with a shared folder, and that folder."""
    folder = tmp_path_factory.mktemp("small")
    project = small(Project(folder / "song"))
    project.build(env={"STEMTASKS_CACHE": str(folder / "shared")})
    return project, folder / "shared"


@pytest.fixture
def small_shared(project, small_sent, folder):
    """Return the song of one stem, built, whose files are all in the shared folder, which is the test's own."""
    built, shared = small_sent
    shutil.copytree(built.folder, project.folder, dirs_exist_ok=True)
    shutil.copytree(shared, folder["STEMTASKS_CACHE"])
    return project


def warned(run):
    """Insist on a success with one line of warning, and return it."""
    assert run.code == 0, run.out + run.err
    lines = run.err.splitlines()
    assert len(lines) == 1, run.err
    assert lines[0].startswith("WARNING: shared store ")
    return lines[0]


def files_in(place, what):
    return sorted(path for path in (Path(place) / what).rglob("*") if path.is_file())


def test_a_fresh_clone_in_another_folder_restores_everything_and_runs_nothing(place):
    env, project = place
    other = clone(project, "clone")
    run = other.build(env=env)
    assert run.done == {"restored": SMALL}
    assert all(line.endswith("[shared]") for line in run.lines("restored").values())
    assert other.products() == project.products()
    shutil.rmtree(other.folder / "build/song")
    again = other.build(env=env)
    assert again.done == {"restored": SMALL}
    assert not any("[shared]" in line for line in again.lines("restored").values())


def test_what_the_shared_store_offers_is_planned_and_fetches_nothing(place):
    env, project = place
    other = clone(project, "planned")
    plan = other.doit("plan", env=env)
    assert (plan.code, plan.err, plan.tasks("fetch")) == (0, "", SMALL)
    assert not list((other.folder / "build").rglob("*.wav"))
    why = other.doit("why", "mix:song", env=env)
    assert "mix:song would be fetched from the shared store\n    there is no record of it\n" in why.out
    assert other.build(env=env).tasks("restored") == SMALL
    assert other.doit("plan", env=env).tasks("up to date") == SMALL


def test_an_entry_that_lacks_a_blob_is_no_offer(small_shared, folder):
    for blob in files_in(folder["STEMTASKS_CACHE"], "blobs"):
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[:-1])
    plan = clone(small_shared, "clone").doit("plan", env=folder)
    assert plan.code == 0
    assert plan.tasks("fetch") == []


def test_a_plan_without_its_shared_store_says_so_in_one_line(project):
    small(project)
    (project.folder / "stemtasks.toml").write_text(AT_ONCE)
    environment = Server("rclone", project.folder.parent / "s3").environment()
    plan = project.doit("plan", env=environment)
    assert plan.tasks("fetch") == []
    assert "mix:song" in plan.tasks("run")
    warned(plan)


def test_a_kept_build_with_all_times_changed_is_up_to_date_and_the_second_run_reads_no_file(built):
    other = clone(built, "runner")
    shutil.rmtree(other.folder)
    shutil.copytree(built.folder, other.folder)  # other inodes, ctimes and path
    for path in other.folder.rglob("*"):
        os.utime(path, (1_500_000_000, 1_500_000_000))
    time.sleep(0.1)
    assert read_by(other) != []
    assert read_by(other) == []
    assert other.products() == built.products()


def read_by(project):
    """Run a build with nothing to do and return the products and inputs that it opened, by the kernel's account."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not here")
    trace = project.folder / "trace"
    done = subprocess.run(
        [strace, "-f", "--seccomp-bpf", "-e", "trace=open,openat", "-o", str(trace), sys.executable, "-m", "doit"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("up to date  ") == len(ALL)
    opened = [line for line in trace.read_text().splitlines() if '"build/song/' in line and "O_DIRECTORY" not in line]
    trace.unlink()
    return opened


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """Return a song of one stem that was built with a server's store, and the server, which has all of it."""
    folder = tmp_path_factory.mktemp("sent")
    project = small(Project(folder / "song"))
    server = Server("rclone", folder / "s3").start()
    project.build(env=server.environment())
    yield project, server
    server.stop()


@pytest.fixture
def filled(server, project, template):
    """Return a project that was built, and a server of the test's own that has all of it."""
    shutil.copytree(template, project.folder, dirs_exist_ok=True)
    assert command(project, "push", env=server.environment()).code == 0
    return project, server


def test_a_server_that_stops_and_starts_again_in_the_middle_costs_hits_and_nothing_else(filled):
    project, server = filled
    env = server.environment()
    products = project.products()
    other = clone(project, "clone", QUICK)
    process = starts.started(
        [sys.executable, "-u", "-m", "doit", "-n", "1"],
        cwd=other.folder,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said = [process.stdout.readline() for _ in range(3)]
    server.stop()
    said += [process.stdout.readline() for _ in range(2)]
    server.start()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0
    text = (b"".join(said) + out).decode()
    assert all(line.endswith("[shared]") for line in text.splitlines()[:3])
    assert "ran  " in text
    assert err == b"" or err.startswith(b"WARNING: shared store ")
    assert len(err.splitlines()) <= 1
    assert other.products() == products
    # what was made meanwhile is sent by hand, if it was not sent already
    assert command(other, "push", env=env).code == 0
    third = clone(project, "third")
    assert third.build(env=env).done == {"restored": ALL}


def command(project, *arguments, env):
    done = starts.run(
        [sys.executable, "-m", "stemtasks.cli", "cache", *arguments],
        cwd=project.folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def spoilt(sent, tmp_path):
    """Return a function that builds a clone from a filled server whose answers are spoilt: its run and requests."""
    project, server = sent
    proxies = []

    def build(spoil, mode="read", name="clone", settings=QUICK, piece_bytes=1 << 30, pause_seconds=0.0):
        proxy = Proxy(server.port, spoil)
        proxy.piece_bytes, proxy.pause_seconds = piece_bytes, pause_seconds
        proxies.append(proxy)
        other = small(Project(tmp_path / "elsewhere" / name / "deep"))
        (other.folder / "stemtasks.toml").write_text(settings)
        run = other.doit(env={**server.environment(proxy.port), "STEMTASKS_CACHE_MODE": mode}, timeout=LONGEST_SECONDS)
        assert run.code == 0, run.out + run.err
        assert other.products() == project.products()
        other.assert_clean()
        return run, proxy.requests

    yield build
    for proxy in proxies:
        proxy.close()


def of_blobs(spoil):
    """Return a spoiler that leaves all but the reading of blobs as it is."""

    def only_blobs(method, path, status, body):
        return spoil(body) if method == "GET" and "/blobs/" in path else None

    return only_blobs


LIES = {
    "one bit": lambda body: (200, bytes([body[0] ^ 1]) + body[1:], len(body)),
    "too short": lambda body: (200, body[:-1], len(body) - 1),
    "too long": lambda body: (200, body + b"more" * 1000, len(body) + 4000),
    "empty": lambda _: (200, b"", 0),
    "broken off": lambda body: (200, body[: len(body) // 2], len(body)),
    "error 500": lambda _: (500, b"no", 2),
    "error 503": lambda _: (503, b"no", 2),
    "not found": lambda _: (404, b"", 0),
}


TIMES = {"not found": QUICK, "broken off": SHORTEST, "error 500": SHORTEST, "error 503": SHORTEST}


@pytest.mark.parametrize("name", LIES)
def test_a_lying_store_is_never_believed_and_the_build_goes_on(spoilt, name):
    run, requests = spoilt(of_blobs(LIES[name]), settings=TIMES.get(name, AT_ONCE))
    assert run.tasks("ran") == SMALL
    if name == "not found":
        assert run.err == ""
    else:
        assert len(run.err.splitlines()) == 1
        assert "reading is off for the rest of this run" in run.err
        assert sum(method == "GET" for method, _ in requests) < 20


def test_a_single_lost_request_does_not_switch_the_store_off(spoilt):
    lost = []

    def once(method, path, status, body):
        if method == "GET" and "/blobs/" in path and not lost:
            lost.append(path)
            return 200, body[:-1], len(body) - 1
        return None

    run, _ = spoilt(once)
    assert len(run.tasks("ran")) == 1
    assert len(run.tasks("restored")) == len(SMALL) - 1
    assert run.err == ""


def test_a_silent_store_is_given_up_after_a_bounded_time(spoilt):
    def silent(method, path, status, body):
        time.sleep(20)

    run, requests = spoilt(silent, settings=AT_ONCE)
    assert run.tasks("ran") == SMALL
    assert "does not answer in time" in run.err or "no connection" in run.err
    assert len(requests) <= 6


def test_a_store_that_drips_is_given_up(spoilt):
    def slow(method, path, status, body):
        time.sleep(0.2) if "/entries/" in path else time.sleep(5)

    run, _ = spoilt(slow, settings=AT_ONCE)
    assert run.tasks("ran")
    assert len(run.err.splitlines()) == 1


def test_a_store_that_sends_a_byte_now_and_then_is_given_up_in_its_time(spoilt):
    # an entry of some 400 bytes would take 40 s, longer than this waits for the build
    run, _ = spoilt(lambda *_: None, settings=AT_ONCE, piece_bytes=1, pause_seconds=0.1)
    assert run.tasks("ran") == SMALL
    assert "it is too slow, so reading is off for the rest of this run" in warned(run)


def test_named_pipes_and_links_in_a_shared_folder_neither_hang_nor_steer_a_write(small_shared, folder):
    shared, outside = Path(folder["STEMTASKS_CACHE"]), small_shared.folder.parent / "outside"
    for entry in files_in(shared, "entries"):
        entry.unlink()
        os.mkfifo(entry)
    other = clone(small_shared, "clone")
    run = other.doit(env=folder, timeout=60)
    assert run.code == 0, run.err
    assert other.products() == small_shared.products()

    shutil.rmtree(shared)
    shared.mkdir()
    outside.mkdir()
    (shared / "blobs").symlink_to(outside)
    (shared / "entries").symlink_to(outside)
    run = clone(small_shared, "third").doit(env=folder)
    assert run.code == 0
    assert not files_in(outside, "")
    assert "it refuses writing, so it was only read" in warned(run)


HANGING = """
import sys, threading
from stemtasks.cache.remote import Folder
Folder.write = lambda self, name, content: threading.Event().wait()
from doit.doit_cmd import DoitMain
sys.exit(DoitMain().run([]))
"""


def test_a_store_that_takes_no_byte_any_more_costs_its_time_and_no_build(project, folder):
    small(project)
    (project.folder / "stemtasks.toml").write_text(AT_ONCE)
    done = starts.run(
        [sys.executable, "-c", HANGING],
        cwd=project.folder,
        env={**os.environ, **folder},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "10 ran; " in done.stdout
    (line,) = done.stderr.splitlines()
    assert "it is too slow, so writing is off for the rest of this run; " in line
    assert line.endswith("10 of 10 tasks are not in it; 'stemtasks cache push' sends them")


def test_nobody_there_is_one_line(project):
    small(project)
    (project.folder / "stemtasks.toml").write_text(AT_ONCE)
    line = warned(project.doit(env=Server("rclone", project.folder.parent / "s3").environment()))
    assert "no connection, so reading is off for the rest of this run" in line
    assert line.startswith(f"WARNING: shared store s3://{BUCKET}/team/one: ")


def test_forbidden_writing_makes_it_read_only_with_one_line(spoilt):
    def forbidden(method, path, status, body):
        return (403, b"<Error><Code>AccessDenied</Code></Error>", 40) if method in ("PUT", "POST") else None

    run, _ = spoilt(forbidden, mode="readwrite")
    assert run.tasks("restored") == SMALL
    assert run.err == ""

    def forbidden_and_empty(method, path, status, body):
        return forbidden(method, path, status, body) or (404, b"", 0)

    run, _ = spoilt(forbidden_and_empty, mode="readwrite", name="second")
    assert run.tasks("ran") == SMALL
    assert warned(run).endswith("it refuses writing, so it was only read")


def test_wrong_credentials_are_one_line_that_says_so(project, sent):
    _, server = sent
    small(project)
    line = warned(project.doit(env=server.environment(secret="wrong" * 8)))
    assert "refuses" in line
    assert "wrongwrong" not in line


def test_a_full_store_is_still_read(spoilt):
    def full(method, path, status, body):
        return (507, b"", 0) if method in ("PUT", "POST") else None

    run, _ = spoilt(full, mode="readwrite")
    assert run.tasks("restored") == SMALL
    spoilt_blob = []

    def full_and_one_missing(method, path, status, body):
        if method != "GET" or "/blobs/" not in path:
            return full(method, path, status, body)
        spoilt_blob.append(path)
        return (404, b"", 0) if path == spoilt_blob[0] else None

    run, _ = spoilt(full_and_one_missing, mode="readwrite", name="second")
    assert run.tasks("ran")
    assert run.tasks("restored")
    assert "tasks are not in it; 'stemtasks cache push' sends them" in warned(run)


def test_what_was_found_bad_is_put_right_by_the_build_that_made_it_anew(project, folder):
    small(project)
    project.build(env=folder)
    blobs = files_in(folder["STEMTASKS_CACHE"], "blobs")
    largest = max(blobs, key=lambda path: path.stat().st_size)
    content = largest.read_bytes()
    largest.write_bytes(content[:-1] + b"?")
    run = clone(project, "one").build(env=folder)
    assert run.tasks("ran")
    assert run.tasks("restored")
    assert largest.read_bytes() == content
    assert clone(project, "two").build(env=folder).done == {"restored": SMALL}


def test_a_folder_that_disappears_halfway_fails_nothing(small_shared, folder):
    other = clone(small_shared, "clone")
    other.edit("cutoff_hz = 800", "cutoff_hz = 700")
    shared = Path(folder["STEMTASKS_CACHE"])
    process = starts.started(
        [sys.executable, "-u", "-m", "doit", "-n", "1"],
        cwd=other.folder,
        env={**os.environ, **folder},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    shared.rename(shared.with_name("gone"))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"Traceback" not in err
    assert len(err.splitlines()) <= 1
    assert not shared.exists()


def test_mode_read_sends_nothing_and_off_asks_nothing(project, folder, tmp_path):
    small(project)
    tasks = project.build(env={**folder, "STEMTASKS_CACHE_MODE": "off"}).tasks("ran")
    assert not Path(folder["STEMTASKS_CACHE"]).exists()
    Path(folder["STEMTASKS_CACHE"]).mkdir()
    clone(project, "one").build(env={**folder, "STEMTASKS_CACHE_MODE": "read"})
    assert not list(Path(folder["STEMTASKS_CACHE"]).iterdir())
    clone(project, "two").build(env=folder)
    before = {path: path.stat().st_mtime_ns for path in files_in(folder["STEMTASKS_CACHE"], "")}
    assert clone(project, "three").build(env={**folder, "STEMTASKS_CACHE_MODE": "read"}).tasks("restored") == tasks
    assert clone(project, "four").build(env={**folder, "STEMTASKS_CACHE_MODE": "off"}).tasks("ran") == tasks
    assert {path: path.stat().st_mtime_ns for path in files_in(folder["STEMTASKS_CACHE"], "")} == before


def test_a_failing_task_loses_no_upload_of_the_others(project, folder):
    small(project)
    project.edit("dc_offset = 0.02", "dc_offset = 0.02\nsilence_dbfs = 0.0")
    run = project.doit("--continue", env=folder)
    assert run.code != 0
    done = run.tasks("ran")
    assert done
    assert len(files_in(folder["STEMTASKS_CACHE"], "entries")) == len(done)


def entries_of(folder):
    return files_in(folder["STEMTASKS_CACHE"], "entries")


def test_with_a_key_only_what_it_signed_is_used(project, folder):
    small(project)
    signed = {**folder, "STEMTASKS_CACHE_KEY": KEY}
    tasks = project.build(env=folder).tasks("ran")
    run = clone(project, "unsigned").doit(env={**signed, "STEMTASKS_CACHE_MODE": "read"})
    assert run.tasks("ran") == tasks
    assert f"{len(tasks)} entries without the right signature were not used" in warned(run)
    assert "signature" not in entries_of(folder)[0].read_text()

    # whoever writes with the key puts it right
    warned(clone(project, "signs").doit(env=signed))
    assert clone(project, "reads").build(env=signed).tasks("restored") == tasks
    assert clone(project, "reads without a key").build(env=folder).tasks("restored") == tasks
    run = clone(project, "other").doit(env={**signed, "STEMTASKS_CACHE_KEY": KEY[::-1], "STEMTASKS_CACHE_MODE": "read"})
    assert run.tasks("ran") == tasks


FORGERIES = {
    "outputs": lambda document: document["entry"]["outputs"]["facts"].update(sha256="3" * 64),
    "summary": lambda document: document["entry"].update(summary="all well"),
    "seconds": lambda document: document["entry"].update(seconds=1e6),
    "limits": lambda document: document["entry"].update(limits="0" * 64),
    "signature": lambda document: document.update(signature="0" * 64),
    "no signature": lambda document: document.pop("signature"),
    "odd signature": lambda document: document.update(signature="é" * 64),
    "format": lambda document: document.update(format=2),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_signed_entry_that_was_altered_is_not_used(name):
    from stemtasks.cache import signing

    digest = {"bytes": 3, "xxh3": "0" * 32, "sha256": "1" * 64}
    entry = {"outputs": {"facts": digest}, "summary": "x", "seconds": 1.0, "limits": "2" * 64}
    key = "a" * 64
    raw = signing.packed(key, entry, KEY.encode())
    assert signing.unpacked(key, raw, KEY.encode()) == entry
    document = json.loads(raw)
    FORGERIES[name](document)
    forged = json.dumps(document).encode()
    with contextlib.suppress(signing.Untrusted):
        assert signing.unpacked(key, forged, KEY.encode()) is None


def test_a_good_entry_under_another_key_is_not_used():
    from stemtasks.cache import signing

    digest = {"bytes": 3, "xxh3": "0" * 32, "sha256": "1" * 64}
    entry = {"outputs": {"facts": digest}, "summary": "x", "seconds": 1.0, "limits": "2" * 64}
    for secret in (None, KEY.encode()):
        assert signing.unpacked("b" * 64, signing.packed("a" * 64, entry, secret), secret) is None


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}', b"{" * 10])
def test_what_is_no_entry_at_all_is_a_miss(raw):
    from stemtasks.cache import signing

    assert signing.unpacked("a" * 64, raw, KEY.encode()) is None


def test_secrets_are_in_no_file_and_no_line(project, server):
    small(project)
    env = {**server.environment(), "STEMTASKS_CACHE_KEY": KEY}
    runs = (
        project.build(env=env),
        command(project, "stats", env=env),
        command(project, "push", "--force", env=env),
        command(project, "replace", "master:song", env=env),
        clone(project, "two").build(env=env),
        clone(project, "three", AT_ONCE).doit(env={**env, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}),
        command(clone(project, "two", AT_ONCE), "push", env={**env, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}),
    )
    said = [run.out + run.err for run in runs]
    for secret in (KEY, SECRET):
        assert not any(secret in text for text in said)
        for path in project.folder.parent.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_a_bad_entry_is_replaced_by_hand(small_shared, folder):
    key = master_key(small_shared)
    path = Path(folder["STEMTASKS_CACHE"]) / "entries" / key[:2] / f"{key}.json"
    good = path.read_bytes()
    document = json.loads(good)
    facts = document["entry"]["outputs"]["facts"]
    document["entry"]["outputs"]["audio"] = facts  # a valid entry that says something wrong
    path.write_text(json.dumps(document))
    victim = clone(small_shared, "victim")
    victim.doit("master:song", env=folder)
    assert (victim.folder / "build/song/master.wav").read_bytes()[:1] == b"{"
    run = command(small_shared, "replace", "master:song", env=folder)
    assert run.code == 0, run.err
    assert run.out == f"{folder['STEMTASKS_CACHE']}: 1 tasks are there\n"
    assert path.read_bytes() == good
    assert "ran" not in clone(small_shared, "after").build(env=folder).done


def master_key(project):
    code = (
        "from pathlib import Path; from stemtasks.action.records import Records\n"
        "print(Records(Path('build/.stemtasks')).get('tasks', 'master:song')['key'])"
    )
    done = starts.run([sys.executable, "-c", code], cwd=project.folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_ctrl_c_while_it_waits_for_the_store_ends_at_once(project, sent):
    _, server = sent
    small(project)

    def silent(method, path, status, body):
        time.sleep(30)

    proxy = Proxy(server.port, silent)
    for jobs in ("1", "2"):
        process = starts.started(
            [sys.executable, "-m", "doit", "-n", jobs],
            cwd=project.folder,
            env={**os.environ, **server.environment(proxy.port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        before = len(proxy.requests)
        deadline = time.monotonic() + 30
        while len(proxy.requests) == before and time.monotonic() < deadline:
            time.sleep(0.05)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert time.monotonic() - begun < 2
        assert err.decode().startswith("stopped while running ")
        project.assert_clean()
    proxy.close()


def test_trees_on_two_machines_share_a_store_at_the_same_time(project, folder):
    small(project)
    tasks = project.build().tasks("ran")
    clones = [clone(project, f"machine{number}") for number in range(3)]
    processes = [
        starts.started(
            [sys.executable, "-m", "doit"], cwd=each.folder, env={**os.environ, **folder}, stderr=subprocess.PIPE
        )
        for each in clones
    ]
    assert [process.communicate(timeout=120)[1] for process in processes] == [b"", b"", b""]
    assert [each.products() for each in clones] == [project.products()] * 3
    last = clone(project, "last")
    assert last.build(env=folder).tasks("restored") == tasks
    assert collect.damaged(Store(last.folder / "build/.stemtasks/store"), repair=False) == []


def test_the_servers_are_real():
    assert command_of("rclone")
    assert command_of("moto_server")
