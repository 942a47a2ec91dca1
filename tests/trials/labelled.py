"""Settings and labels of trials on a small labelled cache."""

import numpy as np

from vadcli.settings import ModelSettings, Settings

SMALL = ModelSettings(size=(32, 32), channels=1, width=4)
QUICK = Settings().model_copy(
    update={
        "model": SMALL,
        "eval": Settings().eval.model_copy(update={"draws": 2, "bootstrap": 50, "calibration_windows": 64}),
        "score": Settings().score.model_copy(update={"precision": "float32"}),
    }
)


def labels_of(length, *spans):
    values = np.zeros(length, dtype=np.uint8)
    for start, stop in spans:
        values[start:stop] = 1
    return values


TRUTH = {
    "01": labels_of(40, (25, 35)),
    "02": labels_of(44, (8, 20)),  # abnormal among the first 14
    "03": labels_of(36, (0, 36)),  # abnormal throughout
}
