"""A container on stdin."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from vadcli.errors import FootageError
from vadcli.footage.source import Source
from vadcli.footage.video import open_stdin

COUNT = (
    "import sys\n"
    "from vadcli.errors import FootageError\n"
    "from vadcli.footage.source import open_source\n"
    "try:\n"
    "    with open_source('-') as source:\n"
    "        print(len(list(source)), source.info.name)\n"
    "except FootageError as error:\n"
    "    print(error)\n"
)


def count(data=None, **options):
    ended = subprocess.run(
        [sys.executable, "-c", COUNT], input=data, capture_output=True, timeout=300, check=True, **options
    )
    assert ended.stderr == b""
    return ended.stdout.decode().strip()


@pytest.mark.parametrize("container", ["ts", "mkv"])
def test_piped_streams_give_every_frame(make_film, container):
    stream = make_film(f"stream.{container}", frames=40, codec="mpeg2video")
    assert count(stream.read_bytes()) == "40 stdin"


def test_a_piped_mp4_that_cannot_be_read_forward_is_refused_and_its_file_is_not(make_video):
    video = make_video(frames=40)
    assert count(video.read_bytes()).startswith("stdin: this mp4 has its index (moov) at the end")
    with video.open("rb") as redirected:
        assert count(stdin=redirected) == "40 stdin"


def test_empty_meaningless_and_closed_pipes_are_named():
    assert count(b"").startswith("stdin: empty")
    assert count(b"hello\n" * 1000).startswith("stdin: no video in it")
    program = f"import os\nos.close(0)\n{COUNT}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert ended.stdout.startswith("stdin: closed") and ended.stderr == ""


def test_a_stream_that_pauses_hands_over_what_came_and_can_be_left(make_film):
    stream = make_film("stream.ts", frames=60, size=(240, 320), codec="mpeg2video")
    read_end, write_end = os.pipe()
    threads = threading.active_count()

    def feed():
        data = memoryview(stream.read_bytes())
        with suppress(BrokenPipeError):
            while data:
                data = data[os.write(write_end, data) :]

    feeder = threading.Thread(target=feed)
    feeder.start()
    with Source(open_stdin(read_end)) as source:
        frames = [next(source) for _ in range(20)]
    # and closing did not wait for a stream that says nothing, which would have been for ever
    assert [frame.index for frame in frames] == list(range(20))
    os.close(read_end)
    feeder.join(60)
    assert not feeder.is_alive() and threading.active_count() <= threads
    os.close(write_end)


def test_a_socket_is_read_as_a_pipe_and_no_descriptor_is_left_open(make_film):
    data = make_film("stream.ts", frames=20, codec="mpeg2video").read_bytes()
    before = len(list(Path("/dev/fd").iterdir()))
    for content in (data, b"nothing"):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(content)
            ours.shutdown(socket.SHUT_WR)
            if content == data:
                with Source(open_stdin(theirs.fileno())) as source:
                    assert len(list(source)) == 20
            else:
                with pytest.raises(FootageError):
                    open_stdin(theirs.fileno())
    assert len(list(Path("/dev/fd").iterdir())) == before
