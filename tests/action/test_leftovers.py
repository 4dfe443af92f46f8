"""What lies in ``build/`` and is of no task any more, in whatever state the record is; and nothing outside of it."""

from __future__ import annotations

import shutil

import pytest

from stemtasks.action.records import Records
from stemtasks.cache.digest import read_digest
from tests.two_stems import ALL, SPEC, built_in

WITHOUT_PAD = SPEC[: SPEC.index("[stems.pad]")] + SPEC[SPEC.index("[verify]") :]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return the folder of a song of two stems that has been built."""
    return built_in(tmp_path_factory.mktemp("template") / "song")


def lose_records(project):
    for path in (project.folder / "build/.stemtasks").glob("records.db*"):
        path.unlink()


def damage_product(project):
    path = project.folder / "build/song/processed/pad.wav"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")


LOST = {
    "known": lambda _: None,
    "lost": lose_records,
    "forgotten": lambda project: project.doit("forget"),
    "damaged": lambda project: (project.folder / "build/.stemtasks/records.db").write_bytes(b"no database" * 1000),
    "of a product that is damaged": damage_product,
}


@pytest.mark.parametrize("state", LOST)
def test_a_stem_that_was_taken_out_leaves_nothing(built, state):
    LOST[state](built)
    built.spec(WITHOUT_PAD)
    run = built.doit()
    assert (run.code, run.err) == (0, "")
    assert not [name for name in built.products() if "pad" in name]
    assert built.build().done == {}


@pytest.mark.parametrize("state", list(LOST)[:4])
def test_a_changed_title_leaves_one_archive(built, state):
    LOST[state](built)
    built.edit("[song]", '[song]\ntitle = "Another"')
    assert built.doit().code == 0
    assert [name for name in built.products() if name.endswith(".zip")] == ["song/Another_8k_32float.zip"]


@pytest.mark.parametrize("is_as_it_was", [True, False])
def test_an_archive_that_may_be_written_is_left_and_named_only_if_somebody_has_changed_it(built, is_as_it_was):
    (old,) = built.folder.glob("build/song/*.zip")
    old.chmod(0o644)
    if not is_as_it_was:
        old.write_bytes(old.read_bytes() + b"?")
    built.edit("[song]", '[song]\ntitle = "Another"')
    run = built.doit()
    assert (run.code, "was not made here" in run.err, old.exists()) == (0, not is_as_it_was, not is_as_it_was)
    assert (built.folder / "build/song/Another_8k_32float.zip").exists()


@pytest.mark.parametrize("state", ["known", "lost"])
def test_a_song_that_was_taken_out_leaves_no_folder(built, state):
    built.spec(SPEC, "other")
    built.build()
    LOST[state](built)
    (built.folder / "spec/other.toml").unlink()
    assert built.doit().code == 0
    assert not (built.folder / "build/other").exists()


def test_what_was_not_made_here_is_left_and_named_each_time(built):
    own = built.folder / "build/song/stems/idea.wav"
    own.write_bytes(b"mine")
    (built.folder / "build/song/.DS_Store").touch()
    for _ in range(2):
        run = built.doit()
        assert run.code == 0
        assert run.err == (
            "WARNING: build/song/stems/idea.wav: was not made here and is of no task; keep it in another folder\n"
        )
    assert own.read_bytes() == b"mine"


def test_a_product_that_was_replaced_by_a_folder_mends_itself_and_what_was_in_it_is_kept(built):
    path = built.folder / "build/song/mix.wav"
    path.unlink()
    path.mkdir()
    (path / "note.txt").write_text("mine")
    run = built.doit()
    assert run.code == 0
    assert run.tasks("restored") == ["mix:song"]
    assert (built.folder / "build/song/mix.wav.set-aside/note.txt").read_text() == "mine"
    assert path.is_file()


def put_record(project, task, body):
    """Write a row as somebody could who may write to ``build/``."""
    Records(project.folder / "build/.stemtasks").put("tasks", task, body)


def record_of(project, path):
    digest = list(read_digest(project.folder / path))
    known = {"limits": "", "summary": "", "seconds": 0.0, "content": {}}
    return {"key": "0" * 64, "paths": {"audio": path}, "outputs": {"audio": digest}, **known}


@pytest.mark.parametrize(
    ("task", "ways"),
    [
        ("stem:song/gone", ["absolute", "up", "through a link"]),
        ("mix:song", ["absolute"]),
        ("mix:song", ["up"]),
        ("mix:song", ["through a link"]),
    ],
)
def test_a_record_from_elsewhere_touches_nothing_outside_build(built, task, ways):
    outside = built.folder / "precious" / "victim.wav"
    outside.parent.mkdir()
    outside.write_bytes(b"precious")
    (built.folder / "build/song/away").symlink_to(outside.parent)
    up, link = "build/song/../../precious/victim.wav", "build/song/away/victim.wav"
    for number, way in enumerate(ways):
        path = {"absolute": str(outside), "up": up, "through a link": link}[way]
        put_record(built, f"{task}{number or ''}", record_of(built, path))
    assert built.doit().code == 0
    assert outside.read_bytes() == b"precious"


def test_a_record_of_any_form_of_a_task_that_is_gone_stops_nothing(built):
    for number, body in enumerate(([], {"paths": []}, {"paths": {"audio": 7}, "outputs": {}}, 1, "text")):
        put_record(built, f"stem:song/gone{number}", body)
    run = built.doit()
    assert (run.code, run.err) == (0, "")
    assert run.tasks("up to date") == ALL


def test_no_task_removes_another_tasks_file(built):
    put_record(built, "stem:song/gone", record_of(built, "build/song/mix.wav"))
    shutil.copy(built.folder / "build/song/mix.wav", built.folder / "before.wav")
    assert built.build().done == {}
    assert (built.folder / "build/song/mix.wav").read_bytes() == (built.folder / "before.wav").read_bytes()
