#!/usr/bin/env python3
"""Writes tests/data/metrics/ranking_golden.txt: AUROC, AP and F1-max of scikit-learn, for tests/metrics/ranking_golden_test.cc.

Needs numpy and scikit-learn. Run from the repository root. A case is

    case NAME N AUROC AP F1MAX THRESHOLD TRAPEZOID
    SCORE LABEL           N lines; scores as C hexadecimal floats, so that no digit is lost

'-' stands for no value (one class). F1-max takes the highest threshold of equal F1; 2TP / (2TP + FP + FN) is formed from the
counts of scikit-learn's own curve, because 2PR / (P + R) rounds thrice and picks among equal F1 at random.
"""

import pathlib

import numpy as np
import sklearn
from sklearn import metrics


def cases():
    rng = np.random.default_rng(20240607)
    for n in (2, 3, 5, 17, 64, 300, 1200):
        labels = rng.integers(0, 2, n)
        labels[:2] = (0, 1)
        scores = rng.normal(size=n) + labels
        yield f"random_{n}", scores, labels
        yield f"random_float_{n}", scores.astype(np.float32).astype(np.float64), labels
        yield f"tied_{n}", np.round(scores), labels
    labels = (rng.random(400) < 0.02).astype(int)
    labels[0] = 1
    yield "rare", rng.normal(size=400) + 2 * labels, labels
    labels = rng.integers(0, 2, 60)
    yield "constant", np.full(60, 0.25), labels
    yield "zero_and_minus_zero", np.where(rng.random(60) < 0.5, 0.0, -0.0), labels
    yield "denormal", 5e-324 * rng.integers(0, 40, 60), labels
    yield "denormal_float", 2.0**-149 * rng.integers(0, 40, 60), labels
    yield "negative", -np.abs(rng.normal(size=60)) * 1000 - 7, labels
    yield "huge", 1e30 * (1 + rng.integers(0, 50, 60)), labels
    yield "largest", np.sign(rng.normal(size=60)) * 1e308 * rng.random(60), labels
    yield "mixed_sizes", rng.normal(size=60) * 10.0 ** rng.integers(-300, 300, 60), labels
    yield "neighbours", np.nextafter(1.0, 2) ** rng.integers(0, 3, 60), labels
    yield "apart", labels + 0.5 * rng.random(60), labels
    yield "reversed", -(labels + 0.5 * rng.random(60)), labels
    yield "only_normal", rng.random(5), np.zeros(5, int)
    yield "only_anomalous", rng.random(5), np.ones(5, int)


def line(name, scores, labels):
    if len(set(labels)) < 2:
        return f"case {name} {len(scores)} - - - - -"
    fps, tps, thresholds = [], [], sorted(set(scores), reverse=True)
    for t in thresholds:
        tn, fp, fn, tp = metrics.confusion_matrix(labels, scores >= t, labels=[0, 1]).ravel()
        tps.append(int(tp)), fps.append(int(fp))
    positives = int(labels.sum())
    f1 = [2 * t / (t + f + positives) for t, f in zip(tps, fps)]
    best = int(np.argmax(f1))  # the first, so the highest threshold
    precision, recall, _ = metrics.precision_recall_curve(labels, scores)
    curve_f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    assert abs(curve_f1.max() - f1[best]) < 1e-12, name
    values = (
        metrics.roc_auc_score(labels, scores),
        metrics.average_precision_score(labels, scores),
        f1[best],
        float(thresholds[best]) + 0.0,
        metrics.auc(recall, precision),
    )
    return f"case {name} {len(scores)} " + " ".join(float(v).hex() for v in values)


def main():
    out = pathlib.Path("tests/data/metrics/ranking_golden.txt")
    lines = [f"# scripts/golden/ranking_golden.py, scikit-learn {sklearn.__version__}, numpy {np.__version__}"]
    for name, scores, labels in cases():
        lines.append(line(name, scores, labels))
        lines += [f"{float(s).hex()} {y}" for s, y in zip(scores, labels)]
    out.write_text("\n".join(lines) + "\n")


main()
