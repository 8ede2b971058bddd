#!/usr/bin/env python3
"""Writes tests/data/metrics/statistics_golden.txt for tests/metrics/statistics_test.cc: what scipy, statsmodels, scikit-learn
and krippendorff give, and plain transcriptions of formulas that they lack (DeLong, Newcombe).

Needs numpy, scipy, statsmodels, scikit-learn, krippendorff. Run from the repository root. Each line: NAME NUMBER...; numbers as
C hexadecimal floats, so that no digit is lost. Inputs stand beside the results, since random generators change.
"""

import math
import pathlib
import types

import krippendorff
import numpy as np
import scipy
import statsmodels
from scipy import optimize, stats
from sklearn import metrics
from statsmodels.stats import contingency_tables, multitest, power, proportion

rng = np.random.default_rng(20240608)
lines = []


def put(name, *numbers):
    flat = np.concatenate([np.ravel(np.asarray(n, dtype=float)) for n in numbers]) if numbers else []
    lines.append(" ".join([name] + [float(n).hex() for n in flat]))


def distributions():
    for p in (1e-12, 1e-4, 0.025, 0.2, 0.5, 0.8, 0.975, 1 - 1e-9):
        put("normal_quantile", p, stats.norm.ppf(p))
        for df in (1, 4, 19, 300):
            put("student_t_quantile", p, df, stats.t.ppf(p, df))
        for a, b in ((1, 1), (3, 18), (250, 2)):
            put("beta_quantile", p, a, b, stats.beta.ppf(p, a, b))
    for z in (0, 0.3, 1.96, 5, 20):
        put("normal_two_sided", z, 2 * stats.norm.sf(z))
        put("normal_cdf", -z, stats.norm.cdf(-z))
        put("student_t_two_sided", z, 7, 2 * stats.t.sf(z, 7))
    for k, n, p in ((0, 5, 0.3), (3, 10, 0.5), (40, 100, 0.5), (999, 2000, 0.5)):
        put("binomial", k, n, p, stats.binom.cdf(k, n, p), stats.binom.pmf(k, n, p))


