"""Outputs appear whole or not at all."""

import os
import stat
import threading

import pytest

from vadcli.errors import InputError
from vadcli.files import check_output, named, whole


def test_what_was_written_takes_the_place_of_the_old(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with whole(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_named_by_the_path_that_was_asked_for(tmp_path):
    with pytest.raises(OSError) as caught, whole(tmp_path / "no" / "a.txt"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "a.txt")


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


def test_a_link_goes_on_pointing_to_what_was_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").write_text("old")
    with whole(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("in.mp4", r"--out \S+in.mp4: would replace \S+in.mp4. Choose another name"),
        ("sub/../in.mp4", r"would replace \S+in.mp4"),
        ("sub", r"--out \S+sub: a folder. Give the name of a file"),
        ("gone/a", r"--out: the folder \S+gone does not exist"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_any_work(tmp_path, out, expected):
    (tmp_path / "sub").mkdir()
    (tmp_path / "in.mp4").write_text("x")
    taken = named(None, tmp_path / "in.mp4")
    check_output("--out", tmp_path / "out.mp4", taken)
    with pytest.raises(InputError, match=expected):
        check_output("--out", tmp_path / out, taken)
