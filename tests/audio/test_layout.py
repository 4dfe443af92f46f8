"""The speakers that a file declares decide how it becomes stereo: held against ffmpeg's own reading and mixing."""

from __future__ import annotations

import re
import struct
import subprocess
from functools import cache

import numpy as np
import pytest
import soundfile

from stemtasks.audio import layout
from stemtasks.audio.blocks import Stream
from stemtasks.audio.layout import Layout, read_layout
from stemtasks.audio.recording import recording
from stemtasks.audio.source import Source
from stemtasks.errors import AudioError
from tests.audio_files import FFMPEG, RATE, noise, one_line

H = 0.5**0.5
PCM = bytes.fromhex("0100000000001000800000aa00389b71")
B_FORMAT = bytes.fromhex("010000002107d3118644c8c1ca000000")


def samples(channels):
    return np.round(noise(300, channels, level=0.1) * 32768) / 32768


def stem(path, channels=2, **choices):
    with Source(path) as source:
        return np.concatenate(list(recording(source, Stream(source.sample_rate, channels, 0, path.parent), **choices)))


def refused(path):
    with pytest.raises(AudioError) as error:
        stem(path)
    text = one_line(error)
    assert text.endswith(", or choose one channel with only_channel")
    return text


def chunk(name, body, order="<"):
    return name + struct.pack(order + "I", len(body)) + body + b"\0" * (len(body) % 2)


def wav(path, x, mask=0, guid=PCM, form=b"RIFF"):
    """Write 16-bit (or float, as the GUID says) WAVE_FORMAT_EXTENSIBLE as RIFF, RIFX, RF64 or BW64, by hand."""
    order = ">" if form == b"RIFX" else "<"
    n = x.shape[1]
    if order == ">":
        guid = struct.pack(">IHH", *struct.unpack("<IHH", guid[:8])) + guid[8:]
    size = 4 if guid[0] == 3 else 2
    fmt = struct.pack(order + "HHIIHHHHI", 0xFFFE, n, RATE, RATE * n * size, n * size, size * 8, 22, size * 8, mask)
    fmt += guid
    data = (x.astype("<f4") if size == 4 else (x * 32768).astype(order + "i2")).tobytes()
    wide = form in (b"RF64", b"BW64")
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 92 + len(data), len(data), len(x), 0)) if wide else b""
    head = b"WAVE" + ds64 + chunk(b"fmt ", fmt, order)
    sizes = (0xFFFFFFFF, 0xFFFFFFFF) if wide else (len(head) + 8 + len(data), len(data))
    form_size, data_size = (struct.pack(order + "I", each) for each in sizes)
    path.write_bytes(form + form_size + head + b"data" + data_size + data)
    return path


def layout_chunk(tag, bitmap=0, labels=()):
    described = b"".join(struct.pack(">II12x", label, 0) for label in labels)
    return struct.pack(">III", tag, bitmap, len(labels)) + described


def caf(path, x, body, behind=False):
    desc = struct.pack(">d4sIIIII", RATE, b"lpcm", 0, 2 * x.shape[1], 1, x.shape[1], 16)
    parts = [(b"chan", body), (b"data", bytes(4) + (x * 32768).astype(">i2").tobytes())]
    parts = [(b"desc", desc), *(reversed(parts) if behind else parts)]
    path.write_bytes(b"caff\0\1\0\0" + b"".join(name + struct.pack(">Q", len(part)) + part for name, part in parts))
    return path


def aiff(path, x, body):
    rate = bytes.fromhex("400ebb80000000000000")
    comm = struct.pack(">HIH", x.shape[1], len(x), 16) + rate
    parts = chunk(b"COMM", comm, ">") + chunk(b"CHAN", body, ">")
    parts += chunk(b"SSND", bytes(8) + (x * 32768).astype(">i2").tobytes(), ">")
    path.write_bytes(b"FORM" + struct.pack(">I", 4 + len(parts)) + b"AIFF" + parts)
    return path


def folded(x, order):
    """Return BS.775's equations, channels by name."""
    c = {name: x[:, i] for i, name in enumerate(order.split())}
    none = np.zeros(len(x))
    get = lambda name: c.get(name, none)  # noqa: E731
    left = get("L") + get("Lc") + H * (get("C") + get("Ls") + get("Lb")) + 0.5 * get("Cs")
    right = get("R") + get("Rc") + H * (get("C") + get("Rs") + get("Rb")) + 0.5 * get("Cs")
    return np.stack([left, right], axis=1)


