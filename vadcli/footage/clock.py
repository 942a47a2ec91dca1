"""Times that only rise, from a container's clock, which may start anywhere, restart, jump back or spike."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

HOLE_S = 1.0  # without pictures, unless they come as seldom as that
DAY_S = 86400.0  # no recording has a hole so long: its clock was set anew
STEPS = 4.0  # usual steps between pictures; what is longer is looked at twice
LEAST_S = 1e-4  # between two pictures that the container gives one time

T = TypeVar("T")


def timed(
    pictures: Iterable[tuple[T, float | None]], step_s: float, start_s: float | None = None, reach_s: float = 10.0
) -> Iterator[tuple[T, float, bool]]:
    """Pictures with their times since the beginning, in seconds, and whether something is missing before them.

    A time that only one picture has (a spike) is passed over; a hole of more than a second stays as long as it is, and
    where the clock was set anew the times go on from the picture before. To tell these apart, the picture after a
    doubtful one is read first.

    Args:
        pictures: in the order they are shown, each with the container's time, None where it has none.
        step_s: usual time between two of them, as far as is known; it is learned on the way.
        start_s: the container's time of the beginning; None for the first picture's.
        reach_s: how long after `start_s` the first picture may be; else it is the beginning.

    >>> [time for _, time, _ in timed(zip("abcde", [7.0, 7.5, 900.0, 8.5, 9.0]), 0.5)]
    [0.0, 0.5, 1.0, 1.5, 2.0]
    >>> [time for _, time, missing in timed(zip("abcde", [0.0, 0.5, 1.0, 60.0, 60.5]), 0.5) if missing]
    [60.0]
    >>> [time for _, time, _ in timed(zip("abcd", [3.0, 3.5, 0.0, 0.5]), 0.5)]
    [0.0, 0.5, 1.0, 1.5]
    """
    stream = iter(pictures)
    origin = before = 0.0
    time_s, current = -1.0, next(stream, None)
    while current is not None:
        (item, now), following, looked, missing = current, None, False, False
        if time_s < 0:
            now = 0.0 if now is None else now
            origin = start_s if start_s is not None and 0 <= now - start_s <= reach_s else now
            time_s = now - origin
        else:
            now = before + step_s if now is None else now
            gone = now - before
            hole = gone > max(HOLE_S, 2 * step_s)
            if not -step_s < gone <= STEPS * step_s:
                following, looked = next(stream, None), True
                after = following[1] if following else None
                if after is not None and 0 < after - before <= STEPS * step_s and not 0 < after - now <= STEPS * step_s:
                    now, hole = before + step_s, False
                elif gone <= 0 or gone > DAY_S:
                    missing, origin = True, now - time_s - step_s
                missing = missing or hole
            if gone > 0:
                step_s += 0.1 * (min(gone, STEPS * step_s) - step_s)
            time_s = max(now - origin, time_s + LEAST_S)
        before = max(now, before) if -step_s < now - before <= 0 else now
        yield item, time_s, missing
        current = following if looked else next(stream, None)
