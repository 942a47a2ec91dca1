"""A share of many sources, for jobs side by side that know nothing of each other but their number."""

from vadcli.errors import InputError


def parse_shard(text: str) -> tuple[int, int]:
    """Number and count from `I/N`.

    Raises:
        InputError: if that is not what the text is, or I not below N.

    >>> parse_shard("1/3")
    (1, 3)
    """
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise InputError(f"--shard {text}: expected I/N with I from 0 to N - 1, as in 0/4 to 3/4 for four jobs.")
    return int(index), int(count)
