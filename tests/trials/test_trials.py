import json

import numpy as np
import pytest
import torch

from tests.evaluation.caches import add_clip, moving_square, write_cache
from tests.trials.labelled import QUICK, TRUTH, labels_of
from vadcli.errors import InputError
from vadcli.evaluation.evidence import CONTROLS
from vadcli.footage.cache import open_cache
from vadcli.footage.windows import ClipRange
from vadcli.model.checkpoint import load_checkpoint
from vadcli.progress import Silent
from vadcli.scoring.errors import ErrorMaps
from vadcli.scoring.scene import scene_of
from vadcli.stages.evaluate import evaluate_stage
from vadcli.trials.bank import Bank, Key
from vadcli.trials.localisation import MapWatcher, localisers_of
from vadcli.trials.support import draw_support, scene_footage
from vadcli.trials.support import test_clips as clips_to_test
from vadcli.trials.trial import Options, runs_of_cache


def evaluated(cache, models, model="meta", **options):
    return evaluate_stage([cache], models / f"{model}.safetensors", Options(**options), QUICK, Silent())


def rows(evaluation, **wanted):
    """Rows of the model; those of controls are asked for by their name."""
    plain = [result.to_json() for result in evaluation.results]
    plain = [row for row in plain if row["score"] not in CONTROLS or wanted.get("score") in CONTROLS]
    return [row for row in plain if all(row[key] == value for key, value in wanted.items())]


def test_support_from_the_head_is_counted_on_common_frames_and_as_the_paper_counts(cache, models):
    found = evaluated(cache, models, shots=(0, 1, 5), support="clip")
    frames = {(row["shots"], row["counting"]): row["frames"] for row in rows(found)}
    total = sum(map(len, TRUTH.values()))
    assert frames == {
        (0, "common"): total - 3 * 9, (1, "common"): total - 3 * 9, (5, "common"): total - 3 * 9,
        (0, "paper"): total - 3 * 4, (1, "paper"): total - 3 * 5,
    }  # fmt: skip
    assert {row["support"] for row in rows(found, shots=0)} == {"none"}
    assert {row["support"] for row in rows(found, shots=5)} == {"clip"}
    assert len(rows(found, counting="common")) == 3 * (4 + 5 + 4)  # K; scores of paper, official, online


def test_contaminated_supports_are_listed(cache, models):
    found = evaluated(cache, models, shots=(0, 1, 5), support="clip", protocols=("paper",))
    listed = {row["shots"]: row["clips"] for row in found.about["contaminated_supports"]}
    assert listed == {1: ["park/test/03"], 5: ["park/test/02", "park/test/03"]}
    assert rows(found, shots=5)[0]["notes"] == ["2 of 3 supports hold abnormal frames"]


def test_support_from_the_scene_is_drawn_repeatedly_and_takes_no_test_frame(cache, models):
    found = evaluated(cache, models, shots=(0, 5), protocols=("paper", "online"))
    assert {row["counting"] for row in rows(found)} == {"common"}
    assert {row["frames"] for row in rows(found)} == {sum(map(len, TRUTH.values())) - 3 * 4}
    five = rows(found, shots=5, score="fused", protocol="paper")[0]
    assert len(five["draws"]) == 2
    assert five["micro_auc"] == pytest.approx(np.mean(five["draws"]))
    assert five["micro_auc_spread"] == pytest.approx(np.std(five["draws"], ddof=1))
    assert rows(found, shots=0)[0]["draws"] == []
    assert not found.about["contaminated_supports"]


def test_every_row_says_what_it_is_and_figures_are_shares(cache, models):
    found = evaluated(cache, models, shots=(0,))
    assert len(found.results) == 4 + 5 + 4 + 2  # scores of paper, official, online, and the controls
    for row in rows(found):
        assert (row["data"], row["labels"], row["clips"], row["macro_clips"]) == ("park", "own", 3, 2)
        for key in ("micro_auc", "macro_auc", "ap", "eer"):
            assert 0 <= row[key] <= 1
        assert set(row["false_alarms_per_hour"]) == {"0.5", "0.8", "0.9"}
        assert row["micro_auc_interval"][0] <= row["micro_auc"] <= row["micro_auc_interval"][1]
        assert sum(one["influence"] for one in row["per_clip"]) == pytest.approx(0, abs=1e-9)
    json.dumps(found.to_json(), allow_nan=False)


def test_zero_steps_change_nothing(cache, models):
    still = QUICK.model_copy(update={"adapt": QUICK.adapt.model_copy(update={"steps": 0})})
    options = Options(shots=(0, 5), support="clip")
    found = evaluate_stage([cache], models / "meta.safetensors", options, still, Silent())
    kept = [row for row in rows(found, counting="common") if row["protocol"] != "official"]  # its weights depend on K
    before, after = ([row["micro_auc"] for row in kept if row["shots"] == k] for k in (0, 5))
    assert before == pytest.approx(after, abs=1e-12)


