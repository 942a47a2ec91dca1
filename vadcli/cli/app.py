"""The `vad` program: finds the command, loads only that one, and turns every failure into one line and an exit code."""

import errno
import importlib
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.completion import shell_complete
from typer.core import TyperGroup

from vadcli import __version__
from vadcli.errors import InputError, VadError
from vadcli.limits import limit_met
from vadcli.processes import started_by_torchrun
from vadcli.terminal import open_outlets, printable

COMMANDS = {
    "prepare": "Decode videos, folders or benchmarks into one frame cache.",
    "pretrain": "Train the network to predict the next frame of normal footage.",
    "metatrain": "Meta-train a model to adapt to an unseen scene in one update.",
    "adapt": "Learn what is normal at a camera from its normal footage.",
    "score": "Find abnormal moments in recordings and streams.",
    "eval": "Compare scores with labels: every metric, every protocol.",
    "export": "Write a model for other runtimes and check it against torch.",
    "zones": "Draw a camera's zones and a grid to read their corners from.",
    "demo": "Write labelled synthetic camera scenes to try everything on.",
    "bench": "Measure the speed of every path on this machine.",
    "info": "Describe a checkpoint, adapter, cache or video.",
}
PANELS = {name: "Tools" if name in {"zones", "demo", "bench", "info"} else "Stages, in order" for name in COMMANDS}
# By a file's name; any other is scored.
_COMMAND_OF = {".safetensors": "info", ".h5": "eval", ".hdf5": "eval", ".onnx": "info"}
COMPLETION_VARIABLE = "_VAD_COMPLETE"  # set by the shells' scripts, which Typer writes
_OUTSIDE = {  # what a system says of paths and disks, which is no defect of ours
    errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EISDIR, errno.ENOTDIR,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EFBIG, errno.EIO,
}  # fmt: skip
_ended = False  # by SIGTERM
_ClickError: Any = typer.BadParameter.__mro__[2]  # Click's base error, wherever Typer keeps its copy of Click


SHARED = ("prepare", "pretrain", "metatrain", "eval")  # by the processes that torchrun starts, or one of them does it


class LazyCommands(TyperGroup):
    """Lists every command from a table and imports a command's module only when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of a pipeline."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in that knows its name and one-line help, for listings."""
        if cmd_name not in COMMANDS:
            return None
        stub = typer.Typer(add_completion=False)
        stub.command(cmd_name, help=COMMANDS[cmd_name], rich_help_panel=PANELS[cmd_name])(lambda: None)
        return typer.main.get_command(stub)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command, imported now."""
        if args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise InputError(_unknown(args))
        name, stub, rest = super().resolve_command(ctx, args)
        if (processes := started_by_torchrun()).count > 1 and name not in SHARED and not ctx.resilient_parsing:
            if not processes.leads:  # torchrun ends all with the first that ends, and the lead has something to say
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                time.sleep(3)
                raise SystemExit(2)
            raise InputError(f"vad {name}: does not share work under torchrun. Start one; score has --shard.")
        return (name, load_command(name), rest) if name else (name, stub, rest)


def load_command(name: str) -> Any:
    """The Click command `name`, from `vadcli.cli.NAME`'s function `command`."""
    program = typer.Typer(
        add_completion=False, rich_markup_mode="rich", context_settings={"help_option_names": ["--help", "-h"]}
    )
    program.command(name)(importlib.import_module(f"vadcli.cli.{name}").command)
    return typer.main.get_command(program)


