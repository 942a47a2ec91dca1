"""Scenes are the same by their seed, labelled as they look, and their anomalies are plain to see."""

import numpy as np
import pytest

from vadcli.synthetic import KINDS, film, kind_of, make_scene, render
from vadcli.synthetic.anomalies import Stage, anomalies_of, happen
from vadcli.synthetic.figures import Moment, random_person
from vadcli.synthetic.scene import backdrop_of
from vadcli.synthetic.traffic import Actor, Clock

SMALL = (64, 64)
EVERY = [(place, kind) for place in KINDS for kind in anomalies_of(make_scene(0, kind=place))]


def clip(scene, clip_seed=0, *, seconds=4.0, fps=5, size=SMALL, anomalies=False):
    return list(render(scene, clip_seed, seconds=seconds, fps=fps, size=size, anomalies=anomalies))


def test_the_same_seeds_give_the_same_bytes():
    first, second = (clip(make_scene(11), 3, anomalies=True) for _ in range(2))
    assert all(
        np.array_equal(a.image, b.image) and np.array_equal(a.mask, b.mask) for a, b in zip(first, second, strict=True)
    )


def test_clips_of_one_scene_share_the_place_and_differ_in_traffic():
    scene = make_scene(2, kind="plaza")
    first, second = clip(scene, 0), clip(scene, 1)
    assert not np.array_equal(first[0].image, second[0].image)
    still = np.median([frame.image for frame in first], axis=0), np.median([frame.image for frame in second], axis=0)
    assert np.median(np.abs(still[0] - still[1])) < 8


def test_scenes_of_different_seeds_differ_in_place_camera_and_traffic():
    scenes = [make_scene(seed) for seed in range(24)]
    assert {scene.kind for scene in scenes} == set(KINDS)
    assert all(scene.kind == kind_of(scene.seed) for scene in scenes)
    assert np.std([scene.camera.height_m for scene in scenes]) > 1
    small = [backdrop_of(scene, SMALL).picture.mean(2) for scene in scenes]
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for k, a in enumerate(small) for b in small[:k]]
    assert np.mean(np.abs(alike)) < 0.5 and max(alike) < 0.97


@pytest.mark.parametrize("kind", KINDS)
def test_normal_clips_have_something_moving_and_nothing_abnormal(kind):
    frames = clip(make_scene(1, kind=kind), seconds=8)
    images = np.stack([frame.image for frame in frames]).astype(int)
    assert images.shape == (40, *SMALL, 3) and frames[0].image.dtype == np.uint8 and images.std() > 5
    assert (np.abs(images - np.median(images, axis=0)) > 25).any()
    assert not any(frame.label or frame.mask.any() for frame in frames)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_agree_with_masks_and_both_kinds_of_frames_are_there(kind):
    frames = clip(make_scene(4, kind=kind), 1000, seconds=20, anomalies=True)
    for frame in frames:
        assert (frame.mask.dtype, frame.mask.shape) == (np.bool_, SMALL)
        assert frame.label == int(frame.mask.any()) == int(frame.mask.mean() >= film.VISIBLE_SHARE)
    labels = [frame.label for frame in frames]
    assert 0.04 < np.mean(labels) < 0.7 and not any(labels[:15]), "a clip begins normal"


@pytest.mark.parametrize(("place", "kind"), EVERY)
def test_every_anomaly_is_seen_for_a_second_and_more_and_large_enough(place, kind):
    for seed in range(2):
        scene = make_scene(seed, kind=place)
        actors = anomalies_of(scene)[kind](Stage(scene, Clock(140, 10.0)), 4.0, np.random.default_rng(seed))
        masks = [film._draw(scene, [(a, f - a.start) for a in actors if 0 <= f - a.start < len(a.moments)], (96, 96))[1]
                 for f in range(140)]  # fmt: skip
        shown = [mask > 127 for mask in masks if (mask > 127).mean() >= film.VISIBLE_SHARE]
        assert len(shown) > 10
        assert max(np.ptp(np.flatnonzero(mask.any(1))) + 1 for mask in shown) >= 0.08 * 96


def test_anomalies_move_and_look_unlike_normal_traffic_and_begin_when_told():
    scene = make_scene(1, kind="plaza")
    stage = Stage(scene, Clock(200, 10.0))
    for kind in ("running", "cyclist", "vehicle", "panic"):
        (actor, *_) = anomalies_of(scene)[kind](stage, 8.0, np.random.default_rng(0))
        first, last = actor.moments[0], actor.moments[-1]
        speed = np.hypot(last.x - first.x, last.z - first.z) * 10 / (len(actor.moments) - 1)
        assert speed > 1.8 * max(way.speed for way in scene.ways), kind
    abnormal = [actor for actor in happen(scene, Clock(600, 10.0), np.random.default_rng(0)) if actor.abnormal.any()]
    assert len({type(actor.body).__name__ for actor in abnormal}) >= 2 and len(abnormal) >= 5, "in a minute"
    fight = anomalies_of(scene)["fight"](stage, 8.0, np.random.default_rng(0))
    assert all(not actor.abnormal[0] and not actor.abnormal[-1] and actor.abnormal.any() for actor in fight)
    assert {actor.start + int(np.argmax(actor.abnormal)) for actor in fight} == {80}


def test_a_clip_shows_the_same_at_every_size():
    scene = make_scene(8, kind="path")
    small, large = (clip(scene, 1000, seconds=12, size=size, anomalies=True) for size in ((64, 64), (96, 96)))
    assert np.mean([frame.label == other.label for frame, other in zip(small, large, strict=True)]) > 0.9


def test_people_behind_a_tree_or_wall_are_hidden():
    scene = make_scene(0, kind="path")
    (x, _, z), size = scene.standing[1].corner, (128, 128)  # the trunk of the first tree
    backdrop, body = backdrop_of(scene, size), random_person(np.random.default_rng(0))
    for deeper, hidden in ((-1.0, False), (1.0, True)):
        person = Actor(body, 0, [Moment(x + 0.12, z + deeper, 0.0, 0.0, "walk")], np.array([True]))
        marks = film._draw(scene, [(person, 0)], size)[1] > 0
        assert marks.any() and (marks & (backdrop.nearest < 100)).any() != hidden


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="moon"):
        make_scene(0, kind="moon")
    for wrong in ({"seconds": 0}, {"fps": -1}, {"size": (8, 8)}):
        with pytest.raises(ValueError, match="positive"):
            clip(make_scene(0), **wrong)
