"""Synthetic camera scenes to train and test on: `make_scene` draws one from a seed, `render` films a clip of it.

    scene = make_scene(7)
    for one in render(scene, 0, seconds=20, fps=10, size=(128, 128), anomalies=False):
        one.image  # (128, 128, 3) uint8 RGB

Two scenes share nothing but this generator; two clips of a scene share place, camera, light and sensor.
"""

from vadcli.synthetic.film import Rendered, render
from vadcli.synthetic.scene import KINDS, Scene, kind_of, make_scene

__all__ = ["KINDS", "Rendered", "Scene", "kind_of", "make_scene", "render"]
