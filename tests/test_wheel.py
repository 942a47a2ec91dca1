"""What people install: the wheel alone is the whole program, and the source archive makes the same wheel."""

import os
import site
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from vadcli.cli.app import COMMANDS

ROOT = Path(__file__).parent.parent
pytest.importorskip("hatchling", reason="needs hatchling, which builds the wheel")
pytest.importorskip("pip", reason="needs pip, which installs it")


def run(*command, cwd, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(source, folder, *kinds):
    """Archives of a source tree, made with the tools of this environment and nothing from the network."""
    run(sys.executable, "-m", "hatchling", "build", *kinds, "-d", folder, cwd=source, PYTHONPATH=":".join(sys.path[1:]))
    return [next(Path(folder).glob(pattern)) for pattern in ("*.whl", "*.tar.gz") if any(Path(folder).glob(pattern))]


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def programs(archives, tmp_path_factory):
    """The programs of an empty environment that the wheel, and what it depends on, was put into."""
    folder = tmp_path_factory.mktemp("user") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    run(*pip, archives[0], cwd=folder)
    installed = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=folder).strip())
    wanted = [*site.getsitepackages(), *(place for place in sys.path if place and Path(place) != ROOT)]
    (installed / "dependencies.pth").write_text("\n".join(dict.fromkeys(wanted)))  # behind the wheel's own packages
    return folder / "bin"


def test_the_wheel_holds_the_presets_weights_pages_and_completions(archives):
    with zipfile.ZipFile(archives[0]) as wheel:
        held = wheel.namelist()
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "vadcli").rglob("*.py")}
    presets = {f"vadcli/_presets/{path.name}" for path in (ROOT / "presets").glob("*.yaml")}
    schemas = {f"vadcli/schemas/{name}.json" for name in ("score", "event", "eval")}
    assert (code | presets | schemas | {"vadcli/weights/edge.safetensors", "vadcli/py.typed"}) <= set(held)
    assert {name.rsplit("/", 1)[1] for name in held if ".data/data/share/" in name} == {"vad", "_vad", "vad.fish"}
    assert not any("tests/" in name or "__pycache__" in name for name in held)


def test_the_source_archive_makes_the_same_wheel(archives, tmp_path):
    with tarfile.open(archives[1]) as source:
        source.extractall(tmp_path, filter="data")
    tree = next(tmp_path.iterdir())
    assert (tree / "tests/golden/mpu_episode.h5").is_file() and (tree / "CHANGELOG.md").is_file()
    again, *_ = build(tree, tmp_path / "again", "-t", "wheel")
    assert again.read_bytes() == archives[0].read_bytes()


@pytest.mark.parametrize("name", ["vad", "vadcli"])
def test_both_programs_of_the_wheel_alone_help_and_score(programs, tmp_path, make_video, name):
    told = run(programs / name, "--help", cwd=tmp_path)
    assert all(command in told for command in COMMANDS)
    assert '"schema":"vad.score/1"' in run(programs / name, "score", make_video(), "-f", "ndjson", cwd=tmp_path)
