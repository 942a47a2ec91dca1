"""Fixtures that many rooms share: tiny videos and folders of pictures, the `vad` program in-process, and skips."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a background job; programs under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side: more threads only wait for each other

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from vadcli.footage.opencv import cv2

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # no limit on time: other work may run beside the tests


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a test that is skipped fails")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if item.config.getoption("--no-skips") and not hasattr(report, "wasxfail"):
        _fail_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if collector.config.getoption("--no-skips"):
        _fail_skipped(report)
    return report


def _fail_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped:
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"--no-skips: {reason}"


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in [name for name in os.environ if name.startswith("VAD_") and name != "VAD_DATA"]:
        del os.environ[name]
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


# Rooms whose tests neither train nor start programs, but for these files: `pytest -m fast` runs them in a minute.
_FAST_ROOMS = {"evaluation", "footage", "learning", "model", "scoring"}
_NOT_FAST = {"test_onnx.py", "test_labels.py", "test_scorer.py", "test_calibration.py"}


def _is_fast(path: Path) -> bool:
    near = path.parent.name in _FAST_ROOMS or path.name == "test_settings.py"
    return near and path.name not in _NOT_FAST and "subprocess" not in path.read_text(encoding="utf-8")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, saying why; begin with the longest, so that no worker ends alone with it."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")
    fast = {path for path in {item.path for item in items} if _is_fast(path)}
    skips: dict[str, str | None] = {}
    for item in items:
        if item.path in fast and not any(map(item.get_closest_marker, ("slow", "footage", "gpu"))):
            item.add_marker("fast")
        for marker, missing in (("footage", _no_footage), ("gpu", _no_gpu)):
            if item.get_closest_marker(marker):
                if marker not in skips:
                    skips[marker] = missing()
                if reason := skips[marker]:
                    item.add_marker(pytest.mark.skip(reason=reason))


def _no_footage() -> str | None:
    folder = os.environ.get("VAD_DATA")
    if not folder:
        return "needs real footage: set VAD_DATA to its folder"
    return None if Path(folder).is_dir() else f"needs real footage: VAD_DATA is {folder}, which is no folder"


def _no_gpu() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "needs an NVIDIA GPU: torch.cuda sees none"


@pytest.fixture
def footage() -> Path:
    return Path(os.environ["VAD_DATA"])


def picture(index: int, size: tuple[int, int] = (48, 64), channels: int = 3, seed: int = 0) -> np.ndarray:
    """Frame `index` of a made-up film, (H, W, C) uint8 BGR or grey: a bright square wanders over a smooth ground."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width]
    shift = 40 * (seed % 5)
    planes = (rows * 100 // height + shift // 2, columns * 100 // width + 30, (rows + columns) % 64 + shift)
    image = np.stack(planes, axis=-1)
    side = max(4, height // 6)
    top, left = (3 * index + 7 * seed) % (height - side), (5 * index) % (width - side)
    image[top : top + side, left : left + side] = (30, 220, 120)
    image = np.clip(image, 0, 255).astype(np.uint8)
    return image if channels == 3 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[:, :, None]


def write_video(path: Path, images: Iterable[np.ndarray], fps: float = 10.0) -> Path:
    """BGR pictures of one size as a small video, with OpenCV: MPEG-4 part 2, or pictures one by one in an .avi."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = list(images)
    code = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    writer = cv2.VideoWriter(str(path), code, fps, images[0].shape[1::-1])
    assert writer.isOpened()
    for image in images:
        writer.write(image)
    writer.release()
    return path


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small video: `make_video("a/b.mp4", frames=20, size=(48, 64), fps=10.0)`."""

    def make(name: str | Path = "video.mp4", frames: int = 12, size=(48, 64), fps: float = 10.0, seed: int = 0) -> Path:
        return write_video(tmp_path / name, (picture(index, size, seed=seed) for index in range(frames)), fps)

    return make


@pytest.fixture
def make_pictures(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of pictures: `make_pictures("a/01", frames=20, suffix=".jpg", first=1)`."""

    def make(
        name="pictures", frames=12, size=(48, 64), suffix=".png", channels=3, first=0, pattern="{:03d}", seed=0
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(frames):
            file = folder / f"{pattern.format(index + first)}{suffix}"
            assert cv2.imwrite(str(file), picture(index, size, channels, seed))
        return folder

    return make


@pytest.fixture
def make_film(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small video with PyAV: `make_film("a.ts", frames=40, codec="mpeg2video", times=[0, 0.5, 2])`."""
    return partial(write_film, tmp_path)


def write_film(
    folder: Path,
    name="film.mp4", frames=20, size=(48, 64), fps=25, codec="libx264", pixels="yuv420p", times=None, sound_s=0.0,
    encoder=None, muxer=None,
) -> Path:  # fmt: skip
    """Frames of `picture`, at even times or at those given, with a tone of another length beside them."""
    path = folder / name
    with av.open(str(path), "w", options=dict(muxer or {})) as film:
        pictures = film.add_stream(codec, rate=fps, options=dict(encoder or {}))
        pictures.height, pictures.width, pictures.pix_fmt = *size, pixels
        clock = Fraction(1, fps) if times is None else Fraction(1, 1000)
        pictures.codec_context.time_base = clock
        sound = film.add_stream("aac", rate=8000, layout="mono") if sound_s else None
        packets = []
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index, size), format="bgr24")
            frame.time_base, frame.pts = clock, index if times is None else round(1000 * times[index])
            packets += pictures.encode(frame)
        packets += pictures.encode()
        for index in range(round(sound_s * 8)):
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), format="fltp", layout="mono")
            samples.sample_rate, samples.pts, samples.time_base = 8000, 1000 * index, Fraction(1, 8000)
            packets += sound.encode(samples)
        if sound:
            packets += sound.encode()
        film.start_encoding()
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            film.mux(packet)
    return path


def remux(source: Path, target: Path, move: Callable[[int], int] = int, created: str = "", **muxer: str) -> Path:
    """The same pictures in another container, their times moved, by their clock in milliseconds."""
    with av.open(str(source)) as film, av.open(str(target), "w", options=muxer) as copy:
        if created:
            copy.metadata["creation_time"] = created
        stream = copy.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = move(packet.pts), move(packet.dts), stream
                copy.mux(packet)
    return target


def limited(size: int) -> Callable[[], None]:
    """For `preexec_fn`: a limit on the size of files, which stands in for a full disk."""

    def limit() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


class Answer(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def vad(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs `vad` in this process: `vad("prepare", path, "--out", cache)` → exit code, stdout, stderr."""
    from vadcli.cli.app import run

    def call(*arguments: object) -> Answer:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return call


@pytest.fixture
def small_disk() -> Callable[[int], contextlib.AbstractContextManager[None]]:
    """A limit on the size of files stands in for a full disk: `with small_disk(4000):`."""
    resource = pytest.importorskip("resource")

    @contextlib.contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
