"""The product's accuracy on real footage, by cues alone: a change that loses a point fails."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from vadcli.presets import load_settings
from vadcli.progress import Silent
from vadcli.scoring.engine import Opener
from vadcli.scoring.run import ScoringRun, Started, Stepped
from vadcli.tasks.adapt import fit
from vadcli.tasks.evaluate import evaluate_task
from vadcli.tasks.scoring_model import NO_MODEL
from vadcli.tasks.sources import open_observed, reading_with
from vadcli.tasks.trial import Options


@pytest.mark.footage
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ped2_live_is_within_a_point_of_what_readme_says(footage: Path):
    settings = load_settings(None, ["source.fps=10", "eval.bootstrap=20"])
    found = evaluate_task([str(footage / "ped2")], NO_MODEL, Options(protocols=("online",)), settings, Silent())
    live, moving = ({r.score: r for r in found.results}[name] for name in ("live", "moving"))
    assert live.micro_auc >= 0.962 and live.micro_auc > moving.micro_auc + 0.02
    assert live.events.detected >= 11 and live.events.false_alarms <= 1


@pytest.mark.footage
@pytest.mark.slow
@pytest.mark.parametrize(
    ("normal", "tests", "least"), [("01", ["02"], 0.99), ("03", ["04", "05"], 0.95), ("09", ["10"], 0.98)]
)
def test_umn_live_is_within_a_point_of_what_readme_says(footage: Path, normal, tests, least):
    umn, settings = footage / "umn", load_settings(None, ["source.fps=10", "source.mask_top=0.11"])
    quiet_s = float(np.argmax(np.load(umn / f"{normal}.npy").ravel())) / 30
    span = load_settings(None, [f"span.duration={quiet_s}"]).span
    fitted = fit([open_observed(str(umn / f"{normal}.mp4"), reading_with(settings.source, span), None)], None, settings,
                 Silent())  # fmt: skip
    labels, scores = [], []
    for clip in tests:
        truth = np.load(umn / f"{clip}.npy").ravel() != 0
        opener = Opener(lambda clip=clip: open_observed(str(umn / f"{clip}.mp4"), reading_with(settings.source), None))
        for step in ScoringRun(None, 0, fitted.calibration, settings.score).run([opener], [clip]):
            if isinstance(step, Stepped) and step.outcome.frame.record is not None:
                record = step.outcome.frame.record
                if record.frame < len(truth):
                    labels.append(truth[record.frame])
                    scores.append(record.score)
            elif isinstance(step, Started):
                assert step.scorer.calibration is not None
    assert roc_auc_score(labels, scores) >= least
