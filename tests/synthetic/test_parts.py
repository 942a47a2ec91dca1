from dataclasses import replace

import numpy as np
import pytest

from vadcli.synthetic import KINDS, make_scene
from vadcli.synthetic.actors import Actor
from vadcli.synthetic.anomalies import ANOMALIES
from vadcli.synthetic.avoidance import step_aside
from vadcli.synthetic.camera import Camera
from vadcli.synthetic.events import possible
from vadcli.synthetic.figures import random_look
from vadcli.synthetic.film import cast, stage_of
from vadcli.synthetic.gait import joints
from vadcli.synthetic.light import Light
from vadcli.synthetic.routes import Pace, smooth, travel
from vadcli.synthetic.scene import backdrop_of

CAMERA = Camera(height_m=6, pitch=0.4, roll=0.0, focal=1.5, aspect=4 / 3)


def walk(points, pace=None, frames=100, fps=20.0, begin=0.0, **more):
    return travel(smooth(np.array(points, float)), pace or Pace(1.3, wobble=0.0), begin, frames, fps, **more)


def test_size_falls_with_distance():
    shares = [CAMERA.person_share(0, z) for z in (8, 16, 32)]
    assert shares[0] > 1.4 * shares[1] > 2.2 * shares[2]


def test_ground_inverts_picture():
    for u, v in ((0.1, 0.9), (0.5, 0.5), (0.9, 0.4)):
        x, z = CAMERA.ground(u, v)
        assert CAMERA.picture(np.array([x, 0, z])) == pytest.approx((u, v), abs=1e-9)


def test_no_ground_above_the_horizon():
    assert CAMERA.ground(0.5, 0.5 - CAMERA.focal * np.tan(CAMERA.pitch) - 0.05) is None


@pytest.mark.parametrize("pace", [Pace(1.3, wobble=0.0), Pace(3.8, run=1.0, wobble=0.0)])
def test_a_foot_on_the_ground_does_not_slide(pace):
    motion = walk([[0, 10], [12, 10]], pace, fps=50.0, frames=200)
    ankle = joints(motion, 1.75, 1.0, 1.0)["ankle"]
    speed = np.abs(np.diff(ankle[..., 0], axis=0)) * 50
    planted = (ankle[1:, :, 1] < 0.0705) & (ankle[:-1, :, 1] < 0.0705)
    assert planted.mean() > 0.25
    assert np.percentile(speed[planted], 90) < 0.25 * pace.speed


def test_feet_of_a_skater_stay_on_the_board():
    motion = walk([[0, 10], [12, 10]], Pace(3.0, stride_m=30.0, wobble=0.0), pose="glide")
    ankle = joints(motion, 1.75, 1.0, 1.0)["ankle"]
    middle = np.stack([motion.x, motion.z], -1)[:, None]
    assert np.linalg.norm(ankle[..., [0, 2]] - middle, axis=-1).max() < 0.4


def test_knees_keep_the_length_of_bones():
    found = joints(walk([[0, 10], [6, 14]]), 1.75, 1.0, 1.0)
    thigh = np.linalg.norm(found["knee"] - found["hip"], axis=-1)
    assert np.ptp(thigh) < 0.02


def test_people_who_pause_stand_still_and_go_on():
    motion = walk([[0, 10], [8, 10]], Pace(1.0, ((3.0, 2.0),), wobble=0.0), frames=200)
    speed = np.diff(motion.x) * 20
    assert (speed < 0.01).sum() / 20 == pytest.approx(2.0, abs=0.3)
    assert speed.max() < 1.05
    assert motion.x[-1] > 4


def test_travel_that_never_meets_the_clip_is_none():
    assert walk([[0, 10], [5, 10]], begin=100.0) is None
    assert walk([[0, 10], [5, 10]], begin=-100.0) is None


def test_people_step_aside_for_each_other():
    rng = np.random.default_rng(0)
    look = replace(random_look(rng), height=1.7)
    meeting = [Actor(walk([[-5, 10], [5, 10]]), look), Actor(walk([[5, 10.1], [-5, 10.1]]), look)]

    def gap(actors):
        one, other = (actor.motion for actor in actors)
        n = min(len(one), len(other))
        return np.hypot(one.x[:n] - other.x[:n], one.z[:n] - other.z[:n]).min()

    assert gap(meeting) < 0.2
    assert gap(step_aside(meeting, 20.0)) > 0.4


def test_a_shadow_points_away_from_the_sun():
    light = Light(elevation=0.7, azimuth=np.pi / 2, direct=0.5)
    assert light.shadow_slope()[0] < -0.5
    assert abs(light.shadow_slope()[1]) < 1e-9


def test_nobody_appears_or_vanishes_in_the_middle_of_the_picture():
    odd = ends = 0
    for seed in range(12):
        scene = make_scene(seed)
        backdrop = backdrop_of(scene, (128, 128))
        for actor in cast(scene, 100, 5, False, np.random.default_rng(seed)):
            sketch = actor.sketch(scene.camera, scene.light, backdrop, grey=scene.sensor.grey)
            for at in (0, len(sketch.parts) - 1):
                if sketch.start + at in (0, 99):
                    continue
                ends += 1
                left, top, right, bottom = sketch.boxes[at]
                area = backdrop.nearest[top:bottom, left:right]
                middle = left > 2 and top > 2 and right < 126 and bottom < 126
                odd += bool(area.size and middle and (area >= sketch.distance[at]).mean() > 0.3)
    assert ends > 100
    assert odd <= 0.02 * ends


@pytest.mark.parametrize("kind", sorted(ANOMALIES))
def test_every_kind_of_anomaly_is_marked_in_some_place(kind):
    for place in KINDS:
        for seed in range(3):
            scene = make_scene(seed, kind=place)
            stage = stage_of(scene, 200, 10.0)
            if kind not in possible(stage, standing=bool(scene.standing), wild=place == "path"):
                continue
            found = ANOMALIES[kind](stage, 4.0, 5.0, np.random.default_rng(seed))
            if any(actor.motion.abnormal.any() for actor in found):
                return
    pytest.fail(f"{kind} never happened")


def test_loitering_and_falls_begin_as_normal_walks():
    scene = make_scene(1, kind="plaza")
    stage = stage_of(scene, 400, 10.0)
    for kind in ("loitering", "fall", "panic"):
        actors = ANOMALIES[kind](stage, 20.0, 6.0, np.random.default_rng(3))
        assert any(actor.motion.abnormal.any() and not actor.motion.abnormal[0] for actor in actors), kind
