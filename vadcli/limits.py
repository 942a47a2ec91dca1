"""Limits of the machine that a run met: memory, open files and threads, named so that a user knows what to raise."""

import errno
from collections.abc import Iterator

# Words of torch, OpenCV, the dynamic linker and others, which have no class in common.
_MEMORY = (
    "allocate memory", "out of memory", "bad_alloc", "bad allocation", "failed to map segment", "insufficient memory",
    "memory allocation failed",
)  # fmt: skip
_THREADS = ("can't start new thread", "resource temporarily unavailable")
_FILES = ("too many open files",)


def limit_met(error: BaseException) -> str | None:
    """The limit that an error, or what caused it, comes from, and what to do; None where it comes from none."""
    for cause in _causes(error):
        said = str(cause).lower()
        number = cause.errno if isinstance(cause, OSError) else None
        if isinstance(cause, MemoryError) or number == errno.ENOMEM or any(words in said for words in _MEMORY):
            return (
                f"out of memory: {_limit('RLIMIT_AS', 'ulimit -v', 'this machine')}. Raise it, or ask for less at once."
            )
        if number in (errno.EMFILE, errno.ENFILE) or any(words in said for words in _FILES):
            return f"too many open files: {_limit('RLIMIT_NOFILE', 'ulimit -n', 'this system')}. Raise it."
        if any(words in said for words in _THREADS):
            return f"no more threads: {_limit('RLIMIT_NPROC', 'ulimit -u', 'this system')}. Raise it."
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _limit(name: str, command: str, owner: str) -> str:
    try:
        import resource
    except ImportError:  # Windows has none
        return f"the limit of {owner}"
    soft, _ = resource.getrlimit(getattr(resource, name))
    if soft == resource.RLIM_INFINITY:
        return f"the limit of {owner}"
    amount = f"{soft / 2**20:,.0f} MiB" if name == "RLIMIT_AS" else f"{soft:,}"
    return f"the limit is {amount} (`{command}`)"
