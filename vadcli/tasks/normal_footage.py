"""Normal footage of one camera as `vad adapt` reads it: what its cues teach, and its images, in bounded memory."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import takewhile
from pathlib import Path

from vadcli.footage.image_store import ImageStore
from vadcli.footage.source import is_live
from vadcli.footage.stream import shown
from vadcli.progress import Progress
from vadcli.scoring.calibration import NormalFootage
from vadcli.scoring.measuring import Measurer
from vadcli.scoring.observing import Observation, Observed

Opened = AbstractContextManager[Observed]


class FootageStore:
    """Normal footage as it is read: what its cues teach, and its images, in bounded memory.

    Attributes:
        name: of the first source.
        normal: what its cues teach; None before the first frame that has some.
        clips: of every image in the store: its clip's number and its time.
    """

    def __init__(self, store: ImageStore) -> None:
        self.store = store
        self.name = ""
        self.normal: NormalFootage | None = None
        self.frames: list[tuple[int, float]] = []

    def read(self, openers: Iterable[Opened], seconds: float, progress: Progress) -> None:
        """Read sources for so many seconds at most."""
        progress.start("reading")
        left_s = seconds
        for clip, opener in enumerate(openers):
            if left_s <= 0:
                break
            with opener as observed:
                info, last_s = observed.info, None
                self.name = self.name or _called(info.name)
                self.normal = self.normal or NormalFootage(info.fps)
                for observation in _until(info.start_s + left_s, observed):
                    self._add(clip, observation, follows=last_s is not None and not observation.after_gap)
                    last_s = observation.time_s
                    progress.advance()
                left_s -= 0 if last_s is None else last_s - info.start_s + 1 / info.fps
                for note in observed.notes:
                    progress.note(note)

    def measure(self, measurer: Measurer, input_frames: int, batch_size: int, progress: Progress) -> None:
        """Add the network's error to what every frame teaches."""
        span = input_frames + 1
        windows = self.store.windows(span)
        progress.start("measuring", len(windows))
        errors: dict[tuple[int, float], float] = {}
        for first in range(0, len(windows), batch_size):
            batch = windows[first : first + batch_size]
            low, high = batch[0], batch[-1] + span
            images = list(self.store.images(low, high))
            found = measurer(images, [list(range(start - low, start - low + span)) for start in batch])
            for start, measured in zip(batch, found, strict=True):
                errors[self.frames[start + input_frames]] = measured.cue
            progress.advance(len(batch))
        assert self.normal is not None
        self.normal.measured(errors)

    def _add(self, clip: int, observation: Observation, *, follows: bool) -> None:
        if observation.image is not None:
            self.store.add(observation.image, follows)
            self.frames.append((clip, observation.time_s))
        if observation.cues is not None and self.normal is not None:
            self.normal.add(clip, observation.time_s, observation.cues)


def _called(name: str) -> str:
    return shown(name) if is_live(name) else shown(Path(name).name)


def _until(end_s: float, observed: Iterable[Observation]) -> Iterator[Observation]:
    return takewhile(lambda observation: observation.time_s < end_s, observed)
