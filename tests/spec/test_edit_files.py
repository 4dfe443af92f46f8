"""Lists of edits in files: what is read, and how a wrong one is told."""

from __future__ import annotations

import pytest

from stemtasks.errors import SpecError
from stemtasks.positions import Known
from stemtasks.spec import schema
from stemtasks.spec.edit_files import MOST_BYTES, rows_of

EDITS = schema.of("generators", "edited").by_name["edits"]
KNOWN = Known(48_000, 120.0, 4.0, ("verse",))
ROWS = [["do", "from", "to", "gain_db"], ["silence", "0:12.3", "12.9", ""], ["gain", "2 bars", "9", "-3"]]


def read(tmp_path, text):
    path = tmp_path / "edits.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        return rows_of(str(path), EDITS, KNOWN)
    except SpecError as error:
        return [mistake.replace(str(path), "edits.csv") for mistake in error.mistakes]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_ends_of_lines_and_a_mark_at_the_start_decide_nothing(tmp_path, separator, end, mark):
    text = mark + end.join([*(separator.join(row) for row in ROWS), "", separator * 3, ""])
    first, second = read(tmp_path, text)
    given = {"do": "silence", "from": "0:12.3", "to": 12.9}
    assert first == dict.fromkeys(("do", "from", "to", "at", "with", "gain_db", "curve")) | given
    assert (second["from"], second["gain_db"]) == ("2 bars", -3.0)


def test_a_cell_in_quotes_is_what_is_in_them(tmp_path):
    (row,) = read(tmp_path, 'do,from,to\n"cut"," 1 ","0:02"\n')
    assert (row["do"], row["from"], row["to"]) == ("cut", 1.0, "0:02")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "do,from,to\ncut,1,2\ncut,3,soon\n",
            "edits.csv: line 3, column 'to': 'soon' is no section of the song",
        ),
        ("do,from,to\ncut,1,2\n\ncut,-3,4\n", "edits.csv: line 4, column 'from': -3 s is outside 0 to 86400 s (a day)"),
        ("do,from,to\nkut,1,2\n", "edits.csv: line 2, column 'do': 'kut' is not one of 'silence', "),
        ("do,from,to\ncut,1\n", "edits.csv: line 2: 'to' is missing; cut takes from, to"),
        ("do,from,to,at\ncut,1,2,3\n", "edits.csv: line 2: cut takes no 'at'; it takes from, to"),
        (
            "do,form,to\n",
            "edits.csv: line 1: unknown column 'form'; known: at, curve, do, from, gain_db, to, ",
        ),
        ("do,from,from\n", "edits.csv: line 1: column 'from' is there twice; remove one"),
        (
            "do,from,to\ncut,1,2,3\n",
            "edits.csv: line 2: has 4 cells for 3 columns; remove what is too much",
        ),
        ('do,from,to\ncut,"1,2\n', "edits.csv: line 2: is no CSV (unexpected end of data); correct its quotes"),
        ("\n\n", "edits.csv: is empty; its first line names the columns: do, from, to, at, with, gain_db, curve"),
        (b"do,from,to\n\xff,1,2\n", "edits.csv: is not UTF-8 (line 2); save it as UTF-8"),
        (b"do" + b"\n" * MOST_BYTES, f"edits.csv: has more than {MOST_BYTES} bytes; name a shorter list"),
        ("do,from,to\n" + "cut,1,2\n" * 10_001, "edits.csv: has 10001 edits; at most 10000 edits are allowed"),
    ],
)
def test_a_wrong_file_is_one_line_with_its_place(tmp_path, text, said):
    (line,) = read(tmp_path, text)
    assert line.startswith(said)
    assert len(line) < 400


def test_ways_out_of_a_wrong_file_work(tmp_path):
    wrong = 'do,from,to\ncut,"1,2\n'
    assert "correct its quotes" in read(tmp_path, wrong)[0]
    assert len(read(tmp_path, wrong.replace('"', ""))) == 1
    wide = "do,from,to\ncut,1,2,3\n"
    assert "remove what is too much" in read(tmp_path, wide)[0]
    assert len(read(tmp_path, wide.replace(",3", ""))) == 1
    assert "remove one" in read(tmp_path, "do,from,to,to\ncut,1,2\n")[0]
    assert len(read(tmp_path, "do,from,to\ncut,1,2\n")) == 1


def test_all_mistakes_of_a_file_are_said(tmp_path):
    assert len(read(tmp_path, "do,from,to\ncut,x,y\ncut,1,z\n")) == 3
