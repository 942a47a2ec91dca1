"""What is wrong with a camera (dark, covered, moved, frozen and the like), from the look of its view."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from vadcli.footage.opencv import cv2
from vadcli.scoring.baseline import LookFollower, LookNormal
from vadcli.scoring.cues import Map
from vadcli.scoring.events import Event, Kind, State

_Blind = Literal["dark", "overexposed", "no signal", "covered", "mirrored", "moved", "out of focus", "frozen"]
Reason = _Blind | Literal["light", "infrared", "frames left out"]  # the last is not the camera's fault

SUDDEN_S = 0.3  # before a camera's alarm: a scene's that begins later is of the same change
_PASSING = ("light", "infrared")  # the camera sees, differently
_EVERY_S = 0.2  # between two looks at the view
_SETTLED_S = 1.0  # after which a change has a name, and after which it is over
_MOSTLY = 0.75  # of the looks in that time
_LONGER_S = 2.0  # for which a view must have moved, as a crowd may seem to for a moment, or be unlike from the start
_FOR_GOOD_S = 60.0  # after which a moved or mirrored view is what the camera sees now
_ONE_EDGE, _FLAT, _FLAT_SHARE = 2.0, 1.0, 0.9  # grey levels of edges: of a place that has some, and of one without
_BLACK, _WHITE = 30.0, 225.0  # light of a picture without edges
_BURNT = 240.0  # light of a picture whose highest lights are cut off
_DIM, _DIMMER = 40.0, 0.35  # light of a dark picture, and its share of the usual one
_TINT, _EVEN = 12.0, 2.0  # colour and spread of light of the one-coloured picture that stands for no signal
_LOST, _LOST_SHARE, _SAME_LIGHT = 0.35, 0.5, 0.85  # of edges where a place is covered; of places; of the light's map
_BLUNT, _BLUNT_LIGHT = 0.55, 0.9  # of edges in a picture out of focus; correlation of its light's map
_TURNED, _TURNED_GAIN = 0.35, 0.02  # correlation of a turned view's edges, and its gain by turning
_SHIFTED_GAIN, _SHIFTED_LOSS = 0.06, 0.05  # the same by shifting, and what the best place may lack of the usual one
_EVERYWHERE, _UNLIKE = 9.0, 0.1  # median distance of a view that has changed; correlation below all usual ones
_LIGHTER, _LASTS_S = 8.0, 10.0  # grey levels of another light; of a view far from the usual one until it is usual
_GREY, _COLOURED = 0.35, 2.5  # share of colour that infrared leaves, and the colour that a view has
_STEADY_S, _STEADY = 0.4, 0.75  # for which a strange view stays, and the correlation of its edges in that time
_STRANGE_S = 1.5  # after which a view that does not stay is what passes before the camera
_JUMP = 3.0  # grey levels of a change that is looked at at once
_QUIET = 0.3  # grey levels that a place of a still picture changes by at most
_FROZEN_S, _FROZEN_TIMES = 3.0, 3.0  # still for so long, and so much longer than normal footage
_FROZEN_UNKNOWN_S = 10.0  # before normal footage was seen
_LENIENT_S = 10.0  # after a view was taken up
_ASIDE = 4  # a shifted view is looked for within one part in so many of its height and width


class CameraFacts(BaseModel):
    """Pictures of normal footage, in numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    likeness: float = Field(ge=-1, le=1)  # least correlation of a normal view's edges with the mean view's
    still_s: float = Field(ge=0)  # longest time that nothing changed
    always_still: bool  # footage of a picture that never changes: nobody can say whether it is frozen


class Stillness:
    """Time that a view has not changed; a flicker of an encoder does not end it."""

    def __init__(self) -> None:
        self.now_s, self.longest_s = 0.0, 0.0
        self._look: Map | None = None
        self._time_s = 0.0

    def add(self, look: NDArray[np.floating], time_s: float) -> None:
        """The next frame's look, (h, w, 7)."""
        seen = np.asarray(look, np.float32)
        if self._look is not None:
            step_s = min(max(0.0, time_s - self._time_s), _SETTLED_S)  # what lies in a gap was not seen
            quiet = float(np.abs(seen - self._look).max()) <= _QUIET
            self.now_s = self.now_s + step_s if quiet else max(0.0, self.now_s - 10 * step_s)
            self.longest_s = max(self.longest_s, self.now_s)
        self._look, self._time_s = seen, time_s


