#!/usr/bin/env python3
"""Writes tests/data/metrics/pixel_interval_golden.txt for tests/metrics/pixel_interval_golden_test.cc: the intervals of pixel AUROC,
AP, F1-max, AUPRO and of decisions about pixels, of one run, of means over classes and of the differences of two runs, from the
definitions with numpy and scipy.

Maps and masks are made of the library's random numbers on both sides, so only results are written; resamples are drawn with the
same numbers, too (interval_golden.py). Needs numpy and scipy. Run from the repository root. Each line: NAME NUMBER..., numbers as
C hexadecimal floats.
"""

import math
import pathlib

import numpy as np
from scipy import ndimage, stats

from interval_golden import (MASK, SEED, TAIL, Spread, Stream, expit, lines, logit, mean, mean_difference, mover, put,
                             stream_tag)

RESAMPLES = 60
LIMIT = 0.3  # of AUPRO
THRESHOLD = 1.0
CLASSES = [(7, 6), (5, 9)]  # anomalous + normal
EDGES, SAMPLED = 512, 256
CURVES = ("pixel_auroc", "pixel_average_precision", "pixel_f1_max", "aupro")
RATES = ("pixel_accuracy", "pixel_precision", "pixel_recall", "pixel_f1")


# ---- images


def pictures(k):
    """(id, is it anomalous, mask, map of run a, map of run b), scores multiples of 1/256."""
    made = []
    anomalous, normal = CLASSES[k]
    for i in range(anomalous + normal):
        stream = Stream(SEED, stream_tag(f"picture {k}"), i)
        width, height = (24, 20) if i == 2 else (11 + i % 5, 10 + i % 3)
        mask = np.zeros((height, width), int)
        if i < anomalous:
            for _ in range(1 + i % 2):
                x, y, w, h = (stream.next() for _ in range(4))
                x, y = x % (width - 3), y % (height - 3)
                mask[y:y + 2 + h % 5, x:x + 2 + w % 5] = 1
        levels = [stream.next() % 160 for _ in range(2)]
        maps = np.zeros((2, height, width))
        for y in range(height):
            for x in range(width):
                word, own = stream.next(), stream.next()
                for run in range(2):
                    noise = (word & 255) + (word >> 8 & 255) + (own >> 16 * run & 255) + levels[run]
                    maps[run, y, x] = (noise + (200 - 60 * run) * mask[y, x] - 320) / 256
        made.append((f"{k}/{i}", i < anomalous, mask, maps[0], maps[1]))
    return made


def shares_of_regions(mask):
    """Of each pixel of an 8-connected region: one by the region's area."""
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    return np.where(labels > 0, 1 / np.bincount(labels.ravel())[labels], 0)


# ---- values from what lies at each level of score, the lowest first


def values_of(normal, anomalous, overlap):
    """AUROC, AP, F1-max, AUPRO, and at which level F1 is largest."""
    normal, anomalous, overlap = (np.asarray(x, float)[::-1] for x in (normal, anomalous, overlap))
    fp, tp, found = np.cumsum(normal), np.cumsum(anomalous), np.cumsum(overlap)
    n, p, regions = fp[-1], tp[-1], found[-1]
    auroc = np.sum(anomalous * (n - fp + normal / 2)) / n / p
    some = anomalous > 0
    ap = np.sum(anomalous[some] * tp[some] / (tp + fp)[some]) / p
    f1 = 2 * tp / (p + tp + fp)
    area, x, y = 0, 0, 0
    for next_x, next_y in zip(fp / n, found / regions):
        if x >= LIMIT:
            break
        if next_x > x:
            end = min(next_x, LIMIT)
            area += (end - x) * (y + (next_y - y) * (end - x) / (next_x - x) / 2)
        x, y = next_x, next_y
    return np.array([auroc, ap, f1.max(), area / LIMIT]), len(f1) - 1 - int(np.argmax(f1))


