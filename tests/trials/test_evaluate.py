"""`vad eval` from the command line."""

import json

import numpy as np
import pytest

from tests.trials.labelled import labels_of
from vadcli.cli.app import load_command, run
from vadcli.evaluation.protocols import DEFAULT_PROTOCOLS
from vadcli.trials.trial import Options


def command(capsys, *arguments):
    code = run(["eval", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


FAST = ("--set", "eval.bootstrap=50", "--draws", "2", "--quiet", "--precision", "float32")


def test_the_command_prints_json_with_the_shots_asked_for(capsys, cache, models):
    code, out, _ = command(capsys, cache, "--model", models / "meta.safetensors", "--shots", "0,10", "--json", *FAST)
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == "vad.eval/1"
    assert {row["shots"] for row in document["results"]} == {0, 10}
    assert document["model"]["stage"] == "metatrain"


def test_gates_differences_and_tables_of_the_command(capsys, tmp_path, cache, models):
    base = (cache, "--model", models / "meta.safetensors", "--shots", "0,1", "--protocol", "paper", *FAST)
    code, out, err = command(capsys, *base, "--json", "--fail-below", "micro_auc=1.01")
    assert code == 1
    assert err.startswith("vad: micro_auc 0.")
    assert "and 1 more below" in err
    (tmp_path / "before.json").write_text(out)
    code, out, _ = command(capsys, *base, "--against", tmp_path / "before.json", "--fail-below", "micro_auc=0")
    assert code == 0
    assert "+0.00" in out
    assert "±0.00" in out
    code, out, _ = command(capsys, *base, "--markdown")
    assert "| protocol | K | score |" in out
    assert code == 0


def test_help_names_the_protocols_that_are_taken_by_default():
    (told,) = [parameter for parameter in load_command("eval").params if parameter.name == "protocol"]
    assert told.show_default == ", ".join(DEFAULT_PROTOCOLS)
    assert Options().protocols == DEFAULT_PROTOCOLS


def test_plots_and_report_are_written(capsys, tmp_path, cache, models):
    arguments = (cache, "--model", models / "meta.safetensors", "--shots", "0,1", *FAST)
    code, _, _ = command(capsys, *arguments, "--plot", tmp_path / "plots", "--report", tmp_path / "r.html")
    assert code == 0
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {f"{name}.{kind}" for name in ("roc", "pr", "timelines") for kind in ("png", "svg")}
    text = (tmp_path / "r.html").read_text()
    assert "http" not in text.replace("http://www.w3.org", "")  # names of SVG, not addresses: nothing is fetched
    assert "park" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give caches, or --scores"),
        (("gone.h5",), "gone.h5: not found"),
        (
            ("c.h5", "--protocol", "fast"),
            "--protocol fast: 'fast' is not one of 'paper', 'official', ",
        ),
        (("c.h5", "--shots", "-1"), "--shots -1: numbers from 0"),
        (("c.h5", "--shots", "ten"), "--shots ten"),
        (("c.h5", "--support", "sky"), "--support sky: 'sky' is not one of 'scene', 'clip'"),
        (("c.h5", "--json", "--markdown"), "choose one"),
        (("c.h5", "--fail-below", "eer=1"), "unknown metric"),
        (("c.h5", "--fail-below", "micro_auc"), "METRIC=NUMBER"),
        (("c.h5", "--against", "gone.json"), "gone.json: no such file"),
        (("c.h5", "--fail-below", "micro_auc=nan"), "METRIC=NUMBER"),
        (("c.h5", "--drop-head", "30"), "--drop-head: an evaluation of caches has no use for it"),
        (("c.h5", "--labels", "l.npy"), "--labels: an evaluation of caches has no use for it"),
        (("c.h5", "--results", "r.json"), "--results: an evaluation of caches has no use for it"),
        (("c.h5", "--table", "1", "--fail-below", "ap=1"), "--fail-below: --table 1 has no use for it"),
        (("c.h5", "--table", "1", "--json"), "--json: --table 1 has no use for it"),
        (("c.h5", "--table", "1", "--against", "a.json"), "--against: --table 1 has no use for it"),
        (("c.h5", "--table", "2", "--report", "r.html"), "--report: --table 2 has no use for it"),
        (("--scores", "s.csv", "--labels", "l.csv", "--table", "1"), "--scores: --table 1 has no use for it"),
        (("--scores", "s.csv", "--labels", "l.csv", "--shots", "1"), "--shots: an evaluation of --scores has no use"),
        (("--scores", "gone.npy"), "needs --labels"),
        (("--scores", "gone.npy", "--labels", "l.npy"), "gone.npy: no such scores"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(capsys, arguments, message):
    code, out, err = command(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_foreign_scores_by_every_protocol(capsys, tmp_path):
    random = np.random.default_rng(0)
    for kind in ("scores", "labels"):
        (tmp_path / kind).mkdir()
    for name, labels in {"1": labels_of(90, (30, 60)), "2": labels_of(70, (10, 30))}.items():
        np.save(tmp_path / "labels" / f"{name}.npy", labels)
        np.save(tmp_path / "scores" / f"{name}.npy", -(labels + random.normal(0, 0.5, len(labels)))[8:-7])
    code, out, _ = command(
        capsys, "--scores", tmp_path / "scores", "--labels", tmp_path / "labels", "--drop-head", 8, "--drop-tail", 7,
        "--higher-is", "normal", "--json",
    )  # fmt: skip
    found = json.loads(out)["results"]
    assert code == 0
    assert {row["protocol"]: row["frames"] for row in found} == {"paper": 130, "official": 130, "online": 130}
    assert all(row["micro_auc"] > 0.6 for row in found)
    assert all(row["shots"] is None for row in found)


def test_the_papers_tables_are_one_command_each(capsys, tmp_path, cache, models):
    base = ("--model", models / "meta.safetensors", *FAST)
    ped2 = tmp_path / "ped2.h5"
    ped2.write_bytes(cache.read_bytes())
    code, out, _ = command(
        capsys, ped2, *base, "--protocol", "paper", "--json", "--shots", "0,1,5", "--support", "clip"
    )
    (tmp_path / "r.json").write_text(out)
    for number in ("1", "2", "4", "5", "6"):
        code, out, _ = command(capsys, "--table", number, "--results", tmp_path / "r.json", "--markdown", *base)
        assert code == 0
        assert out.startswith(f"**Table {number}")
    code, out, _ = command(capsys, ped2, *base, "--table", "1", "--protocol", "paper")
    assert "measured, paper fused" in out
    code, _, err = command(capsys, "--table", "9", *base)
    assert code == 2
    assert "--table 9: '9' is not one of '1'" in err
