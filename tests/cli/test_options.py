"""Flags: made from settings, the same in every command, and with the choices of the floor below."""

import importlib
import inspect
import re
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin

import pytest

from vadcli.cli.app import COMMANDS, load_command
from vadcli.cli.eval import Protocol, Table
from vadcli.cli.prepare import Layout
from vadcli.evaluation.protocols import PROTOCOLS
from vadcli.evaluation.published import TABLES
from vadcli.footage.layouts import LAYOUTS
from vadcli.settings import Settings

# Flags whose value means another thing in one command: a list, a side in pixels, another rate, another file.
OTHER_TYPE = {
    ("eval", "--shots"), ("demo", "--size"), ("demo", "--fps"), ("eval", "--fps"), ("score", "--adapter"),
    ("export", "--format"),
}  # fmt: skip


def options(name):
    return {max(p.opts, key=len): p for p in load_command(name).params if p.opts[0].startswith("-")}


def kind(name, option):
    """The type of a flag's value, as the command declares it."""
    declared = inspect.signature(importlib.import_module(f"vadcli.cli.{name}").command).parameters[option.name]
    base = get_args(declared.annotation)[0]
    return (set(get_args(base)) if get_origin(base) in (Union, UnionType) else {base}) - {NoneType}


def test_an_option_has_one_short_form_and_one_type_in_every_command():
    seen = {}
    for name in COMMANDS:
        for flag, option in options(name).items():
            short = [text for text in option.opts if not text.startswith("--")]
            if option.name == "help":
                continue
            first, its_short, its_kind = seen.setdefault(flag, (name, short, kind(name, option)))
            assert short == its_short, f"{flag} of {name} and {first}"
            assert {(name, flag), (first, flag)} & OTHER_TYPE or kind(name, option) == its_kind, (flag, name, first)


def test_common_options_have_one_help_text():
    common = ("--device", "--precision", "--seed", "--preset", "--set", "--quiet", "--model", "--json", "--mask-top")
    for flag in common:
        helps = {
            name: options(name)[flag].help.split(" [dim]")[0]
            for name in COMMANDS
            if flag in options(name) and name != "demo"
        }
        assert len(helps) > 1 and len(set(helps.values())) == 1, flag


def test_a_flag_has_the_choices_default_and_help_of_its_setting():
    device = options("score")["--device"]
    assert device.help == r"Where to compute. [dim]\[default: auto][/]"
    assert kind("score", device) == {Literal["auto", "cpu", "cuda"]}
    assert kind("pretrain", options("pretrain")["--max-steps"]) == {int}
    assert kind("score", options("score")["--threshold"]) == {float} and Settings().score.threshold is None
    assert "default" not in options("score")["--threshold"].help


@pytest.mark.parametrize("name", COMMANDS)
def test_options_with_a_panel_are_the_most_of_a_long_help(name, vad):
    shown = vad(name, "--help").out
    assert len(options(name)) < 8 or shown.count("╭─") >= 4
    assert not re.search(r"[\w>]…", shown), "a name is cut off at 80 columns"


def test_choices_of_eval_and_prepare_are_those_of_the_floor_below():
    assert get_args(Protocol) == tuple(PROTOCOLS)
    assert set(get_args(Layout)) == set(LAYOUTS)
    assert get_args(Table) == TABLES


def test_the_shipped_models_place_is_taken_from_the_environment(vad, monkeypatch, make_video):
    monkeypatch.setenv("VAD_MODEL", "gone.safetensors")
    answer = vad("score", make_video())
    assert answer.code in (2, 3) and "gone.safetensors" in answer.err
    answer = vad("eval", "--scores", "gone.npy", "--labels", "l.npy")
    assert "gone.npy: no such scores" in answer.err, "a variable is no flag to be refused"


def test_a_value_that_is_no_choice_is_told_with_the_choices(vad):
    for arguments in (["eval", "c.h5", "--score", "fo"], ["score", "v.mp4", "--device", "gpu"]):
        answer = vad(*arguments)
        assert answer.code == 2 and "is not one of" in answer.err and "Value error" not in answer.err