def some_places(n):
    """As many as are looked at: multiples of the golden ratio."""
    if n <= SAMPLED:
        return np.arange(n)
    return np.array([((j * 0x9E3779B97F4A7C15 & MASK) >> 32) * n >> 32 for j in range(1, SAMPLED + 1)])


def bin_edges(maps, masks):
    """Quantiles of normal and of anomalous scores."""
    normal, anomalous = [], []
    for scores, mask in zip(maps, masks):
        at = some_places(scores.size)
        normal += list(scores.ravel()[at][mask.ravel()[at] == 0])
        own = scores[mask != 0]
        anomalous += list(own[some_places(len(own))])
    return np.array(sorted({sorted(of)[i * len(of) // EDGES] for of in (normal, anomalous) for i in range(EDGES)}))


class Images:
    """What each image adds, at levels of score."""

    def __init__(self, maps, masks, level_of, levels):
        self.parts = []
        for scores, mask in zip(maps, masks):
            level, weight = level_of(scores.ravel()), shares_of_regions(mask).ravel()
            is_in = mask.ravel() != 0
            self.parts.append([np.bincount(level, w, minlength=levels) for w in (~is_in, is_in, weight)])
        self.parts = np.array(self.parts, float)

    def sums(self, counts):
        return np.tensordot(counts, self.parts, 1)


def confusion(scores, mask, threshold):
    """TP, FP, FN, TN"""
    called, there = scores >= threshold, mask != 0
    return [np.sum(called & there), np.sum(called & ~there), np.sum(~called & there), np.sum(~called & ~there)]


def rates(counts):
    tp, fp, fn, tn = counts
    return np.array([(tp + tn) / (tp + fp + fn + tn), tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)])


# ---- intervals


def spread_of(estimate, without, anomalous):
    """The jackknife's on the logit scale, and carried back. without[i]: the value without image i."""
    without = np.log(without / (1 - without))
    groups = [without[c] for c in (anomalous, ~anomalous)]
    spread = Spread(*((len(g) - 1) * g for g in groups))
    moved = np.concatenate([(len(g) - 1) / len(g) * (g.mean() - g) for g in groups])
    return spread.variance * (estimate * (1 - estimate))**2, spread.degrees(), np.sum(moved**3) / np.sum(moved**2)**1.5


def without_one(anomalous, i):
    """How much each image counts when image i does not, and its kind as much as before."""
    weights = np.ones(len(anomalous))
    kind = anomalous == anomalous[i]
    weights[kind] = np.sum(kind) / (np.sum(kind) - 1)
    weights[i] = 0
    return weights


def interval(value, bias, variance, degrees, skewness=0):
    """The ends are moved by half of what the skewness asks for (Johnson 1978)."""
    bias = max(0, bias)
    quantile, middle = stats.t.ppf(TAIL, degrees), value - bias / 2
    moved = skewness / 2 * (2 * stats.norm.ppf(TAIL)**2 + 1) / 6
    deviation = math.sqrt(variance)
    return (expit(logit(value - bias) - max(1, quantile - moved) * deviation / (middle * (1 - middle))),
            expit(logit(value) + max(1, quantile + moved) * deviation / (value * (1 - value))))


def single(k, run):
    """Each value's estimate and interval, and its replicates."""
    shown = pictures(k)
    order = sorted(range(len(shown)), key=lambda i: (not shown[i][1], shown[i][0]))
    shown = [shown[i] for i in order]
    anomalous = np.array([p[1] for p in shown])
    masks, maps = [p[2] for p in shown], [p[3 + run] for p in shown]
    tag = sum(stream_tag(p[0]) for p in shown) & MASK
    once = np.ones(len(shown), int)

    distinct = np.unique(np.concatenate([m.ravel() for m in maps]))
    exact = Images(maps, masks, lambda s: np.searchsorted(distinct, s), len(distinct))
    edges = bin_edges(maps, masks)
    binned = Images(maps, masks, lambda s: np.searchsorted(edges, s, side="right"), len(edges) + 1)
    all_bins = binned.sums(once)
    decided = {suffix: np.array([confusion(m, mask, t) for m, mask in zip(maps, masks)])
               for suffix, t in (("", 0.5), ("_at", THRESHOLD))}

    def f1_there(level):
        """F1 over all images, called from this level on."""
        normal, found = (np.sum(x[level:]) for x in all_bins[:2])
        return 2 * found / (np.sum(all_bins[1]) + found + normal)

    def estimates(counts):
        curves, best = values_of(*binned.sums(counts))
        return np.concatenate([curves, [f1_there(best)]] + [rates(counts @ decided[s]) for s in decided])

    names = list(CURVES) + ["f1_there"] + [rate + suffix for suffix in decided for rate in RATES]
    values = np.concatenate([values_of(*exact.sums(once))[0], [0]] + [rates(once @ decided[s]) for s in decided])
    estimate = estimates(once)
    drawn = []
    for r in range(RESAMPLES):
        stream, counts, first = Stream(SEED, tag, r), np.zeros(len(shown), int), 0
        for size in (np.sum(anomalous), np.sum(~anomalous)):
            for place in stream.each_below(int(size), int(size)):
                counts[first + place] += 1
            first += size
        drawn.append(estimates(counts))
    drawn = np.array(drawn)
    without = np.array([estimates(without_one(anomalous, i)) for i in range(len(shown))])

    found = {}
    for v, name in enumerate(names):
        if name == "f1_there":
            continue
        variance, degrees, skewness = spread_of(estimate[v], without[:, v], anomalous)
        bias = 0
        if name in CURVES:
            bias = drawn[:, v].mean() - (drawn[:, 4].mean() if name == "pixel_f1_max" else estimate[v])
        low, high = interval(values[v], bias, variance, degrees, skewness)
        found[name] = {"value": values[v], "bias": bias, "variance": variance, "degrees": degrees, "low": low, "high": high,
                       "widening": variance / drawn[:, v].var(ddof=1), "replicates": values[v] + drawn[:, v] - estimate[v]}
    return found


def difference(a, b):
    apart = a["value"] - b["value"]
    widening, degrees = (a["widening"] + b["widening"]) / 2, a["degrees"] + b["degrees"]
    va, vb, vd = (widening * np.var(r, ddof=1)
                  for r in (a["replicates"], b["replicates"], a["replicates"] - b["replicates"]))
    own = [interval(one["value"], 0, v, degrees) for one, v in ((a, va), (b, vb))]
    low, high = mover(a["value"], b["value"], *own, (va + vb - vd) / 2 / math.sqrt(va * vb))
    return {"difference": apart, "bias": 0, "corrected": vd, "degrees": degrees, "low": low, "high": high,
            "p": 2 * stats.t.sf(abs(apart) / math.sqrt(vd), degrees)}


def main():
    put("options", SEED, RESAMPLES, LIMIT, THRESHOLD)
    put("classes", *CLASSES)
    runs = [[single(k, run) for k in range(len(CLASSES))] for run in range(2)]
    for name in runs[0][0]:
        for k in range(len(CLASSES)):
            one = runs[0][k][name]
            put(f"{name}_{k}", *(one[key] for key in ("value", "bias", "variance", "degrees", "widening", "low", "high")))
            put(f"{name}_replicates_{k}", one["replicates"][:8])
        apart = [difference(runs[0][k][name], runs[1][k][name]) for k in range(len(CLASSES))]
        for k, one in enumerate(apart):
            put(f"{name}_difference_{k}", *(one[key] for key in ("difference", "corrected", "degrees", "low", "high", "p")))
        put(f"{name}_mean", *mean([one[name] for one in runs[0]]))
        put(f"{name}_difference_mean", *mean_difference(apart, False))
    out = pathlib.Path("tests/data/metrics/pixel_interval_golden.txt")
    out.write_text(f"# scripts/golden/pixel_interval_golden.py, numpy {np.__version__}\n" + "\n".join(lines) + "\n")
    print(out, out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
