"""Synthetic camera scenes to try everything on: `make_scene` draws one from a seed, `render` films a clip of it.

    scene = make_scene(7)
    for frame in render(scene, 0, seconds=20, fps=10, size=(128, 128), anomalies=False):
        frame.image  # (128, 128, 3) uint8 RGB

Clips of a scene share place, camera, traffic and sensor. Their anomalies are plain to see for a second and more.
"""

from vadcli.synthetic.film import Rendered, render
from vadcli.synthetic.scene import KINDS, Scene, kind_of, make_scene

__all__ = ["KINDS", "Rendered", "Scene", "kind_of", "make_scene", "render"]
