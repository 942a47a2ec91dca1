"""Find abnormal moments in video from fixed cameras, and adapt to a new camera from ten frames.

The program as a library is `vadcli.api`; its names are here, too, and load it when they are first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vadcli.api import Detector, Event, ScoreRecord, evaluate, load
    from vadcli.tasks.evaluate import Evaluation

__version__ = "0.1.0"
__all__ = ["Detector", "Evaluation", "Event", "ScoreRecord", "__version__", "evaluate", "load"]


def __getattr__(name: str) -> Any:
    """A name of `vadcli.api`."""
    if name not in __all__:
        raise AttributeError(f"module 'vadcli' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("vadcli.tasks.evaluate" if name == "Evaluation" else "vadcli.api"), name)
