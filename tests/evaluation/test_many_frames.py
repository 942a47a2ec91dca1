"""What many frames cost: run with `pytest -s` to see the figures."""

import time
import tracemalloc

import numpy as np
import pytest

from tests.evaluation.caches import evidence_on
from vadcli.evaluation.evidence import FEATURE, FRAME
from vadcli.evaluation.protocols import OFFICIAL, PAPER, Request
from vadcli.evaluation.results import Setting, measure, score
from vadcli.settings import EvalSettings


def clips(count, frames):
    random = np.random.default_rng(0)
    for number in range(count):
        labels = np.zeros(frames, dtype=bool)
        labels[frames // 3 : frames // 2] = number % 5 > 0
        frame, feature = (random.lognormal(-5, 0.3, frames) * np.where(labels, 1.3, 1) for _ in range(2))
        yield evidence_on(labels, {FRAME: frame, FEATURE: feature}, str(number))


def evaluated(evidence, protocol):
    """Processor seconds of an evaluation."""
    request = Request("fused")
    began = time.process_time()
    measure(score(evidence, protocol, request), protocol, request, Setting("data"), EvalSettings(bootstrap=50))
    return time.process_time() - began


@pytest.mark.parametrize("protocol", [PAPER, OFFICIAL], ids=lambda p: p.name)
def test_ten_times_the_frames_take_ten_times_as_long_and_memory_of_the_order_of_their_arrays(protocol):
    evidence = list(clips(100, 4_000))
    evaluated(evidence[:2], protocol)  # which loads what is loaded once
    tenth, whole = evaluated(evidence[:10], protocol), evaluated(evidence, protocol)
    tracemalloc.start()
    evaluated(evidence, protocol)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    print(f"{protocol.name}: {whole:.2f} s of one core, {peak:.0f} MiB beyond the errors")
    assert whole < 30 * tenth
    assert peak < 160, "400 bytes a frame"
