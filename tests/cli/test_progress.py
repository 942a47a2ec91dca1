"""The time left, as a job's lines say it, is true within a factor of two, also where the rate changes."""

import re

import pytest

from vadcli.cli import console

UNITS = 1000


@pytest.mark.fast
@pytest.mark.parametrize("first, last", [(1, 1), (1, 4), (4, 1)])
def test_the_time_left_is_true_within_a_factor_of_two(monkeypatch, first, last):
    now, said = [50.0], []
    monkeypatch.setattr(console.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(console, "say", lambda text: said.append((now[0], text)))
    shown = console.Plain()
    shown.start("training", UNITS, "steps")
    for unit in range(UNITS):
        now[0] += first + (last - first) * unit / UNITS
        shown.advance()
    told = [(at, re.search(r"([\d,]+) (s|min) left", text)) for at, text in said if "left" in text]
    late = [(at, found) for at, found in told if found and at > 50 + (now[0] - 50) / 5]
    assert len(late) > 50
    for at, found in late[:-5]:  # the last lines are of seconds, rounded
        left_s = float(found[1].replace(",", "")) * (60 if found[2] == "min" else 1)
        assert 0.5 <= left_s / (now[0] - at) <= 2, (at, found[0])
