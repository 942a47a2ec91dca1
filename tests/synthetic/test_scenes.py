from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from vadcli.synthetic import KINDS, kind_of, make_scene, render
from vadcli.synthetic.scene import backdrop_of

SMALL = (64, 64)


def clip(scene, clip_seed=0, *, seconds=2.0, fps=5, size=SMALL, anomalies=False):
    return list(render(scene, clip_seed, seconds=seconds, fps=fps, size=size, anomalies=anomalies))


def test_the_same_seeds_give_the_same_bytes():
    first, second = (clip(make_scene(11), 3, anomalies=True) for _ in range(2))
    assert all(
        np.array_equal(a.image, b.image) and np.array_equal(a.mask, b.mask) for a, b in zip(first, second, strict=True)
    )


def test_clips_of_one_scene_share_the_backdrop_and_differ_in_traffic():
    scene = make_scene(2, kind="plaza")
    first, second = clip(scene, 0), clip(scene, 1)
    assert not np.array_equal(first[0].image, second[0].image)
    still = np.median([one.image for one in first], axis=0), np.median([one.image for one in second], axis=0)
    assert np.median(np.abs(still[0] - still[1])) < 12


def test_scenes_of_different_seeds_differ_in_layout_camera_light_and_density():
    scenes = [make_scene(seed) for seed in range(24)]
    assert len({scene.kind for scene in scenes}) >= 6
    assert np.std([scene.camera.height_m for scene in scenes]) > 2
    assert np.std([np.rad2deg(scene.camera.pitch) for scene in scenes]) > 5
    assert len({scene.light.azimuth for scene in scenes}) == len({scene.camera.focal for scene in scenes}) == 24
    assert 2 <= sum(scene.sensor.grey for scene in scenes) <= 20
    rates = [sum(route.rate for route in scene.routes) for scene in scenes]
    assert max(rates) > 5 * min(rates)
    small = [backdrop_of(scene, SMALL).lit.mean(2) for scene in scenes]
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for k, a in enumerate(small) for b in small[:k]]
    assert np.mean(np.abs(alike)) < 0.5
    assert max(alike) < 0.97


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_place_is_filmed_with_something_moving(kind):
    scene = make_scene(1, kind=kind)
    frames = clip(scene, seconds=6)
    images = np.stack([one.image for one in frames]).astype(int)
    assert images.shape == (30, *SMALL, 3)
    assert (np.abs(images - np.median(images, axis=0)) > 25).any()
    assert images.std() > 5


def test_frames_are_uint8_rgb_with_labels_and_masks_that_agree():
    frames = clip(make_scene(4, kind="path"), 1000, seconds=12, anomalies=True)
    assert len(frames) == 60
    for one in frames:
        assert (one.image.dtype, one.image.shape) == (np.uint8, (*SMALL, 3))
        assert (one.mask.dtype, one.mask.shape) == (np.bool_, SMALL)
        assert one.label == int(one.mask.any())
    assert {one.label for one in frames} == {0, 1}


def test_training_clips_are_normal_throughout():
    assert not any(one.label for seed in range(4) for one in clip(make_scene(seed), seconds=8))


def test_grey_cameras_repeat_one_channel():
    scene = make_scene(3)
    grey = replace(scene, sensor=replace(scene.sensor, grey=True))
    assert all((one.image == one.image[..., :1]).all() for one in clip(grey))


def test_a_third_to_a_half_of_test_frames_are_abnormal():
    shares, leads = [], []
    for seed in range(8):
        labels = [one.label for one in clip(make_scene(40 + seed), 1000, seconds=20, anomalies=True)]
        shares.append(np.mean(labels))
        leads.append(int(np.argmax(labels)))
    assert 0.25 < np.mean(shares) < 0.55
    assert max(shares) < 0.75
    assert sum(lead >= 30 for lead in leads) >= 3, "some clips start normal for a good while"


def test_a_clip_shows_the_same_at_every_size():
    scene = make_scene(8, kind="lawn")
    small, large = (clip(scene, 1000, seconds=12, size=size, anomalies=True) for size in ((64, 64), (96, 128)))
    assert np.mean([one.label == other.label for one, other in zip(small, large, strict=True)]) > 0.9


def test_masks_leave_shadows_out():
    scene = make_scene(5, kind="plaza")
    dark = replace(scene, light=replace(scene.light, direct=0.6, elevation=0.6))
    flat = replace(scene, light=replace(scene.light, direct=0.0))
    for one, other in zip(
        clip(dark, 1000, seconds=8, anomalies=True), clip(flat, 1000, seconds=8, anomalies=True), strict=True
    ):
        assert np.array_equal(one.mask, other.mask)


def test_a_plain_frame_difference_does_not_separate_anomalies():
    labels, absolute, squared = [], [], []
    for seed in range(10):
        frames = clip(make_scene(500 + seed), 1000, seconds=20, anomalies=True)
        images = np.stack([one.image for one in frames]).astype(np.float32)
        change = np.diff(images, axis=0)
        labels += [one.label for one in frames[1:]]
        absolute += np.abs(change).mean((1, 2, 3)).tolist()
        squared += (change**2).mean((1, 2, 3)).tolist()
    assert roc_auc_score(labels, absolute) <= 0.8
    assert roc_auc_score(labels, squared) <= 0.8


def test_kind_of_names_the_kind_without_making_the_scene():
    assert all(make_scene(seed).kind == kind_of(seed) for seed in range(10))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="moon"):
        make_scene(0, kind="moon")
    for wrong in ({"seconds": 0}, {"fps": -1}, {"size": (8, 8)}):
        with pytest.raises(ValueError, match="positive"):
            clip(make_scene(0), **wrong)
