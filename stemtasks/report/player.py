"""The report's player: it plays the files beside the page together, from where it is told to.

The browser's own audio elements play, which also works from a folder on disk, where a page may not read files. They
are started together when all can play, and one that is more than ``MOST_APART_S`` from the first is brought back.
"""

MOST_APART_S = 0.05

PLAYER = """
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const player = byId("player"), duration = Number(player.dataset.duration);
  const tracks = [...document.querySelectorAll("[data-track]")].map((row) => ({
    row, kind: row.dataset.track, audio: row.querySelector("audio[data-together]"),
    solo: false, mute: false, lost: false, renewed: false,
  }));
  const stems = tracks.filter((track) => track.kind === "stem");
  let at = 0, playing = false, hear = "stem", turn = 0;

  const clock = (seconds) => {
    const tenths = Math.floor(seconds * 10 + 1e-6);
    return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
  };
  const chosen = () => tracks.filter((track) => track.kind === hear && !track.lost);

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
      const silent = track.mute || (anySolo && !track.solo);
      track.audio.muted = track.kind === "stem" && silent;
      track.audio.volume = Number(track.row.dataset.gain);
      track.row.classList.toggle("silent", track.kind === "stem" ? hear === "stem" && silent : false);
      for (const button of track.row.querySelectorAll("[data-set]"))
        button.setAttribute("aria-pressed", track[button.dataset.set]);
    }
  }

  const ready = (audio) => new Promise((done) => {
    if (audio.readyState >= 3 && !audio.seeking) return done();
    for (const event of ["canplay", "seeked", "error"]) audio.addEventListener(event, done, { once: true });
  });

  async function start() {
    const mine = ++turn;
    playing = true;
    for (const track of tracks) track.audio.pause();
    for (const { audio } of chosen()) {
      audio.preload = "auto";
      audio.currentTime = at;
    }
    show();
    await Promise.all(chosen().map(({ audio }) => ready(audio)));
    if (mine !== turn) return;
    if (!chosen().length) return stop();
    balance();
    await Promise.allSettled(chosen().map(({ audio }) => audio.play()));
    if (mine === turn) requestAnimationFrame(() => follow(mine));
  }

  function stop() {
    turn += 1;
    playing = false;
    for (const track of tracks) track.audio.pause();
    show();
  }

  function follow(mine) {
    if (mine !== turn) return;
    if (!chosen().length) return stop();
    const [first, ...others] = chosen().filter((track) => !track.renewed);
    if (!first) return requestAnimationFrame(() => follow(mine));
    at = Math.min(duration, first.audio.currentTime);
    if (first.audio.ended) {
      at = 0;
      return stop();
    }
    for (const { audio } of others)
      if (!audio.seeking && !audio.ended && Math.abs(audio.currentTime - first.audio.currentTime) > MOST_APART_S)
        audio.currentTime = first.audio.currentTime;
    show();
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
    if (playing) start();
  }

  function set(track, what, on) {
    track[what] = on;
    if (hear !== "stem") listen("stem"); else balance();
  }

  function clear() {
    for (const stem of stems) stem.solo = stem.mute = false;
    balance();
  }

  // a file that was built again while the page is open goes on where the others are
  async function renew(track) {
    const mine = turn;
    track.lost = false;
    track.audio.load();
    if (!playing || !chosen().includes(track)) return;
    track.renewed = true;
    track.audio.preload = "auto";
    track.audio.currentTime = at;
    await ready(track.audio);
    if (mine === turn) {
      track.audio.currentTime = at;
      await ready(track.audio);
    }
    track.renewed = false;
    if (mine === turn) track.audio.play().catch(() => {});
  }

  document.addEventListener("rebuilt", (event) => {
    byId("said").textContent = "";
    for (const track of tracks)
      if (event.detail.includes(decodeURIComponent(track.audio.getAttribute("src")))) renew(track);
    balance();
  });
  for (const track of tracks) {
    track.audio.addEventListener("error", () => {
      track.lost = true;
      const file = track.audio.getAttribute("src");
      byId("said").textContent = `${file} is not beside this page, or cannot be played here.`;
    });
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
  for (const radio of document.querySelectorAll('[name="hear"]'))
    radio.addEventListener("change", () => listen(radio.value));
  document.addEventListener("click", (event) => {
    const place = event.target.closest("[data-at]"), lane = event.target.closest(".lane");
    if (place) return seek(Number(place.dataset.at));
    if (!lane) return;
    const box = lane.getBoundingClientRect();
    seek((event.clientX - box.left - lane.clientLeft) / lane.clientWidth * duration);
  });
  document.addEventListener("keydown", (event) => {
    const own = event.target.closest("button, input, summary, audio, a, .wide");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const digit = /^[0-9]$/.test(event.key) ? Number(event.key) : null;
    if (digit === 0) clear();
    else if (digit && stems[digit - 1]) set(stems[digit - 1], "solo", !stems[digit - 1].solo);
    else if (event.key === "x") listen({ stem: "mix", mix: "master", master: "stem" }[hear]);
    else if (own) return;
    else if (event.key === " ") playing ? stop() : start();
    else if (event.key === "ArrowLeft") seek(at - 5);
    else if (event.key === "ArrowRight") seek(at + 5);
    else if (event.key === "Home") seek(0);
    else return;
    event.preventDefault();
  });
  balance();
  show();
})();
""".replace("MOST_APART_S", str(MOST_APART_S))