def test_adaptation_changes_errors(cache, models):
    found = evaluated(cache, models, shots=(0, 5), support="clip", protocols=("paper",), scores=("fp",))
    zero, five = (rows(found, shots=k, counting="common")[0]["per_clip"] for k in (0, 5))
    assert [one["influence"] for one in zero] != [one["influence"] for one in five]


def test_a_small_update_is_not_lost_to_bfloat16(cache, models):
    before, after = Key("none", 0, 0, ""), Key("meta", 5, 0, "x")
    changes = {}
    for precision in ("float32", "bfloat16"):
        how = QUICK.model_copy(update={"score": QUICK.score.model_copy(update={"precision": precision})})
        with open_cache(cache) as opened:
            bank = Bank(load_checkpoint(models / "meta.safetensors"), how)
            clip = opened.clip("park/test/01")
            bank.keep(before)
            bank.adapt(after, [ClipRange(opened, clip, first, first + 5) for first in range(5)])
            errors = bank.errors(ClipRange(opened, clip, 10, 24), [before, after], Silent())
        changes[precision] = errors[after]["frame_error"] / errors[before]["frame_error"] - 1
    assert np.abs(changes["float32"]).max() > 1e-6
    assert changes["bfloat16"] == pytest.approx(changes["float32"], rel=0.1, abs=1e-5)


def runs(cache, models, options):
    checkpoint = load_checkpoint(models / "meta.safetensors")
    with open_cache(cache) as opened:
        return runs_of_cache(opened, checkpoint, options.shots, options, QUICK, Silent())


def test_every_row_is_calibrated_on_the_same_frames(cache, models):
    options = Options(shots=(0, 1, 5), support="clip", protocols=("online",))
    found = runs(cache, models, options)
    assert [(run.adaptation, run.shots) for run in found.runs] == [("none", 0), ("meta", 1), ("meta", 5)]
    sizes = {
        tuple(len(part["frame_error"]) for part in errors)
        for run in found.runs
        for draw in run.normal
        for errors, _ in draw
    }
    assert len(sizes) == 1
    (row,) = found.calibrated_on
    assert row["clips"] == ["park/train/00"]
    assert row["donor"] is None


@pytest.mark.parametrize("spread", [True, False])
def test_supports_are_drawn_from_what_is_not_calibrated_on(cache, spread):
    with open_cache(cache) as opened:
        footage = scene_footage(opened, clips_to_test(opened, None), "park", 9, 4, 64)
        draws = [draw_support(footage, 5, 4, 0, draw, spread=spread) for draw in (0, 0, 1)]
    places = [[(w.clip.name, w.start, w.stop) for w in windows] for windows in draws]
    assert places[0] == places[1] != places[2]
    allowed = {r.clip.name: (r.start, r.stop) for r in footage.support}
    for windows in places:
        assert len(set(windows)) == 5
        assert all(allowed[name][0] <= start < stop <= allowed[name][1] for name, start, stop in windows)
        in_a_row = [start for _, start, _ in windows] == list(range(windows[0][1], windows[0][1] + 5))
        assert in_a_row is not spread


def test_the_support_alone_can_teach_the_scene(cache, models):
    how = QUICK.model_copy(update={"eval": QUICK.eval.model_copy(update={"scene_from": "support", "draws": 1})})
    checkpoint = load_checkpoint(models / "meta.safetensors")
    options = Options(shots=(0, 5), protocols=("paper", "online"))
    with open_cache(cache) as opened:
        zero, five = runs_of_cache(opened, checkpoint, options.shots, options, how, Silent()).runs
        footage = scene_footage(opened, clips_to_test(opened, None), "park", 9, 4, 64)
        windows = draw_support(footage, 5, 4, 0, 0, spread=True)
        bank = Bank(checkpoint, how)
        key = Key("meta", 5, 0, "park")
        bank.adapt(key, windows)
        seen = []
        for window in windows:
            bank.errors(window, [key], Silent(), lambda _key, _first, _maps, features: seen.append(features))
        clip = opened.clip("park/test/01")
        new = []
        whole = ClipRange(opened, clip, 0, clip.num_frames)
        bank.errors(whole, [key], Silent(), lambda _key, _first, _maps, features: new.append(features))
    assert "scene_error" not in zero.draws[0][0].errors  # no shots, no scene
    expected = scene_of(np.concatenate(seen)).distances(np.concatenate(new))
    evidence = five.draws[0][0]
    assert evidence.name == "park/test/01"
    assert evidence.errors["scene_far"] == pytest.approx([one[one > 1].mean() for one in expected], rel=1e-3)
    assert evidence.errors["scene_error"] == pytest.approx(expected.mean((1, 2)), rel=1e-3)
    scores = {
        (r.setting.shots, r.score)
        for r in evaluate_stage([cache], models / "meta.safetensors", options, how, Silent()).results
    }
    assert (5, "fs") in scores and (0, "fs") not in scores


