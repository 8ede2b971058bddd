#!/usr/bin/env python3
"""Writes tests/data/metrics/mann_whitney_golden.txt for tests/metrics/mann_whitney_test.cc: what scipy.stats.mannwhitneyu gives,
exact without ties and asymptotic with and without, and scipy.stats.permutation_test over every deal where ties are small.

Needs numpy and scipy. Run from the repository root. Each line: NAME SIZE_A SIZE_B A... B... U P; numbers as C hexadecimal
floats. Inputs stand beside the results, since random generators change.
"""

import pathlib

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(20261128)
lines = [f"# scipy {scipy.__version__}"]


def put(name, a, b, u, p):
    numbers = [len(a), len(b), *a, *b, u, p]
    lines.append(" ".join([name] + [float(n).hex() for n in numbers]))


def as_far(a, b):
    """Every deal of the pooled values; the distance of U from its mean decides."""
    n = len(a) * len(b)
    result = stats.permutation_test(
        (a, b),
        lambda x, y: abs(stats.mannwhitneyu(x, y, method="asymptotic").statistic - n / 2),
        n_resamples=np.inf, alternative="greater", permutation_type="independent", vectorized=False)
    return result.pvalue


for size_a, size_b in ((1, 1), (1, 9), (2, 3), (3, 3), (5, 5), (8, 8), (10, 10), (7, 15), (25, 25), (4, 46)):
    for shift in (0, 0.8, 4):
        a, b = rng.normal(size=size_a), rng.normal(shift, 1, size=size_b)
        exact = stats.mannwhitneyu(a, b, method="exact")
        put("exact", a, b, exact.statistic, exact.pvalue)
        near = stats.mannwhitneyu(a, b, method="asymptotic")
        put("normal", a, b, near.statistic, near.pvalue)
for size_a, size_b, levels in ((5, 5, 2), (20, 30, 3), (40, 60, 7), (200, 150, 50)):
    a, b = rng.integers(levels, size=size_a), rng.integers(levels, size=size_b) + rng.integers(2)
    near = stats.mannwhitneyu(a, b, method="asymptotic")
    put("normal", a, b, near.statistic, near.pvalue)
for size_a, size_b, levels in ((3, 3, 2), (4, 5, 3), (5, 5, 2), (2, 7, 3), (6, 4, 4)):
    for _ in range(3):
        a, b = rng.integers(levels, size=size_a), rng.integers(levels, size=size_b)
        u = stats.mannwhitneyu(a, b, method="asymptotic").statistic
        put("tied", a, b, u, as_far(a, b))

pathlib.Path("tests/data/metrics/mann_whitney_golden.txt").write_text("\n".join(lines) + "\n")
