"""The program around the commands: exit codes, one line for every failure, and a report for a defect of ours."""

import re
from pathlib import Path

import pytest

from vadcli import __version__
from vadcli.cli import app
from vadcli.errors import CheckpointError, GateFailed, InputError


def failing(monkeypatch, error):
    def command():
        """Fail."""
        raise error

    monkeypatch.setattr(
        app.importlib, "import_module", lambda name: type("module", (), {"command": staticmethod(command)})
    )


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InputError("a.mp4: not found. Check the path."), 2, "vad: a.mp4: not found. Check the path.\n"),
        (CheckpointError("m: damaged"), 3, "vad: m: damaged\n"),
        (GateFailed("an event"), 1, "vad: an event\n"),
        (KeyboardInterrupt(), 130, "vad: interrupted\n"),
        (OSError(28, "No space left on device", "out.h5"), 2, "vad: out.h5: No space left on device."),
        (OSError(36, "File name too long", "aaa"), 2, "vad: aaa: File name too long."),
        (OSError(20, "Not a directory", "a.mp4/x"), 2, "vad: a.mp4/x: Not a directory."),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(monkeypatch, capsys, error, code, text):
    failing(monkeypatch, error)
    assert app.run(["info"]) == code
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith(text) and len(printed.err.splitlines()) == 1


def test_a_defect_of_ours_says_where_its_report_is(monkeypatch, capsys):
    failing(monkeypatch, ZeroDivisionError("oops"))
    assert app.run(["info"]) == 70
    error = capsys.readouterr().err
    report = Path(re.search(r"send us (\S+)\.$", error.strip()).group(1))
    assert "ZeroDivisionError" in report.read_text() and "Traceback" not in error
    report.unlink()


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["info"], ["info", "--nope"], ["--nope"], ["adapt", "x", "--shots", "ten"]]
)
def test_bad_usage_is_one_line_that_names_the_help(capsys, arguments):
    assert app.run(arguments) == 2
    error = capsys.readouterr().err
    assert "--help`" in error and len(error.splitlines()) == 1


def test_version_and_bare_call(capsys):
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"vad {__version__}"
    assert app.run([]) == 0
    assert "prepare" in capsys.readouterr().out
