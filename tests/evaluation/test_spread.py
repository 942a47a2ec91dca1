from dataclasses import replace

import pytest

from tests.evaluation.test_tables import result
from vadcli.evaluation.spread import spread, spread_tables


def test_several_models_give_means_with_the_lowest_and_highest_of_what_all_have():
    models = [[result(seed), replace(result(seed, kind="fp"), micro_auc=0.5)][: 2 if seed else 1] for seed in range(3)]
    (row,) = spread(models)
    values = [own[0].micro_auc for own in models]
    assert row["micro_auc"] == {
        "mean": pytest.approx(sum(values) / 3), "lowest": min(values), "highest": max(values)
    }  # fmt: skip
    (table,) = spread_tables(models)
    assert table.title.endswith("mean of 3 models") and "from–to" in table.columns and "FA/h" not in table.columns
    ((_, _, _, mean, between, *_),) = table.rows
    assert mean == f"{100 * sum(values) / 3:.2f}" and between == f"{100 * min(values):.1f}–{100 * max(values):.1f}"


def test_a_figure_that_a_model_lacks_has_no_mean():
    (row,) = spread([[result()], [replace(result(1), macro_auc=None)]])
    assert "macro_auc" not in row and "ap" in row
