"""Freed memory kept for the next tensor, instead of given back to the system and faulted in again."""

import ctypes
import sys

# Names and numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_MOST = 2**31 - 1


def keep_freed_memory() -> None:
    """Make glibc keep what tensors free; does nothing where the C library is another.

    By default every tensor of some MiB is mapped anew and unmapped when it is freed, so that each layer of each step
    faults all its pages in again: a tenth of a training step. The peak hardly grows:
    one arena serves all threads.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MOST)
        mallopt(_TRIM_THRESHOLD, _MOST)
        mallopt(_ARENA_MAX, 1)
