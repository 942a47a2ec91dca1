"""`vad prepare` that is killed, stopped, run twice at once, or out of room: a cache is whole or not there."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from tests.tasks.preparing import run
from vadcli.errors import FootageError, InputError
from vadcli.footage import preparation
from vadcli.footage.cache import hdf5, open_cache
from vadcli.footage.cache.draft import draft, draft_folder
from vadcli.footage.identity import sha256_of
from vadcli.progress import Silent

PROGRAM = """
import sys, time
from pathlib import Path
from vadcli.cli.app import run
from vadcli.footage import clip_decoding
made, most = clip_decoding.network_image, int(sys.argv.pop(1))
parts, go = Path(sys.argv.pop(1)), Path(sys.argv.pop(1))
def held_back(*arguments):
    time.sleep(0.01)
    while len(list(parts.glob("*.json"))) >= most and not go.exists():
        time.sleep(0.01)
    return made(*arguments)
clip_decoding.network_image = held_back
sys.exit(run(sys.argv[1:]))
"""


def start(source, out, most=1000):
    """Runs `vad prepare`, a frame in 10 ms, and no further where `most` clips are finished until there is a file go."""
    options = ["--size", "32", "--workers", "2", "--quiet"]
    held = [most, draft_folder(out), out.with_name("go")]
    command = [sys.executable, "-c", PROGRAM, *held, "prepare", source, "--out", out, *options]
    return subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=120):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "did not happen in time"
        time.sleep(0.005)


def test_a_kill_at_any_moment_leaves_a_cache_that_opens_and_finished_clips_are_not_redone(make_video, tmp_path):
    for number in range(4):
        make_video(f"camera/{number}_20251125_100000.mp4", frames=15 + 20 * number, seed=number)
    source, out = tmp_path / "camera", tmp_path / "c.h5"
    folder = draft_folder(out)
    for finished in (1, 2):
        running = start(source, out, most=finished)
        wait_for(lambda finished=finished: len(list(folder.glob("*.json"))) >= finished)
        running.kill()
        running.communicate()
        assert running.returncode == -signal.SIGKILL
        assert not out.exists()
    kept = len(list(folder.glob("*.json")))
    assert kept >= 2
    notes = []

    class Notes(Silent):
        def note(self, text):
            notes.append(text)

    run(source, out, Notes(), size=(32, 32), channels=3)
    assert notes == [f"{kept} clips are decoded already"]
    assert not folder.exists()
    run(source, tmp_path / "uninterrupted.h5", size=(32, 32), channels=3)
    assert out.read_bytes() == (tmp_path / "uninterrupted.h5").read_bytes()


def test_a_kill_while_adding_leaves_the_earlier_cache(camera, make_video, tmp_path):
    out = tmp_path / "c.h5"
    run(camera, out, size=(32, 32), channels=3)
    before = out.read_bytes()
    make_video("camera/9.mp4", frames=30)
    running = start(camera, out, most=0)
    wait_for(lambda: list(draft_folder(out).glob("*.frames")))
    running.kill()
    running.communicate()
    assert out.read_bytes() == before
    assert len(run(camera, out, size=(32, 32), channels=3).clips) == 4


def test_ended_while_the_cache_is_written_the_earlier_stands_and_nothing_is_decoded_again(
    camera, make_video, tmp_path, monkeypatch
):
    def ended(descriptor):
        raise KeyboardInterrupt

    out = tmp_path / "c.h5"
    run(camera, out)
    before = out.read_bytes()
    make_video("camera/9.mp4", frames=30)
    monkeypatch.setattr(hdf5.os, "fsync", ended)
    with pytest.raises(KeyboardInterrupt):
        run(camera, out)
    assert out.read_bytes() == before
    monkeypatch.undo()
    monkeypatch.setattr(preparation, "decode_clip", None)
    assert [clip.name for clip in run(camera, out).clips] == [f"camera/{number}" for number in (0, 1, 2, 9)]


def test_ctrl_c_ends_soon_with_130_and_keeps_what_was_decoded(make_video, tmp_path):
    make_video("camera/0.mp4", frames=10)
    make_video("camera/1.mp4", frames=2000)
    out = tmp_path / "c.h5"
    running = start(tmp_path / "camera", out)
    wait_for(lambda: list(draft_folder(out).glob("*.json")))
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=300)
    assert (running.returncode, err) == (130, "vad: interrupted\n")
    assert not out.exists() and len(list(draft_folder(out).glob("*.frames"))) == 1


def test_two_runs_on_one_cache_do_not_meddle(camera, make_video, tmp_path):
    make_video("camera/9.mp4", frames=30)
    out = tmp_path / "c.h5"
    running = start(camera, out, most=0)
    wait_for(lambda: list(draft_folder(out).glob("*.frames")))
    with pytest.raises(InputError, match="another `vad prepare` is writing it"):
        run(camera, out, size=(32, 32), channels=3)
    (tmp_path / "go").touch()
    assert running.wait(120) == 0
    running.stderr.close()
    assert len(open_cache(out).clips) == 4


def test_a_run_with_nothing_to_do_leaves_the_parts_of_another_run_alone(camera, tmp_path):
    out = tmp_path / "c.h5"
    run(camera, out)
    with draft(out) as folder:
        (folder / "0.frames").write_bytes(b"decoded by the other run")
        with pytest.raises(InputError, match="another `vad prepare` is writing it"):
            run(camera, out)
        assert (folder / "0.frames").exists()


def test_no_run_begins_and_ends_while_another_is_looking_at_what_the_cache_has(
    camera, make_video, tmp_path, monkeypatch
):
    out, other = tmp_path / "c.h5", make_video("other.mp4", frames=5)
    run(camera, out)
    os.utime(camera / "0.mp4")  # so that its bytes are looked at

    def meanwhile(source):
        with pytest.raises(InputError, match="another `vad prepare` is writing it"):
            run(other, out)
        return sha256_of(source)

    monkeypatch.setattr(preparation, "sha256_of", meanwhile)
    assert run(camera, out).decoded == ()


def test_a_mistaken_command_keeps_what_an_interrupted_run_decoded(camera, tmp_path):
    out = tmp_path / "c.h5"
    with pytest.raises(KeyboardInterrupt), draft(out) as folder:
        (folder / "0.json").touch()
        raise KeyboardInterrupt
    with pytest.raises(FootageError, match="not found"):
        run(tmp_path / "mistyped", out)
    assert (folder / "0.json").exists()


def limited(limit):
    def limit_file_size():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return limit_file_size


@pytest.mark.parametrize(("codec", "limit", "kept"), [("raw", 20_000, 0), ("raw", 700_000, 3), ("jpeg", 600_000, 3)])
def test_a_disk_that_fills_is_one_line_and_leaves_no_cache(camera, tmp_path, codec, limit, kept):
    """A limit on file size stands in for a full disk: the smallest hits a clip's frames, the others the cache."""
    out = tmp_path / "c.h5"
    command = [sys.executable, "-c", "import sys; from vadcli.cli.app import run; sys.exit(run(sys.argv[1:]))"]
    command += ["prepare", str(camera), "--out", str(out), "--size", "32", "--codec", codec, "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited(limit))
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    left = f"{kept} decoded clips are kept in .c.h5.draft" if kept else "Nothing was written."
    assert "c.h5: the disk is full." in ended.stderr and left in ended.stderr
    assert not out.exists() and draft_folder(out).exists() == bool(kept)
    assert not (draft_folder(out) / "cache.h5").exists()
    assert subprocess.run(command).returncode == 0, "with room, the same command goes on"
    assert len(open_cache(out).clips) == 3 and not draft_folder(out).exists()
    if codec == "jpeg":
        before = out.read_bytes()
        (camera / "9.mp4").write_bytes((camera / "0.mp4").read_bytes())
        more = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited(len(before) + 10_000))
        assert (more.returncode, out.read_bytes()) == (2, before) and "c.h5: the disk is full. Make room" in more.stderr
        assert subprocess.run(command).returncode == 0 and len(open_cache(out).clips) == 4
