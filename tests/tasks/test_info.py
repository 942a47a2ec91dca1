"""`vad info` tells what a file is."""

import json

import pytest
import torch

from tests import caches, synthetic_cache
from vadcli.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from vadcli.model.network import Network
from vadcli.settings import ModelSettings, Settings


@pytest.fixture
def checkpoint(tmp_path):
    settings = Settings(model=ModelSettings(size=(16, 16), width=2, channels=1))
    network = Network(settings.model)
    weights = network.state_dict()
    alpha = {name: torch.full_like(weights[name], 0.25) for name in network.adapted_names("head")}
    alpha["head.4.bias"] = torch.tensor([0.5])
    made = Checkpoint(
        stage="metatrain", settings=settings, weights=weights, step_sizes=alpha, parents={"from": "abc"},
        training={"steps": 7, "figures": {"prototypes": 4.2}},
    )  # fmt: skip
    save_checkpoint(tmp_path / "m.safetensors", made)
    return tmp_path / "m.safetensors"


def test_of_a_checkpoint_it_tells_stage_lineage_training_and_prototypes(vad, checkpoint):
    told = json.loads(vad("info", checkpoint, "--json").out)
    assert (told["kind"], told["stage"], told["training"]["steps"]) == ("checkpoint", "metatrain", 7)
    assert told["parents"] == {"from": "abc"} and told["effective_prototypes"] == 4.2
    assert told["step_sizes"]["most"] == 0.5 and told["step_sizes"]["least"] == 0.25
    assert told["adapted_parameters"] == sum(value.numel() for value in load_checkpoint(checkpoint).step_sizes.values())
    assert told["settings"]["model"]["width"] == 2


def test_of_a_cache_it_tells_clips_and_scenes_whose_names_cannot_command_the_terminal(vad, tmp_path):
    made = synthetic_cache.write(tmp_path / "c.h5")
    told = json.loads(vad("info", made, "--json").out)
    assert told["kind"] == "cache" and told["frames"] == 240 and told["scenes"] == {"s0": 3, "s1": 3}
    assert [clip["labels"] for clip in told["clips"]] == [False, False, True] * 2
    out = vad("info", made, "--all").out
    assert "├── kind: cache" in out and "source s0-0.mp4" in out
    odd = caches.Given(caches.noise(1), scene="s\x1b[2J\n└── forged")
    out = vad("info", caches.write(tmp_path / "d.h5", {"a": odd})).out
    assert "\x1b" not in out and r"s\x1b[2J\n└── forged" in out


def test_of_an_adapter_people_get_one_screen_and_no_settings(vad, make_video, tmp_path):
    camera = make_video("gate:bell:.mp4", frames=60)
    assert vad("adapt", camera, "--from", "none", "--mask-top", "0.1", "--out", tmp_path / "a.st").code == 0
    lines = vad("info", tmp_path / "a.st").out.splitlines()
    assert len(lines) <= 24 and "adapter, " in lines[0]
    told = dict(line.strip().split(maxsplit=1) for line in lines[1:])
    assert told["camera"] == "gate:bell:.mp4" and told["reads"] == "mask_top 0.1"
    assert "59 frames" in told["learned"] and "12 an hour above 1.00" in told["alarms"]
    everything = json.loads(vad("info", tmp_path / "a.st", "--json").out)
    assert everything["alarms"]["12"] == pytest.approx(1) and everything["settings"]["source"]["mask_top"] == 0.1


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\nnoise"])
def test_anything_else_is_refused_in_one_line(vad, tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    answer = vad("info", tmp_path / "x")
    assert answer.code == 3 and answer.out == "" and len(answer.err.splitlines()) == 1


def test_info_tells_what_a_video_is(vad, make_film):
    film = make_film("gate_20251125_100000.ts", frames=50, size=(48, 64))
    told = json.loads(vad("info", film, "--json").out)
    assert (told["kind"], told["codec"], told["height"], told["width"]) == ("video", "h264", 48, 64)
    assert (told["fps"], told["frames"], told["seconds"]) == (25, 50, 2.0)
    assert told["began"].startswith("2025-11-25T10:00:00")
    assert "fps: 25" in vad("info", film).out


LOG = [
    {"step": 1, "seconds": 0.1, "rate": 1e-4, "loss": 1.0, "frame": 0.5},
    {"step": 2, "seconds": 0.2, "rate": 1e-4, "loss": 0.9, "frame": 0.4, "validation_frame": 0.45},
]


def write_log(checkpoint, text=None):
    log = checkpoint.with_name(f"{checkpoint.name}.metrics.ndjson")
    log.write_text("".join(json.dumps(line) + "\n" for line in LOG) if text is None else text)
    return log


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_learning_curves_are_drawn_from_the_log_beside_the_checkpoint(vad, checkpoint, tmp_path, suffix):
    log = write_log(checkpoint)
    for number, file in enumerate((checkpoint, log)):  # the log itself, too, while training still runs
        answer = vad("info", file, "--plot", tmp_path / f"{number}{suffix}")
        assert answer.code == 0 and answer.out.strip() == str(tmp_path / f"{number}{suffix}")
    first, second = (tmp_path / f"{number}{suffix}" for number in (0, 1))
    assert first.read_bytes() == second.read_bytes() and first.stat().st_size > 5000
    if suffix == ".svg":
        assert all(f">{text}<" in first.read_text() for text in ("loss", "frame", "rate", "held out", checkpoint.name))


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        (None, "a.jpg", "use a name that ends in .png or .svg"),
        ("", "a.png", "holds no step of a training"),
        ('[1]\n{"step": "x"}\n{"loss": 1}\n', "a.png", "holds no step of a training"),
        ("missing", "a.png", "no such metrics log"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused_in_one_line(vad, checkpoint, tmp_path, text, name, problem):
    if text != "missing":
        write_log(checkpoint, text)
    answer = vad("info", checkpoint, "--plot", tmp_path / name)
    assert (answer.code, answer.out) == (2, "") and problem in answer.err and len(answer.err.splitlines()) == 1


def test_a_line_of_the_log_that_a_kill_cut_short_is_left_out(vad, checkpoint, tmp_path):
    write_log(checkpoint, json.dumps(LOG[0]) + '\n{"step": 2, "lo')
    assert vad("info", checkpoint, "--plot", tmp_path / "a.svg").code == 0
