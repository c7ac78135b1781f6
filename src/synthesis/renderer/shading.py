"""The per-pixel shader: visible triangles to a picture, with light, cast shadows, materials and smooth edges.

Visibility comes at twice the picture's resolution; a pixel whose four samples show one material is shaded once, an edge
pixel four times. Colors are linear light until `develop`.
"""

import numpy as np

from src.synthesis.compiled import inlined, kernel

SKIN, EYE, TEETH, HAIR, CLOTH, FRAME, LENS, MOUTH = range(8)
NOISE_SIZE = 256  # side of the tiling noise pictures, a power of two
NUM_ATTRIBUTES = 8  # per vertex: red, green, blue, hair coverage, gloss, ambient, u, v
NUM_COLUMNS = NUM_ATTRIBUTES + 6  # with the normal and the light of the sky


@kernel
def vertex_normals(vertices, triangles, normals):
    """Area-weighted unit normals into `normals` (V, 3), from vertices (V, 3) and triangles (T, 3)."""
    normals[:] = 0.0
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2])
        vx, vy, vz = (vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2])
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    for k in range(normals.shape[0]):
        length = np.sqrt(normals[k, 0] ** 2 + normals[k, 1] ** 2 + normals[k, 2] ** 2)
        if length > 0.0:
            normals[k] /= length


@kernel
def blend(neutral, modes, coefficients, vertices):
    """vertices (V * 3,) = neutral (V * 3,) + coefficients (M,) @ modes (M, V * 3), skipping modes at rest.

    Not a matrix product of NumPy's, whose own threads get in the way of ours.
    """
    block = 4096
    for start in range(0, neutral.shape[0], block):
        stop = min(start + block, neutral.shape[0])
        for i in range(start, stop):
            vertices[i] = neutral[i]
        for m in range(modes.shape[0]):
            c = coefficients[m]
            if c != 0.0:
                for i in range(start, stop):
                    vertices[i] += c * modes[m, i]


@kernel
def transform(points, linear, shift, moved):
    """moved (V, 3) = points (V, 3) @ linear (3, 3).T + shift (3,)."""
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for j in range(3):
            moved[i, j] = linear[j, 0] * x + linear[j, 1] * y + linear[j, 2] * z + shift[j]


@kernel
def paint(colors, masks, fade, gain):
    """Lay K coats over colors (V, 3), in place: color = color * (1 - mask * fade) + mask * gain.

    masks: (K, V); fade, gain: (K, 3).
    """
    for v in range(masks.shape[1]):
        for k in range(masks.shape[0]):
            m = masks[k, v]
            if m > 0.001 or m < -0.001:
                for c in range(3):
                    colors[v, c] = colors[v, c] * (1 - m * fade[k, c]) + m * gain[k, c]


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
def light_vertices(attributes, normals, light, table):
    """Fill table (V, NUM_COLUMNS): attributes, then normals (V, 3), then the sky's light on them, RGB.

    The sky is smooth (spherical harmonics of three bands), so its light is found here and only interpolated per pixel.
    """
    for i in range(attributes.shape[0]):
        for j in range(NUM_ATTRIBUTES):
            table[i, j] = attributes[i, j]
        sign = 1.0 if normals[i, 2] >= 0.0 else -1.0  # of a sheet's back we see the other side
        nx, ny, nz = sign * normals[i, 0], sign * normals[i, 1], sign * normals[i, 2]
        for c in range(3):
            table[i, NUM_ATTRIBUTES + c] = normals[i, c]
            sky = light[0, c] + light[1, c] * ny + light[2, c] * nz + light[3, c] * nx
            sky += light[4, c] * nx * ny + light[5, c] * ny * nz + light[6, c] * (3.0 * nz * nz - 1.0)
            sky += light[7, c] * nx * nz + light[8, c] * (nx * nx - ny * ny)
            table[i, NUM_ATTRIBUTES + 3 + c] = max(0.03, sky) * attributes[i, 5]


