"""Evidence on one clip: signals of every frame, with the labels of the same frames."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from vadcli.evaluation.pool import Flags, Floats, Indices

FRAME, FEATURE, LIVE, GIVEN = "frame", "feature", "live", "given"
MOVING, FLOW = "moving", "flow"
CUES = ("area", "speed", "crowd", "look", "error")  # the parts of the live score
# Scores of a frame that learned nothing: a result below them is worth nothing.
CONTROLS = (MOVING, FLOW)
# The errors that each score of the paper is made of.
SCORES = {"fp": (FRAME,), "fr": (FEATURE,), "fused": (FRAME, FEATURE)}
# Names for people; those of the paper's errors hold the word that `--score` takes.
WORDS = {
    MOVING: "moving pixels", FLOW: "optical flow", LIVE: "vad's score", GIVEN: "given score", "fp": "frame error, fp",
    "fr": "features, fr", "fused": "both, fused",
} | {cue: f"{cue} alone" for cue in CUES}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evidence:
    """One clip, frame by frame."""

    name: str  # the clip
    scene: str  # the scene it shows
    fps: float  # frames a second
    frames: Indices  # (n,), indices of the frames, counted from 0 in the clip
    labels: Flags  # (n,), True where abnormal
    # (n,) by kind, all larger for less normal: "frame" is the mean squared error of the predicted frame in [-1, 1],
    # "feature" the mean distance to prototypes, "live" the program's score, and each of CUES what that cue adds to it;
    # "given" a finished score; "moving" the share of moving pixels in the worst window, "flow" their optical flow there
    signals: Mapping[str, Floats]
    times_s: Floats  # (n,), the frames' times
    threshold: float | None = None  # where the program's alarms begin in "live"; None where nothing says

    def from_frame(self, first: int) -> "Evidence":
        """The same clip without the frames before `first`."""
        chosen = self.frames >= first
        return replace(
            self,
            frames=self.frames[chosen],
            labels=self.labels[chosen],
            signals={kind: values[chosen] for kind, values in self.signals.items()},
            times_s=self.times_s[chosen],
        )


def available_scores(clips: Iterable[Evidence]) -> tuple[str, ...]:
    """Names of the scores that the signals of every clip allow, controls last."""
    common = set.intersection(*(set(clip.signals) for clip in clips))
    made_of = SCORES | {name: (name,) for name in (LIVE, GIVEN, *CUES, *CONTROLS)}
    return tuple(name for name, kinds in made_of.items() if common.issuperset(kinds))
