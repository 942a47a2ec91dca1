"""The house stands: imports point downward, files fit one sitting, and `vad --help` loads nothing heavy."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vadcli
from vadcli.cli.app import COMMANDS, load_command, run

PACKAGE = Path(vadcli.__file__).parent
FLOORS = """
    cli | api | tasks | bench | rendering learning | evaluation | scoring synthetic | model footage
    | settings presets plain_yaml processes progress files errors terminal limits interruption __init__
"""
FLOORS = [set(rooms.split()) for rooms in FLOORS.split("|")]
STRANGERS = [("learning", "scoring"), ("learning", "evaluation")]
HEAVY = ("torch", "cv2", "av", "h5py", "sklearn", "scipy", "matplotlib", "numpy", "onnx")
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("vadcli."):
                yield name.split(".")[1]


def floor(name):
    return next(i for i, rooms in enumerate(FLOORS) if name in rooms)


@pytest.mark.parametrize(
    "path", [f for f in FILES if room(f) not in ("__init__", "__main__")], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_point_downward(path):
    here = room(path)
    for other in imported_rooms(path):
        below = floor(other) > floor(here) or floor(here) == len(FLOORS) - 1
        assert other == here or below, f"{here} imports {other}"
        assert (here, other) not in STRANGERS, f"{here} imports {other}"


def test_the_document_of_the_house_has_every_room_on_its_floor():
    floors = (PACKAGE / "README.md").read_text(encoding="utf-8").split("\n## ")[0]
    rows = re.findall(r"^\| ((?:`\w+` )+)\|", floors, re.M)
    documented = [rooms - {"__init__"} for rooms in FLOORS]
    assert [set(re.findall(r"\w+", row)) for row in rows] == documented


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 320


def loaded_by(code):
    code = f"import sys; {code}; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy():
    loaded = loaded_by("from vadcli.cli.app import run; run(['--help'])")
    assert not loaded & {*HEAVY, "pydantic"}  # which is not forbidden, but a quarter of the time


def test_a_command_module_loads_nothing_heavy_and_scoring_nothing_that_a_first_record_does_not_need():
    assert not loaded_by(", ".join(["import vadcli", *(f"vadcli.cli.{name}" for name in COMMANDS)])) & set(HEAVY)
    others = {"scipy", "sklearn", "matplotlib", "jinja2", "pandas", "onnx", "onnxruntime"}
    assert not loaded_by("import vadcli.tasks.score") & others


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_and_its_options_have_help(name, capsys):
    command = load_command(name)
    assert command.help.startswith(COMMANDS[name]), "the first line is the one that `vad --help` shows"
    assert "Examples:" in command.help and f"vad {name}" in command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name}"
    assert run([name, "--help"]) == 0
    assert name in capsys.readouterr().out