def likeness(looks: NDArray[np.floating], mean: Map) -> float:
    """The least usual correlation of edges of looks (n, h, w, 7) with those of their mean, (h, w, 7)."""
    edges = _edges(mean)
    return float(np.quantile([_correlation(_edges(look), edges) for look in looks.astype(np.float32)], 0.02)) - 0.05


def _edges(look: Map) -> Map:
    return np.log1p(look[..., 3:])


def _correlation(first: Map, second: Map) -> float:
    first, second = first - first.mean(), second - second.mean()
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum() + 1e-9))


@dataclass(frozen=True, slots=True)
class CameraAlarm:
    """A stretch in which the camera does not see what it should, or sees it in another light."""

    reason: Reason
    frame: int  # its first
    start_s: float
    end_s: float  # time of the last look so far at which something was wrong

    def event(self, source: str, state: State, shown_s: float, threshold: float, kind: str, at: str | None) -> Event:
        """What is told of it; it was certain at `shown_s`, in a source whose normality is of `kind`."""
        told_as: Kind = "stream" if self.reason == "frames left out" else "camera"
        return Event(
            source=source,
            id=f"{source}#{self.frame}-{told_as}",
            state=state,
            start_s=self.start_s,
            end_s=self.end_s,
            peak_s=shown_s,
            peak_score=0.0,
            threshold=threshold,
            reason=self.reason,
            calibration=kind,
            at=at,
            kind=told_as,
        )


