"""The paper's Figures 3 and 4, drawn from a model's errors and prototypes."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Picture = NDArray[np.float32]
_KINDS = ("normal", "abnormal")


@dataclass(frozen=True, eq=False)
class Shown:
    """A normal and an abnormal moment of one clip, through the eyes of the model.

    Attributes:
        clip: its name.
        frames: index of each shown frame, normal first.
        truth: (2, H, W, C) uint8, the frames.
        mask: (2, H, W) abnormal pixels, or None.
        predicted: (2, H, W, C) in [0, 1].
        error: (2, H, W), squared error on frames in [-1, 1].
        feature: (2, h, w), squared distance to prototypes; None without a unit.
        attention: (2, M, h, w), normalcy maps; None without a unit.
        norms: by level, (2, H/level, W/level): length of the encoding at each position.
    """

    clip: str
    frames: tuple[int, int]
    truth: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None
    predicted: Picture
    error: Picture
    feature: Picture | None
    attention: Picture | None
    norms: dict[int, Picture]


def figure_3(shown: Shown) -> Figure:
    """Length of the encoding at every position, at each resolution that the unit can sit at."""
    figure = Figure(figsize=(2.3 * (1 + len(shown.norms)), 5.2), layout="constrained")
    panels = figure.subplots(2, 1 + len(shown.norms))
    for row in range(2):
        _frame(panels[row][0], shown, row)
        for panel, (level, norms) in zip(panels[row][1:], shown.norms.items(), strict=True):
            image = panel.imshow(norms[row], cmap="cividis", vmin=float(norms.min()), vmax=float(norms.max()))
            _bare(panel, f"1/{level}" if row == 0 else "")
            if row:
                figure.colorbar(image, ax=panel, location="bottom", shrink=0.8).ax.tick_params(labelsize=7)
    figure.suptitle(f"{shown.clip}: length of the encoding at each resolution (Figure 3)", fontsize=10)
    return figure


def figure_4(shown: Shown) -> Figure:
    """Frame, prediction, error map, distance to prototypes and normalcy maps."""
    maps = 0 if shown.attention is None else shown.attention.shape[1]
    columns = 4 + maps
    wide = min(columns, 7)
    lines = -(-columns // wide)
    figure = Figure(figsize=(1.9 * wide, 2.1 * 2 * lines + 0.4), layout="constrained")
    panels = figure.subplots(2 * lines, wide, squeeze=False)
    for panel in panels.ravel():
        panel.set_axis_off()
    for row in range(2):
        cells = [panels[row * lines + n // wide][n % wide] for n in range(columns)]
        for panel in cells:
            panel.set_axis_on()
        _frame(cells[0], shown, row)
        cells[1].imshow(_rgb(np.clip(shown.predicted[row], 0, 1)), cmap="gray", vmin=0, vmax=1)
        _bare(cells[1], "prediction")
        cells[2].imshow(shown.error[row], cmap="cividis", vmax=float(np.quantile(shown.error, 0.999)))
        _bare(cells[2], "frame error")
        if shown.feature is not None:
            low, high = np.quantile(shown.feature, [0.01, 0.999])
            cells[3].imshow(shown.feature[row], cmap="cividis", vmin=float(low), vmax=float(high))
            _bare(cells[3], "to prototypes")
        for number in range(maps):
            assert shown.attention is not None
            own = shown.attention[row, number]
            cells[4 + number].imshow(own, cmap="cividis", vmax=float(np.quantile(own, 0.995)))
            _bare(cells[4 + number], f"map {number + 1}")
    figure.suptitle(f"{shown.clip}: errors and normalcy maps, each on its own scale (Figure 4)", fontsize=10)
    return figure


def _frame(panel: Axes, shown: Shown, row: int) -> None:
    panel.imshow(_rgb(shown.truth[row]), cmap="gray", vmin=0, vmax=255)
    if shown.mask is not None and shown.mask[row].any():
        panel.contour(shown.mask[row], levels=[0.5], colors="#D55E00", linewidths=1.2)
    _bare(panel, f"frame {shown.frames[row]}, {_KINDS[row]}")


def _rgb(image: NDArray[np.generic]) -> NDArray[np.generic]:
    return image[..., 0] if image.shape[-1] == 1 else image


def _bare(panel: Axes, title: str) -> None:
    panel.set_title(title, fontsize=8)
    panel.set(xticks=[], yticks=[])
