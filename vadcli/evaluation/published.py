"""The paper's tables (Lv et al., CVPR 2021) as data, and measured results set beside them.

The paper contradicts itself between tables (FP and FR of Table 4 are the other way round in Table 6, and Table 5 has
FR 89.19 at full resolution), so every number is quoted with its table. All are frame-level micro AUC in per cent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from vadcli.errors import InputError
from vadcli.evaluation.evidence import CONTROLS
from vadcli.evaluation.tables import Table, percent

SETS: Mapping[str, int] = {"ped1": 36, "ped2": 12, "avenue": 21, "shanghai": 107}  # test clips of each
SHOTS = (0, 1, 5, 10)

TABLE_1: Mapping[str, tuple[float | None, ...]] = {
    "MPN, autoencoder only": (83.2, 95.1, 84.0, 66.7),
    "MPN, with unit": (85.1, 96.9, 89.5, 73.8),
    "users of its released code": (None, 95.0, 82.2, 72.9),
    "LMN (MNAD)": (None, 97.0, 88.5, 70.5),
    "MemAE": (None, 94.1, 83.3, 71.2),
    "Frame-Pred": (83.1, 95.4, 85.1, 72.8),
    "rGAN": (86.3, 96.2, 85.8, 77.9),
    "USTN-DSC (2023)": (None, 98.1, 89.9, 73.8),
    "DMAD (2023)": (None, 99.7, 92.8, 78.8),
}
TABLE_2: Mapping[tuple[str, str], tuple[float, ...]] = {  # (meta-trained on, evaluated on): K = 0, 1, 5, 10
    ("ShanghaiTech", "ped1"): (74.45, 78.54, 79.35, 80.20),
    ("ShanghaiTech", "ped2"): (90.17, 94.46, 94.67, 95.75),
    ("ShanghaiTech", "avenue"): (74.06, 78.92, 80.25, 81.69),
    ("UCF-Crime", "ped1"): (75.52, 77.19, 78.33, 79.53),
    ("UCF-Crime", "ped2"): (86.04, 88.43, 87.83, 89.89),
    ("UCF-Crime", "avenue"): (82.26, 85.62, 85.66, 85.91),
}
TABLE_4: Mapping[str, float] = {"autoencoder alone": 95.1, "fp": 92.6, "fr": 96.2, "fused": 96.9}  # Ped2
TABLE_5: Mapping[int, float] = {1: 89.19, 2: 86.72, 4: 84.66, 8: 81.18}  # Ped2, FR, unit at 1/level of the input
TABLE_6: Mapping[int, float] = {1: 95.22, 5: 95.57, 10: 96.90, 20: 96.03, 40: 95.74}  # Ped2, fused, by prototypes
TABLE_6_PARTS: Mapping[str, float] = {"fp": 96.22, "fr": 92.59}  # Ped2 at M = 10
TABLES = ("1", "2", "4", "5", "6")
RIVALS = ("memory", "items")  # units of other papers at the same place: rows of their own, where they were measured

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """One result with the model it is of, from this run or an earlier `--json`."""

    result: Row  # as of `Result.to_json`
    model: Row  # lineage of the model; empty for foreign scores


def measured_of(document: Mapping[str, Any]) -> list[Measured]:
    """Results in an evaluation document, with its model."""
    return [Measured(result, document.get("model") or {}) for result in document["results"]]


def beside(number: str, measured: Sequence[Measured]) -> Table:
    """One of the paper's tables (TABLES) with what was measured; raises InputError for another number."""
    makers = {"1": _table_1, "2": _table_2, "4": _table_4, "5": _table_5, "6": _table_6}
    if number not in makers:
        raise InputError(f"--table {number}: unknown. Use {', '.join(TABLES)}.")
    models = [each for each in measured if each.result["score"] not in CONTROLS]
    table = makers[number](models)
    sets = tuple(SETS) if number == "1" else tuple(SETS)[:3] if number == "2" else ("ped2",)
    return replace(table, footnotes=(*table.footnotes, *_control_notes(measured, sets), *_data_notes(models, sets)))


