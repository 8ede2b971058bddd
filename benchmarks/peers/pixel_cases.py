#!/usr/bin/env python3
"""Pixel metrics where peers go wrong: makes the data, runs the peers and ours on the same files, prints Markdown.

    python3 benchmarks/peers/pixel_cases.py build/release/benchmarks/pixel_run

Needs numpy<2.4 (ADEval 1.1 calls numpy.trapz, which 2.4 no longer has), scipy, scikit-learn; ADEval and torchmetrics are
asked when they can be imported. anomalib 2.7 takes its AUROC and AUPR from torchmetrics, sigmoid included.
scikit-learn says what is right; AUPRO is right by tests/metrics/pixel_reference.h.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from pixel_files import picture
from sklearn import metrics

try:
    import adeval
except ImportError:
    adeval = None
try:
    import torch
    from torchmetrics.functional import classification
except ImportError:
    torch = None


def maps_and_masks(count=83):
    made = [picture(np.random.default_rng([7, i]), 256, i % 4 < 3, "smooth") for i in range(count)]
    return np.stack([score for score, _ in made]), np.stack([mask for _, mask in made])


def ours(program, maps, masks):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for part, arrays in (("maps", maps), ("masks", masks)):
            (folder / part).mkdir()
            for i, array in enumerate(arrays):
                np.save(folder / part / f"{i:04d}.npy", array)
        done = subprocess.run([program, "variants", name, "1", "1"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def by_adeval(maps, masks):
    if adeval is None:
        return {}
    try:
        return dict(zip(("auroc", "ap", "aupro"), adeval.auroc_aupr_aupro(maps, masks)))
    except Exception as error:  # what the user sees
        return dict.fromkeys(("auroc", "ap", "aupro"), f"{type(error).__name__}: {error}")


def by_torchmetrics(maps, masks):
    if torch is None:
        return {}
    scores, labels = torch.from_numpy(maps.ravel()), torch.from_numpy(masks.ravel()).long()
    return {"auroc": float(classification.binary_auroc(scores, labels)),
            "ap": float(classification.binary_average_precision(scores, labels))}


def by_sklearn(maps, masks):
    return {"auroc": metrics.roc_auc_score(masks.ravel(), maps.ravel()),
            "ap": metrics.average_precision_score(masks.ravel(), maps.ravel())}


def official_aupro(maps, masks):
    """MVTec's script as ADEval ships it; AnomalyCLIP's cal_pro_score, regions by scipy."""
    from scipy import ndimage

    values = {}
    if adeval is not None:
        from adeval.au_pro import calculate_au_pro

        values["aupro_mvtec"] = calculate_au_pro(list(masks), list(maps), 0.3, 5000)[0]
    regions = []
    for score, mask in zip(maps, masks):
        labels, n = ndimage.label(mask, np.ones((3, 3)))
        regions += [np.sort(score[labels == i + 1]) for i in range(n)]
    normal = np.sort(maps[masks == 0])
    low, high = maps.min(), maps.max()
    steps = np.arange(low, high, (high - low) / 200)
    above = [1 - np.searchsorted(region, steps, "right") / region.size for region in regions]
    rate = 1 - np.searchsorted(normal, steps, "right") / normal.size
    kept = rate < 0.3
    rate, overlap = rate[kept], np.mean(above, axis=0)[kept]
    values["aupro_anomalyclip"] = metrics.auc((rate - rate.min()) / (rate.max() - rate.min()), overlap)
    return values


def main():
    program = sys.argv[1]
    maps, masks = maps_and_masks()
    logits = np.log(maps / (1 - maps))
    distances = np.round((logits * 4 + 16) * 64).astype(np.float32) / 64
    decisions = (maps > np.quantile(maps, 0.98)).astype(np.float32)
    outlier = maps.copy()
    outlier[0, 0, 0] = 1e9
    cases = [("distances about 5 to 30, not in [0, 1]", distances, ("auroc", "ap")),
             ("the same + 40", distances + np.float32(40), ("auroc", "ap")),
             ("one normal pixel at 1e9", outlier, ("auroc", "ap", "aupro")),
             ("maps of 0 and 1", decisions, ("auroc", "ap", "aupro"))]
    print("| case | value | torchmetrics, anomalib | ADEval | right | LookTwice |\n|---|---|---|---|---|---|")

    def shown(value):
        return "-" if value is None else value if isinstance(value, str) else f"{value:.4f}"

    for name, scores, wanted in cases:
        found = [by_torchmetrics(scores, masks), by_adeval(scores, masks), by_sklearn(scores, masks), ours(program, scores, masks)]
        for value in wanted:
            print(f"| {name} | {value} | " + " | ".join(shown(f.get(value)) for f in found) + " |", flush=True)
    mine, official = ours(program, maps, masks), official_aupro(maps, masks)
    print("\n| AUPRO of the same 83 maps | the official code | LookTwice |\n|---|---|---|")
    for value in ("aupro", "aupro_mvtec", "aupro_anomalyclip"):
        theirs = official.get(value)
        print(f"| {value} | {'-' if theirs is None else f'{theirs:.6f}'} | {mine[value]:.6f} |")


main()
