"""`vad adapt`: from a video, a folder, a cache or stdin to an adapter."""

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests import synthetic_cache
from vadcli.cli.app import run
from vadcli.errors import InputError
from vadcli.learning import tuning
from vadcli.learning.tuning import tune
from vadcli.model.checkpoint import Checkpoint, load_checkpoint, load_network, save_checkpoint
from vadcli.model.network import Network
from vadcli.presets import load_settings
from vadcli.progress import Silent
from vadcli.scoring.calibration import Calibration
from vadcli.settings import AdaptSettings, ModelSettings, PretrainSettings, Settings
from vadcli.tasks.adapt import adapt_task

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
    fitted = adapt_task([str(cache)], base, tmp_path / "s", settings(), scene="s1", progress=Silent())
    adapter, model = load_checkpoint(tmp_path / "s", "adapt"), load_checkpoint(base)
    assert adapter.parents["base"] == model.sha256
    names = Network(SETTINGS.model).adapted_names("head")
    assert list(sorted(names)) == sorted(adapter.weights)
    assert all(not torch.equal(adapter.weights[name], model.weights[name]) for name in names)
    calibration = Calibration.read(adapter.calibration, adapter.calibration_arrays, "s")
    assert (
        calibration.facts.frames == fitted.calibration.facts.frames == 80 - 2 - 2
    )  # two clips, whose first 0.1 s have no cues
    assert calibration.has_network


def test_normal_seconds_bound_the_footage_of_all_clips_together(base, cache, tmp_path):
    limited = settings("adapt.normal_seconds=2")  # of clips of 40 frames at 25 a second
    fitted = adapt_task([str(cache)], base, tmp_path / "s", limited, scene="s1", progress=Silent())
    assert fitted.calibration.facts.frames == 50 - 2 - 2


def test_zero_updates_calibrate_the_model_as_it_is(base, cache, tmp_path):
    adapt_task([str(cache)], base, tmp_path / "s", settings("adapt.updates=0"), scene="s0", progress=Silent())
    model, adapter = load_checkpoint(base), load_checkpoint(tmp_path / "s", "adapt")
    inputs = torch.rand(1, 4, 32, 40)
    assert torch.equal(load_network(model)(inputs).frame, load_network(model, adapter)(inputs).frame)


def test_cues_alone_need_no_model(make_video, tmp_path, vad):
    video, out = make_video(tmp_path / "normal.mp4", 40), tmp_path / "s.safetensors"
    answer = vad("adapt", video, "--from", "none", "--out", out)
    assert answer.code == 0 and "normal from" in answer.err
    with safe_open(out, "np") as file:
        assert all(name.startswith("calibration.") for name in file.keys())  # noqa: SIM118
    scored = vad("score", video, "--model", "none", "--adapter", out)
    assert scored.code == 0 and len(scored.out.splitlines()) > 30
    refused = vad("score", video, "--adapter", out)
    assert refused.code == 2 and "made without a network. Score with --model none" in refused.err


@pytest.mark.parametrize(
    ("frames", "arguments", "expected"),
    [
        (6, ["--shots", "10"], "6 frames; 10 shots need 14. Use a longer clip, or fewer --shots."),
        (20, ["--shots", "0"], "adapt.shots = 0"),
        (20, ["--scene", "x"], "only a cache has scenes"),
        (20, ["--steps", "10"], "training needs 40"),
        (20, ["--out", "/nonexistent/s"], "/nonexistent"),
    ],
)
def test_bad_input_is_told_and_leaves_nothing(base, make_video, tmp_path, vad, frames, arguments, expected):
    out = tmp_path / "s"
    answer = vad("adapt", make_video(frames=frames), "--from", base, "--out", out, "--device", "cpu", *arguments)
    assert answer.code == 2 and expected in answer.err and not out.exists()


def test_scenes_of_a_cache_must_be_chosen_and_it_was_read_when_it_was_made(base, cache, vad, tmp_path):
    answer = vad("adapt", cache, "--from", base, "--scene", "s0", "--fps", 5, "--out", tmp_path / "s")
    assert answer.code == 2 and "Give --fps and zones to it" in answer.err and not (tmp_path / "s").exists()
    with pytest.raises(InputError, match=r"2 scenes with normal footage. Choose one with --scene: s0, s1"):
        adapt_task([str(cache)], base, tmp_path / "s", settings(), scene=None, progress=Silent())
    with pytest.raises(InputError, match=r"no normal footage of scene x. It has: s0, s1"):
        adapt_task([str(cache)], base, tmp_path / "s", settings(), scene="x", progress=Silent())