app = typer.Typer(
    cls=LazyCommands,
    add_completion=True,
    no_args_is_help=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _version(value: bool) -> None:
    if value:
        print(f"vad {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def vad(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find abnormal moments in video from fixed cameras.

    [dim]With the model in the package:[/]  vad score video.mp4

    [dim]Adapted to a camera first:[/]  vad adapt normal.mp4 && vad score video.mp4 --adapter adapter.safetensors
    """
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


def main() -> None:
    """Run `vad`; exit codes are those of `vadcli.errors`, 70 for a defect of ours, 130 and 143 when interrupted."""
    signal.signal(signal.SIGTERM, _end)  # a service that is stopped keeps what it has, as Ctrl-C does
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # of lost processes we tell ourselves
    open_outlets()
    code = _run_to_the_end(sys.argv[1:])
    # A thread waits for a stream, or gloo lets go of a tensor: the interpreter must not be torn down under them.
    if threading.active_count() > 1 or started_by_torchrun().count > 1:
        os._exit(code)
    sys.exit(code)


def _run_to_the_end(arguments: list[str]) -> int:
    """The exit code of `run`, also where Ctrl-C is pressed again while the first is answered."""
    code: int | None = None
    while True:
        try:
            code = run(arguments) if code is None else code
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done and said
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            return code
        except KeyboardInterrupt:
            code = (143 if _ended else 130) if code is None else code


def _end(number: int, frame: FrameType | None) -> None:
    global _ended
    _ended = True
    raise KeyboardInterrupt


def run(arguments: list[str]) -> int:
    """The exit code of one command line."""
    try:
        command = typer.main.get_command(app)
        if instruction := os.environ.get(COMPLETION_VARIABLE):  # a shell asks what may follow, or for its script
            return int(shell_complete(command, {}, "vad", COMPLETION_VARIABLE, instruction))
        try:
            with command.make_context("vad", arguments) as ctx:
                command.invoke(ctx)
        finally:
            sys.stdout.flush()
        return 0
    except VadError as error:
        _complain(*error.lines)
        return error.exit_code
    except typer.Exit as stop:
        return int(stop.exit_code)
    except SystemExit as stop:  # of a process for which another speaks
        return int(stop.code or 0)
    except (KeyboardInterrupt, typer.Abort):
        _complain("ended" if _ended else "interrupted")
        return 143 if _ended else 130
    except BrokenPipeError:  # whoever read our output has seen enough, and nothing else was asked for
        return 0
    except _ClickError as error:
        where = error.ctx.command_path if getattr(error, "ctx", None) else "vad"
        _complain(f"{_refused(error)} See `{where} --help`.")
        return 2
    except Exception as error:
        if limit := limit_met(error):
            _complain(limit)
        elif isinstance(error, OSError) and error.errno in _OUTSIDE:
            _complain(f"{error.filename or 'output'}: {error.strerror}. Nothing half-written was left behind.")
        else:
            return _defect(error)
        return 2


def _unknown(arguments: list[str]) -> str:
    """The answer to a word that is no command: the nearest command, or the one for such a file."""
    import difflib
    import shlex

    word = arguments[0]
    if near := difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.7):
        return f"{word}: no such command. Did you mean `vad {near[0]}`? See `vad --help`."
    command = next((made for ending, made in _COMMAND_OF.items() if word.lower().endswith(ending)), "score")
    if "://" in word or word.startswith("camera:") or Path(word).suffix or Path(word).exists():
        return f"{word}: no such command. Did you mean `vad {command} {shlex.join(arguments)}`? See `vad --help`."
    return f"{word}: no such command. See `vad --help`."


def _refused(error: Any) -> str:
    """Click's message on a command line; on a value, the condition that it must meet."""
    if not hasattr(error.__cause__, "errors"):  # by Typer's checks, which are pydantic's
        return str(error.format_message())
    from vadcli.errors import said_plainly

    problem = error.__cause__.errors()[0]
    name = max(getattr(error.param, "opts", None) or ["value"], key=len)
    return f"{name} {str(problem['input'])[:60]}: {said_plainly(problem).rstrip('.')}."


def _complain(*lines: str) -> None:
    first, *rest = map(printable, lines or ("",))
    print("\n".join([f"vad: {first}", *rest]), file=sys.stderr)


def _defect(error: Exception) -> int:
    what = f"a defect of ours ({type(error).__name__}: {str(error)[:200]})"
    try:
        handle, name = tempfile.mkstemp(prefix="vad-defect-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"vad {__version__}\narguments: {sys.argv[1:]}\n\n")
            traceback.print_exception(error, file=file)
        _complain(f"{what}. Please send us {name}.")
    except OSError:
        _complain(f"{what}. Its report could not be written. Please send us the command line.")
    return 70
