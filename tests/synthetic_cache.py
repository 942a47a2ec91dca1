"""A cache of moving blobs on a textured ground, a few frames a clip."""

from pathlib import Path

import numpy as np

from tests import caches


def write(path: Path, *, scenes=2, clips=2, frames=40, size=(32, 40), channels=1, tests=True, masks=False) -> Path:
    """A cache with `clips` normal clips and, with `tests`, one labelled test clip a scene."""
    given = {}
    for scene in range(scenes):
        for split, count in (("train", clips), ("test", 1 if tests else 0)):
            for clip in range(count):
                images, labels, marked = _film(scene, clip, frames, size, channels, abnormal=split == "test")
                more = {"masks": marked} if masks and split == "test" else {}
                more |= {"scene": f"s{scene}", "split": split, "source": f"s{scene}-{clip}.mp4"}
                given[f"s{scene}/{split}{clip}"] = caches.Given(
                    images, labels if split == "test" else None, sha256=f"{scene}{clip}{split}", **more, own_cues=True
                )
    return caches.write(path, given)


def _film(scene, clip, frames, size, channels, *, abnormal):
    random = np.random.default_rng((scene, clip, abnormal))
    height, width = size
    ground = np.random.default_rng(scene).integers(60, 140, (height, width, channels))
    labels, masks = np.zeros(frames, dtype=np.uint8), np.zeros((frames, height, width), bool)
    images = np.empty((frames, height, width, channels), dtype=np.uint8)
    for t in range(frames):
        image = ground.copy()
        x = (3 + t) % (width - 6)
        image[height // 3 : height // 3 + 5, x : x + 4] = 220
        if abnormal and frames // 2 <= t < frames * 3 // 4:
            labels[t] = 1
            masks[t, height // 2 : height // 2 + 8, (5 * t) % (width - 8) : (5 * t) % (width - 8) + 8] = True
            image[masks[t]] = 10
        images[t] = np.clip(image + random.integers(-3, 4, image.shape), 0, 255)
    return images, labels, masks
