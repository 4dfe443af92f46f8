"""How the report looks: on a phone and a wide screen, by day and by night, and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f7f6f3; --card: #ffffff; --ink: #1b1d20; --soft: #595c61; --line: #d9d6cf; --tint: #efede8;
  --wave: #5b9bb8; --rms: #1f5f7f; --seam: #c2410c; --target: #b45309; --master: #1f5f7f; --mix: #8a8d92;
  --reduction: #c2410c; --head: #b91c1c; --good: #166534; --bad: #b91c1c; --focus: #1d4ed8;
  --at: 0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131518; --card: #1b1e22; --ink: #eceae5; --soft: #a8a9ac; --line: #363a40; --tint: #24282d;
    --wave: #3f7f9d; --rms: #9fd3ea; --seam: #fb923c; --target: #fbbf24; --master: #9fd3ea; --mix: #8a8d92;
    --reduction: #fb923c; --head: #f87171; --good: #86efac; --bad: #fca5a5; --focus: #93c5fd;
  }
}
* { box-sizing: border-box; }
html { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; background: var(--page); color: var(--ink);
  -webkit-text-size-adjust: 100%; scroll-padding-top: 7rem; }
body { margin: 0 auto; padding: 1rem; max-width: 90rem; }
h1, h2, h3 { line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: 1rem; }
p { margin: .25rem 0; }
.soft, figcaption, caption, dt, .note { color: var(--soft); font-size: .875rem; }
.note, .remarks { max-width: 48rem; }
code, kbd { font: .8125rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
kbd { border: 1px solid var(--line); border-radius: .25rem; padding: 0 .3rem; background: var(--card); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem; z-index: 9; }
span.good, span.bad { font-weight: 600; white-space: nowrap; }
.good { color: var(--good); }
.bad { color: var(--bad); }

dl { margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
.verdict { border-left: .375rem solid; padding-left: .75rem; margin-top: 1rem; }
.verdict h2 { margin: 0; font-size: clamp(1.125rem, 4.8vw, 1.5rem); }
.verdict > :not(h2) { color: var(--ink); }
.remarks { margin: .5rem 0 0; padding-left: 1.25rem; font-size: .875rem; }
.glance { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.75rem, 1fr)); gap: .5rem; margin-top: 1rem; }
.glance div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .75rem; }
.glance dd { font-size: 1.125rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.glance small { display: block; font-weight: 400; color: var(--soft); }
.made div { display: grid; grid-template-columns: 8rem minmax(0, 1fr); gap: .75rem; padding: .2rem 0; }

#player { position: sticky; top: 0; z-index: 5; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; padding: .5rem .75rem;
  display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; }
#player[hidden] { display: none; }
#position { flex: 1 1 6rem; min-width: 6rem; accent-color: var(--master); }
#clock { font-variant-numeric: tabular-nums; min-width: 4rem; }
#player fieldset { border: 0; margin: 0; padding: 0; display: flex; gap: .5rem; align-items: center; }
#player legend { float: left; padding: 0; color: var(--soft); font-size: .875rem; }
#player label { display: flex; gap: .25rem; align-items: center; }
#said { flex-basis: 100%; margin: 0; color: var(--bad); font-size: .875rem; }
#said:empty { display: none; }
button { font: inherit; color: inherit; background: var(--tint); border: 1px solid var(--line); border-radius: .375rem;
  padding: .2rem .6rem; cursor: pointer; }
button:disabled { color: inherit; cursor: default; }
button[aria-pressed="true"] { background: var(--rms); border-color: var(--rms); color: var(--card); }
#play { min-width: 4.5rem; font-weight: 600; }
.jump { white-space: nowrap; padding: 0 .35rem; font-size: .875rem; font-variant-numeric: tabular-nums; }
.jump:disabled { border-color: transparent; background: none; padding: 0; }

.row { display: grid; grid-template-columns: minmax(0, 1fr); gap: .25rem .75rem; padding: .5rem 0;
  border-top: 1px solid var(--line); }
.row.silent .wave { opacity: .3; }
.head { display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; }
.head h3 { margin-right: auto; }
.head .soft { flex-basis: 100%; overflow-wrap: anywhere; }
.buttons { display: flex; gap: .25rem; }
.buttons[hidden] { display: none; }
.buttons button { padding: 0 .5rem; font-size: .875rem; min-height: 1.75rem; min-width: 2rem; }
.lane { position: relative; overflow: hidden; background: var(--card); border: 1px solid var(--line);
  border-radius: .375rem; cursor: crosshair; align-self: start; }
.lane::after { content: ""; position: absolute; top: 0; bottom: 0; left: calc(var(--at) * 100%); width: 2px;
  margin-left: -1px; background: var(--head); pointer-events: none; }
svg { display: block; width: 100%; }
.wave.of1 { height: 3.5rem; }
.wave.of2 { height: 5rem; }
.levels { height: 10rem; }
.levels.low { height: 5rem; }
path { fill: none; vector-effect: non-scaling-stroke; stroke-width: 1px; }
.peak, .rms, .reduction { vector-effect: none; stroke-width: 1.02; }
.peak { stroke: var(--wave); }
.rms { stroke: var(--rms); }
.reduction { stroke: var(--reduction); }
.start, .grid { stroke: var(--line); }
.seam path { stroke: var(--seam); stroke-width: 2px; stroke-dasharray: 2 3; }
.seam { cursor: pointer; }
.target { stroke: var(--target); stroke-width: 2px; stroke-dasharray: 6 4; }
.master { stroke: var(--master); stroke-width: 2px; }
.mix { stroke: var(--mix); stroke-width: 1.5px; }
.label { position: absolute; left: .25rem; transform: translateY(-50%); font-size: .6875rem; line-height: 1.2;
  color: var(--soft); background: var(--card); padding: 0 .2rem; pointer-events: none; }
.spectrum .label { color: #fff; background: #0a091c; }
.label.first { transform: none; }
.label.last { transform: translateY(-100%); }
.ruler { height: 2rem; cursor: default; }
.section { position: absolute; top: 0; bottom: 0; border: 0; border-right: 1px solid var(--line); border-radius: 0;
  padding: 0 .25rem; background: var(--tint); overflow: hidden; white-space: nowrap; font-size: .8125rem;
  text-align: left; }
.section:nth-child(even) { background: var(--card); }
.section:focus-visible { outline-offset: -3px; }
.ticks { position: relative; height: 1.1rem; overflow: hidden; font-size: .6875rem; color: var(--soft); }
.tick { position: absolute; padding-left: .25rem; border-left: 1px solid var(--line); }
.key span { display: inline-block; margin-right: 1rem; }
.key i { display: inline-block; width: 1.5rem; height: 0; border-top: 3px solid; vertical-align: middle;
  margin-right: .35rem; }
.spectrum { line-height: 0; background: #0a091c; }
.spectrum img { height: 8rem; max-width: none; }

details { margin: .25rem 0; }
summary { cursor: pointer; color: var(--soft); font-size: .875rem; padding: .15rem 0; }
details > :not(summary) { margin-top: .5rem; }
figure { margin: 0; }
audio { width: 100%; max-width: 32rem; height: 2.5rem; display: block; }
.wide { overflow-x: auto; margin: .5rem 0 1rem; }
.more .wide { max-height: 30rem; overflow-y: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 400; }
tbody th { font-weight: 600; min-width: 5rem; overflow-wrap: anywhere; }
.figure { text-align: right; white-space: nowrap; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .75rem; }

@media (max-width: 30rem) {
  .section { padding: 0 0 0 1px; font-size: .6875rem; letter-spacing: -.02em; }
  #player { column-gap: .5rem; font-size: .875rem; }
  #player fieldset { gap: .375rem; }
  #clear { padding: .2rem .375rem; font-size: .75rem; }
  table { font-size: .8125rem; }
  th, td { padding-right: .5rem; }
}
@media (max-width: 50rem) {
  #player legend { position: absolute; left: -99rem; }
}
@media (min-width: 50rem) {
  .glance { grid-template-columns: repeat(5, 1fr); }
  .row { grid-template-columns: 13rem minmax(0, 1fr); }
  .row > .more { grid-column: 2; }
  .row > .head { align-content: flex-start; }
}
@page { margin: 15mm; }
@media print {
  :root { --page: #fff; --card: #fff; --ink: #000; --soft: #333; --line: #999; --tint: #fff; --wave: #777; --rms: #000;
    --seam: #000; --target: #000; --master: #000; --mix: #777; --reduction: #000; --good: #000; --bad: #000;
    color-scheme: light; }
  html { font-size: 10pt; }
  body { max-width: none; padding: 0; }
  #player, .skip, .buttons, .lane::after, audio, .keys, .live { display: none !important; }
  details::details-content { display: block; content-visibility: visible; block-size: auto; }
  .spectrum { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .wide, .more .wide { overflow: visible; max-height: none; }
  .row, tr, figure, .glance div { break-inside: avoid; }
  h2 { break-after: avoid; }
  button { border: 0; padding: 0; background: none; }
}
"""
