"""Live streams, over a pipe, lost and back, and what is left out so that the rest is not late."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from vadcli.errors import FootageError
from vadcli.footage import stream
from vadcli.footage.pace import MOST, Pace
from vadcli.footage.source import Source, open_source
from vadcli.footage.stream import open_url, without_password
from vadcli.footage.video import open_stdin

COUNT = """
from vadcli.errors import FootageError
from vadcli.footage.source import open_source
try:
    with open_source("-") as source:
        print(len(list(source)), source.info.name)
except FootageError as error:
    print(error)
"""


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


@pytest.fixture
def server():
    """Serves `answers` in turn, a connection each, in their parts, without saying how long they are; then nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answers = self.server.answers
            if not answers:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", self.server.kind)
            if self.server.kind == "video/mp4":
                self.send_header("Content-Length", str(sum(map(len, answers[0]))))
            self.end_headers()
            for part in answers.pop(0):
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(self.server.pause_s)

        def log_message(self, *arguments):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.answers, httpd.kind, httpd.pause_s = [], "video/mp2t", 0
    httpd.url = f"http://127.0.0.1:{httpd.server_port}/live.ts"
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def live(make_film):
    return make_film("live.ts", frames=50, codec="mpeg2video").read_bytes()


def test_a_stream_that_drops_is_reopened_the_gap_marked_and_all_of_it_told(server, live, monkeypatch):
    monkeypatch.setattr(stream, "FIRST_WAIT_SECONDS", 0.2)
    server.answers += [[live], [live]]
    frames, changes = [], []
    source = Source(open_url(server.url, changes.append, give_up_s=0.5))
    assert source.info.frames is None
    with pytest.raises(FootageError, match="lost for"), source:
        frames.extend(source)
    times, half = [frame.time_s for frame in frames], len(frames) // 2
    assert [frame.after_gap for frame in frames] == [number == half for number in range(2 * half)]
    assert times == sorted(times) and len(set(times)) == len(times)
    assert times[half] - times[half - 1] >= 0.999 / source.info.fps
    assert [change.kind for change in changes] == ["lost", "back", "lost"]
    assert [change.time_s for change in changes] == sorted(change.time_s for change in changes)
    assert all(change.text.startswith(f"{server.url}: at ") for change in changes)


def test_leaving_while_the_stream_is_away_does_not_wait_for_it(server, live, monkeypatch):
    monkeypatch.setattr(stream, "FIRST_WAIT_SECONDS", 60.0)
    server.answers.append([live])
    changes = []
    away = threading.Event()
    source = Source(open_url(server.url, lambda change: (changes.append(change), away.set())))
    reading = threading.Thread(target=list, args=(source,))
    reading.start()
    assert away.wait(30)
    source.close()
    reading.join(5)
    assert not reading.is_alive() and [change.kind for change in changes] == ["lost"]


def test_an_address_is_named_without_its_password():
    with pytest.raises(FootageError) as error:
        open_source("http://admin:secret@127.0.0.1:9/live.ts")
    assert str(error.value).startswith("http://127.0.0.1:9/live.ts: no video stream answers there")
    assert without_password("rtsp://u:p@host:554/a") == "rtsp://host:554/a"
    assert without_password("rtsp://host/a") == "rtsp://host/a"
    assert without_password("http://host/v?ch=2&user=u&Password=p") == "http://host/v?ch=2"


@pytest.mark.parametrize(("camera", "problem"), [("camera:99", "no such camera"), ("camera:front", "numbered from 0")])
def test_a_camera_that_is_not_there_is_named(camera, problem, capfd):
    with pytest.raises(FootageError, match=f"{camera}: .*{problem}"):
        open_source(camera)
    assert capfd.readouterr().err == ""


def in_parts(film):
    """Pictures of a film one after the other, as small cameras send them over HTTP."""
    pictures = [b"\xff\xd8\xff" + one for one in film.read_bytes().split(b"\xff\xd8\xff")[1:]]
    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    return [head % len(one) + one + b"\r\n" for one in pictures]


