"""Shells complete commands, options, choices and paths: the real shells, with the scripts that are shipped."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vadcli.cli.app import COMMANDS
from vadcli.presets import preset_names

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
    """What fish offers at the end of a line."""
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


def test_bash_and_fish_complete_paths_where_nothing_else_is_to_be_said(home):
    assert bash("vad score vi") == []  # `-o default` leaves it to bash, which offers files
    assert fish("vad score vi") == ["video.mp4", "views/"]


def typed(shell, arguments, line, expected, seconds=60):
    """The screen of an interactive shell where a line is typed and TAB pressed until `expected` stands on it."""
    terminal, screens_end = pty.openpty()
    ends = dict.fromkeys(("stdin", "stdout", "stderr"), screens_end)
    environment = os.environ | {"TERM": "dumb"}
    program = subprocess.Popen([shell, *arguments], **ends, env=environment, start_new_session=True)
    screen, pressed, end = "", None, time.monotonic() + seconds
    try:
        while expected not in screen and time.monotonic() < end:
            if select.select([terminal], [], [], 0.5)[0]:
                screen += os.read(terminal, 4096).decode(errors="replace")
            elif "ready> " in screen:
                os.write(terminal, b"\t" if pressed else line.encode())
                pressed = True
    finally:
        program.kill()
        program.wait()
        os.close(terminal)
        os.close(screens_end)
    return screen


def test_install_completion_makes_bash_complete(home):
    """As a user does it: install, open a new shell, type, press TAB."""
    shell = found("bash")
    installed = subprocess.run(
        [shell, "--norc", "-c", "vad --install-completion; true"], capture_output=True, text=True, check=True
    )
    assert "bash completion installed in" in installed.stdout
    script = home / ".bash_completions" / "vad.sh"
    settings = home / ".bashrc"
    assert f"source '{script}'" in settings.read_text()
    settings.write_text(settings.read_text() + "PS1='ready> '\n")
    assert bash("vad score --rec", script) == ["--records"]
    assert "vad score --records" in typed(shell, ["--rcfile", str(settings), "-i"], "vad score --rec", "--records")


def test_zsh_completes_commands_and_options(home):
    shell = found("zsh")
    (home / "functions").mkdir()
    shutil.copy(FOLDER / "_vad", home / "functions")
    (home / ".zshrc").write_text(f"PROMPT='ready> '\nfpath+=({home}/functions)\nautoload -Uz compinit; compinit -u\n")
    assert "vad score --records" in typed(shell, ["-i"], "vad score --rec", "--records")
    assert "metatrain" in typed(shell, ["-i"], "vad met", "metatrain")
