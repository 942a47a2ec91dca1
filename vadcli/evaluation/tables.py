"""Results as rows of text: for a terminal and Markdown, with what each figure is said above it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vadcli.evaluation.against import gated
from vadcli.evaluation.events import EventScores
from vadcli.evaluation.evidence import CONTROLS, WORDS
from vadcli.evaluation.protocols import PROTOCOLS
from vadcli.evaluation.results import Result

COLUMNS = ("protocol", "K", "score", "micro AUC", "95 %", "macro AUC", "AP", "EER", "FA/h")
EVENT_COLUMNS = ("protocol", "K", "score", "LaAP", "alarm", "found", "false", "delay", "best", "false", "delay")
TEXT_COLUMNS = ("protocol", "score", "method", "meta-trained", "map", "data", "alarm")
_NAMED_SCENES = 6  # more are not named in a footnote
_SUPPORTS = {
    "none": "",
    "clip": ", support from the clip's head",
    "scene": ", support from the scene's normal footage",
}
_EVENT_NOTES = (
    "alarm: above vad's threshold for the rate asked for, or above that of the EER, which is chosen on test labels",
    "found: of all true events; false: false alarms; delay: mean seconds from an event's start to its alarm",
    "best: most events found by alarms that begin anew, at one false alarm a clip; chosen on test labels",
    "LaAP: average precision over events, each worth what is left of it when it is found",
)


@dataclass(frozen=True, slots=True)
class Table:
    """Results that may stand in one table: same data, labels, support and frames."""

    title: str  # the data that all rows share
    columns: tuple[str, ...]  # headings
    rows: tuple[tuple[str, ...], ...]  # cells
    footnotes: tuple[str, ...]  # for the reader


def tables_of(results: Sequence[Result]) -> list[Table]:
    """A table for each data set and way of counting; supports of different kinds never share one."""
    groups: dict[tuple[str, str, str, bool], list[Result]] = {}
    supports = {r.setting.data: r.setting.support for r in results if r.setting.support != "none"}
    for result in results:
        setting = result.setting
        support = supports.get(setting.data, "none")
        groups.setdefault((setting.data, setting.labels, support, setting.counting == "paper"), []).append(result)
    return [_table(*key, group) for key, group in sorted(groups.items(), key=lambda item: item[0])]


def _table(data: str, labels: str, support: str, paper: bool, results: list[Result]) -> Table:
    frames = sorted({(r.frames, r.abnormal_frames) for r in results})
    counted = " or ".join(f"{n:,} frames ({bad / n:.1%} abnormal)" for n, bad in frames)
    title = f"{data}: {results[0].clips} clips, {counted}"
    title += (f", labels {labels}" if labels != "own" else "") + _SUPPORTS[support]
    title += "; the paper's counting: each K on the frames it leaves" if paper else ""
    ordered = sorted(results, key=_order)
    return Table(title, COLUMNS, tuple(_cells(r) for r in ordered), tuple(_footnotes(results, ordered)))


def _footnotes(results: Sequence[Result], ordered: Sequence[Result]) -> Iterator[str]:
    notes = [(r.setting.shots, note) for r in results for note in r.notes]
    yield from dict.fromkeys(note if shots is None else f"K={shots}: {note}" for shots, note in notes)
    if any(r.uses_future for r in results):
        yield "* scaled over each test clip, so it looks into the future and cannot be had live"
    if any(r.protocol.startswith("official") and r.score == "fused" and r.setting.shots for r in results):
        yield "official weighs the frame 0.7 for K > 0 and 0.5 for K = 0: tell what K does by fp and fr"
    yield from _below_controls(ordered)
    yield from _by_scene(results)
    left_out = results[0].clips - results[0].macro_clips
    if left_out:
        yield f"macro AUC: {left_out} of {results[0].clips} clips have one kind of frames only, left out"
    yield "95 %: over clips; FA/h: false alarms for an hour of normal footage at recall 0.8"


def event_tables(results: Sequence[Result]) -> list[Table]:
    """A table of events for each data set: the fullest score of every protocol and K, and the controls."""
    controls = [r for r in results if r.score in CONTROLS and r.setting.counting == "common"]
    chosen = {id(r) for r in (*gated(results), *controls)}
    shown = [r for r in sorted(results, key=_order) if id(r) in chosen]
    tables = []
    for data in dict.fromkeys(r.setting.data for r in results):
        rows = tuple(_event_cells(r) for r in shown if r.setting.data == data)
        tables.append(Table(f"{data}: events", EVENT_COLUMNS, rows, _EVENT_NOTES))
    return tables


def localisation_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Figures of where, as of `LocalisationScores`, one row a data set, K and kind of map."""
    columns = ("data", "K", "map", "pixel AUC", "UCSD pixel AUC", "RBDC", "TBDC")
    keys = ("pixel_auc", "ucsd_pixel_auc", "rbdc", "tbdc")
    cells = tuple((row["data"], str(row["shots"]), row["map"], *(percent(row[key]) for key in keys)) for row in rows)
    origin = " or ".join(sorted({row["tracks_from"] for row in rows}))
    note = f"UCSD: 40 % of the abnormal pixels; regions: overlap 0.1; tracks: {origin}"
    return Table("Where", columns, cells, (note,))


