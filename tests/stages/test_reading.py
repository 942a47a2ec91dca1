"""A source is read as the settings say: its zones, its stretch, and segments of one camera as one."""

import numpy as np

from vadcli.footage.segments import joined
from vadcli.settings import ModelSettings, SourceSettings, SpanSettings
from vadcli.stages.reading import open_for

MODEL = ModelSettings(size=(32, 32), channels=1, width=2)


def test_what_is_not_looked_at_is_black_and_only_the_stretch_is_read(make_film):
    how = SourceSettings(mask_top=0.25, ignore=("0,0.75 1,1",), only=("0,0 0.5,1",))
    with open_for(MODEL, str(make_film(frames=75)), how, span=SpanSettings(start="0:01", duration=1)) as source:
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(25, 50)) and frames[0].time_s == 1.0
    lit = np.max([frame.image[:, :, 0] for frame in frames], axis=0) > 0
    looked_at = np.zeros((32, 32), bool)
    looked_at[8:24, :16] = True
    assert (lit == looked_at).all()


def test_segments_are_read_as_one_and_say_the_time_of_day(make_film):
    parts = [make_film(f"gate_20251125_10000{second}.mp4", frames=50) for second in (0, 2)]
    (segments,) = joined([str(part) for part in parts])
    with open_for(MODEL, segments, SourceSettings(), span=SpanSettings(began="2025-11-25T12:00:00+00:00")) as source:
        times = [frame.time_s for frame in source]
    assert len(times) == 100 and source.info.at(times[-1]) == "2025-11-25T12:00:03.960+00:00"
