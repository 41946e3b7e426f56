"""Durations in the words of an operator."""

import pytest

from triggers_api.ops.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (11_520, "3 h 12 min"),
        (86_400, "1 d"),
        (593_000, "6 d 20 h"),
    ],
)
def test_duration_is_shown_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert in_words(seconds) == words
