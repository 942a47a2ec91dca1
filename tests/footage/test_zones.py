"""Zones of the picture that are looked at, and those that are not."""

import numpy as np
import pytest

from vadcli.errors import FootageError
from vadcli.footage.source import Reading, open_source
from vadcli.footage.zones import EVERYWHERE, Zones

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def test_only_and_ignore_take_pixels_by_most_of_their_area():
    seen = Zones(only=(LEFT,)).looked_at((4, 8))
    assert seen[:, :4].all() and not seen[:, 4:].any()
    np.testing.assert_array_equal(Zones(ignore=(LEFT,)).looked_at((4, 8)), ~seen)
    middle = Zones(only=(((0.25, 0.25), (0.75, 0.75)),)).looked_at((8, 8))
    assert middle.sum() == 16 and middle[2:6, 2:6].all(), "two points are corners of a rectangle"
    assert not Zones(only=(LEFT,), ignore=(LEFT,)).looked_at((4, 8)).any()
    triangle = Zones(only=(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),)).looked_at((100, 100))
    assert triangle.mean() == pytest.approx(0.5, abs=0.02) and triangle[0, 0] and not triangle[-1, -1]
    top = Zones(ignore=(((0.0, 0.0), (1.0, 0.13)),)).looked_at((128, 64))
    np.testing.assert_array_equal(Zones(mask_top=0.13).looked_at((128, 64)), top)


def test_frames_are_black_where_they_are_not_looked_at_and_originals_are_whole(make_pictures):
    for size in ((48, 64), (64, 88)):  # the second is that of its view already
        folder = str(make_pictures(str(size), frames=2, size=size))
        with open_source(folder, Reading(zones=Zones(0.5, only=(LEFT,)), original=True)) as source:
            frame = next(source)
        assert frame.view.shape == (64, 88, 3)
        assert frame.view[:32].max() == 0 and frame.view[:, 44:].max() == 0 and frame.view[32:, :44].mean() > 20
        assert frame.original[:24, 32:].max() > 0
    assert EVERYWHERE.looked_at((4, 4)).all()


@pytest.mark.parametrize(
    "zones",
    [Zones(mask_top=0.999), Zones(ignore=(((0.0, 0.0), (1.0, 1.0)),)), Zones(only=(((0.2, 0.2), (0.2, 0.2)),))],
)
def test_zones_that_leave_nothing_are_refused(make_video, zones):
    with pytest.raises(FootageError, match="nothing of the picture is left to look at"):
        open_source(str(make_video()), Reading(zones=zones))
