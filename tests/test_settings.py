"""Settings and where they come from: precedence, and every problem reported at once with where it stands."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadcli.errors import SettingsError
from vadcli.presets import load_settings, preset_names, variables
from vadcli.settings import SECTIONS, Section, Settings

KEYS = [(section, key) for section in SECTIONS for key in SECTIONS[section].model_fields]


def test_every_preset_of_the_contract_is_there_and_valid():
    assert set(preset_names()) >= {"paper", "ped1", "ped2", "avenue", "shanghaitech", "ucf-crime", "edge", "smoke"}
    for settings in map(load_settings, preset_names()):
        assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_all_problems_of_a_preset_are_told_at_once_with_their_lines(tmp_path):
    preset = tmp_path / "wrong.yaml"
    preset.write_text("pretrain:\n  learning_rat: 1\n  batch_size: many\nmodel:\n  size: 17\nfoo: 3\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(preset, ["adapt.shots=0"])
    text = str(caught.value)
    for expected in (
        f"{preset}:2: unknown setting pretrain.learning_rat. Did you mean learning_rate?",
        f"{preset}:3: pretrain.batch_size",
        f"{preset}:5: model.size",
        f"{preset}:6: unknown setting foo",
        "--set adapt.shots: adapt.shots = 0",
    ):
        assert expected in text
    assert len(text.splitlines()) == 5


def bomb():
    levels = "".join(f"{name}: &{name} [{','.join(['*' + below] * 9)}]\n" for below, name in pairwise("abcdefghi"))
    return f'a: &a ["x"]\n{levels}model: *i\n'


NOT_PLAIN = {
    "no YAML": ("a: [1\n", 2, "not valid YAML"),
    "no sections": ("- 1\n", 1, "expected sections"),
    "a preset that is not there": ("extends: nowhere\n", None, "preset nowhere: not found"),
    "an empty value": ("model:\n  width:\n", 2, "model.width has no value. Give one, or null for none."),
    "a carriage return for a value": ("prepare: {channels: \r, codec: raw}\n", 1, "prepare.channels has no value"),
    "a tag": ("pretrain:\n  max_steps: !foo 3\n", 2, "tags such as !foo are not read"),
    "a bomb of aliases": (bomb(), 1, "anchors and aliases (& and *) are not read"),
    "lists without end": ("model: " + "[" * 20_000, 1, "nested deeper than 16 levels"),
    "an integer beyond what Python reads": ("model:\n\n width: " + "9" * 6000, 3, "a value of 6000 characters"),
    "an impossible date": ("model: {width: 2020-13-45}\n", 1, "model.width = '2020-13-45'"),
    "a key set twice": ("model:\n  width: 4\n  width: 8\n", 3, "model.width is set twice. Keep one."),
    "a list for a key": ("model: {[1, 2]: 3}\n", 1, "a list or section where a name belongs"),
    "a zero byte": ("model:\n  width: 4\0\n", 2, "not valid YAML (special characters are not allowed)"),
    "an escaped escape sequence": (r'model: {"\e[31m": 4}', 1, r"unknown setting model.\x1b[31m"),
    "infinity": ("score: {threshold: .inf}\n", 1, "score.threshold = inf"),
    "a file of another kind": ("x" * (1 << 18) + "y", None, "no file of settings"),
    "a list that a preset extends": ("extends: [smoke]\n", 1, "extends names one preset"),
    "a name too long": (f"extends: {'n' * 300}\n", None, "not found. Use a YAML file or one of"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", NOT_PLAIN)
def test_what_is_no_plain_value_is_refused_in_one_line_with_its_place(tmp_path, kind):
    text, line, problem = NOT_PLAIN[kind]
    preset = tmp_path / "p.yaml"
    preset.write_text(text, newline="")
    with pytest.raises(SettingsError) as caught:
        load_settings(preset)
    told = str(caught.value)
    assert problem in told and "\n" not in told and len(told) < 500
    assert line is None or told.startswith(f"{preset}:{line}: ")


@pytest.mark.parametrize(
    ("assigned", "problem"),
    [
        ("pretrain.seed", "expected section.key=value, as in"),
        ("model.width=", "--set model.width: no value. Write null for none."),
        ("model={width: }", "--set model: width has no value"),
        ("model.width=!foo 3", "tags such as !foo"),
        ("model.width=4\0", "--set model.width: not valid YAML"),
        ("model={width: 4, width: 4}", "width is set twice"),
        ("\x1b[31m.x\ny=3", r"--set \x1b[31m.x\ny: unknown setting"),
        ("=3", "unknown setting"),
        *((f"eval.recalls={recalls}", "eval.recalls") for recalls in ("[0.5, 1.5]", "[0]", "[.nan]")),
    ],
)
def test_an_assignment_keeps_to_the_same_rules(assigned, problem):
    with pytest.raises(SettingsError) as caught:
        load_settings(None, [assigned])
    assert problem in str(caught.value) and "\n" not in str(caught.value)


def test_of_two_assignments_the_later_counts_and_a_section_leaves_its_other_values_alone():
    got = load_settings("smoke", ["pretrain.seed=2", "pretrain={seed: 3}"]).pretrain
    assert (got.seed, got.max_steps) == (3, load_settings("smoke").pretrain.max_steps)


def test_a_section_with_nothing_in_it_is_none_and_a_value_for_one_is_named(tmp_path):
    (tmp_path / "p.yaml").write_text("pretrain:\n#  seed: 3\nmodel: {}\n")
    assert load_settings(tmp_path / "p.yaml") == Settings()
    (tmp_path / "p.yaml").write_text("model: 5\n")
    with pytest.raises(SettingsError, match=r"p\.yaml:1: model = 5"):
        load_settings(tmp_path / "p.yaml", ["model.width=4"])


@pytest.mark.parametrize("links", [1, 2, 3])
def test_presets_that_extend_each_other_in_a_circle_are_refused(tmp_path, links):
    for number in range(links):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {tmp_path}/./{(number + 1) % links}.yaml\n")
    with pytest.raises(SettingsError, match="extends itself"):
        load_settings(tmp_path / "0.yaml")


@given(st.integers(2, 100), st.integers(2, 100))
def test_a_size_is_read_in_every_way_it_can_be_written(height, width):
    height, width = 8 * height, 8 * width
    expected = (height, width)
    assert load_settings(None, [f"model.size={height}x{width}"]).model.size == expected
    assert load_settings(None, [f"model.size=[{height}, {width}]"]).model.size == expected
    assert load_settings(None, [f"model.size={height}"]).model.size == (height, height)


def test_every_setting_has_a_help_text_and_a_valid_default():
    for name, section in SECTIONS.items():
        assert issubclass(section, Section)
        for key, field in section.model_fields.items():
            assert field.description, f"{name}.{key}"
        section.model_validate(section().model_dump())


def test_polygons_are_points_in_shares_of_the_picture():
    got = load_settings(None, ["source.only=['0,0 1,0 1,0.5']"], {"source.ignore": ["0,0;0.5,0.25", "0,0 1,0 1,1 0,1"]})
    named = load_settings(None, (), {"source.ignore": ["the sky=0,0 1,0.1"]}).source.ignore
    assert named == (((0, 0), (1, 0.1)),) and named[0].name == "the sky"
    assert got.source.ignore == (((0, 0), (0.5, 0.25)), ((0, 0), (1, 0), (1, 1), (0, 1)))
    assert got.source.only == (((0, 0), (1, 0), (1, 0.5)),)
    assert type(got.source).model_validate_json(got.source.model_dump_json()) == got.source
    for bad in ("0,0", "0,0 2,2", "0,0 a,b", "0 1 2", ""):
        with pytest.raises(SettingsError, match="--ignore"):
            load_settings(None, (), {"source.ignore": [bad]})


def test_moments_are_seconds_or_times_of_day():
    for text, seconds in (("90", 90), ("1:30", 90), ("01:00:00.5", 3600.5)):
        assert load_settings(None, (), {"span.start": text}).span.start == seconds
    assert load_settings(None, (), {"span.end": "2025-11-25T10:00"}).span.end.hour == 10
    for bad in ("noon", "-5", "1:x", "2025-13-25T10:00"):
        with pytest.raises(SettingsError, match="--start"):
            load_settings(None, (), {"span.start": bad})


@pytest.fixture
def config(tmp_path, monkeypatch):
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
    preset.write_text("extends: smoke\npretrain: {batch_size: 4, seed: 4, epochs: 4}\n")
    flags = {"pretrain.epochs": 6, "pretrain.batch_size": None}
    got = load_settings(preset, ["pretrain.seed=5", "pretrain.epochs=5"], flags).pretrain
    found = (got.epochs, got.seed, got.batch_size, got.stride, got.max_steps, got.checkpoint_seconds)
    assert found == (6, 5, 4, 3, 40, 60)


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


def test_variables_of_other_programs_are_left_alone_and_one_that_is_nearly_a_setting_is_refused(monkeypatch):
    for name in ("VAD_DATA", "VAD_AGGRESSIVENESS", "VADER", "VAD_"):
        monkeypatch.setenv(name, "[")
    assert load_settings() == Settings()
    for name, problem in (
        ("VAD_TRESHOLD", "no setting has this name. Did you mean VAD_THRESHOLD?"),
        ("VAD_THRESHOLD", "not valid YAML ("),
    ):
        with monkeypatch.context() as patch, pytest.raises(SettingsError) as caught:
            patch.setenv(name, "[1")
            load_settings()
        assert str(caught.value).startswith(f"{name}: {problem}")


def test_a_config_file_extends_a_preset_and_a_relative_config_home_is_the_one_in_the_home_folder(
    config, tmp_path, monkeypatch
):
    config.write_text("extends: edge\nmodel: {width: 8}\n")
    settings = load_settings()
    assert settings.model.width == 8 and settings.pretrain == load_settings("edge").pretrain
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setenv("XDG_CONFIG_HOME", tmp_path.name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_settings() == Settings()
    config.parent.rename((tmp_path / ".config").mkdir() or tmp_path / ".config" / "vad")
    assert load_settings() == settings
