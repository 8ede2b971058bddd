#!/usr/bin/env python3
"""Writes tests/data/metrics/pixel_golden.txt: what scikit-learn and the official AUPRO codes give, for tests/metrics/pixel_golden_test.cc.

Needs numpy<2.4, scikit-learn, scipy, ADEval==1.1.0 (holds MVTec's evaluation script unchanged), torch, torchmetrics, and anomalib 2.7's
metrics/aupro.py: python3 scripts/golden/pixel_golden.py FOLDER_OF_ANOMALIB_WHEEL_UNPACKED. Run from the repository root.
The maps are made by a formula that the test repeats (Picture below), so only the values are stored:

    KIND LIMIT AUROC AP F1MAX MVTEC_50 MVTEC_5000 ANOMALYCLIP ANOMALIB
"""

import importlib.util
import pathlib
import sys
import types

import numpy as np
import torch
import torchmetrics  # noqa: F401 (before the stand-ins below)
from adeval.au_pro import calculate_au_pro
from scipy import ndimage
from sklearn import metrics

PICTURES, HEIGHT, WIDTH = 5, 24, 17


def noise(seed):
    """Multiples of 2^-24 in [0, 1) for all pixels of all pictures."""
    x = np.arange(PICTURES * HEIGHT * WIDTH, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(seed)
    x ^= x >> np.uint32(15)
    x *= np.uint32(2246822519)
    x ^= x >> np.uint32(13)
    return ((x >> np.uint32(8)).astype(np.float32) / np.float32(2**24)).reshape(PICTURES, HEIGHT, WIDTH)


def masks():
    """Picture k has k rectangles; some touch by a corner, some overlap."""
    mask = np.zeros((PICTURES, HEIGHT, WIDTH), np.uint8)
    for k in range(PICTURES):
        for j in range(k):
            mask[k, 5 * j : 5 * j + 4 + j, 3 * j : 3 * j + 3 + k] = 1
    return mask


def maps(kind, mask):
    u, half = noise(len(kind)), np.float32(0.5) * mask
    if kind == "continuous":
        return u + half
    if kind == "tied":
        return np.floor(u * np.float32(8)) + np.float32(2) * mask
    if kind == "decisions":
        return (u < np.where(mask, np.float32(0.75), np.float32(0.25))).astype(np.float32)
    if kind == "negative":
        return (u + half) * np.float32(30) - np.float32(50)
    if kind == "large":
        return (u + half) * np.float32(1e30)
    if kind == "denormal":
        return np.floor((u + half) * np.float32(4096)) * np.float32(2**-149)
    raise ValueError(kind)


def anomalyclip(masks, amaps, limit, max_step=200):
    """metrics.cal_pro_score of AnomalyCLIP; regions by scipy, whose labels are those of skimage.measure.label."""
    min_th, max_th = amaps.min(), amaps.max()
    delta = (max_th - min_th) / max_step
    regions = []
    for k, mask in enumerate(masks):
        labels, n = ndimage.label(mask, np.ones((3, 3)))
        regions += [amaps[k][labels == i + 1] for i in range(n)]
    pros, fprs = [], []
    for th in np.arange(min_th, max_th, delta):
        pros.append(np.mean([(region > th).sum() / region.size for region in regions]))
        fprs.append((amaps[masks == 0] > th).sum() / (masks == 0).sum())
    pros, fprs = np.array(pros), np.array(fprs)
    kept = fprs < limit
    fprs, pros = fprs[kept], pros[kept]
    if len(fprs) < 2 or fprs.max() == fprs.min():
        return np.nan
    return metrics.auc((fprs - fprs.min()) / (fprs.max() - fprs.min()), pros)


def anomalib_aupro(folder):
    """The class without the package around it, whose import needs Lightning and more."""
    package = types.ModuleType("anomalib_metrics")
    package.__path__ = []
    base, utils, pro = (types.ModuleType(f"anomalib_metrics.{name}") for name in ("base", "utils", "pro"))
    base.AnomalibMetric = type("AnomalibMetric", (), {})
    utils.plot_metric_curve = pro.connected_components_cpu = pro.connected_components_gpu = None
    figure = types.ModuleType("matplotlib.figure")
    figure.Figure = object
    sys.modules.update({"anomalib_metrics": package, "anomalib_metrics.base": base, "anomalib_metrics.utils": utils,
                        "anomalib.metrics.pro": pro, "matplotlib": types.ModuleType("matplotlib"), "matplotlib.figure": figure})
    spec = importlib.util.spec_from_file_location("anomalib_metrics.aupro", folder / "anomalib/metrics/aupro.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def aupro(mask, scores, limit):
        metric = module._AUPRO(fpr_limit=limit)
        labels, before = np.zeros(mask.shape, np.int64), 0
        for k in range(PICTURES):
            own, n = ndimage.label(mask[k], np.ones((3, 3)))
            labels[k] = np.where(own > 0, own + before, 0)
            before += n
        fpr, pro = metric.compute_pro(torch.from_numpy(labels), torch.from_numpy(scores))
        return float(torch.trapezoid(pro.double(), fpr.double()) / fpr[-1])

    return aupro


def main():
    aupro = anomalib_aupro(pathlib.Path(sys.argv[1]))
    lines = ["# scripts/golden/pixel_golden.py"]
    for kind in ("continuous", "tied", "decisions", "negative", "large", "denormal"):
        mask = masks()
        scores = maps(kind, mask)
        assert scores.dtype == np.float32
        label, flat = mask.ravel(), scores.ravel().astype(np.float64)
        if kind == "denormal":
            flat *= 2.0**140  # scikit-learn takes differences below its epsilon for ties
        precision, recall, _ = metrics.precision_recall_curve(label, flat)
        found = np.rint(recall[:-1] * label.sum())
        f1 = np.max(2 * found / (label.sum() + np.rint(found / np.maximum(precision[:-1], 1e-9))))  # counts do not round
        for limit in (0.3, 0.05, 1.0):
            values = [limit, metrics.roc_auc_score(label, flat), metrics.average_precision_score(label, flat), f1]
            values += [calculate_au_pro(list(mask), list(scores), limit, n)[0] for n in (50, 5000)]
            values += [anomalyclip(mask, scores, limit), aupro(mask, scores, limit)]
            lines.append(f"{kind} " + " ".join(float(v).hex() if np.isfinite(v) else "nan" for v in values))
    pathlib.Path("tests/data/metrics/pixel_golden.txt").write_text("\n".join(lines) + "\n")


main()
