"""`vad eval`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from vadcli.cli.console import progress, tell_json
from vadcli.cli.options import AsJson, Model, Quiet, file_option, in_panel, one_of, output_option, with_settings
from vadcli.errors import InputError
from vadcli.files import check_output, check_output_folder, named
from vadcli.processes import started_by_torchrun
from vadcli.settings import Settings

# Parameters that only some kinds of evaluation use; elsewhere they are refused, or a gate would seem to have held.
_FOR_SCORES = ("drop_head", "drop_tail", "higher_is")
_FOR_MODELS = ("model", "adapter", "shots", "support", "score", "localise")
_FOR_RESULTS = ("as_json", "report", "against", "fail_below", "localise")

Protocol = Literal["online", "paper", "official", "minmax"]
ScoreName = Literal["live", "fp", "fr", "fused", "area", "speed", "crowd", "look", "error"]
Table = Literal["1", "2", "4", "5", "6"]
_trial, _foreign, _gate = in_panel("Trial of a model"), in_panel("Scores of any program"), in_panel("Comparison")


@with_settings("source.fps", "source.mask_top", "eval.seed", "score.batch_size", "score.device", "score.precision")
def command(
    ctx: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Caches with labelled test clips, or benchmarks and folders as they are.", metavar="SOURCE"
        ),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol",
            help="How scores are made comparable; repeatable.",
            show_default="paper, official, online",
            **one_of(Protocol),
        ),
    ] = None,
    model: Model = None,
    adapter: Annotated[
        Path | None, _trial("--adapter", "-a", help="Adapter made by `vad adapt`, instead of one made here a scene.")
    ] = None,
    shots: Annotated[
        str | None,
        _trial(
            "--shots",
            "-k",
            help="Windows to adapt on, as in 0,1,5,10.",
            show_default="0,1,5,10; 0 without meta-training",
        ),
    ] = None,
    support: Annotated[
        Literal["scene", "clip"],
        _trial(
            "--support",
            help="Take these windows from the scene's normal footage, or from the head of each test clip as the paper.",
        ),
    ] = "scene",
    score: Annotated[
        list[str] | None,
        _trial(
            "--score",
            help="The program's score (live), one cue of it, or the paper's errors: of the frame (fp), of features "
            "(fr), both (fused); repeatable.",
            show_default="all but single cues",
            **one_of(ScoreName),
        ),
    ] = None,
    localise: Annotated[
        bool, _trial("--localise", help="Also measure where (pixel AUC, UCSD criterion, RBDC, TBDC); needs masks.")
    ] = False,
    labels_variant: Annotated[
        str | None, _trial("--labels-variant", help="Another label set of the cache, by name.")
    ] = None,
    scores: Annotated[
        list[str] | None,
        _foreign("--scores", help="Score files instead of caches: NDJSON, CSV, .npy, .mat; repeatable."),
    ] = None,
    labels: Annotated[
        Path | None,
        _foreign("--labels", help="Labels: .npy, .mat, .m, CSV, a folder of these; of scores also a cache."),
    ] = None,
    drop_head: Annotated[
        int, _foreign("--drop-head", min=0, help="Frames at the start of each clip that have no score.")
    ] = 0,
    drop_tail: Annotated[int, _foreign("--drop-tail", min=0, help="The same at the end.")] = 0,
    higher_is: Annotated[
        Literal["abnormal", "normal"], _foreign("--higher-is", help="Meaning of a high score.")
    ] = "abnormal",
    against: Annotated[
        Path | None, _gate("--against", help="Earlier --json output; shows differences with intervals.")
    ] = None,
    fail_below: Annotated[
        list[str] | None,
        _gate(
            "--fail-below",
            metavar="METRIC=VALUE",
            help="Exit with code 1 if a result is below, as in micro_auc=0.93; repeatable.",
        ),
    ] = None,
    table: Annotated[
        Table | None, _gate("--table", help="A table of the paper, with what was measured beside it.")
    ] = None,
    results: Annotated[
        list[Path] | None, _gate("--results", help="Earlier --json outputs to set into --table; repeatable.")
    ] = None,
    as_json: AsJson = False,
    markdown: Annotated[bool, output_option("--markdown", help="Print tables as Markdown.")] = False,
    plot: Annotated[Path | None, output_option("--plot", help="Folder for curves and timelines, PNG and SVG.")] = None,
    report: Annotated[
        Path | None, file_option("--report", metavar="FILE.html", help="Report in one HTML file.")
    ] = None,
    *,
    settings: Settings,
    quiet: Quiet = False,
) -> None:
    """Compare scores with labels: every metric, every protocol.

    Protocols: paper (raw errors), official (as the released code: scaled over
    each test clip, so it looks ahead), minmax (scaled over each clip and not
    filtered, as MemAE), online (what `vad score` gives, causal, as a live
    camera has it). Controls, which learned nothing, stand in every table. An
    AUC is micro (all frames pooled) or macro (mean over clips). Several models
    with commas between, such as those of several seeds, give the mean of each
    figure and the lowest and highest.

    Examples:
      vad eval ped2.h5 --model meta.safetensors --shots 0,1,5,10

      vad eval UCSDped2/ --fps 10 --adapter ped2.safetensors --protocol online

      vad eval ped2.h5 --model seed1.safetensors,seed2.safetensors,seed3.safetensors

      vad eval ped2.h5 --model meta.safetensors --support clip --markdown

      vad eval --scores other_method/ --labels UCSDped2.m --drop-head 8

      vad eval c.h5 --json > now.json

      vad eval c.h5 --against now.json --fail-below micro_auc=0.9

      vad eval ped1.h5 ped2.h5 --model meta.safetensors --table 2
    """
    if not started_by_torchrun().leads:
        return
    if as_json and markdown:
        raise InputError("--json and --markdown: choose one.")
    if (sources and scores) or not (sources or scores or table):
        raise InputError("eval: give caches or folders, or --scores with --labels. See `vad eval --help`.")
    _check_used(ctx, table, bool(scores))
    if scores and labels is None:
        raise InputError("--scores: needs --labels. Give a .npy, .mat, .m or CSV file, a folder, or a cache.")
    models = _models(model)
    if len(models) > 1 and (table or against or fail_below or report or plot):
        raise InputError(
            "--model: several give means alone. Leave out --table, --against, --fail-below, --report and --plot."
        )
    read = [*models, adapter, labels, against, *map(Path, sources or ()), *map(Path, scores or ()), *(results or ())]
    if report is not None:
        check_output("--report", report, named(*read), "report")
    if plot is not None:
        check_output_folder("--plot", plot, {})
    from vadcli.evaluation.against import check_gates, compare, parse_gates, read_document
    from vadcli.evaluation.foreign import Alignment
    from vadcli.evaluation.protocols import DEFAULT_PROTOCOLS
    from vadcli.evaluation.spread import spread, spread_tables
    from vadcli.evaluation.tables import tables_of
    from vadcli.rendering.eval_table import print_differences, print_tables
    from vadcli.tasks.evaluate import evaluate_scores_task, evaluate_task, table_task
    from vadcli.tasks.trial import Options, Trial

    style = "markdown" if markdown else "terminal"
    gates = parse_gates(fail_below or ())
    earlier = read_document(against) if against else None
    protocols = tuple(dict.fromkeys(protocol or DEFAULT_PROTOCOLS))
    options = Options(
        _shots(shots), support, protocols, tuple(score or ()), labels_variant, adapter, labels, localise=localise
    )
    with progress(quiet) as shown:
        if table is not None:
            print_tables([table_task(table, sources or [], results or [], model, options, settings, shown)], style)
            return
        if scores and labels:
            alignment = Alignment(drop_head, drop_tail, higher_is, settings.source.fps or 25.0)
            found = evaluate_scores_task(scores, labels, alignment, options, settings)
        else:
            for each in models[1:]:
                Trial(each, options, settings, shown)  # a file that does not fit is told before any work
            every = [evaluate_task(sources or [], each, options, settings, shown) for each in models]
            found = every[0]
        for note in found.notes:
            shown.note(note)
    if len(models) > 1:
        of_models = [each.results for each in every]
        if as_json:
            evaluations = [each.to_json() for each in every]
            tell_json({"schema": "vad.spread/1", "spread": spread(of_models), "evaluations": evaluations})
        else:
            print_tables(spread_tables(of_models), style)
        return
    differences = [] if earlier is None else compare(found.results, earlier["results"], str(against))
    if plot is not None:
        from vadcli.rendering.plots import write_plots

        write_plots(found.results, found.pools, plot)
    if report is not None:
        from vadcli.rendering.eval_report import write_report

        write_report(found.results, found.pools, found.to_json(), differences, report)
    if as_json:
        from dataclasses import asdict

        document = found.to_json()
        if against is not None:
            document["against"] = {"file": against.name, "differences": list(map(asdict, differences))}
        tell_json(document)
    else:
        print_tables([*tables_of(found.results), *found.more_tables()], style)
        if differences:
            print_differences(differences, str(against))
    check_gates(found.results, gates)


def _check_used(ctx: typer.Context, table: str | None, foreign: bool) -> None:
    """Refuse flags that the kind of evaluation asked for would ignore."""
    kind, unused = "an evaluation of footage", {*_FOR_SCORES, "results"}
    if foreign:
        kind, unused = "an evaluation of --scores", {*_FOR_MODELS, "results"}
    if table is not None:
        kind, unused = f"--table {table}", {"scores", "plot", *_FOR_SCORES, *_FOR_RESULTS}
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if parameter.name in unused and source is not None and source.name == "COMMANDLINE":
            raise InputError(f"{parameter.opts[0]}: {kind} has no use for it. Leave it out. See `vad eval --help`.")


def _models(given: Path | None) -> list[Path | None]:
    """The models, of which several have commas between them."""
    return [given] if given is None or given.exists() else [Path(name) for name in str(given).split(",")]


def _shots(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        shots = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        shots = (-1,)
    if shots[0] < 0 or shots[-1] > 1000:
        raise InputError(f"--shots {text}: numbers from 0 to 1000 with commas between are expected, as in 0,1,5,10.")
    return shots
