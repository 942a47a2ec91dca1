"""Controls that learn nothing: moving pixels, and flow for its place."""

import h5py
import numpy as np
import pytest

from tests.evaluation.caches import add_clip, write_cache
from vadcli.evaluation.evidence import FLOW, MOVING
from vadcli.footage.cache import open_cache
from vadcli.footage.windows import ClipRange
from vadcli.trials.controls import Controls


def walker(length, speed, side=16):
    """A textured square that walks along the middle of a still picture."""
    texture = np.random.default_rng(0).integers(60, 255, (side, side))
    frames = np.full((length, 128, 128, 1), 30, np.uint8)
    for number in range(length):
        x = (speed * number) % (128 - side)
        frames[number, 56 : 56 + side, x : x + side, 0] = texture
    return frames


@pytest.fixture
def footage(tmp_path):
    path = tmp_path / "c.h5"
    write_cache(path, {}, size=128)
    with h5py.File(path, "a") as file:
        for name, frames in (("slow", walker(40, 2)), ("fast", walker(12, 8)), ("still", walker(12, 0))):
            add_clip(file, name, "park", "train", frames)
    with open_cache(path) as cache:
        yield {clip.name: ClipRange(cache, clip, 0, clip.num_frames) for clip in cache.clips}


def test_what_is_still_moves_nowhere_and_what_is_faster_than_usual_flows_more(footage):
    controls = Controls.of([footage["slow"]])
    slow, fast, still = (controls.signals(footage[name], 4) for name in ("slow", "fast", "still"))
    assert len(slow[MOVING]) == 36 and len(fast[FLOW]) == 8
    assert not still[MOVING].any() and not still[FLOW].any()
    assert np.median(slow[FLOW]) < 1.5 < np.median(fast[FLOW])
    assert 0 < slow[MOVING].max() <= 1


def test_without_normal_footage_flow_is_that_of_the_worst_patch(footage):
    found = Controls.of([]).signals(footage["fast"], 4)
    assert np.median(found[FLOW]) > np.median(Controls.of([]).signals(footage["slow"], 4)[FLOW])
