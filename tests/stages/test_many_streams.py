"""Many live streams in one run: all are read at once, and Ctrl-C ends them cleanly however often it is pressed."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from tests.stages.scorable import tiny_model

STREAMS = 6


@pytest.mark.parametrize("apart", ["at once", "after the first is answered"])
def test_two_ctrl_c_end_six_streams_with_130_and_keep_what_was_scored(make_film, tmp_path, apart):
    data = make_film("film.ts", frames=30, fps=10).read_bytes()
    model = tiny_model(tmp_path / "m.safetensors")
    pipes = [tmp_path / f"camera{number}" for number in range(STREAMS)]
    ended = threading.Event()

    def feed(pipe):
        with pipe.open("wb", buffering=0) as stream:
            stream.write(data)
            ended.wait()  # the camera goes on, and shows nothing new

    feeders = [threading.Thread(target=feed, args=(pipe,), daemon=True) for pipe in pipes]
    for pipe, feeder in zip(pipes, feeders, strict=True):
        os.mkfifo(pipe)
        feeder.start()
    command = [sys.executable, "-m", "vadcli", "score", *map(str, pipes), "--model", str(model), "--warmup", "0.5"]
    keywords = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": {**os.environ, "OMP_NUM_THREADS": "1"}}
    with ExitStack() as stack:
        stack.callback(ended.set)
        running = stack.enter_context(subprocess.Popen(command, **keywords))
        stack.callback(running.kill)
        seen = set()
        while len(seen) < STREAMS:
            seen.add(json.loads(running.stdout.readline())["source"])
        running.send_signal(signal.SIGINT)
        if apart != "at once":
            while b"interrupted" not in running.stderr.readline():
                assert running.poll() is None
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert b"Traceback" not in err and b"Fatal" not in err and b"terminate" not in err
    for line in out.splitlines():
        assert json.loads(line)["source"] in seen, "no record is cut in two"