def by_ffmpeg(paths, frames):
    """Return what ffmpeg reads of each file and mixes to stereo, nothing scaled down."""
    mix = "aformat=flt,aresample=out_chlayout=stereo:rematrix_maxval=100:osf=flt"
    command = [FFMPEG, "-v", "error", *(part for path in paths for part in ("-i", path))]
    mixed = [path.with_name(f"{path.name}.mixed") for path in paths]
    for place, path in enumerate(mixed):
        command += ["-map", f"{place}:a", "-af", mix, "-f", "f32le", path]
    subprocess.run(command, check=True)
    return [np.fromfile(path, "<f4").reshape(-1, 2)[:frames] for path in mixed]


@cache
def channels_of():
    """Return how many channels each layout has that ffmpeg knows."""
    said = subprocess.run([FFMPEG, "-hide_banner", "-layouts"], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in said.splitlines()]
    return {words[0]: words[1].count("+") + 1 for words in lines if len(words) == 2}


@pytest.mark.parametrize(
    "declared",
    [
        "2.1",
        "3.0(back)",
        "4.0",
        "3.1",
        "quad(side)",
        "4.1",
        "5.0(side)",
        "6.0",
        "hexagonal",
        "5.1(side)",
        "6.0(front)",
        "7.0",
        "6.1(back)",
        "7.1(wide)",
        "7.1(wide-side)",
        "octagonal",
    ],
)
def test_a_layout_that_ffmpeg_declares_becomes_the_stereo_that_ffmpeg_mixes(tmp_path, declared):
    x = samples(channels_of()[declared])
    raw = tmp_path / "raw"
    raw.write_bytes((x * 32768).astype("<i2").tobytes())
    given = ["-f", "s16le", "-ar", str(RATE), "-ac", str(x.shape[1]), "-channel_layout", declared, "-i", raw]
    codecs = {"wav": "pcm_s16le", "w64": "pcm_s16le", "flac": "flac", "caf": "pcm_s16be", "aiff": "pcm_s16be"}
    paths = [tmp_path / f"a.{suffix}" for suffix in codecs]
    made = [part for path, codec in zip(paths, codecs.values(), strict=True) for part in ("-c:a", codec, path)]
    subprocess.run([FFMPEG, "-v", "error", *given, *made], check=True)
    for path, mixed in zip(paths, by_ffmpeg(paths, len(x)), strict=True):
        with Source(path) as source:
            assert source.layout.speakers is not None
        assert np.allclose(stem(path), mixed, atol=1e-6), path.name


@pytest.mark.parametrize("form", [b"RIFF", b"RIFX", b"RF64"])
def test_a_wav_s_mask_names_its_channels_by_its_bits(tmp_path, form):
    x = samples(4)
    path = wav(tmp_path / "a.wav", x, 0x107, form=form)  # L, R, C, Cs: by count it would be L, R, Ls, Rs
    assert np.allclose(stem(path), folded(x, "L R C Cs"), atol=1e-12)
    assert np.allclose(stem(path, 1)[:, 0], folded(x, "L R C Cs").mean(axis=1), atol=1e-12)
    assert np.allclose(stem(path, mono=True)[:, 0], folded(x, "L R C Cs").mean(axis=1), atol=1e-12)


def test_a_bw64_is_read_with_its_mask(tmp_path):
    x = samples(4)
    path = wav(tmp_path / "a.wav", x, 0x107, form=b"BW64")  # libsndfile 1.2.2 does not open it under this name
    assert read_layout(path, 4).speakers == ("L", "R", "C", "Cs")
    assert np.allclose(stem(path), folded(x, "L R C Cs"), atol=1e-12)
    plain = wav(tmp_path / "b.wav", x, 0x107).read_bytes()
    (tmp_path / "b.wav").write_bytes(b"BW64" + plain[4:])  # without ds64
    assert np.array_equal(stem(tmp_path / "b.wav"), stem(path))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(AudioError, match="cut short: its header claims 2400 bytes of audio, 2392 are there"):
        Source(path)