def _control_notes(measured: Sequence[Measured], sets: Sequence[str]) -> Iterator[str]:
    """A line with the figures of the controls on the data sets of a table."""
    for name in CONTROLS:
        found = {data: _find(measured, data, score=name) for data in sets}
        figures = ", ".join(f"{data} {_cell(each, 'data')}" for data, each in found.items() if each)
        if figures:
            yield f"{name}, without a model: {figures}"


def _data_notes(measured: Sequence[Measured], sets: Sequence[str]) -> Iterator[str]:
    """A line for results whose data's name is of no data set, and one for those on other than all clips of theirs."""
    strange = {str(each.result["data"]): None for each in measured if not any(_is_of(each, data) for data in SETS)}
    if strange:
        yield f"left out: {', '.join(strange)}; name a cache by its data set, as in {sets[0]}.h5, to set it in here"
    for data in sets:
        counts = sorted({int(each.result["clips"]) for each in measured if _is_of(each, data)})
        if counts and counts != [SETS[data]]:
            yield f"{data}: measured on {' or '.join(map(str, counts))} clips; the published test set has {SETS[data]}"


def _is_of(measured: Measured, data: str) -> bool:
    return data in str(measured.result["data"]).lower().replace("-", "")


def _find(measured: Sequence[Measured], data: str, **wanted: Any) -> list[Measured]:
    """Results on a data set; each K as the paper counts it, where that is there beside the common counting."""
    found = [
        each
        for each in measured
        if _is_of(each, data) and all(each.result.get(key) == value for key, value in wanted.items())
    ]
    papers = [each for each in found if each.result["counting"] == "paper"]
    return papers or found


def _cell(found: Sequence[Measured], what: str) -> str:
    return percent(found[-1].result["micro_auc"]) if found else f"no {what}"


def _protocols(measured: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(str(each.result["protocol"]) for each in measured)) or ["paper"]


def _rivals(measured: Sequence[Measured]) -> list[str]:
    """The units of other papers that were measured."""
    return [rival for rival in RIVALS if any(each.model.get("unit") == rival for each in measured)]


def _by_unit(measured: Sequence[Measured]) -> Iterator[tuple[str, list[Measured]]]:
    """A label and results for each rival of the prototype unit that was measured, after "" for all else."""
    yield "", [each for each in measured if each.model.get("unit") not in RIVALS]
    for rival in _rivals(measured):
        yield f"unit {rival}, ", [each for each in measured if each.model.get("unit") == rival]


def _table_1(measured: Sequence[Measured]) -> Table:
    rows = [(name, *("–" if v is None else f"{v:.1f}" for v in values)) for name, values in TABLE_1.items()]
    for label, group in _by_unit(measured):
        for protocol, score in product(_protocols(group), ("fused", "given", "fp")):
            shots = None if score == "given" else 0
            cells = [_find(group, data, protocol=protocol, score=score, shots=shots) for data in SETS]
            if any(cells):
                rows.append((f"measured, {label}{protocol} {score}", *(_cell(found, "data") for found in cells)))
    if not measured:
        rows.append(("measured", *("no data" for _ in SETS)))
    note = "published numbers as printed; their protocols differ and are not all known"
    columns = ("method", "Ped1", "Ped2", "Avenue", "ShanghaiTech")
    return Table("Table 1: micro AUC, %", columns, tuple(rows), (note, *_model_note(measured)))


def _table_2(measured: Sequence[Measured]) -> Table:
    rows: list[tuple[str, ...]] = []
    for data in tuple(SETS)[:3]:
        for (source, target), values in TABLE_2.items():
            if target == data:
                rows.append((data, f"paper, from {source}", *(f"{value:.2f}" for value in values)))
        for (label, group), support in product(_by_unit(measured), ("clip", "scene")):
            supports = {k: support if k else "none" for k in SHOTS}
            for protocol in _protocols(group):
                wanted = {"protocol": protocol, "score": "fused"}
                cells = [_find(group, data, shots=k, support=supports[k], **wanted) for k in SHOTS]
                if any(cells[1:]):
                    name = f"measured, {label}{protocol}, support {support}"
                    rows.append((data, name, *(_cell(found, "K") for found in cells)))
        if not _find(measured, data, score="fused"):
            rows.append((data, "measured: no cache given", *("–" for _ in SHOTS)))
    columns = ("data", "meta-trained", *(f"K={k}" for k in SHOTS))
    notes = ("each K on the frames it leaves, as the paper counts", *_model_note(measured))
    return Table("Table 2: few-shot, micro AUC, %", columns, tuple(rows), notes)


