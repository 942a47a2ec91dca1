"""`vad prepare`: footage of any kind to one frame cache."""

from vadcli.footage.preparation import Prepared, prepare

__all__ = ["Prepared", "prepare"]