def chna(*references):
    """Return a chunk that gives each track one reference (ITU-R BS.2088, section 8)."""
    entries = [
        struct.pack("<H12s14s11sx", track, b"ATU_%08x" % track, reference.encode(), b"AP_00010003")
        for track, reference in enumerate(references, 1)
    ]
    return chunk(b"chna", struct.pack("<HH", len(references), len(references)) + b"".join(entries))


def adm(path, x, *references, mask=0, behind=True):
    """Write a BW64 with a chna chunk before or behind its audio."""
    content = wav(path, x, mask, form=b"BW64").read_bytes()
    at = len(content) if behind else content.index(b"data")
    path.write_bytes(content[:at] + chna(*references) + content[at:])
    return path


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("mask", [0, 0x3F])
def test_the_common_definitions_of_a_chna_chunk_name_the_channels(tmp_path, mask, behind):
    """By ITU-R BS.2094: 1 to 6 are L R C LFE and M+110, M-110; 9 is M+180; a, b, 1c, 1d are sides and M+135, M-135."""
    for numbers, order in (
        ("3 1 2 5 6 4", "C L R Ls Rs LFE"),
        ("1 2 a b 1c 1d", "L R Ls Rs Lb Rb"),
        ("9 7 8 2 1 3", "Cs Lc Rc R L C"),
    ):
        x = samples(6)
        tracks = [f"AT_0001{int(number, 16):04x}_01" for number in numbers.split()]
        path = adm(tmp_path / "a.wav", x, *tracks, mask=mask, behind=behind)
        assert np.allclose(stem(path), folded(x, order), atol=1e-12)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("AT_00031001_01", "is made of objects by its chna chunk"),
        ("AT_00040001_01", "is ambisonic by its chna chunk"),
        ("AT_00021001_01", "is a matrix by its chna chunk"),
        ("AT_00011001_01", "names no common speaker for channel 6 in its chna chunk"),
        ("AT_0001zzzz_01", "names no common speaker for channel 6 in its chna chunk"),
        ("AT_0001000d_01", "cannot be folded down|cannot fold down [(]Tfl[)]"),
        ("AT_00010024_01", "cannot fold down [(]AC_00010024[)]"),
    ],
)
def test_what_a_chna_chunk_describes_otherwise_is_refused(tmp_path, reference, words):
    x = samples(6)
    bed = [f"AT_0001000{number}_01" for number in range(1, 6)]
    path = adm(tmp_path / "a.wav", x, *bed, reference)
    assert re.search(words, refused(path))
    assert np.array_equal(stem(path, only_channel=6)[:, 0], x[:, 5])


def test_a_stereo_file_of_its_own_definitions_stays_stereo_and_a_mask_speaks_for_more(tmp_path):
    x = samples(2)
    own = ["AT_00011001_01", "AT_00011002_01"]
    assert np.array_equal(stem(adm(tmp_path / "a.wav", x, *own)), x)
    x = samples(4)
    path = adm(tmp_path / "a.wav", x, *own, "AT_00011003_01", "AT_00011004_01", mask=0x107)
    assert np.allclose(stem(path), folded(x, "L R C Cs"), atol=1e-12)


def test_a_wav_with_mask_zero_is_undeclared_and_taken_in_the_default_order(tmp_path):
    x = samples(4)
    path = wav(tmp_path / "a.wav", x, 0)
    with Source(path) as source:
        assert source.layout.speakers is None
    assert np.allclose(stem(path), folded(x, "L R Ls Rs"), atol=1e-12)


@pytest.mark.parametrize(("mask", "named"), [(0x3, "2 speakers"), (0xFF, "8 speakers"), (0x4, "1 speaker")])
def test_a_mask_with_fewer_or_more_bits_than_channels_is_refused_in_one_line(tmp_path, mask, named):
    path = wav(tmp_path / "a.wav", samples(6), mask)
    assert f"its channel mask 0x{mask:x} names {named} for 6 channels: repair the header" in refused(path)
    assert np.array_equal(stem(path, only_channel=5)[:, 0], samples(6)[:, 4])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("mask", [0, 0x1, 0x3, 0x4, 0x3F])
def test_mono_and_stereo_keep_their_bytes_whatever_a_mask_miscounts(tmp_path, channels, mask):
    x = samples(channels)
    assert np.array_equal(stem(wav(tmp_path / "a.wav", x, mask)), np.broadcast_to(x, (len(x), 2)))