def _event_cells(result: Result) -> tuple[str, ...]:
    def found(events: EventScores) -> tuple[str, str, str]:
        delay = "–" if events.delay_s is None else f"{events.delay_s:.1f}"
        return f"{events.detected:.3g}/{events.true_events:.3g}", f"{events.false_alarms:.3g}", delay

    return (
        *_heading(result),
        percent(result.latency_aware_ap),
        "vad's" if result.events_threshold == "calibration" else "EER",
        *found(result.events),
        *found(result.events_at_one_false_alarm_a_clip),
    )


def _order(result: Result) -> tuple[int, bool, int]:
    """By protocol, controls first, then by K."""
    return list(PROTOCOLS).index(result.protocol), result.score not in CONTROLS, result.setting.shots or 0


def _below_controls(ordered: Sequence[Result]) -> Iterator[str]:
    """A line on the controls, and one that names the results below the better of them."""
    best: dict[str, float] = {}
    for control in ordered:
        if control.score in CONTROLS:
            best[control.protocol] = max(control.micro_auc, best.get(control.protocol, 0.0))
    if best:
        yield "moving pixels, optical flow: controls, which learned nothing"
    below = [r for r in ordered if r.score not in CONTROLS and r.micro_auc < best.get(r.protocol, 0.0)]
    if below:
        yield f"below a control, so worth less than no model: {'; '.join(map(_named, below))}"


def _by_scene(results: Sequence[Result]) -> Iterator[str]:
    """A line for each protocol and K with the fullest score's micro AUC of each scene; nothing for one scene."""
    for r in gated(results):
        known = {name: auc for name, auc in r.scene_auc.items() if auc is not None}
        if len(known) > 1:
            mean = f"mean of {len(known)} scenes {percent(sum(known.values()) / len(known))}"
            scenes = ", ".join(f"{name} {percent(auc)}" for name, auc in known.items())
            each = "" if len(known) > _NAMED_SCENES else f": {scenes}"
            yield f"{_named(r)}, micro AUC scene by scene, {mean}{each}"


def _cells(result: Result) -> tuple[str, ...]:
    interval = result.micro_auc_interval
    alarms = result.false_alarms_per_hour.get("0.8")
    return (
        *_heading(result),
        percent(result.micro_auc),
        "–" if interval is None else f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}",
        percent(result.macro_auc),
        percent(result.ap),
        percent(result.eer),
        "–" if alarms is None else f"{alarms:,.0f}",
    )


def _heading(result: Result) -> tuple[str, str, str]:
    return result.protocol + ("*" if result.uses_future else ""), _shots(result), WORDS[result.score]


def _named(result: Result) -> str:
    shots = "" if result.setting.shots is None else f" K={_shots(result)}"
    return f"{result.protocol}{shots} {WORDS[result.score]}"


def _shots(result: Result) -> str:
    shots = None if result.score in CONTROLS else result.setting.shots
    other = " no-meta" if result.setting.adaptation == "no-meta" else ""
    return ("–" if shots is None else str(shots)) + other


def percent(value: float | None) -> str:
    """A share as per cent, or a dash."""
    return "–" if value is None else f"{100 * value:.2f}"


def markdown(tables: Sequence[Table]) -> str:
    """Tables as Markdown."""
    parts = []
    for table in tables:
        alignment = ["---" if name in TEXT_COLUMNS else "---:" for name in table.columns]
        rows = [_line(cells) for cells in (table.columns, alignment, *table.rows)]
        notes = [f"{_escaped(note)}  " for note in table.footnotes]
        parts.append("\n".join([f"**{table.title}**", "", *rows, "", *notes]))
    return "\n\n".join(parts) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
