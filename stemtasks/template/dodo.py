"""Every song in spec/ becomes verified stems, a mix, a master, an archive and a report: one task a file."""

from stemtasks.graph import DOIT_CONFIG, tasks

__all__ = ["DOIT_CONFIG"]


def task_songs():
    """Build songs, stage by stage."""
    yield tasks("reference", "measure the reference; its duration is the target")
    yield tasks("timing", "turn bpm and sections into whole frames, before any audio is made")
    yield tasks("stem", "render a stem, as long as it is by itself")
    yield tasks("align", "fit a stem to the target: pad, loop, crossfade or truncate")
    yield tasks("process", "run a stem's effects, gain and pan: the stem as it is delivered")
    yield tasks("match", "find each stem's gain, pan and polarity in the reference, where the mix is to be as it is")
    yield tasks("place", "pan a stem, and turn its polarity, as it is in the reference")
    yield tasks("group", "sum stems that go the same way, and what is sent: then effects, gain and pan")
    yield tasks("sync", "look for each stem in the reference, where that is a file: is it in time?")
    yield tasks("mix", "sum the processed stems at the faders' gains")
    yield tasks("premaster", "run the mix through the master's effects, where it has some")
    yield tasks("level", "measure an album's songs together: the one gain that brings them to its loudness")
    yield tasks("master", "bring the mix to its loudness, under the true-peak ceiling")
    yield tasks("convert", "bring what a delivery has in another form to its sample rate, subtype and format")
    yield tasks("picture", "draw a processed stem's waveform and spectrogram, for the report")
    yield tasks("archive", "check everything once more, then zip stems, master, manifest and track sheet")
    yield tasks("report", "write a page on the song: what it is, what was checked, players and pictures")
    yield tasks("album", "check an album's songs against each other, then zip their masters in track order")
