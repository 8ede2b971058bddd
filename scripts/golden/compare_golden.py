#!/usr/bin/env python3
"""Writes tests/data/reports/compare_golden.json for tests/reports/compare_test.cc: two small runs and what a comparison of
them must say, computed here from the definitions with numpy, scipy, scikit-learn and statsmodels and plain loops.

Needs numpy, scipy, scikit-learn, statsmodels. Run from the repository root. Differences are second minus first.
"""

import json
import math
import pathlib

import numpy as np
from scipy import stats
from sklearn import metrics
from statsmodels.stats import multitest, proportion

rng = np.random.default_rng(20261123)
Z = stats.norm.ppf(0.975)
CLASSES = {"bolt": (18, 16), "nut": (14, 12), "washer": (0, 6)}


def samples():
    rows = []
    for name, (anomalous, normal) in CLASSES.items():
        for i in range(anomalous + normal):
            bad = i < anomalous
            shared = rng.normal()
            scores = [round(shared + rng.normal() * 0.8 + bad * lift, 2) for lift in (1.0, 1.6)]
            rows.append({"id": f"{name}/{i:03d}.png", "category": name, "anomalous": bad,
                         "first": {"score": scores[0], "decision": scores[0] > 0.9},
                         "second": {"score": scores[1], "decision": scores[1] > 1.1}})
    # The four states: left out of every comparison, in either run.
    rows[3]["first"] = {"status": "failed"}
    rows[20]["second"] = {"status": "refused"}
    rows[40]["second"] = {"unscored": "neither yes nor no"}
    rows[41]["first"] = {"status": "failed"}
    rows[41]["second"] = {"status": "failed"}
    return rows


def mover(a, b, of_a, of_b, rho):
    """Difference a - b from both intervals and their correlation (Zou and Donner 2008)."""
    def distance(x, y):
        return math.sqrt(max(0, x * x - 2 * rho * x * y + y * y))
    return [a - b - distance(a - of_a[0], of_b[1] - b), a - b + distance(of_a[1] - a, b - of_b[0])]


def unbiased_variance(kernel):
    """Of the mean of kernel[i][j]: its square less what pairs without a common sample multiply to."""
    p, n = kernel.shape
    disjoint = kernel.sum()**2 - (kernel.sum(1)**2).sum() - (kernel.sum(0)**2).sum() + (kernel**2).sum()
    return kernel.mean()**2 - disjoint / (p * n * (p - 1) * (n - 1))


def degrees(*groups):
    """Satterthwaite's, of a sum of means; the variance of each variance from k-statistics."""
    variance = doubt = 0
    for values in groups:
        n, values = len(values), values - np.mean(values)
        k2 = stats.kstat(values, 2)
        variance += k2 / n
        doubt += (max(stats.kstat(values, 4), -2 * k2**2) / n + 2 * k2**2 / (n - 1)) / n**2
    return max(1, 2 * variance**2 / doubt)


def score_interval(value, variance, quantile):
    """Wilson's of as many trials as the variance is worth."""
    return proportion.proportion_confint(value * (n := value * (1 - value) / variance), n, 2 * stats.norm.sf(quantile), "wilson")


def logit_interval(value, variance):
    half = Z * math.sqrt(variance) / (value * (1 - value))
    middle = math.log(value / (1 - value))
    return [1 / (1 + math.exp(-(middle - half))), 1 / (1 + math.exp(-(middle + half)))]


def delong(a, b, y):
    """DeLong's components by definition: for each sample, the share of the other class it is ranked rightly against."""
    def pairs(scores):
        pos, neg = scores[y == 1], scores[y == 0]
        return np.array([[1.0 if p > n else 0.5 if p == n else 0.0 for n in neg] for p in pos])
    of_a, of_b = pairs(a), pairs(b)
    apart = of_a - of_b
    vd = np.var(apart.mean(1), ddof=1) / apart.shape[0] + np.var(apart.mean(0), ddof=1) / apart.shape[1]
    ua, ub, ud = (unbiased_variance(k) for k in (of_a, of_b, apart))
    t = stats.t.ppf(0.975, df := degrees(apart.mean(1), apart.mean(0)))
    second, first = of_a.mean(), of_b.mean()
    interval = mover(second, first, score_interval(second, ua, t), score_interval(first, ub, t),
                     (ua + ub - ud) / 2 / math.sqrt(ua * ub))
    return {"second": second, "first": first, "p": 2 * stats.norm.sf(abs(second - first) / math.sqrt(vd)), "low": interval[0],
            "high": interval[1], "variance": vd, "corrected": ud, "degrees": df}


