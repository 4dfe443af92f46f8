"""A tiny song that changes at random: its spec, its recordings, a program that renders, the package's source."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

import stemtasks
from tests.project import Project

RENDER = """
import os, struct, sys, wave
level = int(os.environ.get("STORM", 0)) * 100
for presets in filter(os.path.isdir, sys.argv[2:]):
    level += sum(os.path.getsize(os.path.join(presets, name)) * 30 for name in os.listdir(presets))
with wave.open(sys.argv[1], "wb") as out:
    out.setnchannels(1), out.setsampwidth(2), out.setframerate(8000)
    out.writeframes(struct.pack("<8h", *(each + level for each in {levels})) * 1000)
"""
PART = """
from stemtasks.audio.blocks import Blocks, Stream


def mine(blocks: Blocks, stream: Stream) -> Blocks:
    \"\"\"Make it softer.\"\"\"
    for block in blocks:
        yield block * {gain}
"""
MODULES = [
    "effects/lowpass", "effects/gain", "strategies/loop", "generators/tone", "generators/file", "stages/mix",
    "stages/align", "stages/timing", "dsp/sections", "audio/source", "graph", "commands/reporter",
]  # fmt: skip
FILTERED = "filtered(blocks, stream, sos, phase)"


class Song:
    """What the spec says, as plain values, and the ways in which it changes."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.project = Project(folder / "tree")
        self.package = folder / "package" / "stemtasks"
        self.env: dict[str, str] = {}
        self.chance = chance
        self.edited = 0
        self.dodo = (self.project.folder / "dodo.py").read_text()
        self.title, self.subtype, self.loudness, self.offset, self.fault = "Storm", "PCM_16", "-18.0", 0.02, ""
        self.stems = {
            "bass": {"generator": '"tone"', "note": '"A2"'},
            "take": {"generator": '"file"', "file": '"take.wav"', "align": '"loop"'},
            "drums": {"generator": '"drums"', "patterns": '{ default = { kick = "x...x..." } }'},
        }
        for change in (self.recording, self.reference, self.program, self._part, self._link, self._preset):
            change()
        self.write()

    def write(self) -> None:
        """Write the spec."""
        lines = [
            f'[song]\ntitle = "{self.title}"\nbpm = 240\nsample_rate = 8000\nsubtype = "{self.subtype}"',
            '[reference]\nfile = "ref.wav"',
            f"[master]\nloudness_lufs = {self.loudness}",
            f"[verify]\ndc_offset = {self.offset}",
        ]
        for name, table in self.stems.items():
            lines += [f"[stems.{name}]", *(f"{key} = {value}" for key, value in table.items())]
        self.project.spec("\n".join([*lines, self.fault, ""]))

    def change(self) -> str:
        """Change one thing, and return its kind."""
        kinds: dict[str, Callable[[], None]] = {
            "spec: gain": lambda: self._set("gain_db", f"{self.chance.uniform(-12, -6):.1f}"),
            "spec: effect": lambda: self._set("effects", self._effects()),
            "spec: align": lambda: self._set("align", self.chance.choice(['"loop"', '"crossfade"', '"zero_pad"'])),
            "spec: pan": lambda: self._set("pan", f"{self.chance.uniform(-1, 1):.1f}"),
            "spec: pattern": self._pattern,
            "spec: loudness": self._loudness,
            "spec: subtype": lambda: setattr(self, "subtype", self.chance.choice(["PCM_16", "FLOAT"])),
            "spec: limit": lambda: setattr(self, "offset", round(self.chance.uniform(0.02, 0.09), 3)),
            "spec: title": lambda: setattr(self, "title", self.chance.choice(["Storm", "Calm", "Gale"])),
            "spec: stem added": self._add,
            "spec: stem removed": self._remove,
            "spec: stem renamed": self._rename,
            "spec: stems swapped": self._swap,
            "spec: mistake": lambda: setattr(self, "fault", self.chance.choice(["[song", "[mix]\nnonsense = 1"])),
            "input: recording": self.recording,
            "input: reference": self.reference,
            "input: program": self.program,
            "input: link": self._link,
            "input: folder": self._preset,
            "input: environment": lambda: self.env.update(STORM=str(self.chance.randrange(1, 4))),
            "dodo: workers or threads": self._workers,
            "source: part": self._part,
            "source: comment": self._comment,
            "source: sound": self._sound,
        }
        self.fault = ""
        kind = self.chance.choice(sorted(kinds))
        kinds[kind]()
        self.write()
        return kind

    def _set(self, key: str, value: str) -> None:
        self.chance.choice(list(self.stems.values()))[key] = value

    def _loudness(self) -> None:
        # of a song in float that leaves it off, the master is the mix by another name
        self.loudness = self.chance.choice([f"{self.chance.uniform(-24, -16):.1f}", '"off"'])

    def _effects(self) -> str:
        phase = self.chance.choice(["minimum", "zero"])
        chain = [f'{{ name = "lowpass", cutoff_hz = {self.chance.randrange(300, 3000, 100)}, phase = "{phase}" }}']
        chain += ['{ name = "delay", beats = 0.5 }'] * self.chance.randrange(2)
        chain += ['{ name = "mine" }'] * self.chance.randrange(2)
        return f"[{', '.join(chain)}]"

    def _pattern(self) -> None:
        for table in self.stems.values():
            if "patterns" in table:
                steps = "".join(self.chance.choice("x..") for _ in range(7))
                table["patterns"] = f'{{ default = {{ kick = "x{steps}" }} }}'

    def _add(self) -> None:
        program = f'["{sys.executable}", "{{input}}", "{{output}}"]'
        reading = program.replace("]", ', "{inputs}"]')
        made = [
            {"generator": '"tone"', "note": f'"{self.chance.choice("CDEFG")}4"', "duration": "0.5", "align": '"loop"'},
            {"generator": '"command"', "command": program, "inputs": '["render.py"]'},
            {"generator": '"command"', "command": reading, "inputs": '["render.py", "presets"]'},
            {"generator": '"command"', "command": program, "inputs": '["render.py"]', "environment": '["STORM"]'},
            {"generator": '"file"', "file": '"link.wav"', "align": '"loop"'},
        ]
        if len(self.stems) < 5:
            self.stems[self._name()] = self.chance.choice(made)

    def _remove(self) -> None:
        if len(self.stems) > 2:
            del self.stems[self.chance.choice(list(self.stems))]

    def _rename(self) -> None:
        self.stems[self._name()] = self.stems.pop(self.chance.choice(list(self.stems)))

    def _swap(self) -> None:
        names = self.chance.sample(list(self.stems), 2)
        self.stems[names[0]], self.stems[names[1]] = self.stems[names[1]], self.stems[names[0]]

    def _name(self) -> str:
        return self.chance.choice(
            [name for name in ("bass", "take", "drums", "a", "b", "c", "d") if name not in self.stems]
        )

    def recording(self) -> None:
        """Record the take again, with as many frames or others."""
        self._noise("take.wav", self.chance.choice([3000] * 5 + [3500] * 3 + [7000] * 3 + [12000]))

    def mend(self) -> None:
        """Take back what may keep the song from being built, such as a take that is longer than the song."""
        self._noise("take.wav", 3000)
        self.fault, self.loudness = "", "-20.0"
        self.write()

    def reference(self) -> None:
        """Record the reference again, seldom with another duration."""
        self._noise("ref.wav", self.chance.choice([8000, 8000, 8000, 9000]))

    def _noise(self, name: str, frames: int) -> None:
        noise = np.random.default_rng(self.chance.randrange(9)).uniform(-0.3, 0.3, frames)
        soundfile.write(self.project.folder / "other.wav", noise, 8000, subtype="PCM_16")
        self._put(self.project.folder / "spec" / name, (self.project.folder / "other.wav").read_bytes())

    def program(self) -> None:
        """Write another program."""
        levels = [self.chance.randrange(1000, 8000) for _ in range(4)]
        self._put(
            self.project.folder / "spec" / "render.py",
            RENDER.format(levels=[*levels, *(-level for level in levels)]).encode(),
        )

    def _link(self) -> None:
        """Point a link to another recording, or to a product."""
        path = self.project.folder / "spec/link.wav"
        path.unlink(missing_ok=True)
        product = f"../build/song/{self.chance.choice(['stems', 'aligned'])}/{min(self.stems)}.wav"
        path.symlink_to(self.chance.choice(["take.wav", "ref.wav", product]))

    def _preset(self) -> None:
        """Put a file into a folder that a program reads, change one, or take one out."""
        folder = self.project.folder / "spec/presets"
        folder.mkdir(exist_ok=True)
        path = folder / self.chance.choice(["a", "b"])
        if path.exists() and self.chance.random() < 0.4:
            path.unlink()
        else:
            self._put(path, self.chance.choice([b"x", b"xx", b"xxx"]))

    def _workers(self) -> None:
        """Have jobs run in worker processes, or in threads again."""
        ends = self.chance.choice(["", "\nfrom stemtasks.graph import processes, run_in\n\nrun_in(processes)\n"])
        self._put(self.project.folder / "dodo.py", (self.dodo + ends).encode())

    def _part(self) -> None:
        """Write another effect of the project's own, of the same size."""
        path = self.project.folder / "parts/effects/mine.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._put(path, PART.format(gain=self.chance.choice(["0.5", "0.7", "0.9"])).encode())

    def _put(self, path: Path, data: bytes) -> None:
        """Write a file: in its place or by renaming, sometimes with the times it had."""
        before = path.stat() if path.exists() else None
        if self.chance.random() < 0.5:
            path.write_bytes(data)
        else:
            beside = path.with_name("beside")
            beside.write_bytes(data)
            os.replace(beside, path)
        if before and self.chance.random() < 0.5:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def _own_package(self) -> Path:
        """Return a copy of the package, which is used from the first change of it on: until then builds are forked."""
        if not self.package.exists():
            shutil.copytree(Path(stemtasks.__file__).parent, self.package, ignore=shutil.ignore_patterns("template"))
            self.env["PYTHONPATH"] = str(self.package.parent)
        return self.package

    def _comment(self) -> None:
        path = self._own_package() / f"{self.chance.choice(MODULES)}.py"
        self._source(path, f"{path.read_text()}\n# {self.chance.randrange(1000)}\n")

    def _sound(self) -> None:
        path = self._own_package() / "effects" / "lowpass.py"
        text = (Path(stemtasks.__file__).parent / "effects" / "lowpass.py").read_text()
        assert text.count(FILTERED) == 1
        self._source(path, text.replace(FILTERED, f"({self.chance.random()} * block for block in {FILTERED})"))

    def _source(self, path: Path, text: str) -> None:
        """Write source with a time of its own: Python goes by whole seconds and size when it takes its bytecode."""
        path.write_text(text)
        self.edited += 1
        os.utime(path, (self.edited, self.edited))