def test_pictures_without_times_are_timed_by_the_clock(server, make_film):
    server.kind = "multipart/x-mixed-replace; boundary=frame"
    server.answers.append(in_parts(make_film("a.mjpeg", codec="mjpeg", pixels="yuvj420p")))
    with Source(open_url(server.url)) as source:
        times = [next(source).time_s for _ in range(18)]
    assert times == sorted(times) and times[-1] < 0.5, "they come at once, and not over 0.7 s"


def test_a_camera_that_sends_a_picture_now_and_then_is_not_lost(server, make_film, monkeypatch):
    monkeypatch.setattr(stream, "TIMEOUT_SECONDS", 0.5)
    server.kind, server.pause_s = "multipart/x-mixed-replace; boundary=frame", 1.2
    parts = in_parts(make_film("a.mjpeg", frames=4, size=(240, 320), codec="mjpeg", pixels="yuvj420p"))
    server.answers += [parts, parts]
    changes = []
    with Source(open_url(server.url, changes.append)) as source:
        frames = [next(source) for _ in range(4)]
    assert changes == [] and not any(frame.after_gap for frame in frames)
    assert frames[3].time_s - frames[1].time_s == pytest.approx(2.4, abs=0.5)


def test_an_mp4_in_parts_has_no_length_over_http_and_one_with_its_index_at_the_end_is_refused(server, make_film):
    server.kind = "video/mp4"
    film = make_film("parts.mp4", frames=60, muxer={"movflags": "frag_keyframe"}, encoder={"g": "5"})
    server.answers += [[film.read_bytes()], [film.read_bytes()]]
    with Source(open_url(server.url)) as source:
        assert source.info.frames is None and len(list(source)) == 60
    late, room = make_film("late.mp4").read_bytes(), 1 << 20
    index = late.rindex(b"moov") - 4
    late = late[:index] + room.to_bytes(4, "big") + b"free" + bytes(room - 8) + late[index:]
    server.answers += [[late], [late]]
    with pytest.raises(FootageError, match=r"index \(moov\) at the end"):
        open_url(server.url)


def test_an_address_of_snapshots_is_no_stream(server, make_film):
    server.kind = "image/jpeg"
    server.answers.append([make_film("one.mjpeg", frames=1, codec="mjpeg", pixels="yuvj420p").read_bytes()])
    with pytest.raises(FootageError, match="one picture and no more"), Source(open_url(server.url)) as source:
        list(source)


STEP = 0.04


def watched(work_s, seconds=120.0, clock=1.0):
    """Times by our clock of the frames that someone takes who needs `work_s` for each; lags; frames left out."""
    pace, now, taken, lags = Pace(STEP), 0.0, [], []
    for index in range(int(seconds / STEP)):
        at = index * STEP  # by the stream's own clock
        now = max(now, at * clock)  # it cannot be read before it comes
        if pace.keeps(at, now):
            taken.append(index)
            lags.append(now - at * clock)
            now += work_s
    return np.array(taken), np.array(lags), pace.left_out


def test_who_keeps_up_gets_every_frame_also_when_clocks_differ():
    for clock in (1.0, 1.0002, 0.9998):
        taken, _, left_out = watched(0.03, clock=clock, seconds=3000)
        assert left_out == 0 and len(taken) == 75000


@pytest.mark.parametrize("slower", [1.3, 2.5, 8])
def test_who_is_too_slow_is_soon_late_by_a_bounded_time_and_gets_frames_evenly(slower):
    taken, lags, left_out = watched(slower * STEP)
    assert lags.max() < 5 and lags[len(lags) // 2 :].max() < 3, "and not half a second more every second"
    assert left_out == 3000 - len(taken) > 0
    strides = np.diff(taken[len(taken) // 2 :])
    assert strides.max() - strides.min() <= 2 and strides.max() < MOST


def test_a_lag_that_leaving_out_does_not_shorten_is_the_streams_own():
    pace, kept_late = Pace(STEP), 0
    for index in range(3000):
        at = index * STEP
        kept = pace.keeps(at, at + (20 if at > 20 else 0))  # whoever sends stood still for 20 s
        kept_late += kept and at > 60
    assert kept_late == 3000 - 1501
