"""Controls: what no learning gives on the same frames. A result below them is worth nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vadcli.evaluation.evidence import FLOW, MOVING
from vadcli.footage.opencv import cv2
from vadcli.footage.windows import ClipRange

Grid = NDArray[np.float32]
Signals = dict[str, NDArray[np.float64]]

_PATCH = 16 / 180  # side of a patch, as a share of the height
_MOVES = 8  # grey levels from one frame to the next
_QUANTILE = 99  # of the flow of normal footage at a place, in percent
_EVERYWHERE = 0.1  # share of the largest of these that is added everywhere


@dataclass(frozen=True, eq=False)
class Controls:
    """Controls of one scene.

    Attributes:
        usual: (h, w), flow that is usual at each place; 1 where no normal footage says so.
    """

    usual: Grid | float

    @classmethod
    def of(cls, normal: Sequence[ClipRange]) -> "Controls":
        """The usual flow of the scene's normal footage at each place, smoothed; nothing else is learned."""
        flows = [flow for footage in normal for _, flow in _motion(footage)]
        if not flows:
            return cls(1.0)
        high = np.percentile(np.stack(flows), _QUANTILE, axis=0).astype(np.float32)
        calm = np.asarray(cv2.GaussianBlur(high, (3, 3), 0), np.float32)
        return cls(calm + np.float32(_EVERYWHERE * calm.max()))

    def signals(self, footage: ClipRange, first: int) -> Signals:
        """Of every frame from number `first` on, (n,) each.

        Returns:
            `moving`: the share of pixels that move in the worst patch; `flow`: a patch's mean optical flow, 0 where
            nothing moves, over the flow usual at its place, of the worst patch.
        """
        found = list(_motion(footage))[first - 1 :]
        moving = np.array([share.max() for share, _ in found], np.float64)
        flow = np.array([(values / np.maximum(self.usual, 1e-6)).max() for _, values in found], np.float64)
        return {MOVING: moving, FLOW: flow}


def _motion(footage: ClipRange) -> Iterator[tuple[Grid, Grid]]:
    """Share of moving pixels and mean flow, 0 where nothing moves, of patches, (h, w) each, from frame to frame."""
    meter = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    before = None
    for now in _grey(footage):
        if before is not None:
            moves = (np.asarray(cv2.absdiff(before, now)) > _MOVES).astype(np.float32)
            field = np.asarray(meter.calc(before, now, np.empty(0, np.float32)))
            length = np.asarray(cv2.magnitude(field[..., 0], field[..., 1]), np.float32)
            yield _patches(moves), _patches(length * moves)
        before = now


def _grey(footage: ClipRange) -> Iterable[NDArray[np.uint8]]:
    for number in range(footage.num_frames):
        frame = footage.window(number, 1)[0].numpy()  # (H, W, C)
        grey = frame[..., 0] if frame.shape[2] == 1 else np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
        yield np.ascontiguousarray(grey, np.uint8)


def _patches(values: Grid) -> Grid:
    """Means over patches at steps of half their side."""
    side = max(2, round(_PATCH * len(values)))
    means = np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)
    return means[side // 2 :: side // 2, side // 2 :: side // 2]
