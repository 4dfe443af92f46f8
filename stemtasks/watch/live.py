"""What a served page has beside its own: a script that keeps it up to date, and a box that says what is wrong.

The script asks four times a second whether a file of the page is another than before: a connection that is held open
would be one of the six that a browser has, which the players need. A changed page is fetched and held against the one
before; only where the two differ the page that is seen is changed, so that what a person opened, typed or plays stays.
Where players come or go the page is loaded anew, and put back to its place. Players that play together are the page's
own script's to load; those that play alone are loaded here.
"""

LOOK_MS = 250
BUILDING_MS = 1000
"""A build that takes no longer is not spoken of."""

STYLE = """
#watch { position: fixed; right: 1rem; bottom: 1rem; z-index: 8; max-width: min(60rem, calc(100vw - 2rem));
  max-height: 45vh; overflow: auto; background: Canvas; color: CanvasText; border: 1px solid; border-radius: .5rem;
  padding: .25rem .75rem; font-size: .875rem; }
#watch:not(.wrong, .says) { display: none; }
#watch.wrong { border: 2px solid #dc2626; }
#watch ul { margin: .25rem 0; padding: 0; list-style: none; }
#watch li { margin: .25rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
#watch b { font-family: ui-monospace, monospace; }
"""

SCRIPT = """
"use strict";
(() => {
  const box = document.getElementById("watch"), kept = "stemtasks " + location.pathname;
  const shown = (body) => [...body.children].filter((each) => !["SCRIPT", "STYLE", "ASIDE"].includes(each.nodeName));
  const scripts = (page) => [...page.querySelectorAll("style, script")].map((each) => each.textContent).join("\\n");
  const name = location.pathname.split("/").pop() || "index.html";
  let version = box.dataset.version, files = null, since = 0;
  let page = shown(document.body).map((each) => each.cloneNode(true)), code = null;

  // Make 'live' what 'now' is, where that differs from what it was.
  function patch(live, was, now) {
    if (was.isEqualNode(now)) return;
    if (now.nodeType !== Node.ELEMENT_NODE) {
      live.data = now.data;
      return;
    }
    for (const { name } of [...was.attributes]) if (!now.hasAttribute(name)) live.removeAttribute(name);
    for (const { name, value } of now.attributes)
      if (was.getAttribute(name) !== value) live.setAttribute(name, value);
    const [ours, old, next] = [live, was, now].map((each) => [...each.childNodes]);
    const names = (some) => some.map((each) => each.nodeName).join();
    if (names(ours) === names(next) && names(old) === names(next)) {
      next.forEach((each, at) => patch(ours[at], old[at], each));
      return;
    }
    live.replaceChildren(...next.map((each) => document.importNode(each, true)));
    for (const button of live.querySelectorAll("button[disabled]")) button.disabled = false;
    for (const hidden of live.querySelectorAll("[data-live]")) hidden.hidden = false;
  }

  // Whether the player has to begin anew: its rows, its length or itself are others, or where its elements are.
  const frame = (nodes) => nodes.flatMap((each) => [...each.querySelectorAll("#player, [data-track], audio")]).map(
    (each) => (each.id === "player" ? each.outerHTML : [each.dataset.track, each.dataset.stem, each.getAttribute("src"),
      path(each)].join())).join("\\n");
  const path = (node) => {
    const steps = [];
    for (let at = node; at.parentElement && at.parentElement !== node.ownerDocument.body; at = at.parentElement)
      steps.push(`${at.nodeName} ${[...at.parentElement.children].indexOf(at)} ${at.parentElement.childNodes.length}`);
    return steps.join();
  };

  async function update(wanted) {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) return;
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = shown(found.body), live = shown(document.body);
    const nextCode = scripts(found);
    code ??= scripts(document);
    if (code !== nextCode || frame(page) !== frame(next) || live.length !== next.length || page.length !== next.length)
      return again();
    document.title = found.title;
    next.forEach((each, at) => patch(live[at], page[at], each));
    page = next;
    version = wanted;
  }

  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const named = (each) => (each.closest(".row")?.querySelector("h3")?.textContent ?? "") + each.firstChild?.textContent;

  const alone = () => all("audio:not([data-together])");
  const source = (audio) => audio.getAttribute("src").split("?")[0];
  const spot = (audio) => [source(audio), audio.currentTime, !audio.paused];
  function resume(audio, [, at, plays]) {
    if (at) audio.currentTime = at;
    if (plays) audio.play().catch(() => {});
  }

  // Load the players' files that were built again; each goes on where it was. By another address: from the same one a
  // browser may play what it kept.
  function renew(rebuilt) {
    for (const audio of alone()) {
      const was = spot(audio), file = decodeURIComponent(was[0]);
      if (!rebuilt.includes(file)) continue;
      audio.src = `${was[0]}?${files[file]}`;
      resume(audio, was);
    }
  }

  function again() {
    const pressed = all('[data-set][aria-pressed="true"]');
    sessionStorage.setItem(kept, JSON.stringify({
      y: scrollY, open: all("details").map((each) => [named(each), each.open]),
      pressed: pressed.map((each) => [each.closest("[data-stem]")?.dataset.stem, each.dataset.set]),
      hear: one('[name="hear"]:checked')?.value, at: one("#position")?.value,
      playing: one("#play")?.textContent === "Pause", alone: alone().map(spot),
    }));
    location.reload();
  }

  function back() {
    const was = JSON.parse(sessionStorage.getItem(kept) || "null");
    sessionStorage.removeItem(kept);
    if (!was) return;
    const open = new Map(was.open);
    for (const each of all("details")) each.open = open.get(named(each)) ?? each.open;
    for (const button of all("[data-set]"))
      if (was.pressed.some(([stem, what]) => stem === button.closest("[data-stem]")?.dataset.stem &&
        what === button.dataset.set)) button.click();
    const radio = all('[name="hear"]').find((each) => each.value === was.hear), position = one("#position");
    if (radio && !radio.checked) radio.click();
    if (position && was.at) {
      position.value = was.at;
      position.dispatchEvent(new Event("input"));
    }
    if (was.playing) one("#play")?.click();
    for (const audio of alone()) {
      const before = was.alone.find(([file]) => file === source(audio));
      if (before) resume(audio, before);
    }
    scrollTo(0, was.y);
  }

  function say(words, wrong) {
    one("#watch p").textContent = words;
    const rows = wrong.map(({ where, said }) => {
      const row = document.createElement("li"), place = document.createElement("b");
      place.textContent = where && where + " ";
      row.append(place, said);
      return row;
    });
    const list = one("#watch ul");
    if (list.textContent !== rows.map((row) => row.textContent).join("")) list.replaceChildren(...rows);
    box.classList.toggle("wrong", rows.length > 0);
    box.classList.toggle("says", words !== "");
  }

  async function look() {
    let state;
    try {
      const answer = await fetch(".state", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      state = await answer.json();
    } catch {
      say("stemtasks watch has ended: this page is not kept up to date.", []);
      return;
    }
    since = state.building ? since || Date.now() : 0;
    say(since && Date.now() - since > BUILDING_MS ? "building ..." : "", state.wrong);
    try {
      const before = files ?? state.files, rebuilt = Object.keys({ ...before, ...state.files }).filter(
        (file) => before[file] !== state.files[file]);
      files = state.files;
      const wanted = files[name] ?? state.page;
      if (wanted !== version) await update(wanted);
      renew(rebuilt);
      if (rebuilt.length) document.dispatchEvent(new CustomEvent("rebuilt", { detail: rebuilt }));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;  // the server is gone: the next look says so
    }
  }

  addEventListener("load", async () => {
    back();
    for (;;) {
      await look();
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  });
})();
""".replace("LOOK_MS", str(LOOK_MS)).replace("BUILDING_MS", str(BUILDING_MS))