def mid_p(f, g):
    """Fagerland, Lydersen and Laake 2013, who give f = g a formula of its own."""
    n, k = f + g, min(f, g)
    if f == g:
        return 1.0 if n == 0 else 1 - stats.binom.pmf(k, n, 0.5) / 2
    return 2 * stats.binom.cdf(k, n, 0.5) - stats.binom.pmf(k, n, 0.5)


def rate(right_a, right_b):
    n = len(right_a)
    e, f, g, h = (int(np.sum(x)) for x in (right_a & right_b, right_a & ~right_b, ~right_a & right_b, ~right_a & ~right_b))
    of_a, of_b = (proportion.proportion_confint(k, n, 0.05, "wilson") for k in (e + f, e + g))
    margins = (e + f) * (g + h) * (e + g) * (f + h)
    c = e * h - f * g
    phi = 0 if margins == 0 else (max(c - n / 2, 0) if c > 0 else c) / math.sqrt(margins)
    interval = mover((e + f) / n, (e + g) / n, of_a, of_b, phi)
    d = (f - g) / n
    return {"second": (e + f) / n, "first": (e + g) / n, "p": mid_p(f, g), "low": interval[0], "high": interval[1],
            "variance": ((f + g) / n - d * d) / (n - 1)}


def stratified(weights, y):
    return sum(len(w) * np.var(w, ddof=1) for w in (weights[y == 1], weights[y == 0]))


def precision_interval(called, y):
    """From recall and false positive rate, each with Wilson's interval of Student's width; distances added in squares."""
    p, n = int(np.sum(y == 1)), int(np.sum(y == 0))
    hits, alarms = int(np.sum(called & (y == 1))), int(np.sum(called & (y == 0)))
    alpha = 2 * stats.norm.sf(stats.t.ppf(0.975, p + n - 2))
    (r_low, r_high), (f_low, f_high) = (proportion.proportion_confint(k, m, alpha, "wilson") for k, m in ((hits, p), (alarms, n)))

    def precision(recall, rate):
        return recall * p / (recall * p + rate * n)
    r, f = hits / p, alarms / n
    value = precision(r, f)
    return (value - math.hypot(value - precision(r_low, f), value - precision(r, f_high)),
            value + math.hypot(precision(r_high, f) - value, precision(r, f_low) - value))


def delta(kind, called_a, called_b, y):
    """Precision and F1: what one more called sample of either class adds, by differentiation."""
    def one(called):
        tp, c, p = int(np.sum(called & (y == 1))), int(np.sum(called)), int(np.sum(y))
        if kind == "precision":
            value, up, down = tp / c, (1 - tp / c) / c, -tp / c / c
        else:
            value = 2 * tp / (p + c)
            up, down = (2 - value) / (p + c), -value / (p + c)
        return value, np.where(called, np.where(y == 1, up, down), 0.0)
    (a, wa), (b, wb) = one(called_a), one(called_b)
    va, vb, vd = stratified(wa, y), stratified(wb, y), stratified(wa - wb, y)
    rho = (va + vb - vd) / 2 / math.sqrt(va * vb)
    own = [logit_interval(a, va), logit_interval(b, vb)]
    if kind == "precision":
        own = [precision_interval(called, y) for called in (called_a, called_b)]
    interval = mover(a, b, *own, rho)
    return {"second": a, "first": b, "p": 2 * stats.norm.sf(abs(a - b) / math.sqrt(vd)), "low": interval[0],
            "high": interval[1], "variance": vd}


def walk(y, s):
    """True positives and called samples at every distinct threshold, descending."""
    order = np.argsort(-s, kind="stable")
    last = np.append(np.flatnonzero(np.diff(s[order])), len(s) - 1)
    return np.cumsum(y[order])[last], last + 1


def f1_max(y, s):
    tp, called = walk(y, s)
    return np.max(2 * tp / (called + y.sum()))


def average_precision(y, s):
    tp, called = walk(y, s)
    return np.sum(np.diff(np.append(0, tp)) / y.sum() * tp / called)


def bootstrap(function, a, b, y, resamples=3000):
    """Values are exact; deviation and p are a resampling's, so they hold within some percent."""
    at = [np.flatnonzero(y == c) for c in (1, 0)]
    drawn = []
    for _ in range(resamples):
        i = np.concatenate([rng.choice(x, len(x)) for x in at])
        drawn.append(function(y[i], a[i]) - function(y[i], b[i]))
    fewer = min(len(x) for x in at)
    variance = np.var(drawn, ddof=1) * fewer / (fewer - 1)
    second, first = function(y, a), function(y, b)
    return {"second": second, "first": first, "variance": variance,
            "p": 2 * stats.t.sf(abs(second - first) / math.sqrt(variance), fewer - 1), "drawn": True}


