"""The per-pixel shader: visible triangles to a picture, with light, cast shadows, materials and smooth edges.

Visibility comes at twice the picture's resolution; a pixel whose four samples show one material is shaded once, an edge
pixel four times. Colors are linear light (`src.synthesis.renderer.camera` develops them).
"""

from typing import NamedTuple

import numpy as np

from src.synthesis.compiled import inlined, kernel
from src.synthesis.renderer.materials import Materials

SKIN, EYE, TEETH, HAIR, CLOTH, FRAME, LENS, MOUTH = range(8)  # kinds of material
NOISE_SIZE = 256  # side of the tiling noise pictures, a power of two
_CLOUDS, _GRAIN, _STRANDS = range(3)  # of the noise pictures
RED, GREEN, BLUE, COVER, GLOSS, AMBIENT, U, V = range(8)  # a vertex's attributes; COVER: by hair
NUM_ATTRIBUTES = 8
NORMAL, SKY = NUM_ATTRIBUTES, NUM_ATTRIBUTES + 3  # what `light_vertices` adds, three columns each
NUM_COLUMNS = NUM_ATTRIBUTES + 6
# Rows of a light: from 0 on nine coefficients of spherical harmonics, the sky's; then the key light's.
KEY_DIRECTION, KEY_COLOR, HALF_WAY = 9, 10, 11  # HALF_WAY: the direction between the key light and the viewer


