from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stemtasks.dsp.smooth import smooth_length


def factors(number):
    """Return the prime factors of a number."""
    found, prime = set(), 2
    while number > 1:
        while number % prime == 0:
            found.add(prime)
            number //= prime
        prime += 1
    return found


@given(st.integers(1, 20_000))
def test_it_is_the_next_number_without_large_prime_factors(least):
    length = smooth_length(least)
    assert max(factors(length), default=1) <= 7
    assert all(max(factors(number)) > 7 for number in range(least, length))