def tests_of(rows):
    y = np.array([r["anomalous"] for r in rows]).astype(int)
    a, b = (np.array([r[run]["score"] for r in rows]) for run in ("second", "first"))
    called_a, called_b = (np.array([r[run]["decision"] for r in rows]) for run in ("second", "first"))
    at_a, at_b = a >= 0.5, b >= 0.5
    found = {}
    both = 0 < y.sum() < len(y)
    if both:
        found["auroc"] = delong(a, b, y)
        assert math.isclose(average_precision(y, a), metrics.average_precision_score(y, a), rel_tol=1e-12)
        assert math.isclose(f1_max(y, a), max(metrics.f1_score(y, a >= t) for t in np.unique(a)), rel_tol=1e-12)
        found["average_precision"] = bootstrap(average_precision, a, b, y)
        found["f1_max"] = bootstrap(f1_max, a, b, y)
    for suffix, x, z in (("", called_a, called_b), ("_at", at_a, at_b)):
        found["accuracy" + suffix] = rate(x == (y == 1), z == (y == 1))
        if not y.sum():  # without an anomalous sample a precision is 0 whatever is called
            found["precision" + suffix] = {"first": 0, "second": 0, "variance": 0, "p": 1, "low": 0, "high": 0}
        else:
            found["recall" + suffix] = rate(x[y == 1], z[y == 1])
            found["f1" + suffix] = delta("f1", x, z, y)
            found["precision" + suffix] = delta("precision", x, z, y)
    return found


def mean_of(tests):
    k = len(tests)
    out = {key: sum(t[key] for t in tests) / k for key in ("first", "second")}
    out["variance"] = sum(t["variance"] for t in tests) / k**2
    d = out["second"] - out["first"]
    corrected = [t.get("corrected", t["variance"]) for t in tests]
    doubt = sum(2 * v**2 / t["degrees"] for v, t in zip(corrected, tests) if "degrees" in t)
    half = (stats.t.ppf(0.975, max(1, 2 * sum(corrected)**2 / doubt)) if doubt else Z) * math.sqrt(sum(corrected)) / k
    out["low"], out["high"] = d - half, d + half
    out["p"] = 2 * stats.norm.sf(abs(d) / math.sqrt(out["variance"]))
    if any(t.get("drawn") for t in tests):
        out["drawn"] = True
    return out


def main():
    rows = samples()
    used = [r for r in rows if "score" in r["first"] and "score" in r["second"]]
    expected = {name: tests_of([r for r in used if r["category"] == name]) for name in CLASSES}
    expected["pooled"] = tests_of(used)
    # washer is all normal: recall, F1 and rankings have no value there.
    expected["macro"] = {
        metric: mean_of([expected[c][metric] for c in CLASSES if metric in expected[c]]) for metric in expected["pooled"]}
    flips = {"both_right": 0, "both_wrong": 0, "lost": [], "won": []}
    for r in used:
        first, second = (r[run]["decision"] == r["anomalous"] for run in ("first", "second"))
        if first and second:
            flips["both_right"] += 1
        elif not first and not second:
            flips["both_wrong"] += 1
        else:
            flips["lost" if first else "won"].append(r["id"])
    # Holm over the tests whose p values are exact, as `--metrics` asks for them.
    exact = ["auroc", "accuracy", "precision", "recall", "f1"]
    named = [(m, g) for m in exact for g in ("bolt", "nut", "washer", "macro", "pooled") if m in expected[g]]
    adjusted = multitest.multipletests([expected[g][m]["p"] for m, g in named], method="holm")[1]
    holm = {f"{m}/{g}": p for (m, g), p in zip(named, adjusted)}
    for group in expected.values():
        for test in group.values():
            for key, value in test.items():
                test[key] = value if isinstance(value, bool) else float(value)
    out = pathlib.Path("tests/data/reports/compare_golden.json")
    out.write_text(json.dumps({"samples": rows, "expected": expected, "flips": flips, "holm": holm}, indent=1,
                              default=lambda x: x.item()) + "\n")
    print(out, out.stat().st_size, "bytes;", len(used), "pairs")


if __name__ == "__main__":
    main()
