"""Every song in spec/ becomes verified stems, a mix, a master and an archive: one task a file, top to bottom."""

from stemtasks.graph import DOIT_CONFIG, each_song, each_stem

__all__ = ["DOIT_CONFIG"]

task_reference = each_song("reference", "measure the reference; its duration is the target")
task_timing = each_song("timing", "turn bpm and sections into whole frames, before any audio is made")
task_stem = each_stem("stem", "render a stem, as long as it is by itself")
task_align = each_stem("align", "fit a stem to the target: pad, loop, crossfade or truncate")
task_process = each_stem("process", "run a stem's effects, gain and pan: the stem as it is delivered")
task_mix = each_song("mix", "sum the processed stems at the faders' gains")
task_master = each_song("master", "bring the mix to its loudness, under the true-peak ceiling")
task_archive = each_song("archive", "check everything once more and put stems, master and track sheet in one zip")
