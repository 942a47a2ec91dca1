from dataclasses import replace

import numpy as np
import pytest

from vadcli.errors import InputError
from vadcli.footage.frames import Frame, SourceInfo
from vadcli.scoring.calibration import fit_calibration
from vadcli.scoring.measuring import Maps, Measured
from vadcli.scoring.watch import Watch, alarm_rate, warm_up_seconds
from vadcli.settings import ScoreSettings

INFO = SourceInfo("a.mp4", 10.0, None, 240, 320)
RNG = np.random.default_rng(0)


def measured(level: float = 1.0, feature: bool = True) -> Measured:
    noise = RNG.uniform(0.95, 1.05, 4) * level
    errors = {"frame_error": 1e-3 * noise[0], "frame_peak": 1e-2 * noise[1]}
    if feature:
        errors |= {"feature_error": 2e-3 * noise[2], "feature_peak": 5e-3 * noise[3]}
    heat = np.full((32, 32), 1e-3, np.float32)
    heat[8:12, 16:20] = 1e-2 * level
    return Measured(errors, Maps(heat, heat.copy() if feature else None), None)


def frame(index: int) -> Frame:
    return Frame(np.zeros((32, 32, 1), np.uint8), index, index / 10)


def calibration(feature: bool = True):
    each = [measured(feature=feature).errors for _ in range(400)]
    return fit_calibration({name: np.array([e[name] for e in each]) for name in each[0]}, 10.0, ScoreSettings())


def watch(**changes) -> Watch:
    return Watch("a.mp4", INFO, ScoreSettings(**changes), calibration(), "adapter")


def run(one: Watch, levels) -> tuple[list, list]:
    records, findings = [], []
    for index, level in enumerate(levels):
        assessed, found = one.add(frame(index), None if level is None else measured(level))
        records += [assessed.record] if assessed else []
        findings += found
    return records, [*findings, *one.finish()]


def test_a_burst_becomes_one_event_with_a_region_in_the_sources_pixels():
    records, (finding,) = run(watch(), [1] * 50 + [4] * 10 + [1] * 50)
    event = finding.event
    assert 5.0 <= event.start_s <= 5.3 and 5.9 <= event.end_s <= 8 and event.calibration == "adapter"
    x, y, w, h = event.region
    assert abs(x - 160) <= 20 and abs(y - 60) <= 15 and w <= 80 and h <= 60
    assert finding.evidence.record.score == event.peak_score
    flagged = [r.frame / 10 for r in records if r.anomaly]
    assert flagged[0] == event.start_s and flagged[-1] < event.end_s


def test_frames_without_errors_have_no_record_and_start_the_smoothing_anew():
    records, _ = run(watch(), [None] * 4 + [1] * 20 + [8] + [None] * 4 + [1] * 10)
    assert [r.frame for r in records] == [*range(4, 25), *range(29, 39)]
    assert records[21].score < 0.5


def test_without_a_calibration_scores_begin_after_the_warm_up():
    one = Watch("a.mp4", INFO, ScoreSettings(warmup=3), None, "warmup")
    records, findings = run(one, [None] * 4 + [1] * 60 + [5] * 10 + [1] * 20)
    unscored = [r.frame for r in records if r.score is None]
    assert unscored == list(range(4, 35))
    assert {r.calibration for r in records} == {"warmup"} and len(findings) == 1


def test_a_hole_in_the_source_does_not_count_as_seen():
    one = Watch("a.mp4", INFO, ScoreSettings(warmup=3), None, "warmup")
    scored = []
    for index in range(60):
        time_s = index / 10 + (40 if index > 10 else 0)
        assessed, _ = one.add(replace(frame(index), time_s=time_s), measured(1))
        scored += [index] if assessed.record.score is not None else []
    assert scored == list(range(32, 60))


def test_a_sources_own_beginning_replaces_what_other_cameras_taught_and_ends_its_event():
    one = Watch("a.mp4", INFO, ScoreSettings(warmup=3), calibration(), "model", relearn=True)
    records, findings = run(one, [1] * 25 + [5] * 20 + [1] * 40)
    kinds = [r.calibration for r in records]
    assert kinds == ["model"] * 31 + ["warmup"] * 54 and all(r.score is not None for r in records)
    assert [f.event.calibration for f in findings] == ["model"] and findings[0].event.end_s <= 3.1
    assert one.kind == "warmup" and records[31].score != pytest.approx(records[30].score)


def test_a_recording_is_learned_from_for_a_third_at_most_and_a_stream_for_as_long_as_is_usual():
    film = SourceInfo("a.mp4", 10.0, 120, 240, 320)
    assert warm_up_seconds(ScoreSettings(), film) == 4
    assert warm_up_seconds(ScoreSettings(), replace(film, frames=9000)) == 30
    assert warm_up_seconds(ScoreSettings(), INFO) == 30
    assert warm_up_seconds(ScoreSettings(warmup=30), film) == 30


def test_where_little_is_known_more_alarms_are_accepted_unless_a_rate_was_asked_for():
    assert alarm_rate(ScoreSettings(), "adapter") == alarm_rate(ScoreSettings(), "model") == 1
    assert alarm_rate(ScoreSettings(), "warmup") == 12
    assert alarm_rate(ScoreSettings(false_alarms_per_hour=1), "warmup") == 1


def test_a_source_shorter_than_its_warm_up_has_records_without_scores():
    one = Watch("a.mp4", INFO, ScoreSettings(warmup=30), None, "warmup")
    records, findings = run(one, [1] * 20)
    assert len(records) == 20 and all(r.score is None and not r.anomaly for r in records) and findings == []
    assert one.threshold is None


def test_the_threshold_is_what_was_asked_for_or_that_of_the_rate():
    assert watch().threshold == pytest.approx(1)
    assert watch(false_alarms_per_hour=60).threshold < 1
    assert watch(threshold=2.5, false_alarms_per_hour=60).threshold == 2.5


def test_a_model_without_unit_is_scored_by_its_frames_alone():
    one = Watch("a", INFO, ScoreSettings(), calibration(feature=False), "model")
    assessed, _ = one.add(frame(0), measured(feature=False))
    assert assessed.record.feature_error is None and assessed.record.score is not None
    assert np.allclose(assessed.heat, measured(feature=False).blocks.frame * assessed.scales.frame)
    assert assessed.scales.feature == assessed.scales.scene == 0 and assessed.record.scene_far is None


def test_output_that_is_not_finite_is_reported():
    with pytest.raises(InputError, match=r"a\.mp4: frame 3: .* not finite"):
        watch().add(frame(3), Measured({"frame_error": float("nan"), "frame_peak": 1.0}, measured().blocks, None))
