"""What a generator takes from outside the spec: files, by name, pattern or folder; a program; environment variables.

All of it decides what is made, so all of it is in the key: files and programs by content, files of a list by name too,
variables by value. What there is, is asked anew whenever a song becomes jobs, and where it was asked is noted
(``seen.py``), so that a build with nothing to do knows when to ask again.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stemtasks import seen
from stemtasks.errors import SpecError
from stemtasks.paths import BUILD
from stemtasks.sources import PACKAGE
from stemtasks.spec.edit_files import rows_of
from stemtasks.spec.schema import Held, Parameter, Schema, copied
from stemtasks.spec.schema import held as held_by
from stemtasks.spec.song import Song
from stemtasks.units import (
    ENVIRONMENT,
    SIGNING_KEY,
    VARIABLE,
    CommandLine,
    InputPath,
    PartName,
    StemName,
    VariableName,
    pieces_of,
)

MOST_FILES, MOST_FOLDERS = 100_000, 100
MAGIC = re.compile(r"[*?[]")
PYTHON = re.compile(r"pythonw?[\d.]*t?(\.exe)?")
WORD = re.compile(r"""(?<![^\s=:,;'"`(<])/[^\s=:,;'"`()<>|&]+""")
"""A path in an argument that is more than one, such as ``--preset=/a/b`` or what a shell is given to run."""
SCRIPTS = {".csd", ".jar", ".js", ".lua", ".m", ".orc", ".pl", ".py", ".r", ".rb", ".sc", ".sco", ".sh", ".tcl"}
"""Endings of what an interpreter is given, in sound's languages too."""
NOT_STORED = ("/proc/", "/sys/", "/dev/")
SHELL_VARIABLE = re.compile(rf"\$\{{?({VARIABLE.pattern})", re.ASCII)

OWN_VARIABLES = {*ENVIRONMENT, "HOME", "TMPDIR", "PWD", "OLDPWD", "SHLVL", SIGNING_KEY}
"""What a program is given, or a shell sets, is not what the build has."""


@dataclass
class Outside:
    """What was found: a job's inputs, and its other parameters."""

    arguments: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str | None] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    """Folders outside the project."""
    mistake: str = ""
    """What no file can be, or no value: its task fails with it."""


def outside(song: Song, schema: Schema, arguments: dict[str, Any]) -> Outside:
    """Return what a generator's arguments name outside the spec; a file that is not there is an input all the same."""
    found = Outside(copied(schema, arguments))
    try:
        for parameter in schema.outside:
            _take(song, parameter, found)
    except SpecError as error:
        found.mistake = str(error)
    return found


def _take(song: Song, parameter: Parameter, found: Outside) -> None:
    name = parameter.name
    if parameter.is_a(CommandLine):
        return _Programs(song, found).take(found.arguments[name])
    value = found.arguments.pop(name)
    if parameter.is_a(VariableName):
        _take_variables(found, value or [], name)
    elif parameter.entries is not None and value is not None:
        found.arguments[name] = rows_of(song.input(value), parameter, song.known) if isinstance(value, str) else value
        for held in held_by(Schema(name, "", (parameter,)), found.arguments, InputPath, StemName):
            if held.parameter is not parameter:
                _take_of_entry(song, held, found)
    elif parameter.is_a(PartName):
        if value is not None:
            found.inputs[name] = song.before_match(value)["audio"]  # as it is before all are compared
    elif isinstance(value, str):
        found.inputs[name] = song.input(value)
    else:
        for index, entry in enumerate(value or ()):
            _Entry(song, f"{name}[{index}]", found).take(entry, f"{name}/{index}")
    return None


def _take_of_entry(song: Song, held: Held, found: Outside) -> None:
    """Add the file that a table of a list names, and take its name from the arguments."""
    value = held.table.pop(held.parameter.name)
    if value is not None:
        of_stem = held.parameter.is_a(StemName)
        found.inputs[held.role] = song.product("aligned", f"{value}.wav") if of_stem else song.input(value)


