"""Presets, `--set` and flags: precedence, and every problem reported at once with where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadcli.errors import SettingsError
from vadcli.presets import load_settings, preset_names
from vadcli.settings import Section, Settings


def test_every_preset_of_the_contract_is_there_and_valid():
    assert set(preset_names()) >= {"paper", "ped1", "ped2", "avenue", "shanghaitech", "ucf-crime", "edge", "smoke"}
    for name in preset_names():
        assert isinstance(load_settings(name), Settings)


def test_paper_presets_differ_from_paper_only_where_they_say_so():
    assert load_settings("ped2") == load_settings("paper")
    assert load_settings("shanghaitech").pretrain.epochs == 10


def test_precedence_is_flag_then_set_then_preset_then_default(tmp_path):
    preset = tmp_path / "p.yaml"
    preset.write_text("extends: smoke\npretrain: {batch_size: 6, seed: 1, epochs: 2}\n")
    got = load_settings(
        preset, ["pretrain.seed=2", "pretrain.epochs=3"], {"pretrain.epochs": 4, "pretrain.stride": None}
    ).pretrain
    assert (got.max_steps, got.batch_size, got.seed, got.epochs, got.stride) == (40, 6, 2, 4, 1)


@pytest.mark.parametrize("recalls", ["[0.5, 1.5]", "[0]", "[-0.1]", "[.nan]"])
def test_recalls_are_above_0_and_at_most_1(recalls):
    with pytest.raises(SettingsError, match=r"eval\.recalls"):
        load_settings(None, [f"eval.recalls={recalls}"])
    assert load_settings(None, ["eval.recalls=[0.3, 1]"]).eval.recalls == (0.3, 1.0)


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\n", "not valid YAML"),
        ("- 1\n", "expected sections"),
        ("extends: nowhere\n", "preset nowhere: not found"),
    ],
)
def test_a_file_that_is_no_preset_is_refused(tmp_path, text, expected):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(SettingsError, match=expected):
        load_settings(tmp_path / "p.yaml")


def test_a_preset_that_extends_itself_is_refused(tmp_path):
    (tmp_path / "p.yaml").write_text(f"extends: {tmp_path / 'p.yaml'}\n")
    with pytest.raises(SettingsError, match="extends itself"):
        load_settings(tmp_path / "p.yaml")


def test_set_needs_a_key_and_a_value():
    with pytest.raises(SettingsError, match=r"expected section\.key=value"):
        load_settings(None, ["pretrain.seed"])


@given(st.integers(2, 100), st.integers(2, 100))
def test_a_size_is_read_in_every_way_it_can_be_written(height, width):
    height, width = 8 * height, 8 * width
    expected = (height, width)
    assert load_settings(None, [f"model.size={height}x{width}"]).model.size == expected
    assert load_settings(None, [f"model.size=[{height}, {width}]"]).model.size == expected
    assert load_settings(None, [f"model.size={height}"]).model.size == (height, height)


def test_settings_survive_a_round_trip_through_json():
    settings = load_settings("edge")
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_every_setting_has_a_help_text_and_a_valid_default():
    for name, field in Settings.model_fields.items():
        section = getattr(Settings(), name)
        assert isinstance(section, Section), field
        for key, inner in type(section).model_fields.items():
            assert inner.description, f"{name}.{key}"
        type(section).model_validate(section.model_dump())


def test_polygons_are_points_in_shares_of_the_picture():
    got = load_settings(None, ["source.only=['0,0 1,0 1,0.5']"], {"source.ignore": ["0,0;0.5,0.25", "0,0 1,0 1,1 0,1"]})
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
