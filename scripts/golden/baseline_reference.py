#!/usr/bin/env python3
"""The adapter `baseline` a second time, in NumPy and float64, written to be read: tests/data/baseline.

Draws small pictures (PGM, PPM), and writes what the formulas of docs/baseline.md give for them: expected.txt, one line
per case (name, side, memory, picture, score, map file, references), and the maps as .npy. Mirror images are compared by
really mirroring the pixels, neighbours are searched one by one, covariances are inverted.

  python3 -m venv v && v/bin/pip install numpy && v/bin/python scripts/golden/baseline_reference.py
"""

import pathlib

import numpy as np

DATA = pathlib.Path(__file__).resolve().parents[2] / "tests/data/baseline"
PATCH, STRIDES, CELL, FLOOR, OWN, SHARE, DETAIL = 8, (4, 2, 1), 4, 0.02, 0.25, 0.05, 8
C = np.array([[np.cos(np.pi * (2 * x + 1) * u / 16) * np.sqrt((1 if u == 0 else 2) / 8) for x in range(8)] for u in range(4)])


def area_means(plane, w, h):
    def weights(n, m):
        edges = np.arange(m + 1) * n / m
        x = np.arange(n)
        return np.clip(np.minimum(edges[1:, None], x + 1) - np.maximum(edges[:-1, None], x), 0, None) * m / n

    return weights(plane.shape[0], h) @ plane @ weights(plane.shape[1], w).T


def box_means(plane, reach):
    h, w = plane.shape
    out = np.empty_like(plane)
    for y in range(h):
        for x in range(w):
            out[y, x] = plane[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].mean()
    return out


