#!/usr/bin/env python3
"""One peer over the pixel benchmark's files: pixel_peers.py adeval|sklearn FOLDER REPEATS -> one line of JSON.

The peers take arrays, so the files are read into arrays first, which is timed on its own. Run by pixel.py.
"""

import json
import pathlib
import resource
import sys
import time

import numpy as np


def arrays(folder):
    files = sorted((folder / "maps").iterdir())
    first = np.load(files[0])
    maps = np.empty((len(files), *first.shape), np.float32)
    masks = np.empty(maps.shape, np.uint8)
    for i, file in enumerate(files):
        maps[i] = np.load(file)
        masks[i] = np.load(folder / "masks" / file.name)
    return maps, masks


def adeval(maps, masks):
    from adeval import auroc_aupr_aupro

    auroc, ap, aupro = auroc_aupr_aupro(maps, masks)
    return {"auroc": auroc, "ap": ap, "aupro": aupro}


def sklearn(maps, masks):
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

    score, label = maps.ravel(), masks.ravel()
    precision, recall, _ = precision_recall_curve(label, score)
    with np.errstate(invalid="ignore"):
        f1 = 2 * precision * recall / (precision + recall)
    return {"auroc": roc_auc_score(label, score), "ap": average_precision_score(label, score), "f1_max": float(np.nanmax(f1))}


def timed(call):
    start, cpu = time.perf_counter(), time.process_time()
    value = call()
    return value, time.perf_counter() - start, time.process_time() - cpu


def main():
    peer = {"adeval": adeval, "sklearn": sklearn}[sys.argv[1]]
    peer(np.random.rand(2, 64, 64).astype(np.float32), np.eye(64, dtype=np.uint8)[None].repeat(2, 0))  # imports are not timed
    (maps, masks), reading, reading_cpu = timed(lambda: arrays(pathlib.Path(sys.argv[2])))
    result = {"seconds": [], "cpu": [], "reading": reading, "reading_cpu": reading_cpu}
    for _ in range(int(sys.argv[3])):
        values, seconds, cpu = timed(lambda: peer(maps, masks))
        result["seconds"].append(seconds)
        result["cpu"].append(cpu)
    result |= values
    result["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps(result))


main()