class CameraWatch:
    """Says what is wrong with the view of one source; before normal footage was seen, what no picture shows."""

    def __init__(self) -> None:
        self.alarm: CameraAlarm | None = None
        self._facts: CameraFacts | None = None
        self._follower: LookFollower | None = None
        self._stillness = Stillness()
        self._looks: deque[tuple[float, Map]] = deque()  # the last ones, and the times at which they were looked at
        self._reasons: deque[tuple[float, Reason | None]] = deque()  # of the last second
        self._names: Counter[Reason] = Counter()
        self._first: tuple[int, float] | None = None  # frame and time since which something is wrong
        self.strange_s: float | None = None  # since when the view is not as usual, be it for what passes before it
        self._last_s, self._lenient_s = 0.0, -np.inf
        self._far_since_s: float | None = None  # since when the view has been far from the usual one everywhere
        self._begun_s = np.inf  # when the view was first compared
        self._levels: deque[tuple[float, float]] = deque()  # of light, at the times of the last ten seconds

    def learn(self, normal: LookNormal, facts: CameraFacts) -> None:
        """Compare with this from now on."""
        self._follower, self._facts = LookFollower(normal), facts

    @property
    def wonders(self) -> bool:
        """Whether something may be wrong that has no name yet: nobody is told of an alarm meanwhile."""
        if self.alarm is not None or self.strange_s is None:
            return False
        return self._first is not None or self._looks[-1][0] - self.strange_s < _STRANGE_S

    def add(self, frame: int, time_s: float, look: NDArray[np.floating]) -> Map | None:
        """Look at the next frame: its index, its time, and the look (h, w, 7) of its view.

        Returns:
            squared distances from the usual look, (h, w); None where nothing was learned.
        """
        follower = self._follower
        far = None if follower is None else follower.distances(look)
        self._look(frame, time_s, np.asarray(look, np.float32), far)
        if follower is not None:
            quiet = self.strange_s is None and self.alarm is None
            drifted = quiet and self._far_since_s is not None and time_s - self._far_since_s > _LASTS_S
            if self._looks_anew or drifted:
                self._far_since_s = None
                follower.begin_anew(look)
                self._lenient_s = time_s + _LENIENT_S
            elif quiet:
                follower.follow(look, time_s)
        return far

    def _look(self, frame: int, time_s: float, seen: Map, far: Map | None) -> None:
        self._stillness.add(seen, time_s)
        recently = bool(self._looks) and 0 <= time_s - self._looks[-1][0] < _EVERY_S - 1e-6
        if recently and float(np.abs(seen - self._looks[-1][1]).mean()) <= _JUMP:
            return
        reason = self._reason(seen, time_s, far)
        self._looks.append((time_s, seen))
        while len(self._looks) > 1 and self._looks[1][0] <= time_s - _STEADY_S + 1e-6:
            self._looks.popleft()
        if reason is None:
            self.strange_s = None
        elif self.strange_s is None:
            self.strange_s = time_s
        certain = self.alarm is not None or _without_a_picture(seen) is not None or self._is_steady
        self._take(frame, time_s, reason if certain else None)

    def _reason(self, look: Map, time_s: float, far: Map | None) -> Reason | None:
        facts, follower = self._facts, self._follower
        if far is None or facts is None or follower is None:
            reason = _without_a_picture(look)
        else:
            usual = -1.0 if time_s < self._lenient_s else facts.likeness
            everywhere = float(np.median(far)) > _EVERYWHERE
            reason = _trouble(look, follower.mean, usual, everywhere=everywhere)
            self._begun_s = min(time_s, self._begun_s)
            self._far_since_s = (time_s if self._far_since_s is None else self._far_since_s) if everywhere else None
            level = float(look[..., 0].mean())
            self._levels.append((time_s, level))
            while self._levels[0][0] < time_s - _LASTS_S:
                self._levels.popleft()
            if reason is None and everywhere:
                earlier = [light for _, light in self._levels]
                jumped = max(earlier) - min(earlier) > _LIGHTER
                lighter = jumped and abs(level - float(follower.mean[..., 0].mean())) > _LIGHTER
                unlike_from_the_start = self._far_since_s == self._begun_s < time_s - _LONGER_S
                reason = "light" if lighter or unlike_from_the_start else None
        longest_s = _FROZEN_UNKNOWN_S
        if facts is not None:
            longest_s = np.inf if facts.always_still else max(_FROZEN_S, _FROZEN_TIMES * facts.still_s)
        return "frozen" if reason is None and self._stillness.now_s > longest_s else reason

    @property
    def _is_steady(self) -> bool:
        """Whether the view stays, as that of a camera does and that of a lorry before it does not."""
        (before_s, before), (now_s, now) = self._looks[0], self._looks[-1]
        return now_s - before_s > _STEADY_S - _EVERY_S and _correlation(_edges(now), _edges(before)) > _STEADY

    def _take(self, frame: int, time_s: float, reason: Reason | None) -> None:
        if self._reasons and not 0 <= time_s - self._reasons[-1][0] < _SETTLED_S:
            self._reasons.clear()
        self._reasons.append((time_s, reason))
        while self._reasons[0][0] < time_s - _SETTLED_S - 1e-6:
            self._reasons.popleft()
        if reason is not None:
            self._names[reason] += 1
            self._last_s = time_s
            if self._first is None:
                since_s = self._stillness.now_s if reason == "frozen" else 0.0
                strange_s = time_s if self.strange_s is None else self.strange_s
                self._first = (frame, max(0.0, min(strange_s, time_s - since_s)))
        wrong = sum(name is not None for _, name in self._reasons) / len(self._reasons)
        if self._first is None or time_s - self._reasons[0][0] < _SETTLED_S - _EVERY_S - 1e-6:
            return
        if wrong <= 1 - _MOSTLY:
            self._first, self.alarm = None, None
            self._names.clear()
        elif wrong >= _MOSTLY or self.alarm is not None:
            name = self._names.most_common(1)[0][0]
            if self.alarm is not None or name != "moved" or time_s - self._first[1] >= _LONGER_S:
                self.alarm = CameraAlarm(name, *self._first, self._last_s)

    @property
    def _looks_anew(self) -> bool:
        """Whether what is seen now is what the camera sees from now on."""
        alarm, now = self.alarm, self._reasons[-1][1] if self._reasons else None
        if alarm is None or now is None:
            return False
        lasted_s = alarm.end_s - alarm.start_s
        return now in _PASSING or (alarm.reason in ("moved", "mirrored") and lasted_s > _FOR_GOOD_S)


