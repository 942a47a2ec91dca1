"""The box of an event and the map it is found on."""

import numpy as np

from vadcli.scoring.measuring import Maps
from vadcli.scoring.regions import Scales, fuse, region


def test_the_region_is_what_joins_the_peak_and_no_more():
    heat = np.zeros((16, 16), np.float32)
    heat[2:6, 3:9] = 1.0
    heat[10:14, 10:14] = 0.9  # hot too, but apart
    assert region(heat, 160, 320) == (60, 20, 120, 40)


def test_a_map_of_one_block_gives_the_whole_picture():
    assert region(np.ones((1, 1), np.float32), 240, 320) == (0, 0, 320, 240)


def test_a_coarser_feature_map_is_brought_to_the_size_of_the_frame():
    frame, feature = np.full((4, 6), 2.0, np.float32), np.full((2, 3), 3.0, np.float32)
    np.testing.assert_allclose(fuse(Maps(frame, feature), Scales(0.75 / 2, 0.25 / 3)), np.ones((4, 6)), rtol=1e-6)
    ramp = fuse(Maps(np.zeros((2, 4), np.float32), np.array([[0.0, 1.0]], np.float32)), Scales(0, 1))
    np.testing.assert_allclose(ramp, [[0, 0.25, 0.75, 1]] * 2, rtol=1e-6)


def test_the_scene_s_map_counts_like_the_others_and_changes_none():
    frame, scene = np.ones((4, 4), np.float32), np.array([[0, 0], [0, 8.0]], np.float32)
    heat = fuse(Maps(frame, None, scene), Scales(0.5, 0.2, 0.25))
    np.testing.assert_allclose(heat[[0, 0, 3], [0, 3, 3]], [0.5, 0.5, 2.5])
    assert (frame == 1).all() and scene[1, 1] == 8
    x, y, width, height = region(heat, 128, 128)
    assert x >= 32 and y >= 32 and x + width == y + height == 128
