"""The ``stemtasks`` command: begin or import a song, read what a spec may say, try parts, look after the cache."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from stemtasks.cache.settings import CacheTable
from stemtasks.commands import beginning, cache, check, importing, laws
from stemtasks.errors import SpecError, StemtasksError, unknown
from stemtasks.spec import hints, json_schema, parts, schema
from stemtasks.spec.names import check_song_name
from stemtasks.spec.tables import ALBUM_TABLES, LISTED, NAMED, TABLES, AutomationTable, SendTable
from stemtasks.units import Automated
from stemtasks.version import __version__
from stemtasks.watch import command as watch

DESCRIPTION = "Make-style incremental builds for audio; doit builds, this begins songs and looks after them."


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 after one line for a user's mistake."""
    parsed = _parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed) or 0
        sys.stdout.flush()  # what is still held back fails here, not while Python ends
    except StemtasksError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # 'stemtasks schema | head'
        _drop_output()
        return 0
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        _drop_output()
        print(f"ERROR: what there is to say cannot be written ({error.strerror})", file=sys.stderr)
        return 1
    return code


def _drop_output() -> None:
    """Have what Python still holds for the output go nowhere: it would fail once more while Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stemtasks", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    new = commands.add_parser("new", help="make a folder with a song to start from")
    new.add_argument("folder", help="the folder to make; its name becomes the song's")
    new.set_defaults(run=_new)
    importing.add_to(commands)
    shown = commands.add_parser("schema", help="show what a spec may say: tables, generators, strategies, effects")
    shown.add_argument("name", nargs="?", help="only this kind (effects ...), table (song ...) or name (delay ...)")
    shown.add_argument("--json", action="store_true", help="print a JSON Schema for editors: of a song, or of 'album'")
    shown.set_defaults(run=_schema)
    check.add_to(commands)
    laws.add_to(commands)
    cache.add_to(commands)
    watch.add_to(commands)
    return parser


def _new(parsed: argparse.Namespace) -> None:
    """Write the template; nothing that is there is overwritten."""
    if not parsed.folder:
        raise SpecError("the folder's name is empty; give the song a name: 'stemtasks new my-song'")
    folder = Path(parsed.folder)
    name = folder.resolve().name
    check_song_name(name, str(folder), "give another name")
    text = (beginning.TEMPLATE / "song.toml").read_text(encoding="utf-8").replace("My Song", _title(name))
    try:
        if folder.is_dir() and (there := sorted(os.listdir(folder))):
            raise SpecError(
                f"{folder}: is a folder with files in it ({', '.join(there[:3])}{' ...' if len(there) > 3 else ''}); "
                "name one that is not there yet, or write another song into spec/ of a project that is"
            )
    except OSError as error:
        raise SpecError(f"{error.filename}: cannot be read ({error.strerror})") from None
    beginning.begin(folder, {name: text})
    print(f"{folder}: a song of its own, described in {folder / 'spec' / f'{name}.toml'}")
    print(f"next: cd {folder} && doit")


def _title(name: str) -> str:
    return " ".join(part[:1].upper() + part[1:] for part in name.replace("_", " ").replace("-", " ").split())


def _schema(parsed: argparse.Namespace) -> None:
    """Print every part of the schema, or those that the name asked for means; or all of it as a JSON Schema."""
    if parsed.json:
        if parsed.name == "album":
            print(json_schema.as_json(json_schema.of_album()), end="")
            return
        if parsed.name is not None:
            raise SpecError(f"--json: is the schema of a whole song, not of {parsed.name!r} alone; leave the name out")
        print(json_schema.as_json(), end="")
        return
    tables = {**TABLES, **ALBUM_TABLES, "cache": CacheTable, "automation": AutomationTable, "send": SendTable}
    entries = [("tables", table, _header(table), schema.of_table(kind)) for table, kind in tables.items()]
    entries += [(kind, name, name, schema.of(kind, name)) for kind in parts.KINDS for name in parts.names(kind)]
    wanted = parsed.name
    shown = [entry for entry in entries if wanted is None or wanted in entry[:2]]
    if not shown:
        raise SpecError(unknown("name", wanted, {name for entry in entries for name in entry[:2]}))
    kinds = list(dict.fromkeys(kind for kind, *_ in shown))
    for kind in kinds:
        print(f"{kind.upper()}\n")
        for _, _, header, drawn in (entry for entry in shown if entry[0] == kind):
            print("\n".join(_lines(header, drawn)))


def _header(table: str) -> str:
    if table == "automation":
        return "NUMBER = { ... }"
    return f"[[{table}]]" if table in LISTED else f"[{table}.NAME]" if table in NAMED else f"[{table}]"


def _lines(header: str, drawn: schema.Schema) -> Iterator[str]:
    yield f"{header}: {drawn.doc}"
    for parameter in drawn.parameters:
        yield from _described(parameter, 2)
    yield ""


def _described(parameter: schema.Parameter, margin: int) -> Iterator[str]:
    """Yield what a parameter is, and the keys of the tables in its list."""
    default = "required" if parameter.default is schema.NO_DEFAULT else _toml(parameter.default)
    changes = "; automation" if parameter.is_a(Automated) else ""
    yield f"{' ' * margin}{parameter.name}  ({hints.describe(parameter.annotation)}; {default}{changes})"
    if parameter.doc:
        space = " " * (margin + 4)
        yield textwrap.fill(parameter.doc, 94 + len(space), initial_indent=space, subsequent_indent=space)
    for inner in parameter.entries.parameters if parameter.entries else ():
        yield from _described(inner, margin + 4)


def _toml(value: object) -> str:
    """Return a default as the spec would write it."""
    if value is None or value == "" or value == [] or value == {}:
        return "optional"
    return "default " + (str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"'))


if __name__ == "__main__":
    sys.exit(main())