def _trouble(look: Map, mean: Map, usual: float, *, everywhere: bool) -> Reason | None:
    """The reason why a look is not the usual one, at this moment, but for another light.

    Args:
        look: (h, w, 7).
        mean: (h, w, 7), the usual one.
        usual: the least correlation of edges with the mean view's in normal footage.
        everywhere: most of the view is far from the mean.
    """
    edges, usual_edges = look[..., 3:].mean(-1), mean[..., 3:].mean(-1)
    own = usual_edges > _ONE_EDGE
    light, usual_light = look[..., 0], mean[..., 0]
    level, usual_level = float(light.mean()), float(usual_light.mean())
    flat_by_itself = float((usual_edges < _FLAT).mean()) > 1 - _FLAT_SHARE / 3
    if not flat_by_itself and (reason := _without_a_picture(look)):
        return reason
    if level < _DIM and level < _DIMMER * usual_level:
        return "dark"
    if level > _WHITE and usual_level < 200:
        return "overexposed"
    same_light = _correlation(light, usual_light)
    kept = edges[own] / usual_edges[own] if own.any() else np.ones(1, np.float32)
    if float((kept < _LOST * min(1.0, level / max(usual_level, 1.0))).mean()) >= _LOST_SHARE and (
        same_light < _SAME_LIGHT
    ):
        return "covered"
    shown, usually = _edges(look), _edges(mean)
    like = _correlation(shown, usually)
    shifted = _shifted(shown, usually)
    turned = max(_correlation(other, usually) for other in _turned(shown))
    if like < usual and turned > max(_TURNED, shifted[0], like + _TURNED_GAIN):
        return "mirrored"
    contrast = min(1.0, float(light.std()) / max(float(usual_light.std()), 1e-3))
    elsewhere = like < usual and shifted[1] > _SHIFTED_GAIN and shifted[0] > usual - _SHIFTED_LOSS
    if float(np.median(kept)) < _BLUNT * contrast and (same_light > _BLUNT_LIGHT or not elsewhere):
        return "out of focus"
    if elsewhere:
        return "moved"
    colour, usual_colour = (float(np.abs(each[..., 1:3] - 128).mean()) for each in (look, mean))
    if max(colour, usual_colour) > _COLOURED and min(colour, usual_colour) < _GREY * max(colour, usual_colour):
        return "infrared" if like > usual - _UNLIKE else "moved"
    return "moved" if everywhere and like < usual - _UNLIKE else None


def _without_a_picture(look: Map) -> Reason | None:
    """The reason of a view in which there is nothing to see."""
    light = float(np.median(look[..., 0]))
    flat = float((look[..., 3:].mean(-1) < _FLAT).mean()) >= _FLAT_SHARE
    if light > _BURNT or (flat and light > _WHITE):
        return "overexposed"
    if not flat:
        return None
    if light < _BLACK:
        return "dark"
    tint = float(np.abs(np.median(look[..., 1:3], axis=(0, 1)) - 128).max())
    return "no signal" if tint > _TINT and float(look[..., 0].std()) < _EVEN else "covered"


def _turned(edges: Map) -> tuple[Map, Map, Map]:
    """Edges (h, w, 4) of the view mirrored left to right, top to bottom, and both."""
    swapped = edges[..., [0, 1, 3, 2]]  # a mirror turns one diagonal into the other
    return swapped[:, ::-1], swapped[::-1], edges[::-1, ::-1]


def _shifted(edges: Map, usual: Map) -> tuple[float, float]:
    """The best correlation of a view's middle anywhere in the usual view, and what is gained over its own place."""
    height, width = edges.shape[:2]
    top, left = height // _ASIDE, width // _ASIDE
    middle = np.ascontiguousarray(edges[top : height - top, left : width - left])
    found = np.asarray(cv2.matchTemplate(np.ascontiguousarray(usual), middle, cv2.TM_CCOEFF_NORMED))
    return float(found.max()), float(found.max() - found[top, left])
