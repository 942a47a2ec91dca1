import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from vadcli.errors import InputError
from vadcli.evaluation.evidence import GIVEN, available_scores
from vadcli.evaluation.foreign import Alignment, align
from vadcli.evaluation.labels import read_labels
from vadcli.evaluation.metrics import micro_auc
from vadcli.evaluation.protocols import PAPER, Request
from vadcli.evaluation.results import score
from vadcli.evaluation.score_files import read_scores

LENGTHS = {"01": 40, "02": 50, "10": 30}


@pytest.fixture
def truth():
    random = np.random.default_rng(0)
    return {name: (random.random(n) < 0.4).astype(np.int8) for name, n in LENGTHS.items()}


def write_npy(folder, arrays):
    folder.mkdir(exist_ok=True)
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    return str(folder)


def evidence(scores, labels, **how):
    notes = []
    clips = align(read_scores([str(scores)]), read_labels(Path(labels)), Alignment(**how), notes.append)
    return clips, notes


def auc(clips):
    return micro_auc(score(clips, PAPER, Request(GIVEN)))


def test_a_published_result_with_eight_frames_dropped_at_the_head_and_seven_at_the_tail(tmp_path, truth):
    scores = {name: labels[8:-7] + 0.1 for name, labels in truth.items()}
    write_npy(tmp_path / "scores", scores)
    write_npy(tmp_path / "labels", truth)
    clips, notes = evidence(tmp_path / "scores", tmp_path / "labels", drop_head=8, drop_tail=7)
    assert [len(clip.labels) for clip in clips] == [25, 35, 15]
    assert all(np.array_equal(clip.labels, truth[clip.name][8:-7] == 1) for clip in clips)
    assert auc(clips) == 1.0 and not notes
    how = {"drop_head": 8, "drop_tail": 7, "higher_is": "normal"}
    assert auc(evidence(tmp_path / "scores", tmp_path / "labels", **how)[0]) == 0.0


def test_every_kind_of_scores_means_the_same_with_labels_of_one_file_or_many(tmp_path, truth):
    random = np.random.default_rng(1)
    scores = {name: random.normal(size=len(labels)).round(6) for name, labels in truth.items()}
    write_npy(tmp_path / "labels", truth)
    write_npy(tmp_path / "npy", scores)
    np.save(tmp_path / "flat.npy", np.concatenate(list(scores.values())))
    np.save(tmp_path / "truth.npy", np.concatenate(list(truth.values())))
    cells = np.empty((1, 3), dtype=object)
    cells[0] = [values[:, None] for values in scores.values()]
    scipy.io.savemat(tmp_path / "cells.mat", {"scores": cells})
    rows = [(name, i, value) for name, values in scores.items() for i, value in enumerate(values)]
    random.shuffle(rows)
    named = [{"clip": name, "frame": int(i), "score": float(value)} for name, i, value in rows]
    (tmp_path / "rows.ndjson").write_text("".join(json.dumps(row) + "\n" for row in named))
    (tmp_path / "rows.csv").write_text("clip,frame,score\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    (tmp_path / "bare").mkdir()
    for name, values in scores.items():
        (tmp_path / "bare" / f"{name}.csv").write_text("\n".join(map(str, values)) + "\n")
    expected = auc(evidence(tmp_path / "npy", tmp_path / "labels")[0])
    for kind in ("flat.npy", "rows.ndjson", "rows.csv", "bare"):
        assert auc(evidence(tmp_path / kind, tmp_path / "labels")[0]) == pytest.approx(expected, abs=1e-12), kind
    assert auc(evidence(tmp_path / "cells.mat", tmp_path / "truth.npy")[0]) == pytest.approx(expected, abs=1e-12)


def test_records_of_vad_score_are_known_by_their_source_and_their_calibration(tmp_path):
    np.save(tmp_path / "cam.npy", np.arange(20) > 9)
    common = {"schema": "vad.score/1", "source": "/videos/cam.mp4", "psnr_db": 30.0, "calibration": "model"}
    rows = [common | {"frame": i, "score": float(i)} for i in range(4, 20)]
    (tmp_path / "out.ndjson").write_text("\n".join(map(json.dumps, rows)))
    (clip,), _ = evidence(tmp_path / "out.ndjson", tmp_path / "cam.npy")
    assert clip.frames.tolist() == list(range(4, 20)) and available_scores([clip]) == ("given",)
    assert read_scores([str(tmp_path / "out.ndjson")])[0].calibrated


def test_frames_without_a_score_are_said_not_guessed(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10) > 5)
    (tmp_path / "s.csv").write_text("frame,score\n2,1\n3,1\n6,2\n7,2\n")
    (clip,), notes = evidence(tmp_path / "s.csv", tmp_path / "a.npy")
    assert clip.frames.tolist() == [2, 3, 6, 7]
    assert "2 frames between" in notes[0]
    assert "last 2 labelled frames" in notes[1]


