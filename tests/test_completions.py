"""Completions are those of the commands, and the shells take them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vadcli.cli.app import COMMANDS, load_command
from vadcli.cli.completions import describe, scripts
from vadcli.presets import preset_names

FOLDER = Path(__file__).parent.parent / "completions"


def test_committed_completions_are_current():
    for name, text in scripts().items():
        made = "python -m vadcli.cli.completions completions"
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"completions/{name} is old. Run: {made}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_every_command_is_completed(command: str):
    real = {name for p in load_command(command).params for name in [*p.opts, *p.secondary_opts] if name[0] == "-"}
    described = {name for option in describe(command)[0] for name in option.names}
    assert described == real | {"--help", "-h"}


def run_bash(line: str, folder: Path) -> list[str]:
    """What bash offers at the end of a line."""
    words = line.split(" ")
    script = f"""
        source {FOLDER / "vad.bash"}
        compopt() {{ :; }}
        COMP_WORDS=({" ".join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}
        _vad; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    program = shutil.which("bash") or pytest.skip("needs bash")
    answer = subprocess.run([program, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    return answer.stdout.split()


def test_bash_offers_commands_options_formats_presets_settings_and_paths(tmp_path):
    (tmp_path / "video.mp4").touch()
    (tmp_path / "my.yaml").touch()
    assert run_bash("vad sc", tmp_path) == ["score"]
    assert run_bash("vad score --format ", tmp_path) == ["ndjson", "csv", "json", "table", "srt", "vtt"]
    assert run_bash("vad score --rec", tmp_path) == ["--records"]
    assert run_bash("vad score vi", tmp_path) == ["video.mp4"]
    assert run_bash("vad score --preset ", tmp_path) == preset_names()
    assert run_bash("vad score --preset my", tmp_path) == ["my.yaml"]
    assert run_bash("vad score --set score.sm", tmp_path) == ["score.smooth_seconds="]
    assert run_bash("vad score --threshold ", tmp_path) == []


def test_fish_offers_commands_options_formats_and_presets(tmp_path):
    program = shutil.which("fish") or pytest.skip("needs fish")

    def offered(line: str) -> list[str]:
        script = f"source {FOLDER / 'vad.fish'}; complete -C '{line}'"
        environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        answer = subprocess.run(
            [program, "--no-config", "-c", script], cwd=tmp_path, capture_output=True, text=True, env=environment
        )
        return [text.split("\t")[0] for text in answer.stdout.splitlines()]

    assert offered("vad sc") == ["score"]
    assert offered("vad score --format ") == sorted(["ndjson", "csv", "json", "table", "srt", "vtt"])
    assert offered("vad score --rec") == ["--records"]
    assert set(preset_names()) <= set(offered("vad pretrain --preset "))


@pytest.mark.parametrize(("shell", "file"), [("bash", "vad.bash"), ("zsh", "_vad"), ("fish", "vad.fish")])
def test_shells_parse_their_completions(shell: str, file: str):
    program = shutil.which(shell) or pytest.skip(f"needs {shell}")
    answer = subprocess.run([program, "-n", FOLDER / file], capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
