"""The choice of frames to leave out of a live stream, so that the others are not late."""

import math

LATE_S = 1.0  # behind the stream's own clock; what is later makes frames be left out
CAUGHT_UP_S = 0.25
LOOKED_EVERY_S = 1.0
PATIENCE = 10  # looks without lag after which more frames are tried again
DRIFT = 1e-3  # of the stream's clock against ours, a second
MOST = 50
STEADY_LOOKS, STEADY_SHARE = 3, 0.1  # with a lag that changes by less: it is the stream's own


class Pace:
    """Keeps one frame in so many, as few as it takes for the lag to shrink."""

    def __init__(self, step_s: float) -> None:
        """Begin with all frames; `step_s` is the usual time between two."""
        self.left_out = 0  # frames so far
        self._step_s, self._count = step_s, 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget how late frames came, and keep all again: another connection has another delay."""
        self.keeps_one_in = 1  # while all are kept
        self._least, self._before_s = math.inf, math.inf
        self._looked_s, self._lag_s, self._calm, self._steady = -math.inf, 0.0, 0, 0

    def keeps(self, time_s: float, now_s: float) -> bool:
        """Whether to hand over a frame of some time by the stream's clock, read at another by ours."""
        late = now_s - time_s
        self._least = min(self._least + DRIFT * max(0.0, now_s - self._before_s), late)
        self._before_s = now_s
        if now_s - self._looked_s >= LOOKED_EVERY_S:
            self._look(late - self._least, now_s)
        self._count += 1
        kept = self._count % self.keeps_one_in == 0
        self.left_out += not kept
        return kept

    def _look(self, lag_s: float, now_s: float) -> None:
        passed = now_s - self._looked_s
        steady = self.keeps_one_in > 1 and abs(lag_s - self._lag_s) < STEADY_SHARE * passed
        self._steady = self._steady + 1 if steady and lag_s > LATE_S else 0
        if self._steady == STEADY_LOOKS:  # leaving out shortens nothing: frames come late, and are taken at once
            self._least += lag_s
            lag_s, self._steady, self.keeps_one_in = 0.0, 0, 1
        if lag_s > LATE_S and lag_s >= self._lag_s:
            taken = max(passed - (lag_s - self._lag_s), self._step_s)  # seconds of the stream in those that passed
            wanted = math.ceil(1.1 * self.keeps_one_in * passed / taken) if math.isfinite(passed) else 2
            self.keeps_one_in, self._calm = min(max(wanted, self.keeps_one_in + 1), MOST), 0
        elif lag_s < CAUGHT_UP_S:
            self._calm += 1
            if self._calm >= PATIENCE and self.keeps_one_in > 1:
                self.keeps_one_in, self._calm = self.keeps_one_in - 1, 0
        self._looked_s, self._lag_s = now_s, lag_s