@inlined
def _shade_sample(material, s, look, light, noise, lit):
    """Red, green, blue of a sample s, (NUM_COLUMNS,) as in `light_vertices`; lit: 0 in cast shadow, else 1.

    look: (8, 9), one row per material. light: (12, 3), 9 spherical-harmonic rows, direction and color of the key light,
    and the direction half-way between it and the viewer.
    """
    red, green, blue, cover, gloss = s[0], s[1], s[2], s[3], s[4]
    ambient, u, v = s[5], s[6], s[7]
    nx, ny, nz = s[8], s[9], s[10]
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
    if nz < 0.0:
        length = -length
    nx, ny, nz = nx / length, ny / length, nz / length
    wrap_red, wrap = 0.0, 0.0  # light that bleeds past the edge of shade, as in skin
    dim = 1.0  # of the sky
    power = 5
    if material == CLOTH and v < look[CLOTH, 6] + look[CLOTH, 7] * np.cos(6.2832 * u):  # above the neck line
        material = SKIN
        red, green, blue = look[SKIN, 3], look[SKIN, 4], look[SKIN, 5]
        u, v = u * 360.0, v * 7.0
    if material == SKIN:
        grain = _noise(noise, 0, u * 2.0 + look[material, 0], v * 2.0 + look[material, 1]) * 0.085
        red *= 1.0 + look[material, 2] * grain * 0.6
        green *= 1.0 + look[material, 2] * grain
        blue *= 1.0 + look[material, 2] * grain
        if cover > 0.02:
            # Brow hair lies down outwards.
            lean = v * 3.5 if 15.0 < v < 40.0 and abs(u) < 62.0 else 0.0
            strand = _noise(
                noise, 2, abs(u) * 4.5 - lean + look[material, 0], v * 2.2 + abs(u) * 0.8 + look[material, 1]
            )
            m = _step(0.1, 1.0, cover * 1.15 + 0.22 * strand) * min(1.0, cover * 2.0)
            shade = 0.9 + 0.3 * strand
            red += m * (look[SKIN, 6] * shade - red)
            green += m * (look[SKIN, 7] * shade - green)
            blue += m * (look[SKIN, 8] * shade - blue)
            gloss *= 1.0 - 0.8 * m
        wrap_red, wrap = 0.3, 0.12
        power = 4
    elif material == EYE:
        du, dv = u - look[material, 0], v - look[material, 1]
        r = np.sqrt(du * du + dv * dv)
        size = look[material, 5]
        iris = 1.0 - _step(size - 0.06, size + 0.03, r)
        pupil = 1.0 - _step(look[material, 6] - 0.04, look[material, 6] + 0.03, r)
        ring = _step(size * 0.62, size, r)
        ray = 0.8 + 0.35 * _noise(noise, 1, np.arctan2(dv, du) * 40.0, r * 12.0) + 0.35 * (1 - r / size)
        shade = ray * (1.0 - 0.65 * ring) * (1.0 - pupil)
        vein = 1.0 - 0.25 * min(1.0, (u * u) * 0.7)
        red = 0.72 + iris * (look[material, 2] * shade - 0.72)
        green = 0.68 * vein + iris * (look[material, 3] * shade - 0.68 * vein)
        blue = 0.66 * vein + iris * (look[material, 4] * shade - 0.66 * vein)
        # The upper lid shades the ball.
        dim = 0.45 + 0.55 * (1.0 - _step(0.1, 0.75, v - look[material, 7]))
        ambient *= dim
        gloss, power = 1.1, 8
    elif material == TEETH:
        gap = np.abs(np.sin(np.pi * u))
        gum = _step(0.0, 0.22 + 0.1 * (1 - gap), v)
        shade = (0.7 + 0.3 * _step(0.0, 0.35, gap)) * (1.0 - 0.05 * np.abs(u - 5.0))
        red = (0.45 + gum * (0.72 - 0.45)) * shade
        green = (0.15 + gum * (0.66 - 0.15)) * shade
        blue = (0.15 + gum * (0.56 - 0.15)) * shade
        gloss, dim = 0.35, look[material, 0]
        ambient = dim
    elif material == MOUTH:
        tongue = _step(0.5, 0.75, v) * (1.0 - _step(0.3, 0.42, np.abs(u - 0.5)))
        red, green, blue = 0.09 + 0.28 * tongue, 0.02 + 0.07 * tongue, 0.02 + 0.07 * tongue
        gloss, dim = 0.15 * tongue, look[material, 0]
        ambient = dim
    elif material == HAIR:
        strand = _noise(noise, 2, u * look[material, 4], v * look[material, 5])
        shade = 1.0 + look[material, 3] * strand
        red, green, blue = look[material, 0] * shade, look[material, 1] * shade, look[material, 2] * shade
        # A band of light across the strands.
        gloss, power = look[material, 6] * max(0.0, 1.0 + 0.8 * strand), 3
        wrap_red = wrap = 0.25
    elif material == CLOTH:
        stripe = _step(0.2, 0.6, np.sin(look[material, 4] * v + look[material, 5] * u * 60.0)) * look[material, 3]
        weave = 1.0 + 0.07 * _noise(noise, 1, u * 500.0, v * 9.0)
        red = (red + stripe * (look[material, 0] - red)) * weave
        green = (green + stripe * (look[material, 1] - green)) * weave
        blue = (blue + stripe * (look[material, 2] - blue)) * weave
        gloss = 0.0
    elif material == FRAME:
        red, green, blue, gloss, power = look[material, 0], look[material, 1], look[material, 2], look[material, 3], 5
    elif material == LENS:
        sky = _step(0.2, 0.9, v + 0.2 * u) * look[material, 3]
        red, green, blue = look[material, 0] + sky, look[material, 1] + sky, look[material, 2] + sky
        gloss, power = 0.6, 7

    facing = nx * light[9, 0] + ny * light[9, 1] + nz * light[9, 2]
    direct = max(0.0, (facing + wrap) / (1.0 + wrap)) * lit
    direct_red = max(0.0, (facing + wrap_red) / (1.0 + wrap_red)) * (lit + (1.0 - lit) * wrap_red * 0.4)
    shine = 0.0
    if gloss > 0.0:
        shine = max(0.0, nx * light[11, 0] + ny * light[11, 1] + nz * light[11, 2])
        for _ in range(power):
            shine *= shine
        shine *= gloss * lit
    edge = 1.0 - max(0.0, nz)
    shine += gloss * 0.25 * edge * edge * edge
    bounce = 0.4 + 0.6 * ambient
    first = NUM_ATTRIBUTES + 3
    return (
        max(0.0, red) * (s[first] * dim + light[10, 0] * direct_red * bounce) + shine * light[10, 0],
        max(0.0, green) * (s[first + 1] * dim + light[10, 1] * direct * bounce) + shine * light[10, 1],
        max(0.0, blue) * (s[first + 2] * dim + light[10, 2] * direct * bounce) + shine * light[10, 2],
    )