class Scene(NamedTuple):
    """What `shade` draws.

    vertices: (V, 3) in pixels of the doubled picture, z towards the viewer. triangles: (T, 3). kinds: (T,) uint8, the
    material of each. table: (V, NUM_COLUMNS) of `light_vertices`, normals in the camera's frame. visible: (2H, 2W)
    the triangle seen at each pixel of the doubled picture, or -1. light: (12, 3). noise: (3, NOISE_SIZE, NOISE_SIZE).
    shadow: (S, S) depth seen from the key light. to_shadow: (3, 4) map from `vertices` to it.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    kinds: np.ndarray
    table: np.ndarray
    visible: np.ndarray
    materials: Materials
    light: np.ndarray
    noise: np.ndarray
    shadow: np.ndarray
    to_shadow: np.ndarray


@inlined
def _noise(pictures, layer, x, y):
    """Bilinear sample of a tiling noise picture, x and y in its pixels."""
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = x - x0, y - y0
    mask = NOISE_SIZE - 1
    i, j = int(y0) & mask, int(x0) & mask
    i1, j1 = (i + 1) & mask, (j + 1) & mask
    top = pictures[layer, i, j] * (1 - fx) + pictures[layer, i, j1] * fx
    bottom = pictures[layer, i1, j] * (1 - fx) + pictures[layer, i1, j1] * fx
    return top * (1 - fy) + bottom * fy


@inlined
def _step(low, high, value):
    t = min(1.0, max(0.0, (value - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@kernel
def light_vertices(attributes, normals, light):
    """Table (V, NUM_COLUMNS): attributes, then normals (V, 3), then the sky's light on them, RGB.

    The sky is smooth (spherical harmonics of three bands), so its light is found here and only interpolated per pixel.
    """
    table = np.empty((attributes.shape[0], NUM_COLUMNS), np.float32)
    for i in range(attributes.shape[0]):
        for j in range(NUM_ATTRIBUTES):
            table[i, j] = attributes[i, j]
        sign = 1.0 if normals[i, 2] >= 0.0 else -1.0  # of a sheet's back we see the other side
        nx, ny, nz = sign * normals[i, 0], sign * normals[i, 1], sign * normals[i, 2]
        for c in range(3):
            table[i, NORMAL + c] = normals[i, c]
            sky = light[0, c] + light[1, c] * ny + light[2, c] * nz + light[3, c] * nx
            sky += light[4, c] * nx * ny + light[5, c] * ny * nz + light[6, c] * (3.0 * nz * nz - 1.0)
            sky += light[7, c] * nx * nz + light[8, c] * (nx * nx - ny * ny)
            table[i, SKY + c] = max(0.03, sky) * attributes[i, AMBIENT]
    return table


@inlined
def _skin_color(color, cover, u, v, skin, noise):
    """Red, green, blue, and how much hair covers the skin."""
    red, green, blue = color
    grain = _noise(noise, _CLOUDS, u * 2.0 + skin.shift[0], v * 2.0 + skin.shift[1]) * 0.085
    red *= 1.0 + skin.blotches * grain * 0.6
    green *= 1.0 + skin.blotches * grain
    blue *= 1.0 + skin.blotches * grain
    hairy = 0.0
    if cover > 0.02:
        # Brow hair lies down outwards.
        lean = v * 3.5 if 15.0 < v < 40.0 and abs(u) < 62.0 else 0.0
        strand = _noise(noise, _STRANDS, abs(u) * 4.5 - lean + skin.shift[0], v * 2.2 + abs(u) * 0.8 + skin.shift[1])
        hairy = _step(0.1, 1.0, cover * 1.15 + 0.22 * strand) * min(1.0, cover * 2.0)
        shade = 0.9 + 0.3 * strand
        red += hairy * (skin.hair[0] * shade - red)
        green += hairy * (skin.hair[1] * shade - green)
        blue += hairy * (skin.hair[2] * shade - blue)
    return red, green, blue, hairy


@inlined
def _eye_color(u, v, eye, noise):
    """Red, green, blue, and the share of light that the upper lid leaves."""
    du, dv = u - eye.gaze[0], v - eye.gaze[1]
    r = np.sqrt(du * du + dv * dv)
    iris = 1.0 - _step(eye.iris_size - 0.06, eye.iris_size + 0.03, r)
    pupil = 1.0 - _step(eye.pupil_size - 0.04, eye.pupil_size + 0.03, r)
    ring = _step(eye.iris_size * 0.62, eye.iris_size, r)
    ray = 0.8 + 0.35 * _noise(noise, _GRAIN, np.arctan2(dv, du) * 40.0, r * 12.0) + 0.35 * (1 - r / eye.iris_size)
    shade = ray * (1.0 - 0.65 * ring) * (1.0 - pupil)
    vein = 1.0 - 0.25 * min(1.0, (u * u) * 0.7)
    red = 0.72 + iris * (eye.iris[0] * shade - 0.72)
    green = 0.68 * vein + iris * (eye.iris[1] * shade - 0.68 * vein)
    blue = 0.66 * vein + iris * (eye.iris[2] * shade - 0.66 * vein)
    return red, green, blue, 0.45 + 0.55 * (1.0 - _step(0.1, 0.75, v))


@inlined
def _tooth_color(u, v):
    """Red, green, blue."""
    gap = np.abs(np.sin(np.pi * u))
    gum = _step(0.0, 0.22 + 0.1 * (1 - gap), v)
    shade = (0.7 + 0.3 * _step(0.0, 0.35, gap)) * (1.0 - 0.05 * np.abs(u - 5.0))
    red = (0.45 + gum * (0.72 - 0.45)) * shade
    green = (0.15 + gum * (0.66 - 0.15)) * shade
    blue = (0.15 + gum * (0.56 - 0.15)) * shade
    return red, green, blue


@inlined
def _mouth_color(u, v):
    """Red, green, blue, and the gloss of the tongue."""
    tongue = _step(0.5, 0.75, v) * (1.0 - _step(0.3, 0.42, np.abs(u - 0.5)))
    return 0.09 + 0.28 * tongue, 0.02 + 0.07 * tongue, 0.02 + 0.07 * tongue, 0.15 * tongue


@inlined
def _hair_color(u, v, hair, noise):
    """Red, green, blue, and the gloss: a band of light across the strands."""
    strand = _noise(noise, _STRANDS, u * hair.strands[0], v * hair.strands[1])
    shade = 1.0 + hair.contrast * strand
    gloss = hair.gloss * max(0.0, 1.0 + 0.8 * strand)
    return hair.color[0] * shade, hair.color[1] * shade, hair.color[2] * shade, gloss


@inlined
def _cloth_color(color, u, v, cloth, noise):
    """Red, green, blue."""
    red, green, blue = color
    stripe = _step(0.2, 0.6, np.sin(cloth.waves[0] * v + cloth.waves[1] * u * 60.0)) * cloth.stripes
    weave = 1.0 + 0.07 * _noise(noise, _GRAIN, u * 500.0, v * 9.0)
    red = (red + stripe * (cloth.stripe[0] - red)) * weave
    green = (green + stripe * (cloth.stripe[1] - green)) * weave
    blue = (blue + stripe * (cloth.stripe[2] - blue)) * weave
    return red, green, blue


@inlined
def _lens_color(u, v, lens):
    """Red, green, blue: glass that mirrors the sky."""
    sky = _step(0.2, 0.9, v + 0.2 * u) * lens.sky
    return lens.color[0] + sky, lens.color[1] + sky, lens.color[2] + sky


@inlined
def _shade_sample(kind, s, materials, light, noise, lit):
    """Red, green, blue of a sample s, (NUM_COLUMNS,), of a kind of material; lit: 0 in cast shadow, else 1."""
    color, gloss, ambient = (s[RED], s[GREEN], s[BLUE]), s[GLOSS], s[AMBIENT]
    u, v = s[U], s[V]
    nx, ny, nz = s[NORMAL], s[NORMAL + 1], s[NORMAL + 2]
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
    if nz < 0.0:
        length = -length
    nx, ny, nz = nx / length, ny / length, nz / length
    wrap_red, wrap = 0.0, 0.0  # light that bleeds past the edge of shade, as in skin
    dim = 1.0  # of the sky
    power = 5
    cloth = materials.cloth
    if kind == CLOTH and v < cloth.neck + cloth.neck_depth * np.cos(6.2832 * u):  # above the neck line
        kind = SKIN
        color = materials.skin.color
        u, v = u * 360.0, v * 7.0
    if kind == SKIN:
        red, green, blue, hairy = _skin_color(color, s[COVER], u, v, materials.skin, noise)
        gloss *= 1.0 - 0.8 * hairy
        wrap_red, wrap, power = 0.3, 0.12, 4
    elif kind == EYE:
        red, green, blue, dim = _eye_color(u, v, materials.eye, noise)
        ambient *= dim
        gloss, power = 1.1, 8
    elif kind == TEETH:
        red, green, blue = _tooth_color(u, v)
        gloss = 0.35
        ambient = dim = materials.teeth_light
    elif kind == MOUTH:
        red, green, blue, gloss = _mouth_color(u, v)
        ambient = dim = materials.mouth_light
    elif kind == HAIR:
        red, green, blue, gloss = _hair_color(u, v, materials.hair, noise)
        wrap_red, wrap, power = 0.25, 0.25, 3
    elif kind == CLOTH:
        red, green, blue = _cloth_color(color, u, v, cloth, noise)
        gloss = 0.0
    elif kind == FRAME:
        red, green, blue = materials.frame.color
        gloss = materials.frame.gloss
    else:
        red, green, blue = _lens_color(u, v, materials.lens)
        gloss, power = 0.6, 7

    facing = nx * light[KEY_DIRECTION, 0] + ny * light[KEY_DIRECTION, 1] + nz * light[KEY_DIRECTION, 2]
    direct = max(0.0, (facing + wrap) / (1.0 + wrap)) * lit
    direct_red = max(0.0, (facing + wrap_red) / (1.0 + wrap_red)) * (lit + (1.0 - lit) * wrap_red * 0.4)
    shine = 0.0
    if gloss > 0.0:
        shine = max(0.0, nx * light[HALF_WAY, 0] + ny * light[HALF_WAY, 1] + nz * light[HALF_WAY, 2])
        for _ in range(power):
            shine *= shine
        shine *= gloss * lit
    edge = 1.0 - max(0.0, nz)
    shine += gloss * 0.25 * edge * edge * edge
    bounce = 0.4 + 0.6 * ambient
    return (
        max(0.0, red) * (s[SKY] * dim + light[KEY_COLOR, 0] * direct_red * bounce) + shine * light[KEY_COLOR, 0],
        max(0.0, green) * (s[SKY + 1] * dim + light[KEY_COLOR, 1] * direct * bounce) + shine * light[KEY_COLOR, 1],
        max(0.0, blue) * (s[SKY + 2] * dim + light[KEY_COLOR, 2] * direct * bounce) + shine * light[KEY_COLOR, 2],
    )


@kernel
def shade(scene, background, curve):
    """A `Scene` over a background, (H, W, 3) float32 in linear light.

    background: (H, W, 3) uint8, whose gray levels `curve` (256,) turns into linear light.
    """
    picture = np.empty(background.shape, np.float32)
    vertices, triangles, table = scene.vertices, scene.triangles, scene.table
    shadow, to_shadow = scene.shadow, scene.to_shadow
    size = shadow.shape[0]
    s = np.zeros(NUM_COLUMNS, np.float32)
    kind = np.zeros(4, np.int32)
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            same, hits = True, 0
            for k in range(4):
                t = scene.visible[2 * row + (k >> 1), 2 * column + (k & 1)]
                kind[k] = scene.kinds[t] if t >= 0 else -1
                hits += kind[k] >= 0
                same = same and kind[k] == kind[0]
            for c in range(3):
                picture[row, column, c] = curve[background[row, column, c]] * (4 - hits) * 0.25
            if hits == 0:
                continue
            for k in range(4):
                if kind[k] < 0:
                    continue
                t = scene.visible[2 * row + (k >> 1), 2 * column + (k & 1)]
                x, y = 2 * column + (k & 1) + 0.5, 2 * row + (k >> 1) + 0.5
                if same:  # one material: shade the pixel's center, in the plane of one of its triangles
                    x, y = 2 * column + 1.0, 2 * row + 1.0
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                ax, ay, bx, by, cx, cy = (
                    vertices[a, 0], vertices[a, 1], vertices[b, 0], vertices[b, 1], vertices[c, 0], vertices[c, 1],
                )  # fmt: skip
                inverse = 1.0 / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
                wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                wb = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                wa, wb = min(1.2, max(-0.2, wa)), min(1.2, max(-0.2, wb))
                wc = 1.0 - wa - wb
                wa32, wb32, wc32 = np.float32(wa), np.float32(wb), np.float32(wc)
                for j in range(NUM_COLUMNS):
                    s[j] = wa32 * table[a, j] + wb32 * table[b, j] + wc32 * table[c, j]
                z = wa * vertices[a, 2] + wb * vertices[b, 2] + wc * vertices[c, 2]
                sx = to_shadow[0, 0] * x + to_shadow[0, 1] * y + to_shadow[0, 2] * z + to_shadow[0, 3] - 0.5
                sy = to_shadow[1, 0] * x + to_shadow[1, 1] * y + to_shadow[1, 2] * z + to_shadow[1, 3] - 0.5
                sz = to_shadow[2, 0] * x + to_shadow[2, 1] * y + to_shadow[2, 2] * z + to_shadow[2, 3]
                i, j = int(np.floor(sy)), int(np.floor(sx))
                lit = 1.0
                if 0 <= i < size - 1 and 0 <= j < size - 1:
                    fx, fy = sx - j, sy - i
                    near = shadow[i, j] * (1 - fx) + shadow[i, j + 1] * fx
                    near = near * (1 - fy) + (shadow[i + 1, j] * (1 - fx) + shadow[i + 1, j + 1] * fx) * fy
                    # Soft edge: something hides the light the more, the farther it stands in front.
                    lit = 1.0 - _step(0.0, 0.9, near - sz)
                color = _shade_sample(kind[k], s, scene.materials, scene.light, scene.noise, lit)
                for channel in range(3):
                    picture[row, column, channel] += color[channel] * (1.0 if same else 0.25)
                if same:
                    break
    return picture
