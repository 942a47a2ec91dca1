"""`vad adapt`: from a video, a folder, a cache or stdin to an adapter."""

import pytest
import torch

from tests import synthetic_cache
from vadcli.cli.app import run
from vadcli.errors import InputError
from vadcli.model.checkpoint import Checkpoint, load_checkpoint, load_network, save_checkpoint
from vadcli.model.network import Network
from vadcli.presets import load_settings
from vadcli.progress import Silent
from vadcli.scoring.calibration import Calibration
from vadcli.settings import ModelSettings, Settings
from vadcli.stages.adapt import adapt_stage

SETTINGS = Settings(model=ModelSettings(size=(32, 40), channels=1, width=4, num_prototypes=3))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("base") / "m.safetensors"
    save_checkpoint(path, Checkpoint(stage="pretrain", settings=SETTINGS, weights=Network(SETTINGS.model).state_dict()))
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return synthetic_cache.write(tmp_path_factory.mktemp("cache") / "c.h5")


def settings(*assignments):
    return load_settings(None, ["adapt.device=cpu", "adapt.precision=float32", "adapt.shots=3", *assignments])


def test_an_adapter_holds_adapted_weights_calibration_and_its_bases_hash(base, cache, tmp_path):
    fitted = adapt_stage(str(cache), base, tmp_path / "s", settings(), scene="s1", progress=Silent())
    adapter, model = load_checkpoint(tmp_path / "s", "adapt"), load_checkpoint(base)
    assert adapter.parents["base"] == model.sha256
    names = Network(SETTINGS.model).adapted_names("head")
    assert list(sorted(names)) == sorted(adapter.weights)
    assert all(not torch.equal(adapter.weights[name], model.weights[name]) for name in names)
    calibration = Calibration.from_json(adapter.calibration)
    assert calibration.frames == fitted.calibration.frames == 80 - 4 - 4 - 3  # two clips, T each, K of the first
    assert (tmp_path / "s").stat().st_size < base.stat().st_size / 2


def test_normal_seconds_bound_the_footage_of_all_clips_together(base, cache, tmp_path):
    limited = settings("adapt.normal_seconds=2")  # of clips of 40 frames at 25 a second
    fitted = adapt_stage(str(cache), base, tmp_path / "s", limited, scene="s1", progress=Silent())
    assert fitted.calibration.frames == 50 - 4 - 4 - 3


def test_zero_steps_calibrate_the_model_as_it_is(base, cache, tmp_path):
    adapt_stage(str(cache), base, tmp_path / "s", settings("adapt.steps=0"), scene="s0", progress=Silent())
    model, adapter = load_checkpoint(base), load_checkpoint(tmp_path / "s", "adapt")
    inputs = torch.rand(1, 4, 32, 40)
    assert torch.equal(load_network(model)(inputs).frame, load_network(model, adapter)(inputs).frame)


def test_the_same_footage_gives_the_same_bytes(base, cache, tmp_path):
    for name in "ab":
        adapt_stage(str(cache), base, tmp_path / name, settings(), scene="s0", progress=Silent())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_video_adapts_from_the_command_line(base, make_video, tmp_path, capfd):
    video = make_video(tmp_path / "normal.mp4", 30)
    out = tmp_path / "s.safetensors"
    assert run(["adapt", str(video), "--shots", "3", "--from", str(base), "--out", str(out), "--device", "cpu"]) == 0
    printed = capfd.readouterr()
    assert printed.out.strip() == str(out) and "adapted on 3 windows (7 frames" in printed.err
    assert load_checkpoint(out, "adapt").training["shots"] == 3


def test_a_short_clip_calibrates_on_its_support_too(base, make_video, tmp_path, capfd):
    video = make_video(tmp_path / "short.mp4", 14)
    assert (
        run(["adapt", str(video), "--shots", "8", "--from", str(base), "--out", str(tmp_path / "s"), "--device", "cpu"])
        == 0
    )
    assert "calibrating on the support too" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("frames", "arguments", "expected"),
    [
        (6, ["--shots", "10"], "6 frames; 10 shots need 14. Use a longer clip, or fewer --shots."),
        (20, ["--shots", "0"], "adapt.shots = 0"),
        (20, ["--scene", "x"], "only a cache has scenes"),
        (20, ["--out", "/nonexistent/s"], "/nonexistent"),
    ],
)
def test_bad_input_is_told_in_one_line_and_leaves_nothing(
    base, make_video, tmp_path, capfd, frames, arguments, expected
):
    video = make_video(tmp_path / "v.mp4", frames)
    out = tmp_path / "s"
    assert run(["adapt", str(video), "--from", str(base), "--out", str(out), "--device", "cpu", *arguments]) == 2
    error = capfd.readouterr().err
    assert expected in error and "Traceback" not in error
    assert not out.exists()


def test_what_is_read_is_not_replaced(base, make_video, tmp_path, capfd):
    video = make_video(frames=40)
    before = base.read_bytes(), video.read_bytes()
    for out in (base, video):
        assert run(["adapt", str(video), "--from", str(base), "--out", str(out), "--quiet"]) == 2
        assert f"would replace {out}" in capfd.readouterr().err
    assert run(["export", str(base), "--out", str(base)]) == 2 and "would replace" in capfd.readouterr().err
    assert (base.read_bytes(), video.read_bytes()) == before


def test_scenes_of_a_cache_must_be_chosen(base, cache, tmp_path):
    with pytest.raises(InputError, match=r"2 scenes with normal footage. Choose one with --scene: s0, s1"):
        adapt_stage(str(cache), base, tmp_path / "s", settings(), scene=None, progress=Silent())
    with pytest.raises(InputError, match=r"no normal footage of scene x. It has: s0, s1"):
        adapt_stage(str(cache), base, tmp_path / "s", settings(), scene="x", progress=Silent())


def test_no_source_on_a_terminal_is_bad_usage(monkeypatch, capfd):
    monkeypatch.setattr("sys.stdin", None)
    assert run(["adapt"]) == 2
    assert "nothing is piped in" in capfd.readouterr().err


def test_a_cache_was_read_when_it_was_made(base, cache, vad, tmp_path):
    answer = vad("adapt", cache, "--from", base, "--scene", "s0", "--fps", 5, "--out", tmp_path / "s")
    assert answer.code == 2 and "Give --fps and --mask-top to it" in answer.err and not (tmp_path / "s").exists()