def levels_of(rgb, side, colour):
    height, width = rgb.shape[:2]
    length = np.sqrt(width * height)
    factor = max(1, int(length / (2 * side)))
    w, h = max(1, width // factor), max(1, height // factor)
    r, g, b = (area_means(rgb[..., c].astype(float), w, h) for c in range(3))
    brightness = 0.299 * r + 0.587 * g + 0.114 * b
    unit = 1 / max(brightness.mean(), 0.05 * 255)
    brightness = brightness * unit
    rough = (brightness - box_means(brightness, 2)) ** 2
    levels = []
    for l in range(3):
        scale = min(1.0, side / length) / 2**l
        longest = max(1, side * side // 8 >> l)
        ww = int(np.clip(np.floor(width * scale + 0.5), 1, min(w, longest)))
        hh = int(np.clip(np.floor(height * scale + 0.5), 1, min(h, longest)))
        planes = [area_means(brightness, ww, hh), DETAIL * np.sqrt(area_means(rough, ww, hh))]
        if colour:
            planes += [area_means((r - g) / 2 * unit, ww, hh), area_means((r + g - 2 * b) / 4 * unit, ww, hh)]
        levels.append(planes)
    return levels


def middle(values, axis=None):
    values = np.sort(values, axis=axis)
    return np.take(values, values.shape[-1 if axis is None else axis] // 2, axis=-1 if axis is None else axis)


def polished(plane):
    for _ in range(2):
        plane = plane - middle(plane, 1)[:, None]
        plane = plane - middle(plane, 0)[None, :]
    return plane


def starts(length, stride):
    room = length - PATCH
    steps = (room + stride - 1) // stride
    return [0] + [(2 * i * room + steps) // (2 * steps) for i in range(1, steps + 1)]


def features(pixels):
    """pixels[plane][8][8] to a vector."""
    out = []
    for p, patch in enumerate(pixels):
        coefficients = C @ patch @ C.T / PATCH
        out += [coefficients[v, u] for v in range(4) for u in range(4) if u + v < (4 if p == 0 else 2)]
    return np.array(out)


class Patches:
    def __init__(self, planes, stride):
        self.height, self.width = planes[0].shape
        pad = (max(0, PATCH - self.height), max(0, PATCH - self.width))
        planes = np.stack([np.pad(p, ((0, pad[0]), (0, pad[1])), "edge") for p in planes])
        self.tops, self.lefts = starts(planes.shape[1], stride), starts(planes.shape[2], stride)
        self.places = [(y, x) for y in self.tops for x in self.lefts]
        pixels = [planes[:, y : y + PATCH, x : x + PATCH] for y, x in self.places]
        self.mirrored = [
            np.stack([features(p[:, ::sy, ::sx]) for p in pixels]) for sy in (1, -1) for sx in (1, -1)
        ]
        self.values = self.mirrored[0]
        self.grid = (len(self.tops), len(self.lefts))


def self_distances(patches):
    out = []
    for (y, x), own in zip(patches.places, patches.values):
        others = [i for i, (v, u) in enumerate(patches.places) if abs(v - y) >= PATCH or abs(u - x) >= PATCH]
        out.append(min((np.linalg.norm(m[others] - own, axis=1).min() for m in patches.mirrored)) if others else 0.0)
    return np.array(out)


def self_contrast(as_is, after):
    own = OWN * np.linalg.norm(after.values, axis=1)
    views = [self_distances(p) for p in (as_is, after)]
    return np.minimum(*(d / (middle(d) + FLOOR + own) for d in views))


def matched(i, n, m):
    return (m - 1) // 2 if n == 1 else (2 * i * (m - 1) + n - 1) // (2 * (n - 1))


class Gaussian:
    def __init__(self, references):
        self.grid = references[0].grid
        rows, columns = self.grid
        self.means, scatters, counts = {}, {}, {}
        for r in range(rows):
            for c in range(columns):
                samples = np.array(
                    [
                        ref.values[matched(y, rows, ref.grid[0]) * ref.grid[1] + matched(x, columns, ref.grid[1])]
                        for ref in references
                        for y in range(max(0, r - 1), min(rows, r + 2))
                        for x in range(max(0, c - 1), min(columns, c + 2))
                    ]
                )
                self.means[r, c], counts[r, c] = samples.mean(0), len(samples)
                scatters[r, c] = (samples - samples.mean(0)).T @ (samples - samples.mean(0))
        n = references[0].values.shape[1]
        pooled = sum(scatters[at] / counts[at] for at in scatters) / len(scatters)
        self.inverse = {
            at: np.linalg.inv((scatters[at] + n * pooled) / (counts[at] + n) + 1e-4 * np.eye(n)) for at in scatters
        }
        self.typical = self.usual(references)

    def usual(self, references):
        return usual(Gaussian, references) if len(references) > 1 else middle(self.distances(references[0]))

    def distances(self, patches):
        rows, columns = patches.grid
        out = []
        for r in range(rows):
            for c in range(columns):
                at = matched(r, rows, self.grid[0]), matched(c, columns, self.grid[1])
                d = patches.values[r * columns + c] - self.means[at]
                out.append(np.sqrt(d @ self.inverse[at] @ d / len(d)))
        return np.array(out)


class Nearest:
    def __init__(self, references):
        self.kept = np.concatenate([r.values for r in references])
        self.typical = usual(Nearest, references) if len(references) > 1 else middle(self_distances(references[0]))

    def distances(self, patches):
        return np.array([np.linalg.norm(self.kept - own, axis=1).min() for own in patches.values])


def usual(kind, references):
    """The middle distance of the first four references to a memory of the others."""
    bare = type("Bare", (kind,), {"usual": lambda self, _: 0})
    out = []
    for i in range(min(4, len(references))):
        others = references[:i] + references[i + 1 :]
        if kind is Nearest:
            memory = object.__new__(Nearest)
            memory.kept = np.concatenate([r.values for r in others])
        else:
            memory = bare(others)
        out.append(memory.distances(references[i]))
    return middle(np.concatenate(out))


def interpolated(values, patches, width, height):
    def at(cells, length, n):
        if n == 1:
            return np.zeros(cells)
        return np.clip(((np.arange(cells) + 0.5) / cells * length - PATCH / 2) * (n - 1) / (length - PATCH), 0, n - 1)

    values = values.reshape(patches.grid)
    x, y = at(width, patches.width, patches.grid[1]), at(height, patches.height, patches.grid[0])
    rows = np.array([np.interp(x, np.arange(patches.grid[1]), row) for row in values])
    return np.array([np.interp(y, np.arange(patches.grid[0]), column) for column in rows.T]).T


def answer(image, side, memory, references):
    if memory == "none":
        levels = levels_of(image, side, colour=bool((image != image[..., :1]).any()))
        found = []
        for planes, stride in zip(levels, STRIDES):
            as_is = Patches(planes, stride)
            found.append((as_is, self_contrast(as_is, Patches([polished(p) for p in planes], stride))))
    else:
        found = []
        for l, stride in enumerate(STRIDES):
            known = [Patches(levels_of(r, side, True)[l], stride) for r in references]
            model = {"gaussian": Gaussian, "nearest": Nearest}[memory](known)
            patches = Patches(levels_of(image, side, True)[l], stride)
            found.append((patches, model.distances(patches) / (model.typical + FLOOR)))
    width, height = (-(-n // CELL) for n in (found[0][0].width, found[0][0].height))
    joined = np.mean([interpolated(v, p, width, height) for p, v in found], axis=0)
    score = np.mean([np.sort(v)[::-1][: max(1, int(SHARE * len(v)))].mean() for _, v in found])
    return score, joined


def drawn(width, height, seed, coloured=False, defect=None, period=9):
    random = np.random.RandomState(seed)
    y, x = np.mgrid[:height, :width]
    base = 140 + 30 * np.sin(2 * np.pi * x / period) * np.sin(2 * np.pi * y / 11) + 0.3 * x
    base[:, x[0] % 24 < 2] *= 0.5
    image = np.stack([base * f for f in ((1, 0.8, 0.5) if coloured else (1, 1, 1))], -1)
    image += random.normal(0, 4, (height, width, 3 if coloured else 1))
    if defect:
        left, top, w, h, factor = defect
        image[top : top + h, left : left + w] *= factor
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def write(name, image):
    grey = bool((image == image[..., :1]).all())
    suffix, kind = (".pgm", b"P5") if grey else (".ppm", b"P6")
    pixels = image[..., 0] if grey else image
    head = kind + b"\n%d %d\n255\n" % (image.shape[1], image.shape[0])
    (DATA / (name + suffix)).write_bytes(head + np.ascontiguousarray(pixels).tobytes())
    return name + suffix


def main():
    pictures = {
        "grey": drawn(96, 64, 1, defect=(50, 20, 12, 9, 0.5)),
        "colour": drawn(61, 47, 2, True, (20, 10, 9, 9, np.array([1, 0.6, 1.2]))),
        "large": drawn(150, 120, 3, defect=(100, 60, 14, 3, 1.3)),
        "strip": drawn(200, 9, 4, defect=(120, 2, 9, 5, 0.4)),
        "tiny": drawn(5, 3, 5, True),
        "flat": np.full((40, 40, 3), 77, np.uint8),
        "black": np.zeros((33, 40, 3), np.uint8),
    }
    pictures |= {f"normal{i}": drawn(72, 56, 10 + i, True) for i in range(3)}
    pictures["normal_wide"] = drawn(80, 50, 14, True)
    pictures["other"] = drawn(72, 56, 20, True, period=6)
    DATA.mkdir(exist_ok=True)
    files = {name: write(name, image) for name, image in pictures.items()}
    three = ["normal0", "normal1", "normal2"]
    cases = [(name, 32, "none", name, []) for name in ("grey", "colour", "large", "strip", "tiny", "flat", "black")]
    cases += [("grey_64", 64, "none", "grey", [])]
    for memory in ("gaussian", "nearest"):
        cases += [
            (f"{memory}_three", 32, memory, "other", three),
            (f"{memory}_one", 32, memory, "normal1", ["normal0"]),
            (f"{memory}_sizes", 32, memory, "other", ["normal0", "normal_wide"]),
        ]
    lines = []
    for name, side, memory, image, references in cases:
        score, joined = answer(pictures[image], side, memory, [pictures[r] for r in references])
        np.save(DATA / f"{name}.npy", joined.astype(np.float32))
        lines.append(f"{name} {side} {memory} {files[image]} {score:.9g} {name}.npy {' '.join(files[r] for r in references)}".strip())
    (DATA / "expected.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
