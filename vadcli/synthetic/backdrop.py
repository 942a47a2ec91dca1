"""The still picture behind the actors: a small ray caster over the world, done once for each scene and size."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadcli.footage.opencv import cv2
from vadcli.synthetic.camera import Camera
from vadcli.synthetic.light import Light
from vadcli.synthetic.textures import noise
from vadcli.synthetic.world import Foliage, Pole, Slab, Wall, World

Array = NDArray[Any]
FAR = 1e6


@dataclass(frozen=True, eq=False)
class Backdrop:
    """The scene without actors at canvas resolution.

    Attributes:
        lit: (H, W, C) uint8.
        swayed: (H, W, C) uint8, the same with its leaves moved.
        sway_box: (top, bottom, left, right) of what differs; empty when top >= bottom.
        nearest: (H, W) float32, distance in metres to what stands in front of the ground, `FAR` where nothing does.
        solid: (H // 2, W // 2) uint8, 255 where something stands in front of the ground, else 0.
        shade: (H, W) float32, light on the ground relative to the open, in [0, 1].
    """

    lit: Array
    swayed: Array
    sway_box: tuple[int, int, int, int]
    nearest: Array
    solid: Array
    shade: Array


def draw_backdrop(world: World, camera: Camera, light: Light, size: tuple[int, int], *, grey: bool) -> Backdrop:
    """Ray-cast the world.

    Args:
        world: what stands still.
        camera: from where.
        light: in which light.
        size: height and width of the canvas.
        grey: one channel instead of three.
    """
    height, width = size
    v, u = np.mgrid[0:height, 0:width].astype(np.float64)
    rays = camera.rays((u + 0.5) / width, (v + 0.5) / height)
    angle = 1.0 / (camera.focal * height)
    scale = np.linalg.norm(rays, axis=-1)
    up = np.clip(rays[..., 1] / scale, 0, 0.6)[..., None] / 0.6
    image = (np.array(world.sky[0]) * (1 - up) + np.array(world.sky[1]) * up).astype(np.float32)
    distance = np.full(size, FAR, np.float32)
    nearest = np.full(size, FAR, np.float32)
    shade = np.ones(size, np.float32)
    down = rays[..., 1] < -1e-3
    if down.any():
        reach = np.where(down, camera.height_m / np.maximum(-rays[..., 1], 1e-3), 1.0)
        x, z = rays[..., 0] * reach, rays[..., 2] * reach
        footprint = reach * angle / np.sqrt(np.clip(-rays[..., 1] / scale, 0.02, 1))
        painted = world.ground.paint(x, z, footprint)
        for mark in world.marks:
            s, t = mark.local(x, z)
            cover = (mark.cover(s, t, footprint) * down)[..., None]
            if cover.any():
                painted = painted * (1 - cover) + mark.material.paint(s, t, footprint) * cover
        shade = _ground_shade(world, camera, light, size)
        image = np.where(down[..., None], painted * shade[..., None], image).astype(np.float32)
        distance = np.where(down, reach * scale, distance).astype(np.float32)
    traced = chain(
        (_wall(wall, camera, light, rays, angle) for wall in world.walls),
        (_slab(slab, camera, light, rays, angle) for slab in world.slabs),
    )
    for hit, colour, reach in traced:
        there = hit & (reach * scale < distance)
        image[there], distance[there], nearest[there] = colour[there], (reach * scale)[there], (reach * scale)[there]
    leaves = np.zeros(size, np.float32)
    things: list[Pole | Foliage] = [*world.poles, *world.crowns]
    for thing in sorted(things, key=lambda one: -np.hypot(*one.at)):
        drawn = _pole(thing, camera, light, size) if isinstance(thing, Pole) else _crown(thing, camera, light, size)
        cover, colour, away = drawn
        cover = cover * (away < distance)
        image = image * (1 - cover[..., None]) + colour * cover[..., None]
        solid = cover > 0.5
        distance[solid] = nearest[solid] = away
        if isinstance(thing, Foliage):
            leaves = np.maximum(leaves, cover)
        else:
            leaves[solid] = 0
    veil = light.veil(distance)[..., None] if np.isfinite(light.fog_m) else 0.0
    image = image * np.array(light.tint) * (1 - veil) + np.array(light.fog_colour) * veil
    if grey:
        image = (image @ np.array([0.299, 0.587, 0.114]))[..., None]
    lit = np.clip(image * 255, 0, 255).astype(np.uint8)
    swayed, sway_box = _sway(lit, leaves)
    solid = np.where(nearest[::2, ::2][: height // 2, : width // 2] < FAR, 255, 0).astype(np.uint8)
    return Backdrop(lit, swayed, sway_box, nearest, solid, shade)


def _ground_shade(world: World, camera: Camera, light: Light, size: tuple[int, int]) -> Array:
    mask = np.zeros(size, np.uint8)
    slope = light.shadow_slope()
    for corners, height in world.casters:
        tops = corners + slope * height
        outline = cv2.convexHull(np.concatenate([corners, tops]).astype(np.float32))[:, 0]
        points = _clipped(camera, np.stack([outline[:, 0], np.zeros(len(outline)), outline[:, 1]], -1), size)
        if len(points) > 2:
            cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask, (0, 0), size[0] / 170).astype(np.float32) / 255
    return np.asarray(1 - light.direct * 0.9 * soft, np.float32)


def _clipped(camera: Camera, polygon: Array, size: tuple[int, int]) -> Array:
    """The part of a world polygon (k, 3) in front of the camera, in canvas pixels with four fraction bits."""
    local = (polygon - np.array([0.0, camera.height_m, 0.0])) @ camera.axes.T
    kept: list[Array] = []
    for here, there in zip(local, np.roll(local, -1, axis=0), strict=True):
        if here[2] > 0.3:
            kept.append(here)
        if (here[2] > 0.3) != (there[2] > 0.3):
            kept.append(here + (there - here) * (0.3 - here[2]) / (there[2] - here[2]))
    if not kept:
        return np.zeros((0, 2), np.int32)
    points = np.array(kept)
    u = camera.focal * points[:, 0] / points[:, 2] / camera.aspect + 0.5
    v = -camera.focal * points[:, 1] / points[:, 2] + 0.5
    pixels = np.stack([u * size[1] - 0.5, v * size[0] - 0.5], -1)
    return np.asarray(np.clip(pixels * 16, -2e5, 2e5), np.int32)


def _wall(wall: Wall, camera: Camera, light: Light, rays: Array, angle: float) -> tuple[Array, Array, Array]:
    start, end = np.array(wall.start), np.array(wall.end)
    length = float(np.linalg.norm(end - start))
    along = (end - start) / max(length, 1e-9)
    normal = np.array([along[1], -along[0]])
    offset = float(normal @ start)
    if offset > 0:  # make it face the camera
        normal, offset = -normal, -offset
    across = rays[..., 0] * normal[0] + rays[..., 2] * normal[1]
    facing = across < -1e-6
    reach = np.where(facing, offset / np.where(facing, across, -1.0), FAR)
    s = (rays[..., 0] * reach - start[0]) * along[0] + (rays[..., 2] * reach - start[1]) * along[1]
    t = camera.height_m + rays[..., 1] * reach
    top = np.full(s.shape, wall.high_m)
    hit = facing & (s >= 0) & (s <= length) & (t >= wall.low_m) & (t <= wall.high_m)
    colour = np.zeros((*s.shape, 3), np.float32)
    if hit.any():
        footprint = np.asarray(reach * angle)
        if wall.ragged:
            top = wall.high_m - wall.ragged * (0.5 + 0.5 * noise(s, s * 0, footprint * 0, 4.0, wall.start[0]))
            top = top + 0.3 * wall.ragged * noise(s, t, footprint, 0.8, wall.end[0])
            hit &= t <= top
        bright = max(light.on(np.array([normal[0], 0.0, normal[1]])), wall.glow)
        rows = np.flatnonzero(hit.any(1))
        part = slice(rows[0], rows[-1] + 1) if len(rows) else slice(0, 0)
        base = 1 - 0.25 * np.exp(-np.maximum(t[part] - wall.low_m, 0) / 0.5) * (wall.low_m < 0.05)
        colour[part] = wall.material.paint(s[part], t[part], footprint[part]) * (bright * base)[..., None]
    return hit, colour, reach


def _slab(slab: Slab, camera: Camera, light: Light, rays: Array, angle: float) -> tuple[Array, Array, Array]:
    rise = slab.level_m - camera.height_m
    facing = rays[..., 1] * rise > 1e-6
    reach = np.where(facing, rise / np.where(facing, rays[..., 1], 1.0), FAR)
    sin, cos = np.sin(slab.angle), np.cos(slab.angle)
    dx, dz = rays[..., 0] * reach - slab.at[0], rays[..., 2] * reach - slab.at[1]
    s, t = dx * sin + dz * cos, dx * cos - dz * sin
    hit = facing & (np.abs(s) <= slab.half[0]) & (np.abs(t) <= slab.half[1])
    colour = np.zeros((*s.shape, 3), np.float32)
    if hit.any():
        rows = np.flatnonzero(hit.any(1))
        part = slice(rows[0], rows[-1] + 1)
        bright = max(light.on(np.array([0.0, 1.0 if rise < 0 else -1.0, 0.0])), slab.glow)
        colour[part] = slab.material.paint(s[part], t[part], (reach * angle)[part]) * bright
    return hit, colour, reach


def _pole(pole: Pole, camera: Camera, light: Light, size: tuple[int, int]) -> tuple[Array, Array, float]:
    x, z = pole.at
    away = float(np.hypot(np.hypot(x, z), camera.height_m - pole.height_m / 2))
    side = np.array([z, 0.0, -x]) / max(np.hypot(x, z), 1e-6) * pole.radius_m
    base, top = np.array([x, 0.0, z]), np.array([x, pole.height_m, z])
    cover, colour = np.zeros(size, np.uint8), np.zeros((*size, 3), np.float32)
    sun_side = float(light.towards_sun @ side) / pole.radius_m * light.direct
    for step, shift in enumerate((-1.0, -0.4, 0.3)):
        points = _clipped(camera, np.stack([base + side * shift, top + side * shift, top + side, base + side]), size)
        if len(points) > 2:
            part = np.zeros(size, np.uint8)
            cv2.fillPoly(part, [points], 255, cv2.LINE_AA, 4)
            cover = np.maximum(cover, part)
            colour[part > 0] = np.array(pole.colour) * (0.85 + (step - 1) * (0.15 + 0.5 * sun_side) * 0.5)
    if pole.head != "none":
        points = _clipped(
            camera,
            top
            + np.array([[-0.6, 0, 0], [-0.5, 0.18, 0], [0.5, 0.18, 0], [0.6, 0, 0]])
            * (1.0 if pole.head == "lamp" else np.array([0.6, 4.0, 0])),
            size,
        )
        if len(points) > 2:
            part = np.zeros(size, np.uint8)
            cv2.fillPoly(part, [points], 255, cv2.LINE_AA, 4)
            cover = np.maximum(cover, part)
            colour[part > 0] = np.array(pole.colour) * 0.6 if pole.head == "lamp" else np.array([0.75, 0.74, 0.7])
    return cover.astype(np.float32) / 255, colour, away


def _crown(crown: Foliage, camera: Camera, light: Light, size: tuple[int, int]) -> tuple[Array, Array, float]:
    x, z = crown.at
    centre = np.array([[x, crown.level_m, z]])
    away = float(np.linalg.norm(centre[0] - np.array([0, camera.height_m, 0])))
    plane, depth = camera.plane(centre)
    nothing = np.zeros(size, np.float32)
    if depth[0] < 1.0:
        return nothing, np.zeros((*size, 3), np.float32), away
    v, u = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float64)
    metres = depth[0] / camera.focal
    s = (((u + 0.5) / size[1] - 0.5) * camera.aspect - plane[0, 0]) * metres
    t = -((v + 0.5) / size[0] - 0.5 - plane[0, 1]) * metres
    footprint = np.full(size, metres / size[0])
    far = np.hypot(s / crown.radius_m[0], t / crown.radius_m[1])
    edge = far + 0.16 * noise(s, t, footprint, 0.9, crown.at[0]) + 0.08 * noise(s, t, footprint, 0.25, crown.at[1])
    cover = np.clip((1.0 - edge) / (footprint / min(crown.radius_m) * 1.5) + 0.5, 0, 1)
    cover = cover * (far < 1.6)
    dome = np.clip(0.75 + 0.35 * t / crown.radius_m[1] + 0.25 * light.direct * s / crown.radius_m[0], 0.35, 1.25)
    return cover, crown.material.paint(s, t, footprint) * dome[..., None], away


def _sway(lit: Array, leaves: Array) -> tuple[Array, tuple[int, int, int, int]]:
    rows, columns = np.flatnonzero((leaves > 0.5).any(1)), np.flatnonzero((leaves > 0.5).any(0))
    if not len(rows):
        return lit, (0, 0, 0, 0)
    height, width = leaves.shape
    v, u = np.mgrid[0:height, 0:width].astype(np.float32)
    amount = cv2.GaussianBlur(leaves.astype(np.float32), (0, 0), 2) * np.float32(height / 150)
    moved = cv2.remap(
        lit,
        u + amount * np.sin(v / 9 + u / 31),
        v + 0.5 * amount * np.cos(u / 7 + v / 23),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).reshape(lit.shape)
    return moved, (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
