"""Pre-training and meta-training on a tiny cache: what they write, what they refuse, and that a kill loses nothing."""

import functools
import itertools
import json
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tests import synthetic_cache
from vadcli.errors import CheckpointError, InputError
from vadcli.footage.episodes import Episodes
from vadcli.interruption import interruptions_noted
from vadcli.learning import loop, pretrain
from vadcli.model.checkpoint import load_checkpoint
from vadcli.presets import load_settings
from vadcli.progress import Silent
from vadcli.tasks.train import metatrain_task, pretrain_task

PRETRAIN = ["model.width=3", "model.num_prototypes=3", "pretrain.max_steps=6", "pretrain.batch_size=2",
            "pretrain.log_every=1", "pretrain.device=cpu", "pretrain.precision=float32"]  # fmt: skip
METATRAIN = ["metatrain.episodes=6", "metatrain.meta_batch=2", "metatrain.shots=2", "metatrain.queries=2",
             "metatrain.log_every=1", "metatrain.device=cpu", "metatrain.learning_rate=1e-3"]  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return synthetic_cache.write(tmp_path_factory.mktemp("cache") / "c.h5")


@pytest.fixture(scope="module")
def pretrained(cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("pretrained") / "a.safetensors"
    pretrained_from(cache, out)
    return out


def pretrained_from(cache, out, *more, resume=False, **how):
    caches = cache if isinstance(cache, list) else [cache]
    settings = load_settings(None, [*PRETRAIN, *more])
    return pretrain_task(caches, out, settings, **{"resume": resume, "progress": Silent(), **how})


def metatrained_from(cache, base, out, *more, resume=False, **how):
    settings = load_settings(None, [*METATRAIN, *more])
    return metatrain_task([cache], base, out, settings, **{"resume": resume, "progress": Silent(), **how})


@contextmanager
def interrupted(monkeypatch, step, owner=Silent, name="advance"):
    """Ctrl-C's signal comes as call `step` of `owner.name` ends; by default that is the end of a step."""
    original, calls = getattr(owner, name), itertools.count(1)

    @functools.wraps(original)
    def interrupt(*arguments, **named):
        value = original(*arguments, **named)
        if next(calls) == step:
            signal.raise_signal(signal.SIGINT)
        return value

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(owner, name, interrupt)
        yield


def test_pretraining_follows_the_caches_frames_and_keeps_a_record(pretrained):
    made = load_checkpoint(pretrained, "pretrain")
    assert made.model.size == (32, 40) and made.model.channels == 1
    assert made.training["steps"] == 6 and made.training["windows"] == 12 and made.training["scenes"] == 2
    assert "validation_frame" in made.training["figures"] and "prototypes" in made.training["figures"]
    assert [line["step"] for line in logged(pretrained)] == [1, 2, 3, 4, 5, 6]
    assert not pretrained.with_name("a.safetensors.resume").exists()


def test_one_short_clip_is_enough_to_train_and_validate_on(tmp_path):
    short = synthetic_cache.write(tmp_path / "short.h5", scenes=1, clips=1, frames=40, tests=False)
    assert "validation_frame" in pretrained_from(short, tmp_path / "a").training["figures"]


def test_training_lowers_the_loss(cache, tmp_path):
    pretrained_from(cache, tmp_path / "a", "pretrain.max_steps=60", "pretrain.learning_rate=3e-3")
    log = logged(tmp_path / "a")
    assert log[-1]["frame"] < 0.5 * log[0]["frame"]


def logged(path):
    return [json.loads(line) for line in path.with_name(f"{path.name}.metrics.ndjson").read_text().splitlines()]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(cache, pretrained, tmp_path):
    for seed, same in ((0, True), (1, False)):
        pretrained_from(cache, tmp_path / "b", f"pretrain.seed={seed}")
        assert equal(load_checkpoint(pretrained).weights, load_checkpoint(tmp_path / "b").weights) == same


HARD = ("pretrain.flip=true", "pretrain.schedule=cosine", "pretrain.validation_share=0.3")
ENDS_OF_STEPS = (Silent, "advance"), (pretrain, "losses"), (torch.optim.Adam, "step"), (loop.MetricsLog, "write")


@pytest.mark.parametrize(
    ("more", "steps", "places"),
    [
        (("model.unit=prototypes", *HARD), (3, 6), ENDS_OF_STEPS),
        (("model.unit=items", *HARD), (3, 6), ENDS_OF_STEPS),
        (("model.unit=memory", *HARD), (3,), ENDS_OF_STEPS[:1]),
        (("pretrain.precision=bfloat16", *HARD), (3,), ENDS_OF_STEPS[:1]),
    ],
)
def test_resumed_wherever_in_a_step_the_signal_came_pretraining_gives_the_weights_and_log_of_an_uninterrupted_run(
    cache, tmp_path, monkeypatch, more, steps, places
):
    pretrained_from(cache, tmp_path / "whole", *more)
    for step, (owner, name) in itertools.product(steps, places):
        with interrupted(monkeypatch, step, owner, name):
            pretrained_from(cache, tmp_path / "parts", *more)
        assert not (tmp_path / "parts").exists() and (tmp_path / "parts.resume").exists(), (step, name)
        pretrained_from(cache, tmp_path / "parts", *more, resume=True)
        assert equal(load_checkpoint(tmp_path / "whole").weights, load_checkpoint(tmp_path / "parts").weights)
        whole, parts = ([line | {"seconds": 0} for line in logged(tmp_path / name)] for name in ("whole", "parts"))
        assert whole == parts and [line["step"] for line in parts] == [1, 2, 3, 4, 5, 6], (step, name)
        (tmp_path / "parts").unlink()


def test_tensorboard_has_the_figures_of_the_log_also_after_a_resume(cache, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    often = "pretrain.checkpoint_seconds=1e-9"
    with interrupted(monkeypatch, 3):
        pretrained_from(cache, tmp_path / "a", often, tensorboard=True)
    pretrained_from(cache, tmp_path / "a", often, resume=True, tensorboard=True)
    log = logged(tmp_path / "a")
    events = EventAccumulator(str(tmp_path / "a.tensorboard"))
    events.Reload()
    for name in ("loss", "rate", "gradient", "validation_frame"):
        shown = [(event.step, event.value) for event in events.Scalars(name)]
        assert shown == [(line["step"], pytest.approx(line[name], rel=1e-6)) for line in log if name in line], name


def test_tensorboard_that_is_not_installed_is_named_before_training(cache, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"the extra `tensorboard`: pip install 'vadcli\[tensorboard\]'"):
        pretrained_from(cache, tmp_path / "a", tensorboard=True)
    assert not list(tmp_path.iterdir())


def test_who_asks_to_stop_twice_does_not_wait_for_the_step():
    with pytest.raises(KeyboardInterrupt), interruptions_noted() as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked()
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_program_s_own_handler_learns_which_signal_it_was():
    told = []

    def handler(number, frame):
        told.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with interruptions_noted() as asked:
            signal.raise_signal(signal.SIGTERM)
            assert asked() and told == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_training_that_diverges_says_to_lower_the_learning_rate_and_leaves_the_log_of_an_earlier_one(cache, tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    log = tmp_path / "a.metrics.ndjson"
    for earlier in (None, '{"step": 1}\n'):
        if earlier:
            log.write_text(earlier)
        with pytest.raises(InputError, match=r"not a number at step \d+\. Lower the learning rate"):
            how = ("pretrain.learning_rate=1", "pretrain.max_steps=40")
            pretrained_from(cache, tmp_path / "a", *how, tensorboard=True)
        assert [path.read_text() for path in tmp_path.iterdir()] == ([earlier] if earlier else [])


def test_a_training_that_fails_after_a_resume_point_keeps_what_it_can_be_resumed_from(cache, tmp_path, monkeypatch):
    def full(path, checkpoint):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("vadcli.tasks.train.save_checkpoint", full)
    with pytest.raises(OSError, match="No space"):
        pretrained_from(cache, tmp_path / "a", "pretrain.checkpoint_seconds=1e-9")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.metrics.ndjson", "a.resume"]
    monkeypatch.undo()
    pretrained_from(cache, tmp_path / "a", "pretrain.checkpoint_seconds=1e-9", resume=True)
    assert (tmp_path / "a").is_file()


def test_of_two_trainings_of_one_checkpoint_the_second_is_refused(cache, tmp_path, monkeypatch):
    refused = []

    class Second(Silent):
        def advance(self, amount=1, **figures):
            if not refused:
                for resume in (False, True):
                    with pytest.raises(InputError, match="another training is making it"):
                        pretrain_task([cache], tmp_path / "a", settings, resume=resume, progress=Silent())
                    refused.append(resume)

    settings = load_settings(None, PRETRAIN)
    pretrain_task([cache], tmp_path / "a", settings, resume=False, progress=Second())
    assert refused == [False, True]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.metrics.ndjson"]


@pytest.mark.parametrize(("episodes", "steps"), [(5, 3), (1, 1), (4, 2)])
def test_as_many_episodes_are_run_as_were_asked_for(cache, pretrained, tmp_path, monkeypatch, episodes, steps):
    run, original = [], Episodes.episode
    monkeypatch.setattr(Episodes, "episode", lambda self, index: run.append(index) or original(self, index))
    made = metatrained_from(cache, pretrained, tmp_path / "m", f"metatrain.episodes={episodes}")
    assert run == list(range(episodes))
    assert (made.training["episodes"], made.training["steps"]) == (episodes, steps)


def test_a_resume_point_belongs_to_its_settings_the_caches_in_their_order_and_its_base(
    cache, pretrained, tmp_path, monkeypatch
):
    other = synthetic_cache.write(tmp_path / "other.h5", scenes=1)
    given = {"cache": [cache, other], "base": pretrained}
    with interrupted(monkeypatch, 2):
        pretrained_from(out=tmp_path / "a", **given)
    for changed, more in (({}, ["pretrain.seed=9"]), ({"cache": [other, cache]}, []), ({"base": None}, [])):
        with pytest.raises(CheckpointError, match="other settings or data"):
            wrong = given | changed
            pretrained_from(wrong["cache"], tmp_path / "a", *more, base=wrong["base"], resume=True)
    pretrained_from(out=tmp_path / "a", resume=True, **given)


def test_a_finished_run_is_not_resumed_and_stays(cache, pretrained):
    before = pretrained.read_bytes()
    with pytest.raises(InputError, match=r"finished, there is nothing to resume. Without --resume it is made anew"):
        pretrained_from(cache, pretrained, resume=True)
    assert pretrained.read_bytes() == before


def test_settings_that_do_not_fit_the_cache_are_refused(cache, tmp_path):
    with pytest.raises(InputError, match=r"32x40, 1 channel, and .* 64x64, 1 channel. Prepare again: .* --size 64x64"):
        pretrained_from(cache, tmp_path / "a", "model.size=64")


def test_objective_frame_trains_an_autoencoder_that_metatraining_gives_a_unit(cache, tmp_path):
    made = pretrained_from(cache, tmp_path / "a", "pretrain.objective=frame")
    assert made.model.unit == "none" and not any(name.startswith("unit.") for name in made.weights)
    meta = metatrained_from(cache, tmp_path / "a", tmp_path / "m")
    assert meta.model.unit == "prototypes" and "unit.attention.weight" in meta.step_sizes


def test_pretraining_goes_on_from_a_model_and_the_checkpoint_names_it(cache, pretrained, tmp_path):
    made = pretrained_from(cache, tmp_path / "a", "pretrain.learning_rate=1e-12", base=pretrained)
    start = load_checkpoint(pretrained)
    assert made.parents["from"] == start.sha256 and made.model == start.model
    for name, value in start.weights.items():
        assert torch.allclose(value, made.weights[name], atol=1e-9), name


def test_pretraining_from_a_model_refuses_another_shape_in_one_line(cache, pretrained, tmp_path):
    with pytest.raises(InputError, match=r"its model.width is 3, and 4 is asked for. Leave that out, or train without"):
        pretrained_from(cache, tmp_path / "b", "model.width=4", base=pretrained)
    for shipped in ("package", "edge"):
        with pytest.raises(InputError, match=r"the model reads 128x128, 1 channel. Prepare again: .* --size 128x128"):
            plain = load_settings(None)
            pretrain_task([cache], tmp_path / "b", plain, resume=False, progress=Silent(), base=Path(shipped))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scope", ["head", "decoder"])
def test_metatraining_moves_adapted_weights_and_step_sizes_and_nothing_else(cache, pretrained, tmp_path, scope):
    made = metatrained_from(cache, pretrained, tmp_path / "m", f"metatrain.scope={scope}")
    before = load_checkpoint(pretrained)
    for name, value in before.weights.items():
        assert torch.equal(value, made.weights[name]) == (name not in made.step_sizes), name
    assert any(name.startswith("decoder.") for name in made.step_sizes) == (scope == "decoder")
    assert all(float(value.min()) > 0 for value in made.step_sizes.values())
    assert any(float(value.std()) > 0 for value in made.step_sizes.values() if value.numel() > 1)
    assert made.parents["from"] == before.sha256


def test_resumed_metatraining_gives_the_weights_of_an_uninterrupted_run(cache, pretrained, tmp_path, monkeypatch):
    whole = metatrained_from(cache, pretrained, tmp_path / "whole")
    with interrupted(monkeypatch, 2):
        metatrained_from(cache, pretrained, tmp_path / "parts")
    parts = metatrained_from(cache, pretrained, tmp_path / "parts", resume=True)
    assert equal(whole.weights, parts.weights) and equal(whole.step_sizes, parts.step_sizes)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
