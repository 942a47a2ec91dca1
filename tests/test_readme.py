"""README's commands, as written, and the tables in it that are made from the program."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from vadcli.cli.app import COMMANDS
from vadcli.presets import preset_names

README = Path(__file__).parent.parent / "README.md"


DOCUMENTS = [README, *sorted(p for p in README.parent.glob("*/**/README.md") if ".venv" not in p.parts)]


def document_id(path):
    return str(path.relative_to(README.parent))


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


def test_readme_is_read_in_one_sitting():
    assert len(README.read_text(encoding="utf-8").splitlines()) < 250


@pytest.mark.parametrize("document", DOCUMENTS, ids=document_id)
def test_every_link_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        if "://" in target:
            continue
        there = (document.parent / path) if path else document
        assert there.exists(), f"{document_id(document)}: {target}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
            assert heading in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles], target


@pytest.mark.parametrize("document", DOCUMENTS, ids=document_id)
def test_every_block_of_commands_is_run_or_says_why_not(document):
    lines = document.read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if re.match(r"```(console|sh|bash|yaml)$", line):
            assert re.match(r"<!-- (command: \w+|not run: .+) -->$", before), f"{document_id(document)}: {line}"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_recipes_run_as_written_one_after_the_other(tmp_path):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    blocks = re.findall(r"<!-- command: recipe -->\n```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert len(blocks) > 5
    for block in blocks:
        if any(re.search(rf"\b{tool} -", block) and not shutil.which(tool) for tool in ("jq", "ffmpeg")):
            continue  # another program than ours is missing here
        done = subprocess.run(
            ["bash", "-c", block], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, f"{block}\n{done.stderr}"
