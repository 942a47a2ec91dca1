"""An evaluation as one self-contained HTML file."""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from vadcli.evaluation.against import Difference, describe, gated
from vadcli.evaluation.pool import Pool
from vadcli.evaluation.protocols import PROTOCOLS
from vadcli.evaluation.results import Result
from vadcli.evaluation.tables import TEXT_COLUMNS, event_tables, localisation_table, tables_of
from vadcli.files import whole
from vadcli.rendering.plots import figures

_TEMPLATE = Path(__file__).with_name("eval_report.html.j2")
_CLIP_TABLES = 4


def write_report(
    results: Sequence[Result],
    pools: Sequence[Pool],
    document: Mapping[str, Any],
    differences: Sequence[Difference],
    path: Path,
) -> None:
    """Write the report, whole or not at all."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    where = document.get("localisation", [])
    sets = list(dict.fromkeys(result.setting.data for result in results))
    text = template.render(
        title=f"Evaluation on {', '.join(sets)}",
        subtitle=f"vad {document['vad']}, {len(results)} results",
        notes=document["notes"],
        tables=[*tables_of(results), *event_tables(results), *([localisation_table(where)] if where else [])],
        text_columns=TEXT_COLUMNS,
        differences=differences,
        figures=[Markup(_svg(figure)) for _, figure in figures(results, pools)],
        clips=_clips(results),
        contaminated=document.get("contaminated_supports", []),
        facts=_facts(results, document),
    )
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _svg(figure: Any) -> str:
    """A figure as an SVG element; names in it are escaped by the writer."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "vad", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    return text[text.index("<svg") :]


def _clips(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Clips of the results that matter most: the fullest score at the largest K, a table a protocol."""
    chosen = gated(results)
    most = max((result.setting.shots or 0 for result in chosen), default=0)
    kept = [result for result in chosen if (result.setting.shots or 0) == most][:_CLIP_TABLES]
    return [
        {
            "label": describe(result.to_json()),
            "rows": result.per_clip,
            "scenes": result.scene_auc if len(result.scene_auc) > 1 else {},
        }
        for result in kept
    ]


def _facts(results: Sequence[Result], document: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("micro AUC", "all frames of all clips pooled"),
        ("macro AUC", "mean over clips with both kinds of frames"),
        ("95 %", f"interval of the micro AUC, {results[0].interval_method or 'none for a single clip'}"),
    ]
    facts += [(f"protocol {name}", PROTOCOLS[name].summary) for name in dict.fromkeys(r.protocol for r in results)]
    for name in ("model", "alignment"):
        if name in document:
            facts.append((name, ", ".join(f"{key} {value}" for key, value in document[name].items())))
    for row in document.get("calibration", []):
        donor = f", the longest normal stretch of {row['donor']}" if row["donor"] else ""
        facts.append((f"calibration, {row['scene']}", f"normal footage of {len(row['clips'])} clips{donor}"))
    facts.append(("settings", ", ".join(f"{key} {value}" for key, value in document["settings"].items())))
    return facts
