#!/usr/bin/env python3
"""Expected values of the four ELPV label conventions, from scikit-learn and NumPy's own permutation.

  elpv_auroc.py labels.csv scores.csv > expected.json

labels.csv: of the elpv-dataset package. scores.csv: image,score for all 2,624 cells (tests/data/elpv/scores.csv holds those of an
early `baseline`; any scores do). Needs numpy and scikit-learn (tests/data/elpv/expected.json was made with 2.4 and 1.9).
"""
import csv
import hashlib
import json
import sys

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score


def main(labels_file, scores_file):
    labels = [line.split() for line in open(labels_file) if line.strip()]
    probability = {name: float(p) for name, p, _ in labels}
    with open(scores_file, newline="") as f:
        score = {row["image"]: float(row["score"]) for row in csv.DictReader(f)}
    normal = sorted(n for n, p in probability.items() if p == 0)
    broken = sorted(n for n, p in probability.items() if p == 1)
    chosen = [normal[i] for i in np.random.RandomState(42).permutation(len(normal))[:377]]
    third = [n for n, p in probability.items() if 0 < p < 0.5]
    two_thirds = [n for n, p in probability.items() if 0.5 < p < 1]
    variants = {
        "inctrl": (chosen, broken),
        "all": (normal, broken),
        "p>0": (normal, broken + third + two_thirds),
        "p>=0.5": (normal + third, broken + two_thirds),
    }
    expected = {"list_sha256": hashlib.sha256("\n".join(sorted(n.rsplit("/")[-1] for n in chosen)).encode()).hexdigest()}
    for name, (negatives, positives) in variants.items():
        y = np.r_[np.zeros(len(negatives)), np.ones(len(positives))]
        s = np.array([score[n] for n in negatives + positives])
        precision, recall, _ = precision_recall_curve(y, s)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        expected[name] = {
            "normal": len(negatives),
            "anomalous": len(positives),
            "auroc": roc_auc_score(y, s),
            "average_precision": average_precision_score(y, s),
            "f1_max": f1.max(),
        }
    json.dump(expected, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
