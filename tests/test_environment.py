"""Settings from the environment and from the user's config file, and where they stand among the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadcli.environment import variables
from vadcli.errors import SettingsError
from vadcli.presets import load_settings
from vadcli.settings import Settings

KEYS = [(section, key) for section in Settings.model_fields for key in type(getattr(Settings(), section)).model_fields]


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The user's config file, empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "vad" / "config.yaml"
    path.parent.mkdir()
    path.touch()
    return path


def test_precedence_is_flag_set_preset_environment_config_default(config, tmp_path, monkeypatch):
    config.write_text("pretrain: {batch_size: 2, seed: 2, epochs: 2, stride: 2, max_steps: 2}\n")
    for name in ("BATCH_SIZE", "SEED", "EPOCHS", "STRIDE"):
        monkeypatch.setenv(f"VAD_PRETRAIN_{name}", "3")
    preset = tmp_path / "p.yaml"
    preset.write_text("pretrain: {batch_size: 4, seed: 4, epochs: 4}\n")
    got = load_settings(preset, ["pretrain.seed=5", "pretrain.epochs=5"], {"pretrain.epochs": 6}).pretrain
    assert (got.epochs, got.seed, got.batch_size, got.stride, got.max_steps, got.log_every) == (6, 5, 4, 3, 2, 20)


def test_a_variable_without_a_section_counts_for_every_command_and_one_with_a_section_wins(monkeypatch):
    monkeypatch.setenv("VAD_SCORE_DEVICE", "cpu")
    monkeypatch.setenv("VAD_DEVICE", "cuda")
    monkeypatch.setenv("VAD_SIZE", "64x96")
    monkeypatch.setenv("VAD_THRESHOLD", "")
    settings = load_settings()
    assert (settings.score.device, settings.adapt.device, settings.pretrain.device) == ("cpu", "cuda", "cuda")
    assert settings.prepare.size == settings.model.size == (64, 96)
    assert settings.score.threshold is None


@given(st.sampled_from(KEYS))
def test_every_setting_has_its_own_variable(key):
    (found,) = variables({f"VAD_{'_'.join(key).upper()}": "1"})
    assert (found.key, found.value) == (key, 1)


def test_all_mistakes_are_told_at_once_with_where_they_stand(config, monkeypatch):
    config.write_text("score:\n  release: none\n")
    monkeypatch.setenv("VAD_DEVICE", "gpu")
    monkeypatch.setenv("VAD_SCORE_THRESHLD", "1")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    for expected in (
        f"{config}:2: score.release = 'none': ",
        "VAD_DEVICE: pretrain.device = 'gpu': must be 'auto', 'cpu' or 'cuda'",
        "VAD_SCORE_THRESHLD: unknown setting score.threshld. Did you mean threshold?",
    ):
        assert any(line.startswith(expected) for line in lines), expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("VAD_TRESHOLD", "1", "VAD_TRESHOLD: no setting has this name. Did you mean VAD_THRESHOLD?"),
        ("VAD_THRESHOLD", "[1", "VAD_THRESHOLD: not valid YAML ("),
    ],
)
def test_a_variable_that_is_nearly_a_setting_is_refused(monkeypatch, name, text, expected):
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(expected)


def test_variables_of_other_programs_are_left_alone(monkeypatch):
    for name in ("VAD_DATA", "VAD_AGGRESSIVENESS", "VADER", "VAD_"):
        monkeypatch.setenv(name, "[")
    assert load_settings() == Settings()


def test_a_relative_config_home_counts_for_nothing(config, tmp_path, monkeypatch):
    config.write_text("score: {warmup: 3}\n")
    assert load_settings().score.warmup == 3
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setenv("XDG_CONFIG_HOME", tmp_path.name)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    assert load_settings() == Settings()


def test_a_config_file_may_stand_in_the_home_folder_and_extend_a_preset(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".config" / "vad").mkdir(parents=True)
    (tmp_path / ".config" / "vad" / "config.yaml").write_text("extends: edge\nmodel: {width: 8}\n")
    settings = load_settings()
    assert settings.model.width == 8 and settings.pretrain == load_settings("edge").pretrain
