"""Exit codes and files outlast whoever reads stdout and stderr; names go out in any encoding."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tasks.scorable import tiny_model

FULL = Path("/dev/full")
SCORE = ("--warmup", "0.5", "--threshold", "-100")  # all is an event


def start(*arguments: object, shell: str = "", stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more: str):
    """Runs `vad`, by way of a shell that redirects its streams where `shell` says how."""
    command = [sys.executable, "-m", "vadcli", *map(str, arguments)]
    if shell:
        command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    return subprocess.run(command, env=environment, stdout=stdout, stderr=stderr, check=False)


@pytest.fixture
def left() -> int:
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


def test_adapter_report_and_gate_are_as_ever_though_nobody_reads_what_is_said(make_video, tmp_path, left):
    model, out, report = tiny_model(tmp_path / "m.safetensors"), tmp_path / "a.safetensors", tmp_path / "r.html"
    video = make_video(frames=60)
    ended = start("adapt", video, "--from", model, "-k", 3, "--out", out, stdout=left, stderr=left)
    assert ended.returncode == 0 and out.is_file()
    given = ("score", video, "--model", model, *SCORE)
    ended = start(*given, "--report", report, stdout=left)
    assert ended.returncode == 0 and report.is_file() and b" in 56 frames" in ended.stderr
    for told in (left, subprocess.PIPE):
        ended = start(*given, "--fail-on-anomaly", stdout=left, stderr=told)
        assert ended.returncode == 1 and b"Exception" not in (ended.stderr or b"")


@pytest.mark.parametrize("shell", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_no_exit_code(make_video, tmp_path, shell):
    video, absent = make_video(), tmp_path / "absent.mp4"
    assert start("info", video, shell=shell).returncode == 0
    assert start("info", absent, shell=shell).returncode == 2
    out = tmp_path / "zones.png"
    assert start("zones", video, "--out", out, shell=shell).returncode == 0
    assert out.read_bytes().startswith(b"\x89PNG") and out.read_bytes().endswith(b"IEND\xaeB`\x82")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_for_the_log_changes_no_exit_code_and_one_for_data_is_told_once(make_video, tmp_path):
    video = make_video()
    assert start("zones", video, "--out", tmp_path / "z.png", shell="2>/dev/full").returncode == 0
    assert start("info", tmp_path / "absent.mp4", shell="2>/dev/full").returncode == 2
    full = start("info", video, shell=">/dev/full")
    assert full.returncode == 2 and full.stderr.decode() == (
        "vad: output: No space left on device. Nothing half-written was left behind.\n"
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_name_that_the_terminal_cannot_show_is_escaped_as_json_has_it(make_video, tmp_path, encoding):
    video = tmp_path / "日é🙂.mp4"
    shutil.move(make_video(), video)
    told = start("info", video, "--json", PYTHONIOENCODING=encoding)
    assert (told.returncode, told.stderr) == (0, b"") and json.loads(told.stdout.decode(encoding))["file"] == str(video)
    assert start("info", video, PYTHONIOENCODING=encoding).returncode == 0
    model = tiny_model(tmp_path / "m.safetensors")
    scored = start("score", video, "--model", model, *SCORE, "-f", "ndjson", PYTHONIOENCODING=encoding)
    first = json.loads(scored.stdout.decode(encoding).splitlines()[0])
    assert scored.returncode == 0 and first["source"] == str(video) and rb"\u65e5" in scored.stderr
