from __future__ import annotations

import numpy as np
import pytest

from stemtasks.effects.multiband_compressor import check
from stemtasks.errors import SpecError
from stemtasks.spec import schema
from tests.audio_files import RATE, written
from tests.effects.steps import MS, sine

QUIET = np.zeros((1 << 16, 1))
QUIET[100] = 1e-4
BANDS = [[500.0], [200.0, 2000.0], [120.0, 1000.0, 6000.0]]


def level_db(y, frequency_hz, until_ms, ms=200):
    """Return the level of a tone over so many ms before a time."""
    part = y[(until_ms - ms) * MS : until_ms * MS, 0] * np.hanning(ms * MS)
    turn = np.exp(-2j * np.pi * frequency_hz / RATE * np.arange(ms * MS))
    return 20 * np.log10(4 * abs(np.sum(part * turn)) / (ms * MS))


@pytest.mark.parametrize("crossovers_hz", BANDS)
def test_with_nothing_to_compress_every_frequency_keeps_its_level(apply, crossovers_hz):
    y = apply("multiband_compressor", QUIET, crossovers_hz=crossovers_hz)[: len(QUIET), 0]
    assert np.abs(20 * np.log10(np.abs(np.fft.rfft(y)) * 1e4)).max() < 0.01


def test_a_band_is_compressed_by_its_own_level_and_leaves_the_others(apply):
    x = sine(60, -6.0, 1500) + sine(800, -30.0, 1500) + sine(8000, -12.0, 1500)
    y = apply(
        "multiband_compressor", x, thresholds_db=[-18.0, -20.0, 0.0], ratios=[4.0], knee_db=0.0, releases_ms=[300.0]
    )
    assert level_db(y, 60, 1500) == pytest.approx(-6.0 - 9.0, abs=0.5)
    assert level_db(y, 800, 1500) == pytest.approx(-30.0, abs=0.2)
    assert level_db(y, 8000, 1500) == pytest.approx(-12.0, abs=0.05)


def test_each_band_has_its_values_and_its_makeup(apply):
    x = sine(60, -10.0, 1500) + sine(800, -10.0, 1500) + sine(8000, -10.0, 1500)
    noted = {}
    arguments = {"thresholds_db": [-20.0, -16.0, -12.0], "ratios": [2.0, 3.0, 100.0], "makeups_db": [0.0, 4.0, -3.0]}
    y = apply("multiband_compressor", x, knee_db=0.0, releases_ms=[500.0], noted=noted, **arguments)
    found = [level_db(y, frequency_hz, 1500) for frequency_hz in (60, 800, 8000)]
    np.testing.assert_allclose(found, [-15.0, -14.0 + 4.0, -11.98 - 3.0], atol=0.4)
    found = [band["max_reduction_db"] for band in noted["bands"]]
    np.testing.assert_allclose(found, [5.0, 4.0, 1.98], atol=0.4)
    assert noted["max_reduction_db"] == max(found)
    assert max(band["mean_reduction_db"] for band in noted["bands"]) <= noted["mean_reduction_db"]
    assert len(noted["reduction_db"]["values"]) >= 15


def test_another_stem_ducks_only_the_band_that_it_is_in(apply, tmp_path_factory):
    kick = np.zeros((2000 * MS, 2))
    swell = np.minimum(1.0, np.arange(1000 * MS) / (100 * MS))  # a sudden start would sound in all bands
    kick[1000 * MS :] = (0.7 * swell * np.sin(2 * np.pi * 55 / RATE * np.arange(1000 * MS)))[:, None]
    key = str(written(tmp_path_factory.mktemp("stems") / "kick.wav", kick))
    x = sine(70, -12.0, 2000) + sine(3000, -12.0, 2000)
    y = apply("multiband_compressor", x, sidechain=key, thresholds_db=[-30.0], ratios=[4.0], releases_ms=[400.0])
    assert level_db(y, 70, 2000) < -12.0 - 15.0
    assert level_db(y, 3000, 2000) == pytest.approx(-12.0, abs=0.1)
    assert level_db(y, 70, 990) == pytest.approx(-12.0, abs=0.1)


def test_both_sides_are_turned_down_alike(apply):
    x = np.random.default_rng(0).standard_normal((RATE, 1)) * [[0.3, 0.03]]
    y = apply("multiband_compressor", x)
    np.testing.assert_allclose(y[:, 1], 0.1 * y[:, 0], atol=1e-12)


def refusal(**arguments):
    defaults = schema.of("effects", "multiband_compressor").defaults
    wanted = ("crossovers_hz", "thresholds_db", "ratios", "attacks_ms", "releases_ms", "makeups_db")
    with pytest.raises(SpecError) as error:
        check(**{name: defaults[name] for name in wanted} | arguments)
    return list(error.value.mistakes)


def test_crossovers_that_do_not_rise_are_refused():
    said = "multiband_compressor: crossovers_hz: found {}; give one to three that rise"
    assert refusal(crossovers_hz=[500.0, 500.0]) == [said.format("500, 500")]
    assert refusal(crossovers_hz=[]) == [said.format("none")]


def test_a_list_is_of_one_value_or_of_one_for_each_band():
    assert refusal(ratios=[2.0, 3.0], makeups_db=[]) == [
        "multiband_compressor: ratios: has 2 values for 3 bands; give one for all, or 3",
        "multiband_compressor: makeups_db: has 0 values for 3 bands; give one for all, or 3",
    ]
