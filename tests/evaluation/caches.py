"""Small caches for tests, of moving squares, and evidence on a clip."""

import numpy as np

from tests.caches import Given, write
from vadcli.evaluation.evidence import Evidence


def evidence_on(labels, signals, name="a", fps=25.0, scene="s", first=0):
    """Evidence at a steady rate."""
    frames = np.arange(first, first + len(labels))
    return Evidence(name, scene, fps, frames, labels, signals, frames / fps)


def moving_square(length, size, seed, labels=None):
    """(n, H, W, 1) uint8: a square that walks, and jumps about where abnormal; masks of it where it does."""
    random = np.random.default_rng(seed)
    background = random.integers(60, 100, (size, size)).astype(np.uint8)
    frames = np.repeat(background[None], length, axis=0)
    masks = np.zeros((length, size, size), dtype=bool)
    for i in range(length):
        odd = labels is not None and labels[i]
        row, column = random.integers(0, size - 6, 2) if odd else (size // 2, (seed + i) % (size - 6))
        frames[i, row : row + 6, column : column + 6] = 220 if odd else 200
        masks[i, row : row + 6, column : column + 6] = odd
    noise = random.normal(size=frames.shape) * random.uniform(2, 60, (length, 1, 1))  # so that errors overlap
    frames = np.clip(frames + noise, 0, 255)
    return frames.astype(np.uint8)[..., None], masks


def write_cache(path, truth, *, scene="park", size=32, train=0, masks=False, variants=None):
    """A cache of one scene: `train` normal clips of 60 frames, and a test clip for each array of labels."""
    clips = {}
    for number in range(train):
        frames = moving_square(60, size, number)[0]
        clips[f"{scene}/train/{number:02d}"] = Given(frames, scene=scene, fps=10.0, own_cues=True)
    for number, (name, labels) in enumerate(truth.items()):
        frames, marked = moving_square(len(labels), size, 100 + number, labels)
        more = {variant: values[name] for variant, values in (variants or {}).items()}
        clips[f"{scene}/test/{name}"] = Given(
            frames, labels, marked if masks else None, more, scene=scene, split="test", fps=10.0, own_cues=True
        )
    return write(path, clips)
