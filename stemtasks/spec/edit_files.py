"""A list of edits in a file: CSV with a header row, its fields separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import Any

from stemtasks import seen
from stemtasks.errors import Mistakes, SpecError, unknown
from stemtasks.positions import Known
from stemtasks.spec import binding, hints, schema
from stemtasks.units import Entries, Longest

MOST_BYTES = 4 << 20
SEPARATORS = ",;\t"


def rows_of(path: str, parameter: schema.Parameter, known: Known) -> list[dict[str, Any]]:
    """Return the rows of a file as the tables of a parameter that is a list; raises ``SpecError``.

    A wrong cell is named by the file, its line and its column. Empty cells are not given, empty lines none.
    """
    marks = hints.marks(parameter.annotation)
    mark = next(each for each in marks if isinstance(each, Entries))
    most = next(each for each in marks if isinstance(each, Longest))
    drawn = schema.of_entries(mark)
    mistakes, found = Mistakes(), []
    for line, cells in _rows(path, drawn):
        if len(mistakes) >= binding.MOST_MISTAKES:
            break
        with mistakes:
            found.append(_row(mark, drawn, cells, f"{path}: line {line}", known))
    mistakes.settle()
    if problem := most.problem(found):
        raise SpecError(f"{path}: {problem}")
    return found


def _row(mark: Entries, drawn: schema.Schema, cells: dict[str, str], where: str, known: Known) -> dict[str, Any]:
    mistakes, values = Mistakes(), dict[str, Any]()
    for name, text in cells.items():
        with mistakes:
            annotation = drawn.by_name[name].annotation
            values[name] = binding.checked(_value(text), annotation, f"{where}, column '{name}'", known)
    mistakes.settle()
    return binding.entry(mark, values, where, known)


def _value(text: str) -> float | str:
    """Return a number where a cell is one."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _rows(path: str, drawn: schema.Schema) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row's line and its cells by column, empty ones left out."""
    text = _text(path)
    header = text.partition("\n")[0]
    separator = max(SEPARATORS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns: list[str] | None = None
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if columns is None:
                columns = _columns(path, cells, drawn)
            elif len(cells) > len(columns) and any(cells[len(columns) :]):
                raise SpecError(
                    f"{path}: line {reader.line_num}: has {len(cells)} cells for {len(columns)} columns; remove what "
                    "is too much, or put quotes around a cell that holds the separator"
                )
            else:
                yield reader.line_num, {name: cell for name, cell in zip(columns, cells, strict=False) if cell}
    except csv.Error as error:
        raise SpecError(f"{path}: line {reader.line_num}: is no CSV ({error}); correct its quotes") from None
    if columns is None:
        raise SpecError(f"{path}: is empty; its first line names the columns: {', '.join(drawn.by_name)}")


def _columns(path: str, names: list[str], drawn: schema.Schema) -> list[str]:
    for name in names:
        if name not in drawn.by_name:
            raise SpecError(f"{path}: line 1: {unknown('column', name, drawn.by_name)}")
        if names.count(name) > 1:
            raise SpecError(f"{path}: line 1: column '{name}' is there twice; remove one")
    return names


def _text(path: str) -> str:
    seen.add(path)
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file; correct the path or put the file there") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from None
    if len(raw) > MOST_BYTES:
        raise SpecError(f"{path}: has more than {MOST_BYTES} bytes; name a shorter list")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SpecError(f"{path}: is not UTF-8 (line {line}); save it as UTF-8") from None
