"""README's commands, as written, and the tables in it that are made from the program."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vadcli.cli.app import COMMANDS
from vadcli.presets import preset_names

README = Path(__file__).parent.parent / "README.md"


def commands(name):
    """The console lines under a `command: NAME` comment, without prompts and comments."""
    block = re.search(
        rf"<!-- command: {name} -->\n```console\n(.*?)```", README.read_text(encoding="utf-8"), re.S
    ).group(1)
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def test_every_command_and_preset_is_named():
    text = README.read_text(encoding="utf-8")
    assert all(f"vad {name}" in text for name in COMMANDS)
    assert all(re.search(rf"\b{re.escape(name)}\b", text) for name in preset_names())


def test_no_figure_is_left_to_fill_in():
    assert not re.search(r"@[A-Z]+@|TODO|XXX", README.read_text(encoding="utf-8"))


def test_the_test_command_is_what_ci_runs():
    ci = (README.parent / ".ci" / "run").read_text(encoding="utf-8")
    install, test = commands("test")[0].split(" && ")
    assert '-e ".[dev]"' in install and '-e ".[dev]"' in ci
    assert shlex.split(test) == ["pytest", "-n", "2"] and f"\n{test} " in ci


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_first_story_runs_as_written(tmp_path):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for line in commands("story"):
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_the_first_command_scores_with_the_model_in_the_package(tmp_path):
    _, *lines = commands("install")[0].split(" && ")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", " && ".join(lines)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"schema":"vad.score/1"' in done.stdout
