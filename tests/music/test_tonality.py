"""A chroma against a key, and against the same scale on every other tonic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemtasks.music.pitch import SCALES, SHARP_NAMES, parse_key
from stemtasks.music.tonality import TONICS, best_key, fit, share

CHROMAS = st.lists(st.floats(0.0, 1.0), min_size=12, max_size=12).filter(lambda chroma: max(chroma) - min(chroma) > 0.1)
KEYS = st.builds("{} {}".format, st.sampled_from(SHARP_NAMES), st.sampled_from(sorted(SCALES)))


def chroma_of(key, steps, **louder):
    """Return a chroma of notes in semitones above a key's tonic, alike but for those by their number."""
    tonic = parse_key(key).tonic
    chroma = [0.0] * 12
    for step in steps:
        chroma[(tonic + step) % 12] = louder.get(f"s{step}", 1.0)
    return [each / sum(chroma) for each in chroma]


def test_the_share_is_what_lies_on_the_scale():
    assert share([0.25, 0.25, 0, 0, 0, 0, 0.1, 0.4, 0, 0, 0, 0], parse_key("C major")) == pytest.approx(0.65)
    assert share(chroma_of("A minor", SCALES["minor"]), parse_key("C major")) == pytest.approx(1.0)


@pytest.mark.parametrize("scale", sorted(SCALES))
@pytest.mark.parametrize("tonic", SHARP_NAMES)
def test_a_scale_with_its_triad_louder_fits_its_key_best(tonic, scale):
    key = f"{tonic} {scale}"
    steps = SCALES[scale]
    found = fit(chroma_of(key, steps, s0=3.0, **{f"s{steps[2]}": 2.0, f"s{steps[4]}": 2.0}), key)
    assert found.best == key
    assert found.margin > 0.2


@pytest.mark.parametrize("up", range(1, 12))
def test_each_other_tonic_is_told_and_named(up):
    """The hardest are a fifth away, with one note of seven that is another."""
    heard = f"{SHARP_NAMES[up]} major"
    found = fit(chroma_of(heard, SCALES["major"], s0=2.0, s4=1.5, s7=2.0), "C major")
    assert parse_key(found.best) == parse_key(heard)
    assert found.margin < -0.15
    assert found.margin < -0.5 or up in (5, 7, 2, 10)


def test_the_relative_minor_fits_and_the_parallel_minor_does_not():
    relative = chroma_of("A minor", SCALES["minor"], s0=2.0, s3=1.5, s7=1.5)
    assert fit(relative, "C major").margin > 0.0
    parallel = fit(chroma_of("C minor", SCALES["minor"], s0=2.0, s3=1.5, s7=1.5), "C major")
    assert parallel.best == "Eb major"
    assert parallel.margin < -0.2


@given(chroma=CHROMAS, key=KEYS, up=st.integers(0, 11))
def test_transposing_sound_and_key_alike_changes_nothing(chroma, key, up):
    tonic, scale = key.split(" ", 1)
    other = f"{SHARP_NAMES[(SHARP_NAMES.index(tonic) + up) % 12]} {scale}"
    turned = chroma[-up:] + chroma[:-up] if up else chroma
    assert fit(turned, other).margin == pytest.approx(fit(chroma, key).margin, abs=1e-9)
    assert share(turned, parse_key(other)) == pytest.approx(share(chroma, parse_key(key)))


@given(chroma=CHROMAS, key=KEYS)
def test_at_most_one_tonic_has_a_margin_and_it_is_the_best(chroma, key):
    scale = key.split(" ", 1)[1]
    found = [fit(chroma, f"{tonic} {scale}") for tonic in SHARP_NAMES]
    assert sum(each.margin > 0.0 for each in found) <= 1
    best = max(range(12), key=lambda tonic: found[tonic].margin)
    if found[best].margin > 1e-9:
        assert {parse_key(each.best).tonic for each in found} == {best}


def test_a_flat_chroma_fits_no_key_better_than_another():
    assert fit([1 / 12] * 12, "C major").margin == 0.0


def test_the_best_key_is_the_one_of_its_scale_and_its_relative_has_the_same_notes():
    for tonic, name in enumerate(TONICS[4]):
        chroma = [0.0] * 12
        for step, weight in zip((0, 2, 4, 5, 7, 9, 11), (1.0, 0.5, 0.7, 0.5, 0.8, 0.5, 0.5), strict=True):
            chroma[(tonic + step) % 12] = weight
        found = best_key(chroma)
        assert found.key == f"{name} major"
        assert parse_key(found.relative).tonic == (tonic + 9) % 12
        assert found.margin > 0.1
        assert found.relative_margin > 0.0
