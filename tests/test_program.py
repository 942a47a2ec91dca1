"""The program around the commands: exit codes, one line for every failure, and a report for a defect of ours."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from vadcli import __version__
from vadcli.cli import app, console
from vadcli.errors import CheckpointError, GateFailed, InputError


def failing(monkeypatch, error):
    def command():
        """Fail."""
        raise error

    only = typer.Typer(add_completion=False)
    only.command("info")(command)
    monkeypatch.setattr(app, "load_command", lambda name: typer.main.get_command(only))


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InputError("a.mp4: not found. Check the path."), 2, "vad: a.mp4: not found. Check the path.\n"),
        (CheckpointError("m: damaged"), 3, "vad: m: damaged\n"),
        (InputError("a\nforged", "b"), 2, "vad: a\\nforged\nb\n"),
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
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(text) and err.count("\n") == text.rstrip().count("\n") + 1


def test_a_defect_of_ours_says_where_its_report_is(monkeypatch, capsys):
    failing(monkeypatch, ZeroDivisionError("oops"))
    assert app.run(["info"]) == 70
    error = capsys.readouterr().err
    report = Path(re.search(r"send us (\S+)\.$", error.strip()).group(1))
    assert "ZeroDivisionError" in report.read_text() and "Traceback" not in error
    report.unlink()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sore"], "sore: no such command. Did you mean `vad score`?"),
        (["video.mp4"], "video.mp4: no such command. Did you mean `vad score video.mp4`?"),
        (["my video.mp4", "-q"], "Did you mean `vad score 'my video.mp4' -q`?"),
        (["rtsp://camera/live"], "Did you mean `vad score rtsp://camera/live`?"),
        (["c.h5"], "Did you mean `vad eval c.h5`?"),
        (["gate.safetensors"], "Did you mean `vad info gate.safetensors`?"),
        (["score", "x.mp4", "--adapter", "nosuch"], "nosuch: no such adapter. Make one with `vad adapt NORMAL-VIDEO"),
        (["score", "x.mp4", "--threshold", "abc"], "--threshold abc: must be a number. See `vad score --help`."),
        (["score", "x.mp4", "--shots", "0"], "--shots 0: must be at least 1. See"),
        *(
            (["score", "x.mp4", "--shard", text], "expected I/N with I from 0 to N - 1")
            for text in ("1", "1/", "/2", "2/2", "0/0", "a/b", "1/2/3", "0.5/2")
        ),
        (["score", "x.mp4", "--fps", "0"], "--fps: source.fps = 0.0: must be greater than 0"),
        (["score", "x.mp4", "--set", "score.batch_size=-1"], "score.batch_size = -1: must be at least 1"),
        (["score", "x.mp4", "--set", "score.batch_size=1.5"], "must be a whole number"),
        (["score", "x.mp4", "--set", "score=3"], "must be a section with settings in it"),
        (["score", "x.mp4", "--set", "span.join=perhaps"], "must be true or false"),
        (["score", "x.mp4", "--set", "span.began=x"], "must be a day and time, as in 2025-11-25T10:00:00"),
        (["pretrain", "c.h5", "--set", "model.size=17"], "must be a multiple of 8"),
        (["pretrain", "c.h5", "--set", "model.size=[8, 8, 8]"], "must have at most 2 values"),
        (["pretrain", "c.h5", "--set", "model.channels=2"], "must be 1 or 3"),
        (["eval", "c.h5", "--set", "eval.recalls=3"], "must be a list"),
        (["zones", "x.mp4", "--only", "x"], "a polygon is points x,y in shares"),
        (["zones", "x.mp4", "--only", "0,0"], "must have at least 2 values, and has 1"),
    ],
)
def test_bad_usage_is_answered_in_plain_words_with_the_cure(capsys, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    Path("x.mp4").touch()
    assert app.run(arguments) == 2
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1
    assert not re.search(r"[Ii]nput should|[Vv]alue error|unable to|valid ", error), "pydantic's own words"


def test_version_and_bare_call(capsys):
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"vad {__version__}"
    assert app.run([]) == 0
    assert "prepare" in capsys.readouterr().out


FORGED = "a\x1b[2J\x07\nvad: all is well\r\x9b31m\u202e\udc80.mp4"
ESCAPED = r"a\x1b[2J\x07\nvad: all is well\r\x9b31m\u202e\udc80.mp4"


@pytest.mark.parametrize("error", [InputError(f"{FORGED}: not found."), OSError(2, "No such file", FORGED)])
def test_a_name_neither_commands_the_terminal_nor_forges_a_line(monkeypatch, capsys, error):
    failing(monkeypatch, error)
    assert app.run(["info"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"vad: {ESCAPED}: ") and told.count("\n") == 1


def test_a_name_in_notes_progress_and_data_on_a_terminal_is_printable(monkeypatch, capsys):
    with console.progress() as progress:
        progress.note(FORGED)
        progress.start(FORGED)
        progress.advance(1)
    console.hint(FORGED, quiet=False)
    told = capsys.readouterr().err
    assert told.count(ESCAPED) == 3 and told.count("\n") == 3
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    console.tell("1\x1b[2J\n2")
    assert capsys.readouterr().out == "1\\x1b[2J\n2\n"


def caused_by(cause):
    error = RuntimeError("could not be read")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        (MemoryError(), "out of memory"),
        (OSError(12, "Cannot allocate memory"), "out of memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "out of memory"),
        (RuntimeError("std::bad_alloc"), "out of memory"),
        (caused_by(MemoryError()), "out of memory"),
        (OSError(24, "Too many open files", "a.h5"), "too many open files"),
        (RuntimeError("can't start new thread"), "no more threads"),
    ],
)
def test_a_limit_of_the_machine_is_named_and_no_defect_of_ours(monkeypatch, capsys, error, limit):
    failing(monkeypatch, error)
    assert app.run(["info"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"vad: {limit}: the limit") and told.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on memory is as Linux has it")
def test_too_little_memory_is_named(make_video):
    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))

    command = [sys.executable, "-m", "vadcli", "score", "-q", make_video()]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited, check=False)
    assert ended.returncode == 2 and "the limit is 300 MiB (`ulimit -v`)" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_command_that_shares_no_work_refuses_torchrun_and_says_so_once(vad, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("vadcli.cli.app.time.sleep", lambda seconds: None)
    monkeypatch.setattr("vadcli.cli.app.signal.signal", lambda *handler: None)
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        answer = vad("score", "x.mp4")
        assert answer.code == 2 and ("does not share work" in answer.err) == (rank == "0")
