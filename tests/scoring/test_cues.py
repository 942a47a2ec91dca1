import cv2
import numpy as np
import pytest

from tests.scoring.views import FPS, HEIGHT, WIDTH, Film
from vadcli.scoring.cues import LOOK_CHANNELS, ROWS, CueMaker, window_means


def literal(view, before):
    """METHOD's maps word for word, in float64 with loops over cells."""
    side = HEIGHT // ROWS
    grey, earlier = (cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[..., 0] for picture in (view, before))
    moves = np.abs(grey.astype(int) - earlier.astype(int)) > 8
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST).calc(earlier.copy(), grey.copy(), None)
    speed = np.hypot(flow[..., 0].astype(float), flow[..., 1]) * moves
    area = np.array([[moves[r : r + side, c : c + side].mean() for c in range(0, WIDTH, side)]
                     for r in range(0, HEIGHT, side)])  # fmt: skip
    fast = np.array([[speed[r : r + side, c : c + side].mean() for c in range(0, WIDTH, side)]
                     for r in range(0, HEIGHT, side)])  # fmt: skip
    return area, fast


def test_area_and_speed_are_the_methods_means_over_cells():
    views = list(Film(12))
    maker = CueMaker(FPS)
    for number, view in enumerate(views):
        maps = maker(view, number / FPS)
        if number:
            area, speed = literal(view, views[number - 1])
            assert np.allclose(maps.area, area, atol=1e-3)
            assert np.allclose(maps.speed, speed, atol=2e-2)
            assert maps.area.max() >= 0.5 and maps.speed.max() > 0.2


def test_the_look_is_the_mean_light_colour_and_edges_of_four_cells():
    view = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    view[:, WIDTH // 2 :] = (200, 100, 50)
    maker = CueMaker(FPS)
    maker(view, 0.0)
    look = maker(view, 0.1).look
    assert look.shape == (ROWS // 2, WIDTH * ROWS // HEIGHT // 2, LOOK_CHANNELS) and look.dtype == np.float16
    expected = cv2.cvtColor(view[:1, -1:], cv2.COLOR_RGB2YCrCb)[0, 0]
    assert np.allclose(look[4, -2, :3], expected, atol=0.5)
    assert look[4, -2, 3:].max() < 0.5
    assert look[4, look.shape[1] // 2, 3] > 20  # the edge


@pytest.mark.parametrize(("fps", "first"), [(1, 1), (5, 1), (10, 1), (25, 2), (30, 3), (60, 6)])
def test_frames_a_tenth_of_a_second_apart_are_compared_whatever_the_rate(fps, first):
    maker = CueMaker(fps)
    has = [maker(view, number / fps) is not None for number, view in enumerate(Film(10))]
    assert has == [number >= first for number in range(10)]


def test_nothing_is_compared_across_a_gap_or_where_time_steps_back():
    maker, views = CueMaker(FPS), list(Film(6))
    assert maker(views[0], 0.0) is None
    assert maker(views[1], 0.1) is not None
    assert maker(views[2], 9.0, after_gap=True) is None
    assert maker(views[3], 9.1) is not None
    assert maker(views[4], 3.0) is None


def test_windows_lie_wholly_inside_the_picture():
    cells = np.arange(20.0).reshape(4, 5)
    expected = np.array([[cells[r : r + 3, c : c + 3].mean() for c in range(3)] for r in range(2)])
    assert np.allclose(window_means(cells, 3), expected)
    assert window_means(cells, 9).shape == (1, 1) and window_means(cells, 9)[0, 0] == pytest.approx(cells.mean())
