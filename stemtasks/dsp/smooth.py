"""Lengths that are quick to transform.

``scipy.fft.next_fast_len`` does the like; importing it takes longer than listening to a recording.
"""

from __future__ import annotations


def smooth_length(least: int) -> int:
    """Return the next number from ``least`` on that 2, 3, 5 and 7 alone divide: other primes take several times."""
    length = least
    while True:
        rest = length
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