def _take_variables(found: Outside, names: list[str], where: str) -> None:
    for name in names:
        found.environment[name] = value = seen.variable(name)
        if value is not None and not _is_text(value):
            raise SpecError(f"{where}: the value of {name} is not UTF-8; set it to text")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Entry:
    """One of a list of files: a file, a pattern, or a folder."""

    def __init__(self, song: Song, where: str, found: Outside) -> None:
        self.song, self.where, self.found = song, where, found
        self.listed = 0

    def take(self, entry: str, role: str) -> None:
        """Add its files, each as ``role/NAME``; of a folder as ``role/FOLDER//NAME``, because it is one argument.

        A name is that in the project. What lies elsewhere is named from its folder, so that no place in a machine is
        in a key.
        """
        path = self.song.input(entry)
        if os.path.isdir(path):
            self._add_all(path, ["**", "*"], f"{role}/{self._named(path, os.path.dirname(os.path.abspath(path)))}//")
        elif MAGIC.search(entry) and not os.path.lexists(path):
            parts = [part for part in entry.split("/") if part]
            literal = next(place for place, part in enumerate(parts) if MAGIC.search(part))
            base = self.song.input(("/" if entry.startswith("/") else "") + "/".join(parts[:literal]))
            self._add_all(base, parts[literal:], f"{role}/{self._named(base, base)}/".replace("/./", "/"))
        else:
            self._add(f"{role}/{self._named(path, os.path.dirname(path))}", path)

    def _named(self, path: str, base: str) -> str:
        inside = os.path.relpath(path).replace(os.sep, "/")
        if inside.split("/")[0] != "..":
            return inside
        base = os.path.abspath(base)
        if base not in self.found.elsewhere:
            self.found.elsewhere.append(base)
        from_base = os.path.relpath(path, base).replace(os.sep, "/")
        return f".elsewhere/{self.found.elsewhere.index(base)}/{from_base}"

    def _add_all(self, base: str, parts: list[str], role: str) -> None:
        if _in_build(base):
            raise SpecError(f"{self.where}: {base} is in {BUILD}/, where files come and go; name each file")
        parts = [part for place, part in enumerate(parts) if part != "**" or parts[place + 1 : place + 2] != ["**"]]
        if parts[-1] == "**":
            parts.append("*")
        above = frozenset(identity for folder in (BUILD, base) if (identity := _identity(folder)))
        names = sorted(set(self._matching(base, "", parts, above)))
        for name in names or ["/".join(parts[1:] if parts[0] == "**" else parts)]:
            path = f"{base}/{name}"
            product = self.song.input(os.path.abspath(path)) if os.path.islink(path) else path
            self._add(role + name, product if Path(product).parts[:1] == BUILD.parts else path)

    def _add(self, role: str, path: str) -> None:
        if not _is_text(path):
            raise SpecError(f"{self.where}: {path!r}: the name is not UTF-8; rename it")
        self.found.inputs[role] = path

    def _matching(self, base: str, name: str, parts: list[str], above: frozenset[tuple[int, int]]) -> Iterator[str]:
        """Yield the files below ``base/name`` that match, by name from ``base``; links are followed, circles are not.

        Hidden ones match only where the pattern begins with a dot, as in a shell. What is in ``build/`` never does.
        """
        first, rest = parts[0], parts[1:]
        folder = f"{base}/{name}".rstrip("/") or "/"
        if first == "**":
            yield from self._matching(base, name, rest, above)
        seen.add(folder)
        for entry in self._listed(folder):
            inner = f"{name}/{entry.name}".lstrip("/")
            is_hidden = entry.name.startswith(".") and not first.startswith(".")
            if is_hidden or not (first == "**" or _fits(entry.name, first)):
                continue
            if not _is_folder(entry):
                if not rest:
                    yield inner
            elif first == "**" or rest:
                identity = _identity(entry.path)
                if identity and identity not in above and not (entry.is_symlink() and _in_build(entry.path)):
                    yield from self._matching(base, inner, parts if first == "**" else rest, above | {identity})

    def _listed(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SpecError(f"{self.where}: {folder} cannot be listed ({error.strerror})") from None
        self.listed += len(listed)
        if self.listed > MOST_FILES or folder.count("/") > MOST_FOLDERS:
            raise SpecError(
                f"{self.where}: more than {MOST_FILES} files, or {MOST_FOLDERS} folders in each other, would be gone "
                "through; name a smaller folder"
            )
        return listed


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(unicodedata.normalize("NFC", name), unicodedata.normalize("NFC", pattern))


def _in_build(path: str) -> bool:
    with contextlib.suppress(ValueError, OSError):
        return Path(path).resolve().is_relative_to(BUILD.resolve())
    return False


def _identity(folder: str | Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


class _Programs:
    """The program of a command line, the interpreters that run it, and the files that its arguments name."""

    def __init__(self, song: Song, found: Outside) -> None:
        self.song, self.found = song, found
        self.path = found.environment.get("PATH", ENVIRONMENT["PATH"]) or ""

    def take(self, command: list[str]) -> None:
        """Add what runs, and what it is told to read."""
        plain = [_plain(argument) for argument in command]
        named = {name for argument in plain[1:] for name in SHELL_VARIABLE.findall(argument)}
        _take_variables(self.found, sorted(named - OWN_VARIABLES - self.found.environment.keys()), "command")
        if any(name == "python" for argument in command for _, name in pieces_of(argument)):
            self._add("run/python", sys.executable)
        if command[0].startswith("{input"):
            inner = command[0].partition("/")[2]
            for role, path in list(self.found.inputs.items()):
                if role.startswith("inputs/0/") and role.endswith(f"//{inner}" if inner else ""):
                    self._add_interpreters("run/input", path)
        elif path := self._found(plain[0]):
            self._add("run/program", path)
            self._add_what_env_runs("run/program", [path, *plain[1:]])
        for index, argument in enumerate(plain[1:], 1):
            for place, path in enumerate(self._files_in(argument)):
                self._add(f"run/argument/{index}/{place}", self.song.input(path))

    def _found(self, program: str) -> str:
        """Return where a program is, by name on PATH or by absolute path, or nothing."""
        if os.path.isabs(program):
            return program if is_program(program) else ""
        if "/" in program or "\0" in program:
            return ""
        path = seen.variable("PATH")
        return self._on_path(program, os.defpath if path is None else path)

    def _on_path(self, program: str, path: str) -> str:
        for folder in path.split(os.pathsep):
            place = os.path.abspath(os.path.join(folder, program))
            seen.add(place)
            if is_program(place):
                return place
        return ""

    def _files_in(self, argument: str) -> list[str]:
        """Return the files that an argument names by absolute path: as a whole, or among other words."""
        words = [argument] if _is_file(argument) else WORD.findall(argument)
        files = [word for word in words if _is_file(word)]
        if (
            words != [argument] and len(argument.split()) > 1
        ):  # what a shell is given to run: the rest may be what it writes
            files = [word for word in files if _is_script(word) or f"<{word}" in argument]
        for word in words:
            if word not in files and "\0" not in word and not os.path.lexists(word):
                seen.add(word)
        return files

    def _add(self, role: str, path: str) -> None:
        """Add a program or a script: itself, what interprets it, and the packages of a Python."""
        self.found.inputs[role] = path
        if PYTHON.fullmatch(os.path.basename(path)):
            self._add_packages(path)
        self._add_interpreters(role, path)

    def _add_interpreters(self, role: str, path: str) -> None:
        """Add what the first line of a script names."""
        try:
            with open(path, "rb") as file:
                first = file.readline(256)
        except (OSError, ValueError):
            return
        words = os.fsdecode(first[2:]).split() if first.startswith(b"#!") else []
        if words and role.count("/interpreter") < 4 and is_program(words[0]):
            self._add(f"{role}/interpreter", words[0])
            self._add_what_env_runs(f"{role}/interpreter", words)

    def _add_what_env_runs(self, role: str, words: list[str]) -> None:
        if os.path.basename(words[0]) == "env":
            name = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
            if name and "/" not in name and "\0" not in name and (path := self._on_path(name, self.path)):
                self._add(f"{role}/env", path)

    def _add_packages(self, python: str) -> None:
        """Add the versions of all that is installed for a Python, without asking it."""
        prefix = Path(python).parent.parent
        homes = [prefix, Path("/usr/local")] if prefix in (Path("/usr"), Path("/")) else [prefix]
        for folder in sorted(folder for home in homes for folder in home.glob("lib*/python*/*-packages")):
            seen.add(folder)
            for info in sorted([*folder.glob("*.dist-info"), *folder.glob("*.egg-info")]):
                name, _, version = info.stem.partition("-")
                if name != PACKAGE:  # whose version changes no sound
                    self.found.packages[name] = version


def is_program(path: str) -> bool:
    """Return whether a file is there that this user may run."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _is_script(path: str) -> bool:
    """Return whether a file is a program, or what one interprets."""
    if os.access(path, os.X_OK) or os.path.splitext(path)[1].lower() in SCRIPTS:
        return True
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _plain(argument: str) -> str:
    """Return an argument's own text, with a NUL where something is filled in."""
    return "".join(text + ("" if name is None else "\0") for text, name in pieces_of(argument))


def _is_file(path: str) -> bool:
    is_stored = os.path.isabs(path) and not path.startswith(NOT_STORED)
    return is_stored and "\0" not in path and _is_text(path) and os.path.isfile(path)