_Wanted = tuple[str, str, str, Row]  # a row's name, the paper's figure, the score, and what the model's lineage says


def _table_4(measured: Sequence[Measured]) -> Table:
    rows: list[_Wanted] = [(name, f"{value:.1f}", name, {"unit": "prototypes"}) for name, value in TABLE_4.items()]
    rows[0] = (*rows[0][:2], "fp", {"unit": "none"})  # the autoencoder alone
    rows += [(f"unit {unit}, {s}", "–", s, {"unit": unit}) for unit in _rivals(measured) for s in ("fp", "fr", "fused")]
    note = "Table 6 has FP 96.22 and FR 92.59, the other way round"
    return _on_ped2(measured, "Table 4: scores on Ped2, micro AUC, %", "score", rows, note)


def _table_5(measured: Sequence[Measured]) -> Table:
    title = "Table 5: unit at 1/level of the input, FR on Ped2, micro AUC, %"
    note = "give --results of a model at each level; Table 4 has FR 96.2 at level 1"
    return _on_ped2(measured, title, "unit level", _by_setting(measured, "unit_level", TABLE_5, "fr"), note)


def _table_6(measured: Sequence[Measured]) -> Table:
    title = "Table 6: prototypes, fused score on Ped2, micro AUC, %"
    parts = f"FP {TABLE_6_PARTS['fp']}, FR {TABLE_6_PARTS['fr']}"
    note = f"give --results of a model with each number of prototypes; at 10 the paper has {parts}"
    return _on_ped2(measured, title, "num prototypes", _by_setting(measured, "num_prototypes", TABLE_6, "fused"), note)


def _by_setting(measured: Sequence[Measured], key: str, published: Mapping[int, float], score: str) -> list[_Wanted]:
    """The paper's rows, and for rivals those that were measured."""
    rows: list[_Wanted] = [
        (str(each), f"{value:.2f}", score, {"unit": "prototypes", key: each}) for each, value in published.items()
    ]
    for unit, each in product(_rivals(measured), published):
        if any(m.model.get("unit") == unit and m.model.get(key) == each for m in measured):
            rows.append((f"unit {unit}, {each}", "–", score, {"unit": unit, key: each}))
    return rows


def _on_ped2(measured: Sequence[Measured], title: str, head: str, rows: Sequence[_Wanted], note: str) -> Table:
    on_ped2 = not measured or any(_is_of(each, "ped2") for each in measured)
    protocols, missing, cells = _protocols(measured), "such model" if on_ped2 else "Ped2", []
    for name, published, score, model in rows:
        group = [each for each in measured if all(each.model.get(key) == value for key, value in model.items())]
        found = [_find(group, "ped2", protocol=protocol, score=score, shots=0) for protocol in protocols]
        cells.append((name, published, *(_cell(each, missing) for each in found)))
    return Table(title, (head, "paper", *protocols), tuple(cells), (note, *_model_note(measured)))


def _model_note(measured: Sequence[Measured]) -> Iterator[str]:
    models = {str(each.model["sha256"]): each.model for each in measured if each.model}
    names = [
        f"{m['file']} ({m['size'][0]}x{m['size'][1]}, width {m['width']}, "
        f"{m['unit'] if m['unit'] in RIVALS else m['variant']})"
        for m in models.values()
    ]
    if names:
        yield f"measured: {', '.join(names)}"
    if any(each.result["uses_future"] for each in measured):
        yield "official is scaled over each test clip, so it looks into the future"