def test_five_one_in_the_default_order_has_the_bytes_that_it_has_undeclared(tmp_path):
    x = samples(6)
    undeclared = stem(wav(tmp_path / "a.wav", x, 0))
    for mask in (0x3F, 0x60F):
        assert np.array_equal(stem(wav(tmp_path / "b.wav", x, mask)), undeclared)


def test_two_channels_that_are_no_stereo_are_folded_down_as_they_say(tmp_path):
    x = samples(2)
    assert np.allclose(stem(wav(tmp_path / "a.wav", x, 0xC)), folded(x, "C LFE"), atol=1e-12)
    swapped = caf(tmp_path / "a.caf", x, layout_chunk(0, labels=(2, 1)))
    assert np.array_equal(stem(swapped), x[:, ::-1])


def test_speakers_above_the_listener_are_refused_by_name_in_one_line(tmp_path):
    path = wav(tmp_path / "a.wav", samples(8), 0x3F | 0x5000)
    assert "has speakers that ITU-R BS.775 cannot fold down (Tfl, Tfr): mix it to stereo" in refused(path)
    assert np.array_equal(stem(path, only_channel=7)[:, 0], samples(8)[:, 6])


@pytest.mark.parametrize(
    ("tag", "order"),
    [
        (114, "C L R"),
        (116, "C L R Cs"),
        (119, "L C R Ls Rs"),
        (122, "L R Ls Rs C LFE"),
        (124, "C L R Ls Rs LFE"),
        (127, "C Lc Rc L R Ls Rs LFE"),
        (133, "L R LFE"),
        (181, "Lc C Rc L R Ls Cs Rs LFE"),
    ],
)
@pytest.mark.parametrize("kind", [caf, aiff])
def test_a_layout_tag_orders_the_channels_of_caf_and_aiff(tmp_path, kind, tag, order):
    x = samples(len(order.split()))
    path = kind(tmp_path / "a", x, layout_chunk(tag << 16 | x.shape[1]))
    assert np.allclose(stem(path), folded(x, order), atol=1e-12)


def test_caf_declares_by_a_bitmap_or_by_a_label_for_each_channel_also_behind_the_audio(tmp_path):
    x = samples(4)
    bitmap = caf(tmp_path / "a.caf", x, layout_chunk(1 << 16, 0x10B))  # L, R, LFE, Cs
    assert np.allclose(stem(bitmap), folded(x, "L R LFE Cs"), atol=1e-12)
    labels = caf(tmp_path / "b.caf", x, layout_chunk(0, labels=(9, 3, 2, 1)), behind=True)
    assert np.allclose(stem(labels), folded(x, "Cs C R L"), atol=1e-12)


@pytest.mark.parametrize(
    "body",
    [
        layout_chunk(147 << 16 | 4),
        layout_chunk(0xFFFF0004),
        layout_chunk(0),
        layout_chunk(1 << 16),
        layout_chunk(0, labels=(0xFFFFFFFF,) * 4),
        layout_chunk(0, labels=range(65536, 65540)),
        b"short",
    ],
)
def test_discrete_and_unknown_channels_of_caf_are_undeclared(tmp_path, body):
    x = samples(4)
    assert np.allclose(stem(caf(tmp_path / "a.caf", x, body)), folded(x, "L R Ls Rs"), atol=1e-12)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (layout_chunk(121 << 16 | 6), r"its channel layout \(tag 121\) names 6 speakers for 4 channels"),
        (layout_chunk(0, labels=(1, 2, 3)), "its channel layout names 3 speakers for 4 channels"),
        (layout_chunk(999 << 16 | 4), r"its channel layout \(tag 999\) is none of those known here: export it as WAV"),
        (layout_chunk(0, labels=(1, 2, 3, 77)), r"cannot fold down \(label 77\)"),
    ],
)
def test_a_layout_of_caf_that_contradicts_or_is_not_known_is_refused_in_one_line(tmp_path, body, words):
    with pytest.raises(AudioError, match=words):
        stem(caf(tmp_path / "a.caf", samples(4), body))


def ogg_crc(page):
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc >> 31 else crc << 1) & 0xFFFFFFFF
    return crc


