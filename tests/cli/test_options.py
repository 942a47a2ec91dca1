"""Flags: made from settings, the same in every command, with the choices of the floor below; shells complete them."""

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import Union, get_args, get_origin

import pytest

from vadcli.cli.app import COMMANDS, load_command
from vadcli.cli.eval import Protocol, Table
from vadcli.cli.prepare import Layout
from vadcli.evaluation.protocols import PROTOCOLS
from vadcli.evaluation.published import TABLES
from vadcli.footage.layouts import LAYOUTS
from vadcli.presets import preset_names

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


FOLDER = Path(__file__).parent.parent.parent / "completions"
SCRIPTS = {"bash": "vad.bash", "zsh": "_vad", "fish": "vad.fish"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with two files in it, and a `vad` on the PATH that is this one."""
    program = tmp_path / "bin" / "vad"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vadcli "$@"\n')
    program.chmod(0o755)
    (tmp_path / "video.mp4").touch()
    (tmp_path / "views").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    for name in ("HOME", "ZDOTDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


def found(program):
    return shutil.which(program) or pytest.skip(f"needs {program}, which is not installed here")


def bash(line, script=FOLDER / "vad.bash"):
    """What bash offers at the end of a line: words of the script, or else (`complete -o default`) files."""
    words = line.split(" ")
    code = f"""
        source {script}
        COMP_WORDS=({" ".join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}
        _vad_completion vad {words[-1]!r} {words[-2]!r}
        printf '%s\\n' "${{COMPREPLY[@]}}"
        complete -p vad >&2
    """
    done = subprocess.run([found("bash"), "--norc", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "complete -o default -F _vad_completion vad\n"
    return done.stdout.split()


def fish(line, script=FOLDER / "vad.fish"):
    code = f"source {script}; complete -C '{line}'"
    done = subprocess.run([found("fish"), "--no-config", "-c", code], capture_output=True, text=True, check=True)
    return [text.split("\t")[0] for text in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_committed_scripts_are_those_that_the_program_writes(shell, home):
    write = f"_VAD_COMPLETE=source_{shell} vad | grep ."  # compinit wants `#compdef vad` in the first line
    done = subprocess.run(["sh", "-c", write], capture_output=True, text=True, check=True)
    file = FOLDER / SCRIPTS[shell]
    assert file.read_text() == done.stdout, f"{file.name} is old. Run: {write} > completions/{file.name}"


@pytest.mark.parametrize("offered", [bash, fish])
def test_a_shell_completes_commands_options_choices_presets_and_settings(offered, home):
    assert offered("vad sc") == ["score"]
    assert set(COMMANDS) <= set(offered("vad "))
    assert offered("vad score --rec") == ["--records"]
    assert sorted(offered("vad score --format ")) == sorted(["ndjson", "csv", "json", "table", "srt", "vtt"])
    assert sorted(offered("vad adapt --device ")) == ["auto", "cpu", "cuda"]
    assert sorted(offered("vad eval --score f")) == sorted(["fp", "fr", "fused"])
    assert set(preset_names()) <= set(offered("vad pretrain --preset "))
    assert offered("vad score --set score.sm") == ["score.smooth_seconds="]
