import threading
import time
from collections import defaultdict

import numpy as np
import pytest
import torch

from tests.scoring.footage import Film, T, repeat_last
from vadcli.errors import FootageError
from vadcli.scoring.engine import Engine, Scored
from vadcli.scoring.lanes import Begun, Ended
from vadcli.scoring.measuring import Measured, Measurer

CPU = torch.device("cpu")


def engine(batch_size: int = 8, side_by_side: int = 1, maps: bool = False, predict=repeat_last) -> Engine:
    measurer = Measurer(predict, CPU, pool=16, maps=maps)
    return Engine(measurer, T, batch_size=batch_size, side_by_side=side_by_side)


def measured(engine: Engine, *films: Film, live: bool = False) -> dict[int, dict[int, Measured | None]]:
    """Measurements by source and frame."""
    found = defaultdict(dict)
    for item in engine.run([film.opener(live) for film in films]):
        if isinstance(item, Scored):
            found[item.source][item.frame.index] = item.measured
    return found


def test_the_first_four_frames_have_no_errors():
    found = measured(engine(), Film(20))[0]
    assert [index for index, one in found.items() if one is None] == [0, 1, 2, 3]
    assert list(found) == list(range(20))


def test_errors_are_those_of_the_literal_definition():
    frames = [frame.image.astype(np.float64) / 127.5 - 1 for frame in Film(12)]
    for index, one in measured(engine(), Film(12))[0].items():
        if one is not None:
            expected = np.mean((frames[index] - frames[index - 1]) ** 2)
            assert one.errors["frame_error"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batches_of_any_size_give_the_same_errors(batch_size: int):
    one, other = measured(engine(8), Film(30))[0], measured(engine(batch_size), Film(30))[0]
    assert {i: m and m.errors for i, m in one.items()} == {i: m and m.errors for i, m in other.items()}


@pytest.mark.parametrize("live", [False, True])
def test_sources_side_by_side_give_what_they_give_alone(live: bool):
    films = [Film(23, seed=1), Film(9, seed=2), Film(40, seed=3), Film(3, seed=4)]
    together = measured(engine(6, side_by_side=3), *films, live=live)
    for source, film in enumerate(films):
        alone = measured(engine(), film)[0]
        assert list(together[source]) == list(range(film.frames))
        for index, one in alone.items():
            got = together[source][index]
            assert (one is None) == (got is None)
            if one and got:
                assert one.errors == pytest.approx(got.errors, rel=1e-6)


@pytest.mark.parametrize("slow", [None, 6, 7, 8, 15])
@pytest.mark.parametrize("films", [1, 2])
def test_forwards_hold_the_same_windows_however_fast_frames_are_read(slow, films):
    sizes = []

    def counting(inputs):
        sizes.append(len(inputs))
        return repeat_last(inputs)

    def wait(index: int) -> None:
        if index == slow:
            time.sleep(0.1)

    side = [Film(23, seed=i, wait=wait) for i in range(films)]
    measured(engine(8, side_by_side=films, predict=counting), *side)
    assert sizes == {1: [4, 8, 7], 2: [8, 8, 8, 8, 6]}[films]


def test_sources_side_by_side_share_forwards():
    sizes = []

    def counting(inputs):
        sizes.append(len(inputs))
        return repeat_last(inputs)

    measured(engine(8, side_by_side=4, predict=counting), *(Film(20, seed=i) for i in range(4)))
    assert max(sizes) == 8 and len(sizes) < 4 * 16 / 4


def test_no_window_spans_a_gap():
    found = measured(engine(), Film(30, gap_at=13))[0]
    assert [index for index, one in found.items() if one is None] == [0, 1, 2, 3, 13, 14, 15, 16]


def test_a_source_that_breaks_keeps_what_came_before_and_stops_no_other():
    films = [Film(20, seed=0, fails_at=10), Film(20, seed=1)]
    items = list(engine().run([film.opener() for film in films]))
    ends = {item.source: item for item in items if isinstance(item, Ended)}
    assert isinstance(ends[0].error, FootageError) and ends[0].frames == 10
    assert ends[1].error is None and ends[1].frames == 20
    scored = [item.frame.index for item in items if isinstance(item, Scored) and item.source == 0]
    assert scored == list(range(10))


def test_every_source_begins_before_its_frames_and_ends_after_them():
    items = list(engine(side_by_side=2).run([Film(9, seed=i).opener() for i in range(3)]))
    for source in range(3):
        own = [type(item) for item in items if item.source == source]
        assert own == [Begun, *[Scored] * 9, Ended]


def test_a_live_frame_is_handed_on_before_the_next_one_comes():
    came, waited = threading.Semaphore(0), []
    film = Film(12, wait=lambda index: waited.append(came.acquire(timeout=60)) if index > T else None)
    indices = []
    for item in engine(8).run([film.opener(live=True)]):
        if isinstance(item, Scored) and item.measured:
            indices.append(item.frame.index)
            came.release()
    assert indices == list(range(T, 12)) and waited == [True] * (11 - T), "no frame had to do without the one before"


def test_closing_early_stops_reading():
    film = Film(100_000)
    stream = engine().run([film.opener()])
    for item in stream:
        if isinstance(item, Scored) and item.measured:
            break
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name in ("compute", "source 0")]


def test_a_defect_in_the_network_is_raised_to_the_caller():
    def broken(inputs):
        raise RuntimeError("no such layer")

    with pytest.raises(RuntimeError, match="no such layer"):
        list(engine(predict=broken).run([Film(20).opener()]))


def test_maps_are_kept_only_if_asked_for():
    for maps in (False, True):
        one = measured(engine(maps=maps), Film(6))[0][5]
        assert one is not None and one.blocks.frame.shape == (32, 32) and (one.maps is not None) == maps
        if one.maps:
            assert one.maps.frame.mean() == pytest.approx(one.errors["frame_error"], rel=1e-5)
            assert one.maps.feature is not None and one.maps.feature.shape == (16, 16)