def opus(path, x, family):
    """Encode with a mapping family; 2 and 3, which ffmpeg does not make, are written over 255 in the first page."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(x.astype("<f4").tobytes())
    named = {4: "quad", 6: "5.1"}[x.shape[1]]
    given = ["-f", "f32le", "-ar", "48000", "-ac", str(x.shape[1]), "-channel_layout", named, "-i", raw]
    made = "1" if family == 1 else "255"
    subprocess.run([FFMPEG, "-v", "error", "-y", *given, "-c:a", "libopus", "-mapping_family", made, path], check=True)
    content = bytearray(path.read_bytes())
    page = 27 + content[26] + sum(content[27 : 27 + content[26]])
    content[content.find(b"OpusHead") + 18] = family
    content[22:26] = bytes(4)
    content[22:26] = struct.pack("<I", ogg_crc(content[:page]))
    path.write_bytes(content)
    return path


def ambisonics(tmp_path):
    x = samples(4)
    yield wav(tmp_path / "a.amb", x, guid=B_FORMAT)
    yield wav(tmp_path / "float.amb", x, guid=b"\3" + B_FORMAT[1:])
    for tag in (107, 190, 191):
        yield caf(tmp_path / f"{tag}.caf", x, layout_chunk(tag << 16 | 4))
    yield caf(tmp_path / "labels.caf", x, layout_chunk(0, labels=(200, 201, 202, 203)))
    yield caf(tmp_path / "acn.caf", x, layout_chunk(0, labels=range(2 << 16, (2 << 16) + 4)))
    for family in (2, 3):
        yield opus(tmp_path / f"{family}.opus", noise(4800, 4), family)


def test_ambisonics_are_refused_in_one_line_and_one_channel_of_them_can_be_had(tmp_path):
    for path in ambisonics(tmp_path):
        assert f"{path}: is ambisonic, its channels are no speakers: decode it to stereo" in refused(path)
        with Source(path) as source:
            second = source.read(0, 300)[:, 1:2]
        assert np.any(second)
        assert np.array_equal(stem(path, only_channel=2)[:300], np.repeat(second, 2, axis=1))


def test_opus_of_family_one_is_vorbis_order_and_of_255_undeclared(tmp_path):
    with Source(opus(tmp_path / "a.opus", noise(4800, 6), 1)) as source:
        assert source.layout.speakers == ("L", "R", "C", "LFE", "Ls", "Rs")
    with Source(opus(tmp_path / "b.opus", noise(4800, 6), 255)) as source:
        assert source.layout.speakers is None


@pytest.mark.parametrize("channels", range(3, 9))
def test_vorbis_and_flac_declare_their_own_order_by_count(tmp_path, channels):
    x = samples(channels)
    soundfile.write(tmp_path / "a.wav", x, RATE)
    soundfile.write(tmp_path / "a.flac", x, RATE)
    soundfile.write(tmp_path / "a.ogg", x, RATE, format="OGG", subtype="VORBIS")
    assert np.array_equal(stem(tmp_path / "a.flac"), stem(tmp_path / "a.wav"))
    assert np.allclose(stem(tmp_path / "a.ogg"), by_ffmpeg([tmp_path / "a.ogg"], len(x))[0], atol=1e-4)
    for name in ("a.flac", "a.ogg"):
        with Source(tmp_path / name) as source:
            assert source.layout.speakers is not None


def test_every_layout_tag_has_as_many_speakers_as_its_low_half_says(tmp_path):
    path = tmp_path / "a.caf"
    for tag, speakers in layout._BY_TAG.items():
        caf(path, samples(len(speakers)), layout_chunk(tag << 16 | len(speakers)))
        assert read_layout(path, len(speakers)) == Layout(speakers)
    assert set(sum(layout._BY_TAG.values(), ())) <= {*layout._LABELS.values()}


@pytest.mark.parametrize("cut", [3, 20, 40, 90])
def test_a_header_that_ends_early_is_undeclared_and_no_traceback(tmp_path, cut):
    for path in (wav(tmp_path / "a.wav", samples(4), 0x107), caf(tmp_path / "a.caf", samples(4), layout_chunk(0))):
        path.write_bytes(path.read_bytes()[:cut])
        assert isinstance(read_layout(path, 4), Layout)