@kernel
def shade(
    vertices, triangles, materials, table, index, look, light, noise, shadow, to_shadow, background, curve, picture
):
    """Shade visible triangles over a background into picture (H, W, 3), linear light.

    vertices: (V, 3) in pixels of the doubled picture; triangles: (T, 3); materials: (T,) uint8; table: (V, NUM_COLUMNS)
    of `light_vertices`, normals in the camera's frame, z towards the viewer. index: (2H, 2W) visible triangles or -1.
    shadow: (S, S) depth seen from the key light, to_shadow: (3, 4) map from `vertices` to it. background: (H, W, 3)
    uint8, whose gray levels `curve` (256,) turns into linear light.
    """
    height, width = picture.shape[0], picture.shape[1]
    size = shadow.shape[0]
    s = np.zeros(NUM_COLUMNS, np.float32)
    kind = np.zeros(4, np.int32)
    for row in range(height):
        for column in range(width):
            same, hits = True, 0
            for k in range(4):
                t = index[2 * row + (k >> 1), 2 * column + (k & 1)]
                kind[k] = materials[t] if t >= 0 else -1
                hits += kind[k] >= 0
                same = same and kind[k] == kind[0]
            for c in range(3):
                picture[row, column, c] = curve[background[row, column, c]] * (4 - hits) * 0.25
            if hits == 0:
                continue
            for k in range(4):
                if kind[k] < 0:
                    continue
                t = index[2 * row + (k >> 1), 2 * column + (k & 1)]
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
                red, green, blue = _shade_sample(kind[k], s, look, light, noise, lit)
                share = 1.0 if same else 0.25
                picture[row, column, 0] += share * red
                picture[row, column, 1] += share * green
                picture[row, column, 2] += share * blue
                if same:
                    break