def test_errors_do_not_depend_on_the_batch_or_on_other_weights_in_the_pass(cache, models):
    alone = runs(cache, models, Options(shots=(0,), protocols=("paper",)))
    together = runs(cache, models, Options(shots=(0, 5), support="clip", protocols=("paper",)))
    for one, other in zip(alone.runs[0].draws[0], together.runs[0].draws[0], strict=True):
        for name, values in one.errors.items():
            assert np.array_equal(values, other.errors[name])


def test_a_scene_without_normal_clips_gives_up_one_test_clip_for_them(tmp_path, models):
    write_cache(tmp_path / "hall.h5", {**TRUTH, "04": labels_of(60, (50, 60))})
    found = evaluated(tmp_path / "hall.h5", models, shots=(0, 1), protocols=("online",))
    assert {row["clips"] for row in rows(found)} == {3}
    assert found.about["calibration"][0]["donor"] == "park/test/04"
    assert "park/test/04, which is not evaluated" in found.notes[0]
    every = evaluated(tmp_path / "hall.h5", models, shots=(0, 1), support="clip", protocols=("paper",))
    assert {row["clips"] for row in rows(every)} == {4}


def test_without_any_normal_footage_online_is_left_out_and_said(tmp_path, models):
    write_cache(tmp_path / "one.h5", {"01": TRUTH["01"]})
    found = evaluated(tmp_path / "one.h5", models, shots=(0,))
    assert {row["protocol"] for row in rows(found)} == {"paper", "official"}
    assert "no online protocol" in found.notes[0]
    with pytest.raises(InputError, match="scene park has no normal footage of 9 frames and more"):
        evaluated(tmp_path / "one.h5", models, shots=(5,))


def test_an_evaluation_of_nothing_is_refused_and_says_why(tmp_path, cache, models):
    write_cache(tmp_path / "one.h5", {"01": TRUTH["01"]})
    with pytest.raises(InputError, match=r"one.h5: nothing to measure: .* online: scene park has no normal footage"):
        evaluated(tmp_path / "one.h5", models, shots=(0,), protocols=("online",))
    with pytest.raises(InputError, match=r"park.h5: nothing to measure: .*score fp\+fs in protocol paper.*or --score"):
        evaluated(cache, models, shots=(0,), protocols=("paper",), scores=("fp+fs",))


def test_label_variants_are_named(cache, models):
    own, shifted = (evaluated(cache, models, shots=(0,), protocols=("paper",), variant=v) for v in (None, "shifted"))
    assert {row["labels"] for row in rows(shifted)} == {"shifted"}
    assert own.results[0].abnormal_frames != shifted.results[0].abnormal_frames
    with pytest.raises(InputError, match="no label variant wrong"):
        evaluated(cache, models, shots=(0,), variant="wrong")


def test_masks_give_figures_of_where(cache, models):
    found = evaluated(cache, models, shots=(0, 1), protocols=("paper",), localise=True)
    assert [(row["shots"], row["map"]) for row in found.about["localisation"]] == [
        (0, "fp"), (0, "fr"), (1, "fp"), (1, "fr")]  # fmt: skip
    for row in found.about["localisation"]:
        assert row["tracks_from"] == "masks linked by overlap"
        assert row["pixel_auc"] > 0.5 or row["map"] == "fr"
        assert row["frames"] == sum(map(len, TRUTH.values())) - 3 * 4


def test_where_is_judged_on_the_frames_that_every_k_leaves(cache, models):
    found = evaluated(cache, models, shots=(0, 20), support="clip", protocols=("paper",), localise=True)
    counted = rows(found, counting="common")[0]["frames"]
    assert [row["frames"] for row in found.about["localisation"]] == [counted] * 4


def test_maps_and_masks_of_a_clip_are_of_the_same_frames(cache):
    with open_cache(cache) as opened:
        clip = opened.clip("park/test/02")  # 44 frames, abnormal from 8 to 20
        masks = opened.masks(clip.name)
        localisers = localisers_of([clip], [0])
        watcher = MapWatcher(opened, clip, 4, 10, localisers, QUICK)
        watcher.side = 1  # maps as they are
        for first in range(0, 40, 8):
            perfect = torch.from_numpy(masks[4 + first : 4 + first + 8]).float()
            watcher(Key("none", 0, 0, ""), first, ErrorMaps(perfect, None), None)
        watcher.finish()
    figures = localisers[0, "fp"].scores_of_all()
    assert (figures.frames, figures.pixel_auc) == (34, 1.0)


