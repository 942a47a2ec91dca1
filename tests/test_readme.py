"""The documents: their commands run as written, their links and paths lead somewhere, README fits one sitting.

A block of commands stands under one of two marks. `<!-- command: NAME -->`: a test here runs it. `<!-- not run: WHY
-->`: no test does. Options are looked up in every block, and in the commands of running text.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vadcli.cli.app import COMMANDS, load_command
from vadcli.presets import preset_names

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted(path for room in ("vadcli", "presets", "tests") for path in (ROOT / room).rglob("*.md"))]
ONE_AFTER_THE_OTHER = ("story", "recipe", "train")
RUN = {"install", "test", *ONE_AFTER_THE_OTHER}
BLOCK = re.compile(r"^([^\n]*)\n```(console|sh|bash|yaml)\n(.*?)^```", re.M | re.S)
of_every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(document):
    return document.read_text(encoding="utf-8")


def scripts(*names):
    """README's blocks under `command: NAME`, in order, as the shell takes them: without prompts and output."""
    for mark, language, text in BLOCK.findall(text_of(README)):
        if (found := re.fullmatch(r"<!-- command: (\w+) -->", mark)) and found[1] in names:
            lines = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
            yield text if language == "sh" else "\n".join(lines)


def run(script, folder):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, f"{script}\n{done.stderr}"
    return done.stdout


def test_readme_is_read_in_one_sitting():
    assert len(text_of(README).splitlines()) < 200


def test_every_command_and_preset_is_named():
    text = text_of(README)
    assert all(f"vad {name}" in text for name in COMMANDS)
    assert all(re.search(rf"\b{re.escape(name)}\b", text) for name in preset_names())


@of_every_document
def test_every_block_of_commands_is_run_or_says_why_not(document):
    for mark, _, text in BLOCK.findall(text_of(document)):
        run_here = re.fullmatch(r"<!-- command: (\w+) -->", mark)
        assert (run_here and run_here[1] in RUN and document == README) or re.fullmatch(
            r"<!-- not run: .+ -->", mark
        ), text


@of_every_document
def test_every_command_that_is_named_has_the_options_it_is_given(document):
    text = text_of(document)
    code = [block.replace("\\\n", " ") for _, _, block in BLOCK.findall(text)]
    code += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", BLOCK.sub("", text))]
    for name, given in re.findall(r"\b(?:vad|-m vadcli) ([a-z]+)\b([^|;&#\n]*)", "\n".join(code)):
        known = {form for parameter in load_command(name).params for form in parameter.opts + parameter.secondary_opts}
        asked = set(re.findall(r"(?<=\s)(--[a-z][a-z-]*|-[a-z])(?=[\s=']|$)", given))
        assert asked <= known, f"vad {name}: {asked - known}"


@of_every_document
def test_every_link_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)]+)\)", text_of(document)):
        path, _, heading = target.partition("#")
        if "://" in target:
            continue
        there = (document.parent / path) if path else document
        assert there.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", text_of(there), re.M)
            assert heading in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles], target


@of_every_document
def test_every_path_of_the_project_exists(document):
    bases = (ROOT, ROOT / "vadcli", document.parent)
    entries = {entry.name for base in bases for entry in base.iterdir()}
    for path in re.findall(r"`([\w.-]+/[\w/.-]*|[a-z_]+\.py)`", text_of(document)):
        if path.split("/")[0] in entries or path.endswith(".py"):
            assert any((base / path).exists() for base in bases), path


def test_the_test_command_is_what_ci_runs():
    ci = text_of(ROOT / ".ci" / "run")
    install, test = next(scripts("test")).split(" && ")
    assert '-e ".[dev]"' in install and '-e ".[dev]"' in ci
    assert shlex.split(test) == ["pytest", "-n", "2"] and f"\n{test} " in ci


@pytest.mark.slow
def test_the_first_command_scores_with_the_model_in_the_package(tmp_path):
    _, rest = next(scripts("install")).split(" && ", 1)
    assert '"schema":"vad.score/1"' in run(rest, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_story_and_the_recipes_run_as_written_one_after_the_other(tmp_path):
    missing = {tool for tool in ("jq", "ffmpeg") if not shutil.which(tool)}  # other people's programs
    for script in scripts(*ONE_AFTER_THE_OTHER):
        if not any(re.search(rf"^\s*{tool}\b", script, re.M) for tool in missing):
            run(script, tmp_path)
    made = ["gate.vtt", "annotated.mp4", "zones.png", "meta.safetensors"]
    made += ["report.html", "events.json"] if "jq" not in missing else []
    assert all((tmp_path / name).exists() for name in made)
    if missing:
        pytest.skip(f"all ran but the recipes that need {' and '.join(sorted(missing))}")
