"""The anomalies of a test clip, and their times."""

import numpy as np

from vadcli.synthetic.actors import Actor
from vadcli.synthetic.anomalies import ANOMALIES, Stage


def possible(stage: Stage, *, standing: bool, wild: bool) -> tuple[str, ...]:
    """The kinds that are abnormal here.

    Args:
        stage: the scene.
        standing: people stand about as a matter of course, so that loitering is nothing special.
        wild: there is ground that nobody walks on.
    """
    kinds: list[str] = []
    if stage.walks:
        kinds += ["cyclist", "skater", "running", "thrown", "fall", "panic"]
        kinds += [] if standing else ["loitering"]
        kinds += [] if stage.indoor or stage.drives else ["vehicle"]
        kinds += ["astray"] if wild else []
    if stage.drives:
        kinds += ["wrong_way", "swerve", "astray"] + ([] if stage.walks else ["cyclist"])
    elif any(route.back == 0 for route in stage.walks):
        kinds.append("wrong_way")
    return tuple(kinds)


def stage_events(stage: Stage, kinds: tuple[str, ...], rng: np.random.Generator) -> list[Actor]:
    """Anomalies for a test clip, until about a third to a half of its frames have one in view."""
    taken = np.zeros(stage.frames, bool)
    actors: list[Actor] = []
    target = float(rng.uniform(0.3, 0.42))
    length = stage.frames / stage.fps
    lead = float(rng.choice([0.0, 0.15, 0.3, 0.45])) * length
    for attempt in range(80):
        if taken.mean() >= target:
            break
        lead = lead if attempt < 50 else 0.0
        kind = str(rng.choice(kinds))
        lasts = float(np.clip((target - taken.mean()) * length * rng.uniform(0.5, 1.0), 2.0, 15.0))
        begin = float(rng.uniform(lead, length * 0.97)) if lead or rng.random() < 0.8 else -float(rng.uniform(0, 3))
        found = ANOMALIES[kind](stage, begin, lasts, rng)
        busy = np.zeros(stage.frames, bool)
        for actor in found:
            motion = actor.motion
            busy[np.flatnonzero(motion.abnormal & stage.in_view(motion.x, motion.z)) + motion.start] = True
        crowded = (taken | busy).mean() > 0.52 or busy.mean() < 0.4 / length or busy[: int(lead * stage.fps)].any()
        if crowded or (taken & busy).sum() > 0.6 * busy.sum():
            continue
        taken |= busy
        actors += found
    return actors