def csv_scores(tmp_path, text):
    (tmp_path / "s.csv").write_text(text)
    return tmp_path / "s.csv"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("clip,frame,score\na,0,1\na,1,1\na,1,2\n", "clip a: frame 1 is scored twice"),
        (
            "clip,frame,score\na,0,1\na,9,1\n",
            r"scored up to frame 9 \(from 0\), but labels are of 4 frames: 6 too many",
        ),
        ("clip,frame,score\na,0,nan\na,1,1\n", "clip a: 1 of 2 scores are not finite, the first at index 0"),
        ("clip,frame,score\na,0,1\na,1,\n", "s.csv:3: clip a: 1 of 2 rows have no score"),
        ("clip,frame,score\na,0,1\na,1,x\n", "s.csv:3: score is 'x'; a number is expected"),
        ("clip,frame,score\nb,0,1\nc,0,1\n", "no clip a. Clips here: b, c"),
        ("clip,score\na,1\na,1\n", "clip a: 2 frames scored .*, 4 labelled in l.csv: 2 too few scores"),
        ("clip,frame\na,1\n", "s.csv:2: no score in clip, frame"),
        ("clip,frame,score\na,0.5,1\n", "frame 0.5; frames are whole numbers"),
        ("clip,frame,score\na,-1,1\n", "frame -1; frames count from 0"),
        ("clip,frame,score\na,0,1\na,4000000000000,2\n", r"s.csv:3: clip a: frame 4e\+12; frames are whole"),
        ("clip,frame,score\na,inf,1\n", "s.csv:2: clip a: frame inf; frames are whole numbers"),
        ("clip,frame,score\na,0,1,7\n", "s.csv:2: 1 values more than columns"),
    ],
)
def test_bad_scores_are_named_in_one_line(tmp_path, rows, message):
    (tmp_path / "l.csv").write_text("clip,frame,label\n" + "".join(f"a,{i},{i % 2}\n" for i in range(4)))
    with pytest.raises(InputError, match=message) as caught:
        evidence(csv_scores(tmp_path, rows), tmp_path / "l.csv")
    assert "\n" not in str(caught.value)


def test_ndjson_scores_that_are_no_numbers_are_named_in_one_line(tmp_path):
    for value, message in (
        ("[0.1]}", r"s.ndjson:2: score is \[0.1\]; a number"),
        ("1" + "0" * 400 + "}", r"s.ndjson:2: score is 10{39}…; a number"),
        ("1" + "0" * 5000 + "}", "s.ndjson: not NDJSON"),
        ("[" * 100_000, "s.ndjson: not NDJSON"),
        ("{}}", r"s.ndjson:2: score is \{\}; a number"),
    ):
        for before in ('{"score": 1.0}', ""):
            (tmp_path / "s.ndjson").write_text(f'{before}\n{{"score": {value}\n')
            with pytest.raises(InputError, match=rf"{message}[^\n]*$"):
                read_scores([str(tmp_path / "s.ndjson")])


