"""Live streams that are lost and come back, served by a little HTTP server of our own."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vadcli.errors import FootageError
from vadcli.footage import stream
from vadcli.footage.source import FrameSource, open_source
from vadcli.footage.stream import open_url, without_password

OPTIONS = {"size": (16, 16), "channels": 1, "fps": None, "original": False, "mask_top": 0.0}


@pytest.fixture
def server():
    """Serves `answers` in turn, a connection each, without saying how long they are; then nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answers = self.server.answers
            if not answers:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            self.wfile.write(answers.pop(0))

        def log_message(self, *arguments):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.answers = []
    httpd.url = f"http://127.0.0.1:{httpd.server_port}/live.ts"
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def live(ffmpeg, make_video, tmp_path):
    """Two seconds of MPEG-TS at 10 frames a second, which does not say how long it is."""
    file = tmp_path / "live.ts"
    ffmpeg("-i", make_video(frames=20), "-c:v", "mpeg2video", "-r", "25", "-bf", "0", file)
    return file.read_bytes()


def test_a_stream_that_drops_is_reopened_and_the_gap_recorded(server, live, monkeypatch):
    monkeypatch.setattr(stream, "FIRST_WAIT_SECONDS", 0.2)
    server.answers += [live, live]
    reader = open_url(server.url, give_up_s=0.5)
    assert reader.info.frames is None
    source = FrameSource(reader, **OPTIONS)
    times = []
    with pytest.raises(FootageError, match="lost for"), source:
        times.extend(frame.time_s for frame in source)
    assert len(source.gaps) == 1
    gap = source.gaps[0]
    before = [time for time in times if time <= gap.start_s]
    assert len(before) == len(times) / 2
    assert times == sorted(times) and len(set(times)) == len(times)
    assert times[len(before)] == pytest.approx(gap.end_s, abs=0.1)
    assert gap.end_s - gap.start_s >= 0.999 / source.info.fps


def test_leaving_while_the_stream_is_away_does_not_wait_for_it(server, live, monkeypatch):
    monkeypatch.setattr(stream, "FIRST_WAIT_SECONDS", 60.0)
    server.answers.append(live)
    with FrameSource(open_url(server.url), **OPTIONS) as source:
        next(source)
    assert not any(thread.name == "decode" for thread in threading.enumerate())


def test_an_address_where_nothing_answers_is_named_without_its_password():
    with pytest.raises(FootageError) as error:
        open_source("http://admin:secret@127.0.0.1:9/live.ts", size=(16, 16), channels=1)
    assert str(error.value).startswith("http://127.0.0.1:9/live.ts: no video stream answers there")


def test_passwords_are_left_out_of_names():
    assert without_password("rtsp://u:p@host:554/a") == "rtsp://host:554/a"
    assert without_password("rtsp://host/a") == "rtsp://host/a"
    assert without_password("http://host/v?ch=2&user=u&Password=p") == "http://host/v?ch=2"


@pytest.mark.parametrize(("camera", "problem"), [("camera:99", "no such camera"), ("camera:front", "numbered from 0")])
def test_a_camera_that_is_not_there_is_named(camera, problem, capfd):
    with pytest.raises(FootageError, match=f"{camera}: .*{problem}"):
        open_source(camera, size=(16, 16), channels=1)
    assert capfd.readouterr().err == ""
