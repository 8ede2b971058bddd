#!/usr/bin/env python3
"""Writes tests/data/metrics/spro_golden.txt: AU-sPRO of MVTec LOCO as its paper defines it, for tests/metrics/spro_test.cc.

Needs numpy. Run from the repository root. Written from the definition (Bergmann et al. 2022), not from their code: every distinct
score is a threshold, sPRO_i = min(TP_i / S_i, 1), false positives are counted over pixels free of every defect, the area is a
trapezoid sum up to the limit, interpolated there, divided by it. A case is

    case NAME IMAGES AREA_0.01 AREA_0.05 AREA_0.1 AREA_0.3 AREA_1
    WIDTH HEIGHT DEFECTS                       per image, then per defect
    THRESHOLD relative|pixels 0100...          row-major mask, and after the defects the map
    SCORE ...                                  C hexadecimal floats
"""

import pathlib

import numpy as np

LIMITS = (0.01, 0.05, 0.1, 0.3, 1.0)


def saturation(threshold, relative, area):
    return max(int(threshold * area) if relative else min(threshold, area), 1)


def au_spro(images):
    normal = np.concatenate([m[~np.any([d for d, _, _ in ds], axis=0)] if ds else m.ravel() for m, ds in images])
    x, y = [0.0], [0.0]
    for t in np.unique(np.concatenate([m.ravel() for m, _ in images]))[::-1]:
        spros = [
            min(np.count_nonzero(m[d] >= t) / saturation(threshold, relative, np.count_nonzero(d)), 1.0)
            for m, ds in images
            for d, threshold, relative in ds
        ]
        x.append(np.count_nonzero(normal >= t) / normal.size)
        y.append(float(np.mean(spros)))
    areas = []
    for limit in LIMITS:
        # np.interp takes the last of several points at one x; up to the limit all points count.
        kept = [i for i in range(len(x)) if x[i] <= limit]
        xs, ys = [x[i] for i in kept], [y[i] for i in kept]
        if xs[-1] < limit:
            a, b = kept[-1], kept[-1] + 1
            xs.append(limit)
            ys.append(y[a] + (y[b] - y[a]) * (limit - x[a]) / (x[b] - x[a]))
        areas.append(float(np.sum(np.diff(xs) * (np.array(ys[1:]) + np.array(ys[:-1])) / 2) / limit))
    return areas


def case(rng, count, score, tiny=False):
    images = []
    for k in range(count):
        h, w = rng.integers(6, 14, 2)
        defects = []
        for _ in range(k % 4):
            mask = np.zeros((h, w), bool)
            y, x = rng.integers(0, h - 2), rng.integers(0, w - 2)
            mask[y : y + (1 if tiny else rng.integers(1, 5)), x : x + (1 if tiny else rng.integers(1, 5))] = True
            relative = bool(rng.integers(0, 2))
            defects.append((mask, float(rng.choice([0.1, 0.3, 0.7, 1.0])) if relative else int(rng.integers(1, 12)), relative))
        anomalous = np.any([d for d, _, _ in defects], axis=0) if defects else np.zeros((h, w), bool)
        images.append((score(rng, anomalous).astype(np.float32), defects))
    return images


def main():
    rng = np.random.default_rng(20220222)
    cases = {
        "continuous": case(rng, 8, lambda r, a: r.normal(size=a.shape) + a),
        "tied": case(rng, 8, lambda r, a: r.integers(0, 5, a.shape) + a),
        "zero_one": case(rng, 6, lambda r, a: (r.random(a.shape) < 0.2 + 0.5 * a)),
        "constant": case(rng, 4, lambda r, a: np.full(a.shape, 0.5)),
        "saturation_zero": case(rng, 8, lambda r, a: r.normal(size=a.shape) + a, tiny=True),
        "apart": case(rng, 5, lambda r, a: r.random(a.shape) + 2 * a),
    }
    lines = [f"# scripts/golden/spro_golden.py, numpy {np.__version__}"]
    for name, images in cases.items():
        lines.append(f"case {name} {len(images)} " + " ".join(v.hex() for v in au_spro(images)))
        for scores, defects in images:
            lines.append(f"{scores.shape[1]} {scores.shape[0]} {len(defects)}")
            for mask, threshold, relative in defects:
                lines.append(f"{threshold} {'relative' if relative else 'pixels'} " + "".join("01"[int(v)] for v in mask.ravel()))
            lines.append(" ".join(float(v).hex() for v in scores.ravel()))
    pathlib.Path("tests/data/metrics/spro_golden.txt").write_text("\n".join(lines) + "\n")


main()
