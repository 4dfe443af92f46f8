"""What a match with the reference, and a stem's own loudness, need of the rest of a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtasks.errors import Mistakes

if TYPE_CHECKING:
    from stemtasks.spec.song import Song

MOST_MATCHED = 128
"""Each stem is held against each: the memory that takes grows with the square of their count."""


def check_levels(song: Song, mistakes: Mistakes) -> None:
    """Note a match without a rough mix to match, or of too many stems, and two levels for one stem."""
    asked = [("mix.match", "match")] if song.mix.match else []
    asked += [(f"stems.{stem.name}.level", "level") for stem in song.stems if stem.table.level]
    if song.reference.file is None:
        mistakes.extend(
            f"{where}: there is no rough mix to be as loud as; give reference.file, or leave out {key}"
            for where, key in asked
        )
    elif asked and len(song.stems) > MOST_MATCHED:
        where, key = asked[0]
        mistakes.append(
            f"{where}: {len(song.stems)} stems are more than can be told apart, at most {MOST_MATCHED} are allowed; "
            f"leave out {key}"
        )
    for stem in song.stems:
        if stem.table.loudness_lufs is not None and stem.table.gain_db:
            mistakes.append(
                f"stems.{stem.name}: loudness_lufs and gain_db both say how loud it is; leave out gain_db, or turn it "
                f"with mix.gains_db.{stem.name}"
            )
