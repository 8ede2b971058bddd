#!/usr/bin/env python3
"""Values for the tests of means over clusters and of variance components, from numpy and statsmodels-free least squares.

  judge_golden.py tests/data/judge

Writes cluster_mean.json and variance_split.json. The components come from the sums of squares of nested least-squares fits, not from
the formula of the balanced layout. Needs numpy (tests/data/judge was made with 2.4)."""
import json
import sys
from pathlib import Path

import numpy as np

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(11)

clusters = []
for i in range(40):
    count = int(rng.integers(0, 4))
    clusters.append({"id": f"sample {i}", "positive": bool(rng.random() < 0.6), "values": rng.random(count).round(4).tolist()})
full = [c for c in clusters if c["values"]]


def pooled(some):
    return float(np.mean(np.concatenate([c["values"] for c in some])))


means = {"clusters": float(np.mean([np.mean(c["values"]) for c in full])), "values": pooled(full),
         "balanced": (pooled([c for c in full if c["positive"]]) + pooled([c for c in full if not c["positive"]])) / 2,
         "used": len(full), "skipped": len(clusters) - len(full)}
# The standard error of the plain mean over clusters has a formula.
per = np.array([np.mean(c["values"]) for c in full])
means["standard_error"] = float(per.std(ddof=1) / np.sqrt(len(per)))
(out / "cluster_mean.json").write_text(json.dumps({"clusters": clusters, "means": means}, indent=0) + "\n")

cases = []
for samples, models, judges in ((12, 3, 2), (30, 1, 3), (8, 4, 1), (5, 2, 2)):
    y = (5 + rng.normal(0, 1.5, (samples, 1, 1)) + rng.normal(0, 0.8, (1, models, 1)) + rng.normal(0, 0.5, (1, 1, judges))
         + rng.normal(0, 0.6, (samples, models, judges))).round(3)
    index = np.indices(y.shape).reshape(3, -1)
    flat = y.reshape(-1)
    levels = y.shape

    def design(factors):
        columns = [np.ones(flat.size)]
        for f in factors:
            columns += [(index[f] == level).astype(float) for level in range(1, levels[f])]
        return np.stack(columns, 1)

    def residual(factors):
        x = design(factors)
        beta, *_ = np.linalg.lstsq(x, flat, rcond=None)
        return float(((flat - x @ beta) ** 2).sum()), flat.size - np.linalg.matrix_rank(x)

    rest_squares, rest_free = residual([0, 1, 2])
    rest = rest_squares / rest_free
    components = []
    for f in range(3):
        if levels[f] < 2:
            components.append(0.0)
            continue
        without, free = residual([g for g in range(3) if g != f])
        mean_square = (without - rest_squares) / (free - rest_free)
        components.append(max(0.0, (mean_square - rest) * levels[f] / flat.size))
    cases.append({"levels": levels, "points": flat.tolist(), "sample": components[0], "model": components[1], "judge": components[2],
                  "rest": rest})
(out / "variance_split.json").write_text(json.dumps(cases, indent=0) + "\n")
