"""`vad bench`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from vadcli.cli.console import progress, tell_json
from vadcli.cli.options import AsJson, Quiet, with_settings
from vadcli.settings import Settings


@with_settings("model.size", "model.width", "score.device", preset="edge")
def command(
    batches: Annotated[str, typer.Option("--batches", help="Batch sizes to score with.")] = "1,8",
    shots: Annotated[
        int, typer.Option("--shots", "-k", min=1, help="Windows of an episode's support, and of its query.")
    ] = 5,
    units: Annotated[
        bool, typer.Option("--units", help="Compare the prototype unit with its rivals: parameters, memory, speed.")
    ] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=0.01, help="Time to spend on each measurement.")] = 2.0,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="FILE.json", help="Earlier --json output; shows how many times as fast."),
    ] = None,
    as_json: AsJson = False,
    *,
    settings: Settings,
    quiet: Quiet = False,
) -> None:
    """Measure the speed of every path on this machine.

    Measures scoring, training, an episode of meta-training, adaptation, files
    end to end, preparing, and the program from its start: on every device
    there is (or --device), in every precision that the device computes in,
    beside a literal implementation of the same equations. All of it runs at
    once, so that ratios hold on a noisy machine. --units compares units
    instead, each in the same network: prototypes, a learned memory (MemAE),
    updated items (LMN), none. The network is that of the preset edge unless
    --preset names another.

    Examples:
      vad bench

      vad bench --preset paper --batches 1 --shots 2 --json

      vad bench --preset paper --units

      vad bench --json > before.json

      vad bench --compare before.json
    """
    from vadcli.errors import InputError

    try:
        sizes = [int(batch) for batch in batches.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise InputError(f"--batches {batches}: expected numbers above 0, as in 1,8,32")
    if compare and units:
        raise InputError("--compare and --units: units are compared with each other. Choose one.")
    from vadcli.bench.comparison import compared, read_earlier
    from vadcli.bench.units import bench_units_stage
    from vadcli.stages.bench import SCHEMA, bench_stage

    model, where = settings.model, settings.score.device
    earlier = read_earlier(compare, SCHEMA) if compare else None
    with progress(quiet) as shown:
        if units:
            told = bench_units_stage(model, device_name=where, budget_s=seconds, progress=shown)
        else:
            told = bench_stage(model, device_name=where, batches=sizes, shots=shots, budget_s=seconds, progress=shown)
    told = compared(told, earlier) if earlier else told
    if as_json or not sys.stdout.isatty():
        tell_json(told)
    elif units:
        _print_units(told)
    else:
        _print_table(told)


def _print_table(told: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    machine, peaks = told["machine"], told["matrix_product_gflops"]
    title = f"{', '.join(machine['devices'].values())}, {machine['threads']} threads"
    table = Table(title=title, title_justify="left")
    against = told.get("against")
    more = ["× earlier"] if against else []
    for name in ("path", "device", "precision", "batch", "a call", "rate", *more, "× literal", "of peak", "memory"):
        table.add_column(name, justify="left" if name in ("path", "device", "precision") else "right")
    for line in told["measurements"]:
        ratio, share, memory = line["against_literal"], line["share_of_peak"], line["peak_mib"]
        earlier = line.get("against_earlier")
        table.add_row(
            line["path"], line["device"], line["precision"], str(line["batch"]), f"{line['seconds']:.3g} s",
            f"{line['rate']:,.4g} {line['unit']}/s", *([f"{earlier:.2f}" if earlier else ""] if against else []),
            f"{ratio:.1f}" if ratio else "", f"{share:.0%}" if share else "",
            f"{memory:,.0f} MiB" if memory else "",
        )  # fmt: skip
    console = Console(highlight=False)
    console.print(table)
    if against:
        others = "" if against["same_machine"] else ", of another machine or number of threads"
        others += "" if against["same_model"] else ", of another network"
        console.print(f"earlier: {against['file']}{others}; {against['measured_once']} lines in one of both only")
    for name, ratio in told["ratios"].items():
        console.print(f"{name}: {ratio:.2f}")
    for change in told["output_changes"]:
        console.print(
            f"{change['precision']} on {change['device']} against float32: frames differ by up to "
            f"{change['frame']:.2g} of 2, feature errors by {change['feature_error']:.1%}"
        )
    for device, of_device in peaks.items():
        if "bfloat16" not in of_device:
            console.print(f"bfloat16 is only emulated by this {device}: not measured")
        shown = ", ".join(f"{name} {peak:,.0f} GFLOP/s" for name, peak in of_device.items())
        console.print(f"matrix products on {device}: {shown}")
    console.print(f"film: {told['film']}")
    cost = sum(told["gmac_a_frame"].values())
    console.print(
        f"arithmetic: {2 * cost:,.3g} GFLOP a frame; peak memory of all this: {told['peak_memory_mib']:,.0f} MiB"
    )


def _print_units(told: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    machine = told["machine"]
    title = f"{', '.join(machine['devices'].values())}, {machine['threads']} threads, {told['precision']}"
    table = Table(title=title, title_justify="left")
    for name in ("unit", "parameters", "its own", "peak MiB", "unit's MiB", "frames/s", "unit's ms"):
        table.add_column(name, justify="left" if name == "unit" else "right")
    for row in told["units"]:
        memory, time = row["unit_peak_mib"], row["unit_ms"]
        table.add_row(
            row["unit"], f"{row['parameters']:,}", f"{row['unit_parameters']:,}", f"{row['peak_mib']:,.1f}",
            "" if memory is None else f"{memory:,.1f}", f"{row['fps']:,.4g}", "" if time is None else f"{time:,.3g}",
        )  # fmt: skip
    Console(highlight=False).print(table)