def newcombe_paired(e, f, g, h, level):
    """Newcombe 1998, Statistics in Medicine 17:2635, method 10."""
    n = e + f + g + h
    (l1, u1), (l2, u2) = (proportion.proportion_confint(k, n, 1 - level, "wilson") for k in (e + f, e + g))
    p1, p2 = (e + f) / n, (e + g) / n
    margins = (e + f) * (g + h) * (e + g) * (f + h)
    a = e * h - f * g
    c = a - n / 2 if a > n / 2 else 0 if a >= 0 else a
    phi = 0 if margins == 0 else c / math.sqrt(margins)
    d = p1 - p2
    low = math.sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
    high = math.sqrt((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2)
    return d - low, d + high


def proportions():
    for k, n in ((0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (81, 263), (15, 148), (999999, 1000000)):
        for level in (0.9, 0.95, 0.99):
            put("wilson", k, n, level, proportion.proportion_confint(k, n, 1 - level, "wilson"))
            put("clopper_pearson", k, n, level, proportion.proportion_confint(k, n, 1 - level, "beta"))
    for table in ((36, 12, 2, 50), (20, 6, 6, 20), (0, 10, 0, 5), (5, 0, 0, 0), (1, 30, 30, 1), (0, 5, 0, 0)):
        put("paired_difference", table, 0.95, newcombe_paired(*table, 0.95))
    for b, c in ((0, 0), (1, 7), (5, 5), (0, 12), (59, 16), (300, 260)):
        put("mcnemar_exact", b, c, contingency_tables.mcnemar([[9, b], [c, 9]], exact=True).pvalue)
    for p in ([0.01, 0.04, 0.03, 0.005], [0.5, 0.5, 0.01], [0.0, 1.0], [0.2]):
        put("holm", len(p), p, multitest.multipletests(p, method="holm")[1])


def placements(scores, labels):
    pos, neg = scores[labels == 1], scores[labels == 0]
    psi = (pos[:, None] > neg[None, :]) + 0.5 * (pos[:, None] == neg[None, :])
    return psi.mean(axis=1), psi.mean(axis=0)


def newcombe_auroc(theta, m, n, level):
    z = stats.norm.ppf(0.5 + level / 2)
    star = (m + n) / 2 - 1

    def excess(t):
        var = t * (1 - t) / (m * n) * (1 + star * (1 - t) / (2 - t) + star * t / (1 + t))
        return abs(theta - t) - z * math.sqrt(max(var, 0))

    low = 0.0 if theta == 0 else optimize.brentq(excess, 0, theta - 1e-9, xtol=1e-15)
    high = 1.0 if theta == 1 else optimize.brentq(excess, theta + 1e-9, 1, xtol=1e-15)
    return low, high


def auroc():
    for i, (m, n, levels) in enumerate(((5, 4, 0), (60, 60, 0), (40, 90, 2), (30, 30, 1))):
        labels = np.array([1] * m + [0] * n)
        order = rng.permutation(m + n)
        latent = rng.normal(size=m + n)
        a = labels + latent + 0.5 * rng.normal(size=m + n)
        b = 0.7 * labels + latent + rng.normal(size=m + n)
        if levels:
            a, b = np.round(a * levels) / levels, np.round(b * levels) / levels
        labels, a, b = labels[order], a[order], b[order]
        put(f"labels_{i}", labels)
        put(f"a_{i}", a)
        put(f"b_{i}", b)
        (a10, a01), (b10, b01) = placements(a, labels), placements(b, labels)
        var = a10.var(ddof=1) / m + a01.var(ddof=1) / n
        s10, s01 = np.cov(a10, b10), np.cov(a01, b01)
        contrast = np.array([1, -1])
        paired = contrast @ (s10 / m + s01 / n) @ contrast
        z = (a10.mean() - b10.mean()) / math.sqrt(paired)
        put(f"delong_{i}", a10.mean(), var, b10.mean(), paired, z, 2 * stats.norm.sf(abs(z)))
    for theta, m, n in ((1, 5, 7), (0, 3, 3), (0.8, 60, 60), (0.5, 1, 1), (0.95, 2, 400)):
        put("newcombe_auroc", theta, m, n, 0.95, newcombe_auroc(theta, m, n, 0.95))


def correlation_and_agreement():
    for i in range(4):
        x = rng.normal(size=12 + i)
        y = x + rng.normal(size=12 + i)
        if i % 2:
            x, y = np.round(x), np.round(y)
        rho = stats.spearmanr(x, y)
        put(f"spearman_{i}", rho.statistic, rho.pvalue)
        put(f"spearman_x_{i}", x)
        put(f"spearman_y_{i}", y)
        a, b = rng.integers(0, 5, 40), rng.integers(0, 5, 40)
        b = np.where(rng.random(40) < 0.6, a, b)
        put(f"kappa_{i}", *(metrics.cohen_kappa_score(a, b, weights=w) for w in (None, "linear", "quadratic")))
        put(f"kappa_a_{i}", a)
        put(f"kappa_b_{i}", b)
        ratings = rng.choice([1.0, 2.0, 3.5, 7.0], size=(3, 15))
        ratings[:, :9] = ratings[0, :9]
        ratings[rng.random(ratings.shape) < 0.2] = np.nan
        put(f"alpha_{i}", *(krippendorff.alpha(ratings, level_of_measurement=s) for s in ("nominal", "ordinal", "interval")))
        put(f"alpha_ratings_{i}", ratings)


def resampling():
    values = rng.exponential(size=25)
    replicates = np.array([rng.choice(values, 25).mean() for _ in range(999)])
    given = types.SimpleNamespace(bootstrap_distribution=replicates)
    for method in ("percentile", "BCa"):
        ci = stats.bootstrap((values,), np.mean, n_resamples=0, bootstrap_result=given, method=method).confidence_interval
        put(f"bootstrap_{method.lower()}", ci.low, ci.high)
    put("bootstrap_values", values)
    put("bootstrap_replicates", replicates)
    x, y = rng.exponential(size=12), rng.normal(size=20)

    def apart(x, y, axis):
        return np.mean(x, axis=axis) ** 2 - np.mean(y, axis=axis)

    two = np.array([apart(rng.choice(x, 12), rng.choice(y, 20), -1) for _ in range(999)])
    given = types.SimpleNamespace(bootstrap_distribution=two)
    ci = stats.bootstrap((x, y), apart, n_resamples=0, bootstrap_result=given, method="BCa").confidence_interval
    put("bootstrap_two_bca", ci.low, ci.high)
    put("bootstrap_two_x", x)
    put("bootstrap_two_y", y)
    put("bootstrap_two_replicates", two)
    for n in (5, 10):
        d = np.round(rng.normal(0.6, 1, size=n), 2)
        test = stats.permutation_test((d, np.zeros(n)), lambda a, b, axis: np.mean(a - b, axis=axis), vectorized=True,
                                      permutation_type="samples", n_resamples=np.inf)
        put(f"permutation_{n}", test.pvalue, d)
    for share in (0, 0.025, 0.5, 0.99, 1):
        put("percentile", share, np.percentile(values, 100 * share))


def planning():
    # power at the planned size, from the null and the alternative deviation of one pair
    for difference, disagree in ((0.01, 0.05), (0.05, 0.2), (-0.1, 0.1)):
        root = math.sqrt(disagree - difference**2)
        n = optimize.brentq(lambda n: power.normal_power_het(abs(difference), n, 0.025, math.sqrt(disagree), root,
                                                             alternative="larger") - 0.8, 2, 1e7)
        put("samples_for_paired_rates", difference, disagree, math.ceil(n))
    for difference, deviation in ((0.1, 1), (0.02, 0.3)):
        n = ((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * deviation / difference) ** 2
        put("samples_for_mean", difference, deviation, math.ceil(n))


distributions()
proportions()
auroc()
correlation_and_agreement()
resampling()
planning()
header = (f"# scripts/golden/statistics_golden.py, scipy {scipy.__version__}, statsmodels {statsmodels.__version__}, "
          f"krippendorff {krippendorff.__version__ if hasattr(krippendorff, '__version__') else '0.8'}, numpy {np.__version__}")
pathlib.Path("tests/data/metrics/statistics_golden.txt").write_text("\n".join([header] + lines) + "\n")
