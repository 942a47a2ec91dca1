"""Normal footage of one camera as `vad adapt` reads it: what its cues teach, and its images, in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from vadcli.errors import InputError
from vadcli.footage.cache import Cache, open_cache
from vadcli.footage.image_store import ImageStore
from vadcli.footage.source import find_sources, is_live
from vadcli.footage.stream import shown
from vadcli.progress import Progress
from vadcli.scoring.calibration import NormalFootage
from vadcli.scoring.measuring import Measurer
from vadcli.scoring.observing import NetworkInput, Observation, Observed, ObservedClip
from vadcli.settings import Settings, SourceSettings
from vadcli.tasks.sources import open_observed, reading_with

Opened = AbstractContextManager[Observed]


class FootageStore:
    """Normal footage as it is read: what its cues teach, and its images, in bounded memory.

    Attributes:
        name: of the first source.
        normal: what its cues teach; None before the first frame.
        frames: of every image in the store: its clip's number and its time.
    """

    def __init__(self, store: ImageStore) -> None:
        self.store, self.name = store, ""
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
                self.name = self.name or shown(info.name if is_live(info.name) else Path(info.name).name)
                self.normal = self.normal or NormalFootage(info.fps)
                for observation in observed:
                    if observation.time_s >= info.start_s + left_s:
                        break
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


def normal_footage(
    sources: Sequence[str],
    network: NetworkInput | None,
    settings: Settings,
    reads: SourceSettings,
    scene: str | None,
    progress: Progress,
) -> Iterator[Opened]:
    """Openers of a camera's normal footage, each opened in turn, when it is asked for.

    Raises:
        VadError: for sources that are not there, or do not fit together.
    """
    caches = [source for source in sources if Path(source).suffix.lower() in {".h5", ".hdf5"}]
    if caches and len(sources) > 1:
        raise InputError(f"{caches[0]}: a cache is adapted to by itself. Give it alone, or videos and folders.")
    if caches:
        if settings.source != SourceSettings():
            raise InputError(
                f"{caches[0]}: a cache's frames are as `vad prepare` took them. Give --fps and zones to it."
            )
        yield from _clips_of(Path(caches[0]), network, scene)
        return
    if scene is not None:
        raise InputError(f"--scene {scene}: only a cache has scenes; {sources[0]} is not one.")
    reading = reading_with(reads, settings.span, progress=progress)
    for source in find_sources(sources, progress.note):
        yield open_observed(source, reading, network)


def _clips_of(path: Path, network: NetworkInput | None, scene: str | None) -> Iterator[Opened]:
    """Normal clips of one scene of a cache."""
    with open_cache(path) as cache:
        require_network_frames(cache, network)
        scenes = sorted({clip.scene for clip in cache.clips if clip.split == "train"})
        if scene is None and len(scenes) != 1:
            raise InputError(
                f"{path}: {len(scenes)} scenes with normal footage. Choose one with --scene: {', '.join(scenes)}."
            )
        clips = [clip for clip in cache.clips if clip.split == "train" and clip.scene == (scene or scenes[0])]
        if not clips:
            raise InputError(f"{path}: no normal footage of scene {scene}. It has: {', '.join(scenes)}.")
        for clip in clips:
            yield ObservedClip(cache, clip, network=network is not None)


def require_network_frames(cache: Cache, network: NetworkInput | None) -> None:
    """Refuse a cache whose frames are not those that a network reads.

    Raises:
        InputError: with the options to prepare it with.
    """
    if network is not None and (cache.size, cache.channels) != (network.size, network.channels):
        ours, theirs = f"{cache.size[0]}x{cache.size[1]}", f"{network.size[0]}x{network.size[1]}"
        raise InputError(
            f"{cache.path}: frames of {ours}, {cache.channels} channels; the model reads {theirs} with "
            f"{network.channels}. Prepare again: vad prepare SOURCE --size {theirs} --channels {network.channels} "
            "--out NEW.h5"
        )
