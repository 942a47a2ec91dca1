"""Outputs appear whole or not at all."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading

import pytest

from vadcli.errors import InputError
from vadcli.files import check_output, locked, named, temporary_folder, whole


@pytest.mark.parametrize("stem", ["a", "n" * 251])
def test_what_was_written_takes_the_place_of_the_old_and_what_was_written_half_does_not(tmp_path, stem):
    target = tmp_path / f"{stem}.txt"
    target.write_text("old")
    with whole(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]
    (tmp_path / "ordinary").touch()
    assert target.stat().st_mode == (tmp_path / "ordinary").stat().st_mode
    (tmp_path / "ordinary").unlink()
    with pytest.raises(RuntimeError), whole(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]


def test_a_named_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with whole(pipe) as given:
        given.write_text("through")
    reader.join(10)
    assert read == ["through"] and stat.S_ISFIFO(pipe.stat().st_mode) and list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("in.mp4", r"--out \S+in.mp4: would replace \S+in.mp4. Choose another name"),
        ("sub/../in.mp4", r"would replace \S+in.mp4"),
        ("symbolic.mp4", r"would replace \S+in.mp4"),
        ("hard.mp4", r"would replace \S+in.mp4"),
        ("sub", r"--out \S+sub: a folder. Give the name of a file"),
        ("gone/a", r"--out: the folder \S+gone does not exist"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_any_work(tmp_path, out, expected):
    (tmp_path / "sub").mkdir()
    (tmp_path / "in.mp4").write_text("x")
    (tmp_path / "symbolic.mp4").symlink_to(tmp_path / "in.mp4")
    (tmp_path / "hard.mp4").hardlink_to(tmp_path / "in.mp4")
    taken = named(None, tmp_path / "in.mp4")
    check_output("--out", tmp_path / "out.mp4", taken)
    with pytest.raises(InputError, match=expected):
        check_output("--out", tmp_path / out, taken)


KILLED = """
import os, sys
from pathlib import Path
from vadcli.files import whole
with whole(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), 9)
    print("ready", flush=True)
    sys.stdin.read()
"""


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_what_a_killed_run_left_is_swept_by_the_next_and_what_another_writes_is_not(tmp_path):
    (tmp_path / ".keep.txt").write_text("not ours")
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "a.txt", "killed"], check=False)
    assert len(hidden(tmp_path)) == 2
    other = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path / "b.txt", "writes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "ready\n"
    with whole(tmp_path / "c.txt") as temporary:
        temporary.write_text("new")
    left = hidden(tmp_path)
    assert len(left) == 2 and left[0].startswith(".b.txt.") and left[1] == ".keep.txt"
    other.communicate("", timeout=20)
    assert {path.name for path in tmp_path.iterdir()} == {".keep.txt", "b.txt", "c.txt"}


@pytest.mark.parametrize("filename", [None, "temporary"])
def test_an_error_of_writing_names_the_file_that_was_asked_for(tmp_path, filename):
    with pytest.raises(OSError) as caught, whole(tmp_path / "a.onnx") as temporary:
        raise OSError(28, "No space left on device", *([str(temporary)] if filename else []))
    assert caught.value.filename == str(tmp_path / "a.onnx") and not list(tmp_path.iterdir())
    with pytest.raises(OSError) as caught, whole(tmp_path / "no" / "a.txt"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "a.txt")


def test_a_lock_that_cannot_be_made_names_the_output_and_is_not_taken_for_another_run(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"a: the folder .*absent does not exist"):
        locked(tmp_path / "absent" / "a", "busy").__enter__()
    assert not list(tmp_path.iterdir())

    def refused(*arguments, **more):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(PermissionError) as caught:
        locked(tmp_path / "a", "busy").__enter__()
    assert caught.value.filename == str(tmp_path / "a")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_written_to_and_it_is_said(tmp_path, monkeypatch, number):
    def flock(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    notes = []
    with locked(tmp_path / "a", "busy", notes.append):
        pass
    assert notes == [f"{tmp_path}: this disk has no file locks. See to it that no second run writes the same file."]
    (tmp_path / ".b.txt.vad-12345678.txt").write_text("may be another run's")
    with whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new" and hidden(tmp_path) == [".b.txt.vad-12345678.txt"]


def test_no_folder_for_temporary_files_is_told_with_the_variable_to_set(monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: ["/nowhere"])
    with pytest.raises(InputError, match=r"'/nowhere'.*Set TMPDIR to a folder with room"):
        temporary_folder()


def test_a_pipe_behind_a_link_is_written_to_as_it_is():
    writes = "from pathlib import Path; from vadcli.files import whole\n"
    writes += "with whole(Path('/dev/stdout')) as out: out.write_text('x')"
    assert subprocess.run([sys.executable, "-c", writes], capture_output=True, check=True).stdout == b"x"
