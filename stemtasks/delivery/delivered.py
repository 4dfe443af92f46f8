"""A song's timeline at the sample rate of a delivery."""

from __future__ import annotations

from dataclasses import replace

from stemtasks.timeline import Timeline


def at_rate(timeline: Timeline, sample_rate: int) -> Timeline:
    """Return the timeline in frames of another rate, each the nearest; all delivered files have the same length."""
    rate = timeline.sample_rate
    if sample_rate == rate:
        return timeline

    def frames(count: int) -> int:
        # as the audio is: halves up, exact at any length
        return (2 * count * sample_rate + rate) // (2 * rate)

    sections = tuple(
        replace(section, start_frame=frames(section.start_frame), end_frame=frames(section.end_frame))
        for section in timeline.sections
    )
    length = frames(timeline.frames)
    tail = frames(timeline.delivered_frames) - length
    return replace(timeline, sample_rate=sample_rate, frames=length, tail_frames=tail, sections=sections)
