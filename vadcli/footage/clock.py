"""Times that only rise, from a container's clock, which may start anywhere, restart, jump back or spike."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeAlias, TypeVar

HOLE_S = 1.0  # without pictures, unless they come as seldom as that
DAY_S = 86400.0  # no recording has a hole so long: its clock was set anew
STEPS = 4.0  # usual steps between pictures; what is longer is looked at twice
LEAST_S = 1e-4  # between two pictures that the container gives one time
MOST_ALIKE = 8  # times that do not move; after more of them they are no times
LOOKED_AHEAD = 12  # pictures after a doubtful one, in which the clock may come back

T = TypeVar("T")
_Timed: TypeAlias = tuple[T, float | None]


def timed(
    pictures: Iterable[_Timed[T]],
    step_s: float,
    start_s: float | None = None,
    reach_s: float = 10.0,
    looks_ahead: int = LOOKED_AHEAD,
) -> Iterator[tuple[T, float, bool]]:
    """Pictures with their times since the beginning, in seconds, and whether something is missing before them.

    Times that only a few pictures have (a spike) are passed over; a hole of more than a second stays as long as it is;
    where the clock was set anew, or stands still, the times go on from the picture before. To tell these apart, some
    pictures after a doubtful one are read first.

    Args:
        pictures: in the order they are shown, each with the container's time, None where it has none.
        step_s: usual time between two of them, as far as is known; it is learned on the way.
        start_s: the container's time of the beginning; None for the first picture's.
        reach_s: how long after `start_s` the first picture may be; else it is the beginning.
        looks_ahead: pictures after a doubtful one that are read before it is handed over, at most.

    >>> [time for _, time, _ in timed(zip("abcde", [7.0, 7.5, 900.0, 8.5, 9.0]), 0.5)]
    [0.0, 0.5, 1.0, 1.5, 2.0]
    >>> [time for _, time, missing in timed(zip("abcde", [0.0, 0.5, 1.0, 60.0, 60.5]), 0.5) if missing]
    [60.0]
    >>> [time for _, time, _ in timed(zip("abcd", [3.0, 3.5, 0.0, 0.5]), 0.5)]
    [0.0, 0.5, 1.0, 1.5]
    """
    stream, ahead = iter(pictures), deque[_Timed[T]]()
    origin = before = 0.0
    said: float | None = None
    time_s, alike, spiked = -1.0, 0, 0
    while (current := ahead.popleft() if ahead else next(stream, None)) is not None:
        item, now = current
        missing = False
        if time_s < 0:
            now = 0.0 if now is None else now
            origin = start_s if start_s is not None and 0 <= now - start_s <= reach_s else now
            time_s, said = now - origin, now
        else:
            alike, said = alike + 1 if now == said else 0, now
            now = before + step_s if now is None or alike > MOST_ALIKE or spiked else now
            spiked = max(0, spiked - 1)
            gone = now - before
            hole = gone > max(HOLE_S, 2 * step_s)
            if not -step_s < gone <= STEPS * step_s:
                spiked = _back_after(ahead, stream, before, now, step_s, looks_ahead)
                if spiked:
                    now, gone, hole, spiked = before + step_s, step_s, False, spiked - 1
                elif gone <= 0 or gone > DAY_S:
                    missing, origin = True, now - time_s - step_s
                missing = missing or hole
            if gone > 0:
                step_s += 0.1 * (min(gone, STEPS * step_s) - step_s)
            time_s = max(now - origin, time_s + LEAST_S)
        before = max(now, before) if -step_s < now - before <= 0 else now
        yield item, time_s, missing


def _back_after(
    ahead: deque[_Timed[T]], stream: Iterator[_Timed[T]], before: float, now: float, step_s: float, most: int
) -> int:
    """After how many pictures a clock that jumped from `before` to `now` is where it would be without; 0 for never."""
    for count in range(1, most + 1):
        if len(ahead) < count:
            following = next(stream, None)
            if following is None:
                return 0
            ahead.append(following)
        after = ahead[count - 1][1]
        if after is None:
            continue
        if 0 < after - before <= (count + STEPS - 1) * step_s and not 0 < after - now <= (count + STEPS - 1) * step_s:
            return count
    return 0
