"""Several processes train what one does: the same weights and gradients, one log, one voice, one checkpoint."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests import synthetic_cache
from vadcli.model.checkpoint import load_checkpoint, read_tensors

ROOT = Path(__file__).parent.parent
TINY = ["model.width=3", "model.num_prototypes=3", "pretrain.max_steps=6", "pretrain.batch_size=3",
        "pretrain.log_every=1", "pretrain.device=cpu", "pretrain.precision=float32", "pretrain.flip=true",
        "pretrain.schedule=cosine", "pretrain.validation_share=0.3", "metatrain.device=cpu"]  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return synthetic_cache.write(tmp_path_factory.mktemp("cache") / "c.h5")


def begin(count, *command):
    """Start a command in processes that know of each other as torchrun would have it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    known = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(count), "PYTHONPATH": str(ROOT)}
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    environments = [os.environ | known | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
    words = [sys.executable, *map(str, command)]
    return [subprocess.Popen(words, env=environment, **pipes, text=True) for environment in environments]


def ended(processes):
    told = [process.communicate(timeout=120) for process in processes]
    return [(process.returncode, *texts) for process, texts in zip(processes, told, strict=True)]


def together(count, *command):
    for code, _, err in (results := ended(begin(count, *command))):
        assert code == 0, err
    return results


def pretraining(cache, out, *more):
    assignments = [part for text in (*TINY, *more) for part in ("--set", text)]
    return ["-m", "vadcli", "pretrain", cache, "--out", out, *assignments]


@pytest.fixture(scope="module")
def whole(cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    for unit in ("prototypes", "items"):
        together(1, *pretraining(cache, folder / unit, f"model.unit={unit}"))
    return folder


def logged(out):
    return [json.loads(line) for line in Path(f"{out}.metrics.ndjson").read_text().splitlines()]


def assert_alike(first, second):
    first, second = load_checkpoint(first), load_checkpoint(second)
    for name, value in first.weights.items():
        assert float((value - second.weights[name]).abs().max()) <= 1e-6, name


@pytest.mark.parametrize("unit", ["prototypes", "items"])
def test_two_processes_pretrain_as_one(cache, whole, tmp_path, unit):
    (_, out, err), silent = together(2, *pretraining(cache, tmp_path / "two", f"model.unit={unit}"))
    assert_alike(whole / unit, tmp_path / "two")
    assert [load_checkpoint(made).training["processes"] for made in (whole / unit, tmp_path / "two")] == [1, 2]
    alone, shared = logged(whole / unit), logged(tmp_path / "two")
    assert alone[0].keys() == shared[0].keys() and [line["step"] for line in shared] == [1, 2, 3, 4, 5, 6]
    for before, after in zip(alone, shared, strict=True):
        assert after | {"seconds": 0} == pytest.approx(before | {"seconds": 0}, rel=1e-5)
    assert out.split() == [str(tmp_path / "two")] and "pre-training" in err
    assert silent == (0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir() if "two" in path.name) == ["two", "two.metrics.ndjson"]


META = """
import os, sys
from pathlib import Path
from tests.test_processes import meta_gradients
meta_gradients(Path(sys.argv[1]), Path(sys.argv[2]))
os._exit(0)  # as the program does
"""


def meta_gradients(cache, out):
    """Train two outer steps of 3 and 1 episodes in float64 and keep the last step's gradients and the result."""
    from vadcli.footage.cache import open_cache
    from vadcli.footage.episodes import Episodes
    from vadcli.footage.windows import clip_ranges
    from vadcli.learning.job import Job
    from vadcli.learning.metatrain import initial_step_sizes, metatrain
    from vadcli.model.checkpoint import save_tensors
    from vadcli.model.network import Network
    from vadcli.processes import joined
    from vadcli.progress import Silent
    from vadcli.settings import MetatrainSettings, ModelSettings

    settings = MetatrainSettings(episodes=4, meta_batch=3, shots=2, queries=2, gradient_clip=None, learning_rate=1e-3)
    torch.manual_seed(0)
    with joined("cpu") as processes, open_cache(cache) as held:
        network = Network(ModelSettings(size=(32, 40), channels=1, width=3, num_prototypes=3)).double()
        episodes = Episodes(clip_ranges([held]), 4, shots=2, queries=2, seed=0)
        job = Job(out, "key", False, torch.device("cpu"), torch.float32, Silent(), processes)
        learner, alpha = metatrain(network, initial_step_sizes(network, settings), episodes.episode, settings, job)
        kept = {f"gradient.{name}": value.grad for name, value in learner.tensors.items()}
        kept |= {f"alpha.{name}": value for name, value in alpha.items()} | network.state_dict()
        if processes.leads:
            save_tensors(out, kept, {"format": "test", "version": 1})


def test_two_processes_have_the_meta_gradients_of_one_to_1e_9(cache, tmp_path):
    for count in (1, 2):
        together(count, "-c", META, cache, tmp_path / str(count))
    alone, shared = (read_tensors(tmp_path / str(count), "test")[0] for count in (1, 2))
    for name, value in alone.items():
        assert value.dtype == torch.float64
        assert float((value - shared[name]).abs().max()) <= 1e-9 * max(1.0, float(value.abs().max())), name
    assert max(float(value.abs().max()) for name, value in alone.items() if name.startswith("gradient.")) > 1e-3


STOPPED = """
import os, sys, torch
number, wanted, step = map(int, sys.argv[1:4])
original, calls = torch.optim.Adam.step, []
def take(self):
    calls.append(1)
    if int(os.environ["RANK"]) == wanted and len(calls) == step:
        os.kill(os.getpid(), number)
    return original(self)
torch.optim.Adam.step = take
sys.argv[1:4] = []
from vadcli.cli.app import main
main()
"""


def stopped(count, cache, out, number, rank, *more):
    """A training of several processes, one of which gets a signal in its third step."""
    return begin(count, "-c", STOPPED, int(number), rank, 3, *pretraining(cache, out, *more)[2:])


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_training_resumes_with_another_number_of_processes(cache, whole, tmp_path, before, after):
    results = ended(stopped(before, cache, tmp_path / "parts", signal.SIGINT, before - 1))
    assert [code for code, *_ in results] == [130] * before
    assert "interrupted at step 3 of 6; --resume goes on" in results[0][2]
    assert results[0][2].endswith("vad: interrupted\n") and all(result[1:] == ("", "") for result in results[1:])
    together(after, *pretraining(cache, tmp_path / "parts"), "--resume")
    assert_alike(whole / "prototypes", tmp_path / "parts")
    assert [line["step"] for line in logged(tmp_path / "parts")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("dead", [0, 1])
def test_a_process_that_is_killed_is_named_in_one_line_and_the_others_leave_a_resume_point(
    cache, whole, tmp_path, dead
):
    out = tmp_path / "a"
    results = ended(stopped(3, cache, out, signal.SIGKILL, dead))
    told = "".join(err for _, _, err in results)
    assert [code for code, *_ in results] == [-signal.SIGKILL if rank == dead else 2 for rank in range(3)]
    assert f"process {dead} of 3 was killed. Start all again with --resume: it goes on from step 3 of 6." in told
    assert "Traceback" not in told and told.count("vad: ") == 1
    together(1, *pretraining(cache, out), "--resume")
    assert_alike(whole / "prototypes", out)
    assert [line["step"] for line in logged(out)] == [1, 2, 4, 5, 6]  # of step 3, a part was not told


def test_the_process_that_fails_says_why_and_the_others_end_without_a_word(cache, tmp_path):
    broken = synthetic_cache.write(tmp_path / "c.h5", scenes=1)
    processes = begin(2, "-c", FAILING, cache, broken, *pretraining("CACHE", tmp_path / "a")[4:])
    lead, other = ended(processes)
    assert (lead[0], other[0]) == (2, 2) and "vad:" not in lead[2]
    assert other[2] == "vad: process 1 of 2: c.h5: gone. Bring it back.\n"


FAILING = """
import os, sys
from vadcli.errors import FootageError
from vadcli.footage.windows import Windows
def batch(self, indices):
    raise FootageError("c.h5: gone. Bring it back.")
if os.environ["RANK"] == "1":
    Windows.batch = batch
sys.argv[1:3] = ["pretrain", sys.argv[1]]
from vadcli.cli.app import main
main()
"""


def test_more_processes_than_windows_a_step_are_refused_in_one_line(cache, tmp_path):
    results = ended(begin(2, *pretraining(cache, tmp_path / "a", "pretrain.batch_size=1")))
    told = [err for _, _, err in results if err]
    assert len(told) == 1 and "2 processes share 1 windows a step, and each needs one. Use at most 1" in told[0]


def test_two_processes_prepare_the_cache_of_one(tmp_path, make_video):
    for index in range(5):
        make_video(f"films/{index}.mp4", frames=8 + index, seed=index)
    for count in (1, 2):
        told = together(count, "-m", "vadcli", "prepare", tmp_path / "films", "--out", tmp_path / f"{count}.h5")
        assert "5 of 5 clips are new" in told[0][1] and told[1:] == [(0, "", "")] * (count - 1)
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


def test_of_two_processes_one_evaluates(tmp_path):
    (tmp_path / "s.csv").write_text("clip,frame,score\n" + "".join(f"a,{i},{i % 3}\n" for i in range(9)))
    (tmp_path / "l.csv").write_text("clip,start_frame,end_frame\na,2,2\n")
    command = ["-m", "vadcli", "eval", "--scores", tmp_path / "s.csv", "--labels", tmp_path / "l.csv", "--json"]
    (_, out, _), other = together(2, *command)
    assert json.loads(out)["results"] and other == (0, "", "")


def test_processes_that_do_not_find_each_other_are_told_in_one_line(vad, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    answer = vad("prepare", tmp_path, "--out", tmp_path / "c.h5")
    assert answer.code == 2 and answer.err.count("\n") == 1
    assert "process 0 of 2, as RANK and WORLD_SIZE say, finds no others" in answer.err


@pytest.mark.slow
def test_torchrun_runs_the_program(cache, tmp_path):
    program = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", *pretraining(cache, tmp_path / "a")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", *map(str, program)],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "a")]
    assert load_checkpoint(tmp_path / "a").training["processes"] == 2
