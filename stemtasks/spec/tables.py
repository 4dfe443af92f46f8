"""The tables of a song's TOML file: each a dataclass whose annotations are the schema and whose text is the manual."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from stemtasks.units import (
    Arguments,
    Automation,
    Beats,
    Bpm,
    CommandLine,
    File,
    Fraction,
    GainDb,
    Longest,
    OwnLength,
    Pan,
    PlainPosition,
    Range,
)

Name = Annotated[str, Longest(200)]
Table = Annotated[dict[str, Any], Longest(100, "keys")]
Chain = Annotated[list[Table], Longest(32, "effects")]
Sends = Table | Annotated[list[Table], Longest(32, "sends")]

Subtype = Literal["FLOAT", "PCM_24", "PCM_16"]
MOST_STEMS = 1000
MOST_GROUPS = 200
MOST_DELIVERIES = 100
MOST_SECTIONS = 1000
MOST_TRACKS = 99
"""Of an album: more has no medium, and no cue sheet."""
StemKind = Literal["drums", "bass", "melodic", "vocal", "pad", "fx"]


@dataclass(frozen=True)
class SongTable:
    """What holds for the whole song.

    Attributes
    ----------
    title
        The title in the archive; the spec's file name if not given.
    artist
        The artist in the archive's sheet.
    bpm
        Quarter notes a minute; needed by sections, drums and anything synced to the tempo.
    time_signature
        Beats in a bar, such as '4/4' or '6/8'.
    key
        The key where a section names none, such as 'G major' or 'E minor'.
    sample_rate
        Of every file that is made.
    draft_sample_rate
        Of every file of a draft ('doit draft=true'), unless the song's is lower.
    subtype
        Of delivered files (processed stems and the master); files on the way are FLOAT.
    dither
        Noise where samples are rounded to PCM: 'tpdf' is white, 'shaped' is softest where hearing is keenest, 'off'
        only rounds.
    channels
        Of processed stems, the mix and the master.
    seed
        Of everything random: the same seed gives the same bytes.
    tail_seconds
        Time after the target in which effects may ring out; every delivered file has it.
    align
        How stems are fitted to the target that do not say it themselves.
    """

    title: Name = ""
    artist: Name = ""
    bpm: Bpm | None = None
    time_signature: Name = "4/4"
    key: Name | None = None
    sample_rate: Annotated[int, Range(8000, 384_000, "Hz")] = 48_000
    draft_sample_rate: Annotated[int, Range(8000, 384_000, "Hz")] = 24_000
    subtype: Subtype = "FLOAT"
    dither: Literal["off", "tpdf", "shaped"] = "tpdf"
    channels: Annotated[int, Range(1, 2)] = 2
    seed: Annotated[int, Range(0, 2**53)] = 0
    tail_seconds: Annotated[float, Range(0.0, 120.0, "s")] = 0.0
    align: Annotated[str, "a strategy", Longest(200)] | Table = "auto"


@dataclass(frozen=True)
class ReferenceTable:
    """Where the target duration comes from: a file, a duration, or a stem.

    Attributes
    ----------
    file
        A recording whose duration is the target.
    duration
        The target where there is no file.
    stem
        The stem whose own length is the target: an edited recording, a whole take.
    min_duration
        The file must not be shorter.
    sample_rate
        The file must have it.
    channels
        The file must have as many.
    """

    file: File | None = None
    duration: OwnLength | None = None
    stem: Name | None = None
    min_duration: OwnLength | None = None
    sample_rate: Annotated[int, Range(1, 768_000, "Hz")] | None = None
    channels: Annotated[int, Range(1, 64)] | None = None


@dataclass(frozen=True)
class SectionTable:
    """One section, in the order of the song.

    Attributes
    ----------
    name
        What patterns call it; a name may come again.
    bars
        Its length in bars.
    beats
        Its length in quarter notes, instead of bars.
    start
        Where it starts; without a length it ends where the next one starts, or with the song.
    fill
        It takes what the other sections leave of the target.
    key
        Its key, where it differs from the song's.
    """

    name: Name
    bars: Annotated[float, Range(0.0, 100_000.0, "bars")] | None = None
    beats: Beats | None = None
    start: PlainPosition | None = None
    fill: bool = False
    key: Name | None = None


@dataclass(frozen=True)
class StemTable:
    """What every stem may say, beside its generator's own parameters.

    Attributes
    ----------
    generator
        What makes it.
    title
        Its name in the archive, if not the table's.
    kind
        What it holds, which 'align = "auto"' asks; the key of drums and fx is not measured.
    duration
        How long it is before it is aligned: rendered to that, or, for a recording, checked against it.
    align
        How it is fitted to the target, if not as the song says: a strategy's name, or a table with 'strategy' and its
        parameters. In the table
        'sync = true' corrects its offset, drift and polarity against the reference's file.
    mend
        Effects on what comes from outside, before the stem is verified: a chain as 'effects', for a generator that
        brings recordings or another program's audio. It keeps the length.
    effects
        A chain of tables, each with 'name' and that effect's parameters.
    gain_db
        After the effects; the delivered stem has it.
    loudness_lufs
        The integrated loudness that the delivered stem is brought to (EBU R128), behind its effects and pan, in place
        of 'gain_db'.
    level
        'reference' gives its fader the level that it has in the reference's file; pan and polarity stay.
    pan
        After the effects: constant power for a mono stem (-3 dB in each channel at the centre), balance for stereo.
    send
        What of it goes to a group beside its own way: a table with 'to' and 'level_db', or a list of them.
    tail
        Whether effects ring into the song's tail, or end at the target.
    channels
        Of the stem before it is processed; the song's if not given.
    bpm
        The recording's own tempo, where it is not the song's.
    seed
        Instead of one drawn from the song's seed and the stem's name.
    verify
        Limits that differ from the song's.
    deliver
        Whether it is in what is delivered; the mix has it in any case.
    """

    generator: Name
    title: Name = ""
    kind: StemKind | None = None
    duration: OwnLength | None = None
    align: Annotated[str, "a strategy", Longest(200)] | Table | None = None
    mend: Chain = field(default_factory=list)
    effects: Chain = field(default_factory=list)
    gain_db: GainDb | Automation = 0.0
    loudness_lufs: Annotated[float, Range(-60.0, -5.0, "LUFS")] | None = None
    level: Literal["reference"] | None = None
    pan: Pan | Automation = 0.0
    send: Sends = field(default_factory=list)
    tail: Literal["keep", "cut"] = "keep"
    channels: Annotated[int, Range(1, 2)] | None = None
    bpm: Bpm | None = None
    seed: Annotated[int, Range(0, 2**53)] | None = None
    verify: Table = field(default_factory=dict)
    deliver: bool = True


@dataclass(frozen=True)
class SendTable:
    """What of a stem or a group goes to another group, such as a room that several share.

    Attributes
    ----------
    to
        The group.
    level_db
        The gain on the way.
    pre
        Whether it is taken before gain and pan; behind them if not.
    """

    to: Name
    level_db: GainDb | Automation = 0.0
    pre: bool = False


@dataclass(frozen=True)
class AutomationTable:
    """What may stand in place of a number: it then changes along the song, without steps that are heard.

    Attributes
    ----------
    points
        Places and values, [[place, value], ...], in the order of the song; before the first and after the last the
        value holds. A place is seconds, '2:17.5', '17.1' (bar and beat), or a section's name, also with ' + 2 bars'.
    curve
        The way from point to point: 'linear' (even in the parameter's unit; of Hz, ms and s in their ratios), 'smooth'
        (slow where it begins and ends), or 'step' (the value holds until the next point).
    sections
        In place of points: the value in each section, by name; 'chorus#2' is the second chorus alone.
    default
        Of sections that are not named; what the parameter is where it is not given, if it has such a value.
    ramp_ms
        How long a step takes, or a change to a section's value; it ends where the point is, or the section begins.
    """

    points: Annotated[list[Any], Longest(1000, "points")] = field(default_factory=list)
    curve: Literal["linear", "smooth", "step"] = "linear"
    sections: Annotated[dict[str, Any], Longest(MOST_SECTIONS, "sections")] = field(default_factory=dict)
    default: float | None = None
    ramp_ms: Annotated[float, Range(1.0, 10_000.0, "ms")] = 20.0


@dataclass(frozen=True)
class GroupTable:
    """Stems that go the same way: summed, then through effects, gain and pan, into a file of their own.

    Attributes
    ----------
    stems
        The stems and groups that it sums, at their faders; none for a group that only sends feed.
    title
        Its name in the archive, if not the table's.
    effects
        A chain of tables, each with 'name' and that effect's parameters.
    gain_db
        After the effects; the group's file has it.
    pan
        After the effects: balance.
    send
        What of it goes to another group, as of a stem.
    tail
        Whether effects ring into the song's tail, or end at the target.
    verify
        Limits that differ from the song's.
    deliver
        Whether it is in what is delivered; the mix has it in any case.
    """

    stems: Annotated[list[Name], Longest(MOST_STEMS, "stems")] = field(default_factory=list)
    title: Name = ""
    effects: Chain = field(default_factory=list)
    gain_db: GainDb | Automation = 0.0
    pan: Pan | Automation = 0.0
    send: Sends = field(default_factory=list)
    tail: Literal["keep", "cut"] = "keep"
    verify: Table = field(default_factory=dict)
    deliver: bool = True


@dataclass(frozen=True)
class MixTable:
    """The faders between the processed stems and the mix.

    Attributes
    ----------
    gain_db
        Of all stems.
    gains_db
        Of single stems and groups, by name, added to that; of what is in a group, on the way into it.
    effects
        A chain on the sum, as of a stem.
    match
        'reference' finds the gain, pan and polarity that each stem has in the reference's file, a rough mix of the same
        stems, and mixes so; the gains here come on top.
    """

    gain_db: GainDb = 0.0
    match: Literal["reference"] | None = None
    effects: Chain = field(default_factory=list)
    gains_db: Annotated[dict[str, GainDb], Longest(MOST_STEMS, "stems")] = field(default_factory=dict)


@dataclass(frozen=True)
class MasterTable:
    """How loud the master is.

    Attributes
    ----------
    loudness_lufs
        Integrated loudness (EBU R128); 'off' keeps the mix's.
    ceiling_dbtp
        No true peak is above it.
    effects
        A chain on the mix before that; the masters of deliveries and albums have it too.
    """

    loudness_lufs: Annotated[float, Range(-60.0, -5.0, "LUFS")] | Literal["off"] = -14.0
    ceiling_dbtp: Annotated[float, Range(-20.0, 0.0, "dBTP")] = -1.0
    effects: Chain = field(default_factory=list)


@dataclass(frozen=True)
class ArchiveTable:
    """What the archive holds beside the audio.

    Attributes
    ----------
    formats
        Delivery formats, in their order in the archive: names, or tables with 'format' and that one's parameters.
    wav_chunks
        What each WAV says of itself behind its audio: 'bext' (version 2, with the master's loudness), 'ixml', 'cue'
        (the sections, with their names as labels), 'smpl' (the song without its tail as a loop).
    groups
        Whether a group is delivered in place of its stems.
    report
        Whether it has the song's report, which plays the files beside it.
    """

    formats: Annotated[
        list[Annotated[str, "a delivery format", Longest(200)] | Table],
        Longest(32, "formats"),
    ] = field(default_factory=lambda: ["manifest", "track_sheet", "sha256sums"])
    wav_chunks: Annotated[list[Literal["bext", "ixml", "cue", "smpl"]], Longest(4, "chunks")] = field(
        default_factory=list
    )
    groups: bool = True
    report: bool = False


@dataclass(frozen=True)
class TagsTable:
    """What delivered FLAC and MP3 files say of themselves, beside title, artist, tempo and key of the song.

    Attributes
    ----------
    album
        The album's title.
    track
        The song's number on it, of the master.
    date
        Of its release: '2026' or '2026-11-26'.
    isrc
        Of the master, such as 'DE-A12-26-00001' (ISO 3901).
    genre
        The genre.
    composer
        The composer.
    copyright
        Who owns it, such as '2026 First Light Records'.
    """

    album: Name = ""
    track: Annotated[int, Range(1, 999)] | None = None
    date: Name = ""
    isrc: Name = ""
    genre: Name = ""
    composer: Name = ""
    copyright: Name = ""


@dataclass(frozen=True)
class FilesTable:
    """What the files of a part of a delivery are.

    Attributes
    ----------
    format
        'wav' is RF64 past 4 GiB, 'rf64' always is; 'mp3' has the highest constant bit rate; 'command' is what a
        program makes of a WAV.
    subtype
        The song's if not given, and PCM_24 for FLAC of a FLOAT song; MP3 has none. Of 'command': of that WAV.
    encode
        Of 'command': the program and its arguments; {input} is the WAV, {output} the file to write.
    decode
        Of 'command': what makes a WAV, {output}, of that file, {input}: by it the file is verified.
    ending
        Of 'command': of the files' names, such as 'm4a'.
    """

    format: Literal["wav", "rf64", "flac", "mp3", "command"] = "wav"
    subtype: Subtype | None = None
    encode: Annotated[Arguments, CommandLine("input output sample_rate")] | None = None
    decode: Annotated[Arguments, CommandLine("input output sample_rate")] | None = None
    ending: Annotated[str, "an ending", Longest(8)] = ""


@dataclass(frozen=True)
class DeliveryTable:
    """One archive of its own; without any there is one, in the song's format.

    Attributes
    ----------
    stems
        Whether it has the stems, or a table: 'format' (wav, rf64, flac, mp3 or command) and 'subtype'.
    groups
        Whether a group is delivered in place of its stems; as in [archive] if not given.
    mix
        Whether it has the mix before the master, or a table as for stems.
    master
        Whether it has the master, or a table as for stems.
    previews
        Whether it has an MP3 of the master, to listen to, or a table as for stems.
    sample_rate
        Of its files; the song's if not given.
    loudness_lufs
        Of its master, if not as in [master].
    ceiling_dbtp
        Of its master, if not as in [master].
    formats
        Delivery formats, if not those of [archive].
    fields
        What the names of its files are made of, in this order.
    report
        Whether it has the song's report; as in [archive] if not given.
    container
        One zip, or the same files in a folder.
    numbers
        Whether names begin with the place of the file: stems in the order of the spec, then mix and master.
    verify
        Limits that differ from the song's and the stems'.
    """

    stems: bool | Table = True
    groups: bool | None = None
    mix: bool | Table = False
    master: bool | Table = True
    previews: bool | Table = False
    sample_rate: Annotated[int, Range(8000, 384_000, "Hz")] | None = None
    loudness_lufs: Annotated[float, Range(-60.0, -5.0, "LUFS")] | Literal["off"] | None = None
    ceiling_dbtp: Annotated[float, Range(-20.0, 0.0, "dBTP")] | None = None
    formats: (
        Annotated[list[Annotated[str, "a delivery format", Longest(200)] | Table], Longest(32, "formats")] | None
    ) = None
    fields: Annotated[
        list[Literal["song", "delivery", "part", "bpm", "key", "rate", "bits"]],
        Longest(7, "fields"),
    ] = field(default_factory=lambda: ["song", "part", "rate", "bits"])
    report: bool | None = None
    container: Literal["zip", "folder"] = "zip"
    numbers: bool = False
    verify: Table = field(default_factory=dict)


@dataclass(frozen=True)
class VerifyTable:
    """Limits; a change verifies again and renders nothing.

    Attributes
    ----------
    silence_dbfs
        A file's RMS must be above it.
    clipping_ratio
        Largest share of samples in flat tops.
    dc_offset
        Largest mean of a channel, full scale being 1.
    stereo_correlation
        Least correlation of left and right in what is processed, the mix and the master: below 0 they cancel where
        they are played in mono.
    duration_tolerance_ms
        How far a recording may be from its 'duration'.
    loudness_tolerance_lu
        How far the master may be from its loudness.
    seam_dip_db
        How far the level may fall at a seam, below the quieter of both pieces.
    seam_rise_db
        How far it may rise there, above the louder of both.
    seam_step_db
        How far the level after a long overlap may be from that before it.
    seam_jump
        Largest step at a seam, in multiples of the steps around it.
    seam_beat_error_ms
        How far a seam may be from the beat of the grid.
    seam_onset_error_ms
        How far the interval across a seam may be from whole beats of the tempo that is heard on both sides.
    seam_onset_offset_ms
        How far what is heard after a seam may lie from the grid's sixteenths.
    tempo_fit
        How well the tempo of a loop must fit its onsets, as a share of how well the best one near it does.
    sync_offset_ms
        How far a file may be from the reference's file at its start, where it is found in that.
    sync_drift_ms
        How much further it may be at its end.
    polarity
        Whether what is found in the reference must have its polarity.
    in_key
        Least share of the notes' energy in a section that must be in its key, of each stem with notes and of the mix.
    key_margin
        How much better the mix must fit a section's key than the same scale on any other tonic: a difference of
        correlations, 0.05 to 0.3 where the key is right.
    onset_error_ms
        How far onsets in a section may be from the tempo's sixteenths, or triplets, in the median.
    """

    silence_dbfs: Annotated[float, Range(-200.0, 0.0, "dBFS")] = -60.0
    clipping_ratio: Annotated[float, Range(0.0, 1.0)] = 0.001
    dc_offset: Annotated[float, Range(0.0, 1.0)] = 0.02
    stereo_correlation: Annotated[float, Range(-1.0, 1.0)] | None = None
    duration_tolerance_ms: Annotated[float, Range(0.0, 60_000.0, "ms")] = 50.0
    loudness_tolerance_lu: Annotated[float, Range(0.0, 20.0, "LU")] = 0.5
    seam_dip_db: Annotated[float, Range(0.0, 200.0, "dB")] = 6.0
    seam_rise_db: Annotated[float, Range(0.0, 200.0, "dB")] = 6.0
    seam_step_db: Annotated[float, Range(0.0, 200.0, "dB")] = 24.0
    seam_jump: Annotated[float, Range(0.0, 1e6)] = 4.0
    seam_beat_error_ms: Annotated[float, Range(0.0, 1000.0, "ms")] = 1.0
    seam_onset_error_ms: Annotated[float, Range(0.0, 1000.0, "ms")] = 15.0
    seam_onset_offset_ms: Annotated[float, Range(0.0, 1000.0, "ms")] = 25.0
    tempo_fit: Fraction = 0.6
    sync_offset_ms: Annotated[float, Range(0.0, 60_000.0, "ms")] = 10.0
    sync_drift_ms: Annotated[float, Range(0.0, 60_000.0, "ms")] = 10.0
    polarity: Literal["same", "any"] = "same"
    in_key: Fraction | None = None
    key_margin: Annotated[float, Range(-2.0, 2.0)] | None = None
    onset_error_ms: Annotated[float, Range(0.0, 1000.0, "ms")] | None = None


@dataclass(frozen=True)
class AlbumTable:
    """Songs as the tracks of an album, in a file of its own, spec/albums/NAME.toml.

    Attributes
    ----------
    songs
        Their names, in the order of the tracks; a song may be on several albums.
    title
        The title in the archive; the file's name if not given.
    artist
        The artist in the archive; the songs' if they have one in common.
    upc
        Its Universal Product Code, 12 digits, or EAN, 13 digits, which the archive writes down.
    loudness_lufs
        What the songs are brought to; 'off' leaves their masters as loud as they are.
    gain
        'album' is one gain for all songs, so that all of them together have that loudness and are as loud to each other
        as their masters are; 'song' brings each of them to it.
    ceiling_dbtp
        No true peak is above it; that of each song's [master] if not given.
    format
        Of the tracks.
    subtype
        Of the tracks; the songs' if not given, and PCM_24 for FLAC of FLOAT songs.
    sample_rate
        Of the tracks; the songs' if not given.
    loudness_tolerance_lu
        How far the album, or a song with 'gain = "song"', may be from its loudness.
    loudness_spread_lu
        How far the loudest song may be above the quietest.
    """

    songs: Annotated[list[Name], Longest(MOST_TRACKS, "songs")]
    title: Name = ""
    artist: Name = ""
    upc: Name | None = None
    loudness_lufs: Annotated[float, Range(-60.0, -5.0, "LUFS")] | Literal["off"] = "off"
    gain: Literal["album", "song"] = "album"
    ceiling_dbtp: Annotated[float, Range(-20.0, 0.0, "dBTP")] | None = None
    format: Literal["wav", "flac"] = "wav"
    subtype: Subtype | None = None
    sample_rate: Annotated[int, Range(8000, 384_000, "Hz")] | None = None
    loudness_tolerance_lu: Annotated[float, Range(0.0, 20.0, "LU")] = 0.5
    loudness_spread_lu: Annotated[float, Range(0.0, 60.0, "LU")] | None = None


TABLES = {
    "song": SongTable,
    "reference": ReferenceTable,
    "sections": SectionTable,
    "stems": StemTable,
    "groups": GroupTable,
    "mix": MixTable,
    "master": MasterTable,
    "archive": ArchiveTable,
    "tags": TagsTable,
    "deliveries": DeliveryTable,
    "verify": VerifyTable,
}
ALBUM_TABLES = {"album": AlbumTable}
"""Those of an album's file."""
LISTED = {"sections": MOST_SECTIONS}
"""Of which a song has a list, and the most in it."""
NAMED = {"stems": MOST_STEMS, "groups": MOST_GROUPS, "deliveries": MOST_DELIVERIES}
"""Of which a song has one for each name, and the most of them."""
INSIDE: dict[tuple[type, str], type] = {
    (StemTable, "verify"): VerifyTable,
    (StemTable, "send"): SendTable,
    (GroupTable, "verify"): VerifyTable,
    (GroupTable, "send"): SendTable,
    (DeliveryTable, "verify"): VerifyTable,
    **{(DeliveryTable, part): FilesTable for part in ("stems", "mix", "master", "previews")},
}
"""Keys that hold the keys of another table."""
