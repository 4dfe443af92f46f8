"""In a browser: a page updates by itself, what plays goes on, and mistakes are on it until they are mended."""

from __future__ import annotations

import time

import pytest

from tests.project import Project
from tests.report.browser import started
from tests.watch.watching import watching

STEMS = 8
"""More than a browser's six connections to a server."""
SPEC = """
[song]
bpm = 120
sample_rate = 8000
channels = 1
[reference]
duration = "0:48"
[master]
loudness_lufs = -20
""" + "".join(
    f'[stems.s{number}]\ngenerator = "tone"\nnote = "A{2 + number % 4}"\ngain_db = -{10 + number}\n'
    for number in range(STEMS)
)
LISTEN = """() => {
  window.heard = {};
  for (const audio of document.querySelectorAll("audio[data-together]"))
    for (const event of ["emptied", "error"])
      audio.addEventListener(event, () => {
        const { stem, track } = audio.closest("[data-track]").dataset;
        (window.heard[stem ?? track] ??= []).push(event);
      });
}"""


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("page") / "song")
    project.spec(SPEC)
    project.build("-q")
    with watching(project.folder) as found:
        found.project = project
        found.settled()
        yield found


@pytest.fixture(scope="module")
def browser():
    with started() as found:
        yield found


@pytest.fixture
def page(browser, watch):
    """Yield the report, open in a page; nothing may be wrong with its scripts."""
    watch.until_wrong("")
    found = browser.new_page(viewport={"width": 1000, "height": 500})
    wrong = []
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    found.goto(f"{watch.address}song/report.html")
    yield found
    found.close()
    assert wrong == []


def clock(page):
    minutes, seconds = page.inner_text("#clock").split(":")
    return 60 * int(minutes) + float(seconds)


def top(page):
    """Return where a row of a stem is in the window."""
    return round(page.locator('[data-stem="s2"]').bounding_box()["y"])


def loaded(page):
    """Return the stems, or the mix or the master, that were loaded anew; none in vain."""
    heard = page.evaluate("window.heard")
    assert not any("error" in events for events in heard.values())
    return set(heard)


def plays(page):
    """Wait until it is a little later in the song."""
    before = clock(page)
    wait(page, lambda: clock(page) > before)
    assert page.inner_text("#play") == "Pause"


def wait(page, asked):
    """Return what is asked for, once it is so; the page goes on meanwhile."""
    end = time.monotonic() + 90
    while not (found := asked()):
        assert time.monotonic() < end
        page.wait_for_timeout(20)
    return found


def test_more_stems_than_a_browser_has_connections_play_together(page):
    page.click("#play")
    plays(page)
    playing = "[...document.querySelectorAll('[data-track=stem] audio[data-together]')].filter((each) => !each.paused)"
    assert page.evaluate(f"{playing}.length") == STEMS
    assert page.inner_text("#said") == ""


def test_a_changed_stem_is_heard_where_the_others_are_which_go_on(page, watch):
    page.locator("details.more summary").nth(2).click()
    page.evaluate("scrollTo(0, 300)")
    page.click("#play")
    plays(page)
    page.evaluate(LISTEN)
    made = page.locator("#made ~ details").nth(1).text_content()
    before, place = clock(page), top(page)
    watch.project.edit("gain_db = -11\n", "gain_db = -11.5\n")
    wait(page, lambda: "emptied" in page.evaluate("window.heard").get("s1", []))
    wait(page, lambda: page.locator("#made ~ details").nth(1).text_content() != made)
    wait(page, lambda: page.evaluate("document.querySelector('[data-stem=s1] audio').currentTime") > before)
    assert clock(page) >= before
    plays(page)
    assert loaded(page) <= {"s1", "mix", "master"}
    times = page.evaluate(
        "[...document.querySelectorAll('[data-track=stem] audio[data-together]')].map((a) => a.currentTime)"
    )
    assert max(times) - min(times) < 0.5, times
    assert top(page) == place
    assert page.evaluate("document.querySelectorAll('details.more')[2].open")
    assert "-11.50 dB" in page.locator("#made ~ details").nth(1).text_content()


def test_what_is_heard_and_did_not_change_is_not_touched(page, watch):
    page.click("#play")
    plays(page)
    page.evaluate(LISTEN)
    watch.project.edit("loudness_lufs = -20", "loudness_lufs = -21")
    wait(page, lambda: "target -21" in page.inner_text("body"))
    plays(page)
    assert loaded(page) == {"master"}


def test_the_mix_is_heard_while_it_is_made_anew_and_then_the_new_one(page, watch):
    page.locator('[name="hear"][value="mix"]').check()
    page.click("#play")
    plays(page)
    page.evaluate(LISTEN)
    watch.project.edit("gain_db = -12\n", "gain_db = -12.5\n")
    wait(page, lambda: "emptied" in page.evaluate("window.heard").get("mix", []))
    wait(page, lambda: page.evaluate("document.querySelector('[data-track=mix] audio').readyState") == 4)
    plays(page)
    assert page.evaluate("document.querySelector('[data-track=mix] audio').paused") is False
    assert page.inner_text("#said") == ""


def test_a_mistake_is_on_the_page_with_its_line_until_it_is_mended_and_no_words_are_markup(page, watch):
    page.click("#play")
    line = SPEC.splitlines().index('note = "A2"') + 1
    watch.project.edit(
        'generator = "tone"\nnote = "A2"\ngain_db = -10', 'generator = "tone"\nnote = "<img src=x>"\ngain_db = -10'
    )
    page.wait_for_selector("#watch.wrong", timeout=90_000)
    assert page.inner_text("#watch b").strip() == f"spec/song.toml:{line}"
    assert "<img src=x>" in page.inner_text("#watch")
    plays(page)
    watch.project.edit('note = "<img src=x>"', 'note = "A2"')
    page.wait_for_selector("#watch", state="hidden", timeout=90_000)
    plays(page)


def test_a_stem_more_is_on_the_page_which_keeps_its_place(page, watch):
    page.locator("details.more summary").nth(2).click()
    page.locator('[data-stem="s3"] [data-set="mute"]').click()
    page.click("#play")
    wait(page, lambda: clock(page) > 1)
    watch.project.edit("[stems.s0]", '[stems.more]\ngenerator = "tone"\ngain_db = -20\n[stems.s0]')
    page.wait_for_selector('[data-stem="more"]', timeout=90_000)
    wait(page, lambda: page.locator('[data-stem="s3"] [data-set="mute"]').get_attribute("aria-pressed") == "true")
    assert clock(page) > 1
    plays(page)
    opened = "[...document.querySelectorAll('details.more')].map((each, at) => each.open ? at : -1)"
    assert [at for at in page.evaluate(opened) if at >= 0] == [3], "the same stem's, one place further down"


def test_a_new_song_is_in_the_list_of_songs(page, watch):
    page.goto(watch.address)
    page.get_by_role("link", name="song", exact=True).wait_for(timeout=90_000)
    watch.project.spec("[song]\n", "broken")
    page.locator("main").get_by_text("broken").first.wait_for(timeout=90_000)
    page.wait_for_selector("#watch.wrong", timeout=90_000)
    (watch.project.folder / "spec/broken.toml").unlink()


def test_a_page_whose_watch_has_ended_says_so(browser, watch):
    watch.until_wrong("")
    page = browser.new_page()
    page.goto(f"{watch.address}song/report.html")
    assert watch.end() == 130
    page.get_by_text("stemtasks watch has ended").wait_for(timeout=30_000)
    page.close()
