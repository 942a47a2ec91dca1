"""`vad demo`: labelled synthetic camera scenes, written as videos that `vad prepare` reads.

The layout, for `vad demo DIR --scenes 2`:

    DIR/demo.json                        what made it: {"format": "vad-demo", "version": 1, "seed": 0,
                                         "arguments": {"scenes", "seconds", "seed", "size": [H, W], "fps"},
                                         "scenes": [{"name": "scene01", "kind": "plaza",
                                                     "training": ["01", "02"], "testing": ["01", "02"]}, ...]}
    DIR/scene01/training/01.mp4          normal footage only
    DIR/scene01/testing/01.mp4           footage with anomalies
    DIR/scene01/testing/01.csv           header `frame,label`, a row a frame, frames from 0, label 1 = abnormal
    DIR/scene01/testing/01.masks.npz     pixels of the abnormal actors, read with allow_pickle=False:
                                         `masks` uint8 (n, H, ceil(W / 8)), np.packbits along the width, and
                                         `shape` int64 (3,) = (n, H, W), so that
                                         np.unpackbits(masks, axis=2, count=W).astype(bool) is (n, H, W)

A clip whose files are all there is not made again; demo.json is written first and everything appears whole.
"""

import json
import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vadcli.errors import InputError
from vadcli.files import whole
from vadcli.footage.h264 import PictureWriter, mp4
from vadcli.progress import Progress
from vadcli.synthetic import kind_of, make_scene, render

FORMAT, VERSION = "vad-demo", 1
CLIPS = {"training": ("01", "02"), "testing": ("01", "02")}


@dataclass(frozen=True)
class DemoArguments:
    """The arguments that decide every byte of a demo folder."""

    scenes: int = 2  # number of scenes, at least 1
    seconds: float = 20.0  # length of each clip
    seed: int = 0  # another seed, other scenes
    size: tuple[int, int] = (256, 256)  # height and width of the videos in pixels
    fps: float = 10.0  # frames a second

    @property
    def frames(self) -> int:
        """Frames of one clip."""
        return max(1, math.floor(self.seconds * self.fps + 0.5))


@dataclass(frozen=True)
class _Job:
    scene_seed: int
    clip_seed: int
    anomalies: bool
    video: Path
    arguments: DemoArguments

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything the job leaves behind, the video last."""
        beside = (self.video.with_suffix(".csv"), self.video.with_suffix(".masks.npz"))
        return (*beside, self.video) if self.anomalies else (self.video,)


def demo(folder: Path, arguments: DemoArguments, *, workers: int, progress: Progress) -> list[dict[str, Any]]:
    """Write a demo folder, or finish one that was interrupted.

    Returns:
        one entry a scene: name, kind, training and testing clip names, as in demo.json.

    Raises:
        InputError: for a folder that holds something else.
    """
    scenes = [
        {
            "name": _scene_name(number, arguments.scenes),
            "kind": kind_of(_scene_seed(arguments.seed, number)),
            **{split: list(names) for split, names in CLIPS.items()},
        }
        for number in range(arguments.scenes)
    ]
    given = {**asdict(arguments), "size": list(arguments.size)}
    header = {"format": FORMAT, "version": VERSION, "seed": arguments.seed, "arguments": given, "scenes": scenes}
    _claim(folder, header)
    jobs = [job for job in _jobs(folder, arguments) if not all(path.is_file() for path in job.files)]
    if not jobs:
        progress.note(f"{folder}: already complete")
        return scenes
    progress.start("demo", total=len(jobs) * arguments.frames)
    try:
        for parent in {job.video.parent for job in jobs}:
            parent.mkdir(parents=True, exist_ok=True)
        _make_all(jobs, workers, progress)
    except Exception:
        _withdraw(folder, jobs)
        raise
    return scenes


def _make_all(jobs: Sequence[_Job], workers: int, progress: Progress) -> None:
    stopped = threading.Event()  # by an error or Ctrl-C: no clip is begun any more, or finished

    def frames(job: _Job) -> int:
        try:
            return 0 if stopped.is_set() else _make(job, stopped)
        except CancelledError:
            return 0
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(workers) as pool:
        try:
            for future in as_completed([pool.submit(frames, job) for job in jobs]):
                progress.advance(future.result())
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def _withdraw(folder: Path, jobs: Sequence[_Job]) -> None:
    """Take away what belongs to clips that were not finished, and a folder in which none was."""
    for job in jobs:
        if not job.video.is_file():
            for path in job.files:
                path.unlink(missing_ok=True)
    with suppress(OSError):
        for inner in sorted(folder.rglob("*"), reverse=True):
            if inner.is_dir() and not any(inner.iterdir()):
                inner.rmdir()
        if [path.name for path in folder.iterdir()] == ["demo.json"]:
            (folder / "demo.json").unlink()
            folder.rmdir()


def _claim(folder: Path, header: dict[str, Any]) -> None:
    """Make the folder this demo's, or refuse it."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file, where a folder is to be made. Choose another name.")
    marker = folder / "demo.json"
    if marker.is_file():
        try:
            found = json.loads(marker.read_text(encoding="utf-8"))
            arguments = found["arguments"] if found["format"] == FORMAT else None
        except (ValueError, TypeError, KeyError):
            arguments = None
        if arguments is None:
            raise InputError(f"{marker}: not the demo.json of a demo. Choose an empty folder.")
        if found != header:
            made = ", ".join(f"{key} {value}" for key, value in arguments.items())
            raise InputError(f"{folder}: holds another demo ({made}). Choose an empty folder, or the same arguments.")
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder}: not empty, and not a demo. Choose an empty folder.")
    folder.mkdir(parents=True, exist_ok=True)
    with whole(marker) as temporary:
        temporary.write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")


def _jobs(folder: Path, arguments: DemoArguments) -> Iterator[_Job]:
    for index in range(arguments.scenes):
        scene = folder / _scene_name(index, arguments.scenes)
        for split, first_seed in (("training", 0), ("testing", 1000)):
            for offset, name in enumerate(CLIPS[split]):
                video = scene / split / f"{name}.mp4"
                yield _Job(
                    _scene_seed(arguments.seed, index), first_seed + offset, split == "testing", video, arguments
                )


def _scene_seed(seed: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def _scene_name(index: int, count: int) -> str:
    return f"scene{index + 1:0{max(2, len(str(count)))}d}"


def _make(job: _Job, stopped: threading.Event) -> int:
    """Number of frames of a clip, once it is rendered and written with what belongs to it, the video last."""
    how, labels, masks = job.arguments, [], []
    with whole(job.video) as temporary:
        with mp4(temporary) as opened:
            writer = PictureWriter(opened, how.fps)
            scene, size = make_scene(job.scene_seed), how.size
            film = render(scene, job.clip_seed, seconds=how.seconds, fps=how.fps, size=size, anomalies=job.anomalies)
            for index, frame in enumerate(film):
                if stopped.is_set():
                    raise CancelledError
                writer.write(frame.image, index / how.fps)
                labels.append(frame.label)
                masks.append(np.packbits(frame.mask, axis=1))
            writer.finish()
        if job.anomalies:
            with whole(job.video.with_suffix(".csv")) as table:
                rows = "".join(f"{frame},{label}\n" for frame, label in enumerate(labels))
                table.write_text("frame,label\n" + rows, encoding="utf-8")
            with whole(job.video.with_suffix(".masks.npz")) as archive:
                np.savez_compressed(archive, masks=np.stack(masks), shape=np.array([len(masks), *size]))
    return len(labels)
