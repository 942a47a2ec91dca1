"""The last scores as a line of blocks, for a terminal."""

from collections import deque

_BLOCKS = "▁▂▃▄▅▆▇█"


class Sparkline:
    """Keeps the largest score of each stretch of frames and draws them.

    Args:
        width: blocks shown.
        frames: frames a block.

    >>> line = Sparkline(width=4, frames=1)
    >>> for score in (0.0, 0.5, 1.0, 9.0):
    ...     line.add(score, 1.0)
    >>> line.figures()
    {'score': '▁▃▅█'}
    """

    def __init__(self, width: int = 16, frames: int = 5) -> None:
        self._blocks: deque[str] = deque(maxlen=width)
        self._frames, self._seen, self._largest = frames, 0, 0.0

    def add(self, score: float | None, threshold: float | None) -> None:
        """Take a score; twice the threshold and above is the full height."""
        if score is None or threshold is None:
            return
        share = score / (2 * threshold) if threshold > 0 else 0.5
        self._largest = max(self._largest, min(max(share, 0.0), 1.0))
        self._seen += 1
        if self._seen == self._frames:
            self._blocks.append(_BLOCKS[min(int(self._largest * len(_BLOCKS)), len(_BLOCKS) - 1)])
            self._seen, self._largest = 0, 0.0

    def figures(self) -> dict[str, str]:
        """What progress shows beside its bar."""
        return {"score": "".join(self._blocks)} if self._blocks else {}
