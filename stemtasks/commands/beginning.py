"""Beginning a project: the files that a folder needs to be one, written where nothing is in the way."""

from __future__ import annotations

import contextlib
from pathlib import Path

from stemtasks.errors import SpecError
from stemtasks.paths import SPEC
from stemtasks.spec import json_schema

TEMPLATE = Path(__file__).parents[1] / "template"
DODO = "dodo.py"
SCHEMA = "song.schema.json"
"""Beside the spec, which names it in its first line: editors read it, and nothing of ours does."""
IGNORED = "build/\n__pycache__/\n"


def begin(folder: Path, specs: dict[str, str]) -> list[str]:
    """Make a folder a project and write specs into it, by name without ending; return what was made.

    Nothing that is there is overwritten: of a project's own files those that lack are made, and a spec that is there
    is a SpecError.
    """
    made = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        own = {DODO: (TEMPLATE / DODO).read_text(encoding="utf-8"), ".gitignore": IGNORED}
        is_new = not (folder / DODO).is_file()
        if is_new:
            for file, text in own.items():
                if not (folder / file).exists():
                    (folder / file).write_text(text, encoding="utf-8")
                    made.append(file)
        (folder / SPEC).mkdir(exist_ok=True)
        schema = folder / SPEC / SCHEMA
        if is_new or not schema.exists():
            with contextlib.chdir(folder):  # whose parts it has
                text = json_schema.as_json()
            schema.write_text(text, encoding="utf-8")
        for name, text in specs.items():
            with open(folder / SPEC / f"{name}.toml", "x", encoding="utf-8") as spec:
                spec.write(text)
    except FileExistsError as error:
        raise SpecError(f"{error.filename}: is there already, and is not overwritten") from None
    except OSError as error:
        raise SpecError(f"{error.filename}: cannot be written ({error.strerror})") from None
    return made