def test_no_source_on_a_terminal_is_bad_usage(monkeypatch, capfd):
    monkeypatch.setattr("sys.stdin", None)
    assert run(["adapt"]) == 2
    assert "nothing is piped in" in capfd.readouterr().err


def test_more_footage_than_the_support_fits_all_weights_and_is_kept_as_small_changes(base, cache, tmp_path):
    how = settings("adapt.steps=50", "adapt.tuning_rate=1e-3")
    fitted = adapt_task([str(cache)], base, tmp_path / "s", how, scene="s0", progress=Silent())
    adapter, model = load_checkpoint(tmp_path / "s", "adapt"), load_checkpoint(base)
    assert fitted.tuned is not None and fitted.tuned.steps > 0 and fitted.tuned.errors[1] < fitted.tuned.errors[0]
    assert adapter.training["steps"] == fitted.tuned.steps
    assert adapter.weights.keys() == model.weights.keys()
    assert {value.dtype for value in adapter.weights.values()} == {torch.float8_e4m3fn}
    tuned = load_network(model, adapter).state_dict()
    for name, value in fitted.tuned.weights.items():
        change = (value - model.weights[name]).abs()
        assert ((tuned[name] - value).abs() <= change / 15 + 1e-5).all()


def test_the_same_footage_and_seed_give_the_same_bytes_also_where_all_weights_are_fitted(base, cache, tmp_path):
    made = []
    for steps, seed in ((0, 0), (0, 0), (25, 0), (25, 0), (25, 1)):
        how = settings(f"adapt.steps={steps}", f"adapt.seed={seed}")
        adapt_task([str(cache)], base, tmp_path / "s", how, scene="s0", progress=Silent())
        made.append((tmp_path / "s").read_bytes())
    assert made[0] == made[1] and made[2] == made[3] != made[4]


def test_where_held_out_footage_gains_nothing_the_update_alone_is_kept(base, cache, tmp_path):
    how = settings("adapt.steps=25", "adapt.tuning_rate=1")
    fitted = adapt_task([str(cache)], base, tmp_path / "s", how, scene="s0", progress=Silent())
    assert fitted.tuned is not None and fitted.tuned.steps == 0
    alone = adapt_task([str(cache)], base, tmp_path / "t", settings(), scene="s0", progress=Silent())
    assert fitted.weights.keys() == alone.weights.keys()
    assert all(torch.equal(fitted.weights[name], value) for name, value in alone.weights.items())


def test_several_files_and_folders_are_one_cameras_footage(base, make_video, tmp_path, vad):
    (tmp_path / "day").mkdir()
    files = [make_video(tmp_path / name, 30) for name in ("a.mp4", "day/b.mp4")]
    given = ("--shots", 3, "--from", base, "--device", "cpu", "--out", tmp_path / "s.safetensors")
    answer = vad("adapt", files[0], tmp_path / "day", *given)
    assert answer.code == 0 and answer.out.strip() == str(given[-1]) and "model adapted on 3 windows" in answer.err
    made = load_checkpoint(tmp_path / "s.safetensors", "adapt").training
    assert made["calibration_frames"] == (30 - 1) + (30 - 1) and made["shots"] == 3
    answer = vad("adapt", files[0], tmp_path / "c.h5", *given)
    assert answer.code == 2 and "a cache is adapted to by itself" in answer.err.splitlines()[-1]


def test_the_weights_of_the_best_check_are_kept_and_not_the_last(monkeypatch):
    errors, checked = iter([1.0, 0.5, 0.7, 0.8, 0.9]), []

    def error(network, *arguments):
        checked.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(errors)

    monkeypatch.setattr(tuning, "_error", error)
    torch.manual_seed(0)
    network = Network(ModelSettings(size=(16, 16), channels=1, width=2, num_prototypes=2))
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (60, 16, 16, 1), np.uint8))

    def read(numbers):
        return torch.stack([images[first : first + 5] for first in numbers])

    how = AdaptSettings(steps=150, tuning_rate=1e-3, batch_size=2)
    found = tune(network, range(50), read, how, PretrainSettings(), torch.device("cpu"), torch.float32, Silent())
    assert (found.steps, found.errors, len(checked)) == (25, (1.0, 0.5), 5)
    assert all(torch.equal(value, checked[1][name]) for name, value in found.weights.items())
    assert not all(torch.equal(value, checked[-1][name]) for name, value in found.weights.items())
