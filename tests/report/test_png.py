"""PNGs that another program reads as they were meant."""

from __future__ import annotations

import struct
import subprocess
import zlib

import imageio_ffmpeg
import numpy as np
import pytest

from stemtasks.report.png import MOST_STORED, difference, png

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def decoded(data):
    """Return an image as ffmpeg reads it: shape (rows, columns, 3)."""
    command = [FFMPEG, "-v", "error", "-f", "png_pipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    columns, rows = struct.unpack(">II", data[16:24])
    return np.frombuffer(raw, np.uint8).reshape(rows, columns, 3)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 7), (80, 720), (400, 720)])
def test_a_step_has_its_colour_wherever_it_is(rows, columns):
    steps = np.random.default_rng(0).integers(0, 16, (rows, columns), dtype=np.uint8)
    palette = decoded(png(np.arange(16, dtype=np.uint8)[None]))[0]
    assert len({tuple(colour) for colour in palette.tolist()}) == 16
    light = palette.astype(int) @ (2126, 7152, 722)
    assert (np.diff(light) > 0).all(), "louder is brighter, also where colours are not seen"
    np.testing.assert_array_equal(decoded(png(steps)), palette[steps])


def test_nothing_is_compressed_so_that_no_version_of_zlib_decides_a_byte():
    steps = np.zeros((400, 720), dtype=np.uint8)
    data = png(steps)
    assert len(data) > 400 * 360
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    assert zlib.decompress(data[start + 4 :][:length]) == bytes(400 * 361)
    assert length == 400 * 361 + 2 + 4 + 5 * -(-400 * 361 // MOST_STORED)


def test_a_difference_has_a_colour_of_more_a_colour_of_less_and_one_of_none():
    rng = np.random.default_rng(1)
    before, after = rng.integers(0, 16, (2, 9, 31)).astype(np.uint8)
    after[:, :5] = before[:, :5]
    image = difference(png(before), png(after))
    seen = decoded(image).astype(int)
    red, blue = seen[..., 0], seen[..., 2]
    more, less = after > before, after < before
    assert (red[more] > blue[more]).all()
    assert (blue[less] > red[less]).all()
    assert len({tuple(pixel) for pixel in seen[after == before]}) == 1
    assert difference(png(before), png(after[:, 1:])) is None