def test_a_clip_that_only_one_side_has_is_never_dropped(tmp_path, truth):
    write_npy(tmp_path / "labels", truth)
    write_npy(tmp_path / "some", {name: truth[name] for name in ("01", "02")})
    with pytest.raises(InputError, match="no scores for 10"):
        evidence(tmp_path / "some", tmp_path / "labels")
    with pytest.raises(InputError, match=r"90 scores for 120 labelled frames of 2 clips, 30 too few"):
        np.save(tmp_path / "flat.npy", np.concatenate(list(truth.values())))
        evidence(tmp_path / "some", tmp_path / "flat.npy")


def test_lengths_that_differ_say_which_clip_and_by_how_many(tmp_path, truth):
    write_npy(tmp_path / "labels", truth)
    write_npy(tmp_path / "scores", {**truth, "02": np.zeros(46)})
    with pytest.raises(InputError, match=r"clip 02: 46 frames scored .*, 50 labelled in 02\.npy: 4 too few scores"):
        evidence(tmp_path / "scores", tmp_path / "labels")
    np.save(tmp_path / "flat.npy", np.zeros(100))
    with pytest.raises(InputError, match="100 scores for 120 labelled frames of 3 clips, 20 too few"):
        evidence(tmp_path / "flat.npy", tmp_path / "labels")
    for fps in (0, -1, float("nan"), float("inf"), 1001):
        with pytest.raises(InputError, match=r"--fps \S+: frames a second are above 0"):
            Alignment(fps=fps)


def test_nothing_is_ever_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    np.save(tmp_path / "a.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Bomb()))
    for name in ("a.npy", "b.npy"):
        with pytest.raises(InputError, match="can run code"):
            read_scores([str(tmp_path / name)])


def test_missing_files_and_empty_folders_are_named(tmp_path):
    (tmp_path / "nothing").mkdir()
    for read, given, problem in (
        (read_scores, [["gone.npy"]], "no such scores"),
        (read_scores, [[str(tmp_path / "nothing")]], "no such scores"),
        (read_labels, [tmp_path / "nothing"], "no label files in this folder"),
        (read_labels, [tmp_path / "gone"], "no such labels"),
        (read_labels, [tmp_path / "l.csv", "other"], "only a cache has variants"),
    ):
        with pytest.raises(InputError, match=problem):
            read(*given)


def test_a_forgotten_drop_head_is_guessed_from_what_is_missing(tmp_path, truth):
    write_npy(tmp_path / "scores", {name: labels[4:] for name, labels in truth.items()})
    np.save(tmp_path / "one.npy", np.concatenate([labels[4:] for labels in truth.values()]))
    np.save(tmp_path / "labels.npy", np.concatenate(list(truth.values())))
    write_npy(tmp_path / "labels", truth)
    guess = "12 too few. That is 4 for each of 3 clips: if the first frames of each clip have no score, add 4 to --drop"
    for scores, labels in (("scores", "labels.npy"), ("one.npy", "labels")):
        with pytest.raises(InputError, match=guess):
            evidence(tmp_path / scores, tmp_path / labels)
    with pytest.raises(
        InputError, match=r"4 too few scores\. If the first frames of each clip .* add 4 to --drop-head"
    ):
        evidence(tmp_path / "scores", tmp_path / "labels")
    assert len(evidence(tmp_path / "scores", tmp_path / "labels.npy", drop_head=4)[0]) == 3


@pytest.mark.parametrize("first", [0.0, None, "inf", [], 5.0])
def test_frames_have_the_times_that_rows_give_where_all_do_and_they_rise(tmp_path, first):
    rows = [{"clip": "a", "frame": i, "score": i, "time_s": time_s} for i, time_s in enumerate([first, 0.1, 7.0])]
    (tmp_path / "s.ndjson").write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)))
    np.save(tmp_path / "l.npy", np.array([0, 1, 1]))
    (clip,), notes = evidence(tmp_path / "s.ndjson", tmp_path / "l.npy")
    assert clip.times_s == pytest.approx([0.0, 0.1, 7.0] if first == 0.0 else [0.0, 0.04, 0.08])
    assert bool(notes) == (first == 5.0)
