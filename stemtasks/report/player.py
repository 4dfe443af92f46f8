"""The report's player: it plays the files beside the page together, from where it is told to.

The browser's own audio elements play, which also works from a folder on disk, where a page may not read files. All are
started at once when all can play. One that is ``APART_S`` from the first is played up to 5 % slower or faster until it
is ``NEAR_S``. One that is further than ``FAR_S`` from it, as it had to wait for its file, starts all again. Files from
a web server are loaded whole first: a browser keeps about six of them open and no more, and a server need not be able
to send a part of a file.

The mix and the master, once heard, play on in silence with the stems, so that changing between them leaves no gap.
"""

PLAYER = """
"use strict";
(() => {
  const APART_S = 0.008, NEAR_S = 0.0025;  // from the first: steered from here, and until there
  const FAR_S = 0.05;  // further from the first than this, and all are started again
  const SETTLING_MS = 2000;  // what was started settles as long before it may be started again
  const NEAR_PX = 6;  // a click on a waveform that is as near to a seam goes to the seam
  const byId = (id) => document.getElementById(id);
  const player = byId("player"), duration = Number(player.dataset.duration);
  const served = location.protocol.startsWith("http");
  const tracks = [...document.querySelectorAll("[data-track]")].map((row) => ({
    row, kind: row.dataset.track, audio: row.querySelector("audio[data-together]"),
    solo: false, mute: false, lost: false, fresh: false,
  })).filter(({ row, audio }) => {
    if (!audio) for (const live of row.querySelectorAll("[data-live]")) live.remove();
    return audio;
  });
  const stems = tracks.filter((track) => track.kind === "stem");
  const there = ["stem", "mix", "master"].filter((kind) => tracks.some((track) => track.kind === kind));
  if (!there.length) return;
  const kinds = new Set();
  let at = 0, playing = false, hear = there[0], turn = 0, started = 0;

  const clock = (seconds) => {
    const tenths = Math.floor(seconds * 10 + 1e-6);
    return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
  };
  const together = () => tracks.filter((track) => kinds.has(track.kind) && !track.lost);

  function show() {
    byId("clock").textContent = clock(at);
    byId("position").value = at;
    byId("position").setAttribute("aria-valuetext", clock(at));
    byId("play").textContent = playing ? "Pause" : "Play";
    document.documentElement.style.setProperty("--at", at / duration);
  }

  function balance() {
    const anySolo = stems.some((stem) => stem.solo);
    for (const track of tracks) {
      const silent = track.kind === "stem" && (track.mute || (anySolo && !track.solo));
      track.audio.muted = playing && (track.kind !== hear || silent);
      track.audio.volume = playing ? Number(track.row.dataset.gain) : 1;
      track.row.classList.toggle("silent", hear === "stem" && silent);
      for (const button of track.row.querySelectorAll("[data-set]"))
        button.setAttribute("aria-pressed", track[button.dataset.set]);
    }
  }

  function lose(track) {
    if (track.lost) return;
    track.lost = true;
    byId("said").textContent += `${track.file} is not beside this page, or cannot be played here. `;
  }

  async function load(track) {
    const { audio } = track;
    if (served)
      try {
        const answer = await fetch(track.file);
        if (!answer.ok) return lose(track);
        const whole = URL.createObjectURL(await answer.blob());
        if (audio.src.startsWith("blob:")) URL.revokeObjectURL(audio.src);
        track.fresh = true;
        audio.src = whole;
      } catch { return lose(track); }
    audio.preload = "auto";
  }

  async function ready({ audio }) {
    while (!audio.error && (audio.seeking || audio.readyState < 3))
      await new Promise((done) => {
        for (const event of ["canplay", "seeked", "error"]) audio.addEventListener(event, done, { once: true });
      });
  }

  async function start() {
    const mine = ++turn;
    playing = true;
    kinds.add(hear);
    for (const audio of document.querySelectorAll("audio")) audio.pause();
    balance();
    show();
    await Promise.all(together().map((track) => (track.loaded ??= load(track))));
    if (mine !== turn) return;
    for (const track of together()) {
      track.fresh = false;
      track.audio.currentTime = at;
      track.audio.playbackRate = 1;
    }
    await Promise.all(together().map(ready));
    if (mine !== turn) return;
    await Promise.allSettled(together().map(({ audio }) => audio.play()));
    if (mine !== turn) return;
    started = performance.now();
    follow(mine);
  }

  function stop() {
    turn += 1;
    playing = false;
    for (const { audio } of tracks) audio.pause();
    balance();
    show();
  }

  function follow(mine) {
    if (mine !== turn) return;
    const heard = together().filter((track) => !track.fresh);
    if (!together().length) return stop();
    if (!heard.length) return requestAnimationFrame(() => follow(mine));
    const [{ audio: first }, ...others] = heard;
    at = Math.min(duration, first.currentTime);
    if (first.ended) {
      at = 0;
      return stop();
    }
    if (heard.some(({ audio }) => audio.paused && !audio.ended)) return stop();
    let far = false;
    for (const track of others) {
      const apart = track.audio.currentTime - first.currentTime;
      far ||= Math.abs(apart) > FAR_S;
      track.steered = Math.abs(apart) > (track.steered ? NEAR_S : APART_S);
      track.audio.playbackRate = track.steered ? 1 - Math.max(-5, Math.min(5, Math.round(200 * apart))) / 100 : 1;
    }
    if (byId("clock").textContent !== clock(at)) show();
    if (far && performance.now() > started + SETTLING_MS) return start();
    requestAnimationFrame(() => follow(mine));
  }

  function seek(seconds) {
    at = Math.max(0, Math.min(duration, seconds));
    if (playing) start(); else show();
  }

  function listen(kind) {
    hear = kind;
    document.querySelector(`[name="hear"][value="${kind}"]`).checked = true;
    balance();
    if (playing && !kinds.has(kind)) start();
  }

  function set(track, what, on) {
    track[what] = on;
    if (hear !== "stem") listen("stem"); else balance();
  }

  function clear() {
    for (const stem of stems) stem.solo = stem.mute = false;
    balance();
  }

  // a file that was built again while the page is open: once it is loaded, it goes on where the others are
  async function renew(track) {
    track.lost = false;
    if (!track.loaded) return track.audio.load();
    await (track.loaded = load(track));
    const { audio } = track, mine = turn;
    if (!playing || !track.fresh || !kinds.has(track.kind)) return;
    let ahead = 0, apart = FAR_S;
    for (let tries = 0; tries < 5 && Math.abs(apart) > FAR_S / 2; tries += 1, ahead -= apart) {
      audio.currentTime = at + ahead;
      await ready(track);
      if (mine !== turn) return;
      await audio.play().catch(() => {});
      await new Promise(requestAnimationFrame);
      if (mine !== turn) return;
      apart = audio.currentTime - at;
    }
    track.fresh = false;
  }

  document.addEventListener("rebuilt", ({ detail }) => {
    for (const track of tracks) if (detail.includes(decodeURIComponent(track.file))) renew(track);
    if (!tracks.some((track) => track.lost)) byId("said").textContent = "";
    balance();
  });
  for (const track of tracks) {
    track.file = track.audio.getAttribute("src");
    track.audio.addEventListener("error", () => lose(track));
    for (const button of track.row.querySelectorAll("[data-set]"))
      button.addEventListener("click", () => set(track, button.dataset.set, !track[button.dataset.set]));
    const only = track.row.querySelector("[data-hear]");
    if (only) only.addEventListener("click", () => { listen(track.kind); if (!playing) start(); });
  }
  for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
  for (const hidden of document.querySelectorAll("[data-live]")) hidden.hidden = false;
  byId("play").addEventListener("click", () => (playing ? stop() : start()));
  byId("position").addEventListener("input", (event) => seek(Number(event.target.value)));
  byId("clear").addEventListener("click", clear);
  for (const radio of document.querySelectorAll('[name="hear"]')) {
    radio.disabled = !there.includes(radio.value);
    radio.addEventListener("change", () => listen(radio.value));
  }
  document.addEventListener("play", (event) => {
    if (playing && !together().some((track) => track.audio === event.target)) stop();
  }, true);
  document.addEventListener("click", (event) => {
    if (event.detail) event.target.closest("button")?.blur();
    const place = event.target.closest("[data-at]"), lane = event.target.closest(".lane");
    if (place) return seek(Number(place.dataset.at));
    if (!lane) return;
    const second = duration / lane.clientWidth;
    const spot = (event.clientX - lane.getBoundingClientRect().left - lane.clientLeft) * second;
    const marks = [...lane.querySelectorAll("[data-at]")].map((mark) => Number(mark.dataset.at));
    const near = marks.filter((mark) => Math.abs(mark - spot) < NEAR_PX * second);
    seek(near.sort((one, other) => Math.abs(one - spot) - Math.abs(other - spot))[0] ?? spot);
  });
  document.addEventListener("keydown", (event) => {
    const own = event.target.closest("button, input, summary, audio, a, .wide");
    if (!byId("keys").checked || event.ctrlKey || event.metaKey || event.altKey) return;
    const digit = /^[0-9]$/.test(event.key) ? Number(event.key) : null;
    if (digit === 0) clear();
    else if (digit && stems[digit - 1]) set(stems[digit - 1], "solo", !stems[digit - 1].solo);
    else if (event.key === "x") listen(there[(there.indexOf(hear) + 1) % there.length]);
    else if (own) return;
    else if (event.key === " ") playing ? stop() : start();
    else if (event.key === "ArrowLeft") seek(at - 5);
    else if (event.key === "ArrowRight") seek(at + 5);
    else if (event.key === "Home") seek(0);
    else return;
    event.preventDefault();
  });
  listen(hear);
  show();
})();
"""
