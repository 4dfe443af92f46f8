"""What people write that TOML is not: the line is shown, with what may be meant."""

from __future__ import annotations

import pytest

from stemtasks.errors import SpecError
from stemtasks.spec.toml import parsed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[m]\nlufs = -14,0\n", "'lufs = -14,0'; a number has a point, as in -14.0"),
        ("kit = electronic\n", "'kit = electronic'; text stands between quotes"),
        ("x = { kit = electronic }\n", "text stands between quotes"),
        ("x = True # so\n", "it is true or false, in small letters"),
        ("x = \u201cloop\u201d\n", "text stands between straight quotes"),
        ("[groups.drums]\n[a]\n[groups.drums]\n", "[groups.drums] stands twice"),
        ("[sections]\nname = 'a'\n[[sections]]\n", "a list is once in one and once in two brackets"),
        ("a = 1\na = 2\n", "'a = 2'; it is there already"),
        ("x = { a = 1,\n b = 2 }\n", "a table in braces { } stands on one line"),
        ("clips = [\n {a=1}\n {b=2}\n]\n", "a comma or a bracket is missing here or in the line before"),
    ],
)
def test_a_line_that_is_no_toml_is_shown_with_what_may_be_meant(text, said):
    with pytest.raises(SpecError) as error:
        parsed(text, "spec/song.toml")
    assert str(error.value).startswith("spec/song.toml: is not TOML: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_comma_inside_a_text_is_no_hint():
    with pytest.raises(SpecError) as error:
        parsed('x = "-14,0" y\n', "spec/song.toml")
    assert "point" not in str(error.value)
