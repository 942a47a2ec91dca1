"""What a million frames cost: run with `pytest -s` to see the figures."""

import time
import tracemalloc

import numpy as np
import pytest

from vadcli.evaluation.evidence import FEATURE, FRAME, Evidence
from vadcli.evaluation.protocols import OFFICIAL, PAPER, Request
from vadcli.evaluation.results import Setting, measure, score
from vadcli.settings import EvalSettings


def clips(count, frames):
    random = np.random.default_rng(0)
    for number in range(count):
        labels = np.zeros(frames, dtype=bool)
        labels[frames // 3 : frames // 2] = number % 5 > 0
        frame, feature = (random.lognormal(-5, 0.3, frames) * np.where(labels, 1.3, 1) for _ in range(2))
        yield Evidence(str(number), "s", 25.0, np.arange(frames), labels, {FRAME: frame, FEATURE: feature})


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [PAPER, OFFICIAL], ids=lambda p: p.name)
def test_a_million_frames_take_seconds_and_memory_of_the_order_of_their_arrays(protocol):
    evidence = list(clips(100, 10_000))
    request = Request("fused")
    began = time.process_time()
    measure([score(evidence, protocol, request)], protocol, request, Setting("data"), EvalSettings())
    seconds = time.process_time() - began
    tracemalloc.start()
    data = score(evidence, protocol, request)
    measure([data], protocol, request, Setting("data"), EvalSettings(bootstrap=10))
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    print(f"{protocol.name}: {seconds:.2f} s of one core, {peak:.0f} MiB beyond the errors")
    assert seconds < 20
    assert peak < 400