def test_a_model_without_unit_has_no_score_of_prototypes(cache, models):
    found = evaluated(cache, models, "bare", protocols=("paper", "online"))
    assert {(row["score"], row["shots"]) for row in rows(found)} == {("fp", 0), ("fs", 0), ("fp+fs", 0)}


def test_the_scenes_share_makes_a_score_of_its_own_and_none_makes_none(cache, models):
    settings = QUICK.model_copy(update={"score": QUICK.score.model_copy(update={"scene_share": 0.5})})
    options = Options(shots=(0,), protocols=("online",))
    found = evaluate_stage([cache], models / "bare.safetensors", options, settings, Silent())
    fp, fs, both = (rows(found, score=name)[0]["micro_auc"] for name in ("fp", "fs", "fp+fs"))
    assert len({fp, fs, both}) == 3
    nothing = settings.model_copy(update={"score": QUICK.score.model_copy(update={"scene_share": 0.0})})
    found = evaluate_stage([cache], models / "bare.safetensors", options, nothing, Silent())
    assert {row["score"] for row in rows(found)} == {"fp", "fs"}


def test_fused_is_of_frame_and_scene_where_the_scene_is_known(cache, models):
    options = {"shots": (0,), "protocols": ("online",)}
    (fused,) = rows(evaluated(cache, models, scores=("fused",), **options))
    (both,) = rows(evaluated(cache, models, scores=("fp+fs",), **options))
    assert {**fused, "score": "fp+fs"} == both


def test_two_caches_of_one_name_are_refused(tmp_path, cache, models):
    (tmp_path / "park.hdf5").write_bytes(cache.read_bytes())
    with pytest.raises(InputError, match=r"park.hdf5: results are listed by the name park, which .*park.h5 has too"):
        evaluate_stage([cache, tmp_path / "park.hdf5"], models / "meta.safetensors", Options(), QUICK, Silent())


def test_footage_that_does_not_fit_is_refused(tmp_path, cache, models):
    write_cache(tmp_path / "large.h5", TRUTH, size=48)
    with pytest.raises(InputError, match=r"frames of 48x48, 1 channels; .* reads 32x32, 1 channels"):
        evaluated(tmp_path / "large.h5", models)
    with pytest.raises(InputError, match=r"clip park/test/01: 40 frames, of which 44 have no score"):
        evaluated(cache, models, shots=(40,), support="clip")
    write_cache(tmp_path / "bare.h5", {})
    with pytest.raises(InputError, match="none of its 0 test clips has labels"):
        evaluated(tmp_path / "bare.h5", models)
    write_cache(tmp_path / "normal.h5", {"01": labels_of(40), "02": labels_of(40)})
    with pytest.raises(InputError, match="all 72 frames of 2 clips are normal"):
        evaluated(tmp_path / "normal.h5", models, shots=(0,), protocols=("paper",))


def test_scenes_are_calibrated_apart(tmp_path, models):
    import h5py

    write_cache(tmp_path / "two.h5", TRUTH, train=1)
    with h5py.File(tmp_path / "two.h5", "a") as file:
        add_clip(file, "hall/train/00", "hall", "train", moving_square(60, 32, 7)[0])
        add_clip(file, "hall/test/01", "hall", "test", moving_square(40, 32, 9, TRUTH["01"])[0], TRUTH["01"])
    found = evaluated(tmp_path / "two.h5", models, shots=(0, 1))
    assert [row["scene"] for row in found.about["calibration"]] == ["hall", "park"]
    assert rows(found, protocol="online")[0]["clips"] == 4


def test_a_score_that_one_scene_cannot_have_is_of_none_and_said(tmp_path, models):
    import h5py

    write_cache(tmp_path / "two.h5", {"01": TRUTH["01"]}, scene="lawn", train=1)
    with h5py.File(tmp_path / "two.h5", "a") as file:
        add_clip(file, "park/train/00", "park", "train", moving_square(16, 32, 7)[0])
        add_clip(file, "park/test/01", "park", "test", moving_square(40, 32, 9, TRUTH["01"])[0], TRUTH["01"])
    found = evaluated(tmp_path / "two.h5", models, shots=(0, 1), protocols=("paper",))
    assert {row["score"] for row in rows(found)} == {"fp", "fr", "fused"}
    assert found.notes == (
        "two.h5: scene park has too little normal footage to learn its usual features from, "
        "so there is no score fs or fp+fs",
    )
    with pytest.raises(InputError, match="calibration: 4 scored frames; it needs 8"):
        evaluated(tmp_path / "two.h5", models, shots=(0,))
