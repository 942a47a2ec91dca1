"""Sources read side by side: what is measured, in which order, in which batches, and how it ends."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from vadcli.errors import FootageError
from vadcli.footage.frames import SourceInfo
from vadcli.scoring.engine import Begun, Ended, Engine, Opener, Scored
from vadcli.scoring.observing import Observation

T = 4


@dataclass
class Film:
    """Noise that is the same for the same seed; `fails_at` frames in, it breaks."""

    frames: int
    seed: int = 0
    gap_at: int | None = None
    fails_at: int | None = None
    without_image: tuple[int, ...] = ()
    wait: Callable[[int], None] = lambda index: None
    notes: tuple[str, ...] = ("a note",)
    closed: int = 0
    info: SourceInfo = field(init=False)

    def __post_init__(self) -> None:
        self.info = SourceInfo(f"film {self.seed}", 10.0, self.frames, 64, 96)

    def __iter__(self) -> Iterator[Observation]:
        random = np.random.default_rng(self.seed)
        for index in range(self.frames):
            if index == self.fails_at:
                raise FootageError(f"film {self.seed}: broken")
            self.wait(index)
            image = random.integers(0, 256, (8, 8, 1), dtype=np.uint8)
            image = None if index in self.without_image else image
            yield Observation(index, index / 10, index == self.gap_at, image, None)

    def listen(self, tell) -> None:
        self.tell = tell

    def opener(self, live: bool = False) -> Opener:
        @contextmanager
        def opened():
            yield self
            self.closed += 1

        return Opener(opened, live)


def difference(images, windows):
    """Of each window, its numbers and how far its last image is from the one before it."""
    return [
        (len(window), float(np.mean((images[window[-1]].astype(float) - images[window[-2]]) ** 2)))
        for window in windows
    ]


def run(*films: Film, batch_size: int = 8, side_by_side: int = 1, measure=difference, live: bool = False):
    engine = Engine(measure, T, batch_size=batch_size, side_by_side=side_by_side)
    return list(engine.run([film.opener(live) for film in films]))


def errors(*films: Film, **how) -> dict[int, dict[int, object]]:
    found = defaultdict(dict)
    for output in run(*films, **how):
        if isinstance(output, Scored):
            found[output.source][output.observation.index] = output.errors
    return found


def without(found) -> list[int]:
    return [index for index, error in found.items() if error is None]


def test_errors_are_those_of_windows_of_successive_images():
    found = errors(Film(20))[0]
    images = [item.image.astype(float) for item in Film(20)]
    assert list(found) == list(range(20)) and without(found) == [0, 1, 2, 3]
    for index in range(T, 20):
        assert found[index] == (T + 1, np.mean((images[index] - images[index - 1]) ** 2))


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("batch_size", [1, 6, 64])
def test_sources_side_by_side_give_what_they_give_alone_in_batches_of_any_size(live: bool, batch_size: int):
    films = [Film(23, seed=1), Film(9, seed=2, gap_at=3), Film(40, seed=3), Film(3, seed=4)]
    together = errors(*films, batch_size=batch_size, side_by_side=3, live=live)
    for source, film in enumerate(films):
        assert list(together[source]) == list(range(film.frames))
        assert together[source] == errors(film)[0]


@pytest.mark.parametrize("slow", [None, 6, 7, 8, 15])
@pytest.mark.parametrize(("films", "expected"), [(1, [4, 8, 7]), (2, [8, 8, 8, 8, 6])])
def test_batches_hold_the_same_windows_however_fast_frames_are_read(slow, films, expected):
    counted = []

    def wait(index: int) -> None:
        if index == slow:
            time.sleep(0.1)

    def counting(images, windows):
        counted.append(len(windows))
        return difference(images, windows)

    run(*(Film(23, seed=seed, wait=wait) for seed in range(films)), side_by_side=films, measure=counting)
    assert counted == expected


def test_no_window_spans_a_gap_or_holds_an_item_without_image():
    assert without(errors(Film(30, gap_at=13))[0]) == [0, 1, 2, 3, 13, 14, 15, 16]
    assert without(errors(Film(30, without_image=(13,)))[0]) == [0, 1, 2, 3, 13]
    assert without(errors(Film(30, without_image=(13,), gap_at=13))[0]) == [0, 1, 2, 3, 13, 14, 15, 16, 17]


def test_a_source_that_breaks_keeps_what_came_before_and_stops_no_other():
    outputs = run(Film(20, seed=0, fails_at=10), Film(20, seed=1))
    ends = {output.source: output for output in outputs if isinstance(output, Ended)}
    assert isinstance(ends[0].error, FootageError) and ends[0].frames == 10
    assert (ends[1].error, ends[1].frames, ends[1].notes) == (None, 20, ("a note",))
    scored = [output.observation.index for output in outputs if isinstance(output, Scored) and output.source == 0]
    assert scored == list(range(10))


@pytest.mark.parametrize("live", [False, True])
def test_every_source_begins_before_its_frames_and_ends_after_them(live):
    films = [Film(9, seed=seed) for seed in range(3)]
    outputs = run(*films, side_by_side=2, live=live)
    for source, film in enumerate(films):
        assert [type(output) for output in outputs if output.source == source] == [Begun, *[Scored] * 9, Ended]
        assert film.closed == 1


def test_a_live_frame_is_handed_on_before_the_next_one_comes_whatever_else_is_read():
    came, waited = threading.Semaphore(0), []
    film = Film(12, wait=lambda index: waited.append(came.acquire(timeout=60)) if index > T else None)
    indices = []
    slow = Film(3, seed=1, wait=lambda index: time.sleep(0.2))
    for output in Engine(difference, T, batch_size=8).run([film.opener(live=True), slow.opener()]):
        if isinstance(output, Scored) and output.source == 0 and output.errors:
            indices.append(output.observation.index)
            came.release()
    assert indices == list(range(T, 12)) and waited == [True] * (11 - T), "no frame had to do without the one before"


@pytest.mark.parametrize("live", [False, True])
def test_closing_early_stops_reading(live):
    films = [Film(100_000, seed=seed) for seed in range(3)]
    stream = Engine(difference, T, batch_size=2, side_by_side=2).run([film.opener(live) for film in films])
    for output in stream:
        if isinstance(output, Scored) and output.errors:
            break
    time.sleep(0.2)  # every queue is full by then
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("compute", "source"))]
