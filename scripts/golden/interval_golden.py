#!/usr/bin/env python3
"""Writes tests/data/metrics/interval_golden.txt for tests/metrics/interval_golden_test.cc: the intervals of AUROC, AP and F1-max of
one run, of their means over classes and of the differences of two runs, from the definitions with plain loops, numpy and scipy.

The random numbers are those of the library: Philox4x32-10 with the seed as key and (block, replicate, tag) as counter, so that
both sides draw the same resamples and agree to rounding. Needs numpy and scipy. Run from the repository root. Each line:
NAME NUMBER..., numbers as C hexadecimal floats. Inputs stand beside the results.
"""

import math
import pathlib

import numpy as np
from scipy import optimize, stats

LEVEL = 0.95
TAIL = 0.5 + LEVEL / 2
Z = stats.norm.ppf(TAIL)
SEED = 20261128
RESAMPLES = 120
MASK = (1 << 64) - 1
lines = []


def put(name, *numbers):
    flat = np.concatenate([np.ravel(np.asarray(n, dtype=float)) for n in numbers])
    lines.append(" ".join([name] + [float(n).hex() for n in flat]))


# ---- random numbers


def philox(counter, key):
    """Salmon et al. 2011."""
    x, k = list(counter), list(key)
    for _ in range(10):
        a, b = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
        x = [(b >> 32) ^ x[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ x[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return x


assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]  # Random123's known answer


def stream_tag(name):
    h = 0xCBF29CE484222325
    for c in name.encode():
        h = ((h ^ c) * 0x100000001B3) & MASK
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        h = ((h ^ (h >> 33)) * multiplier) & MASK
    return h ^ (h >> 33)


class Stream:
    """Words of eight blocks at a time, first the first word of each, and so on; 256 words to a buffer."""

    def __init__(self, seed, tag, replicate):
        self.key = [seed & 0xFFFFFFFF, seed >> 32]
        self.rest = [replicate, tag & 0xFFFFFFFF, tag >> 32]
        self.block, self.words = 0, []

    def fill(self):
        for _ in range(8):
            blocks = [philox([self.block + i] + self.rest, self.key) for i in range(8)]
            self.words += [block[word] for word in range(4) for block in blocks]
            self.block += 8

    def next(self):
        if not self.words:
            self.fill()
        return self.words.pop(0)

    def each_below(self, n, times):
        """Lemire 2019 on both halves of each word, the low one first. Words are taken in one go, and what is left is lost."""
        numbers = []
        while len(numbers) < times:
            if not self.words:
                self.fill()
            left = times - len(numbers)
            taken, self.words = self.words[:(left + 1) // 2], self.words[(left + 1) // 2:]
            products = [half * n for word in taken for half in (word & 65535, word >> 16)]
            numbers += [p >> 16 for p in products if p & 65535 >= 65536 % n][:left]
        return numbers


# ---- values of weighted samples, by definition


def auroc_pairs(scores, y):
    p, n = scores[y == 1], scores[y == 0]
    return (p[:, None] > n[None, :]) + 0.5 * (p[:, None] == n[None, :])


def walk(scores, y, counts):
    """True positives and called samples at every distinct threshold, descending."""
    tp, called = [], []
    for t in sorted(set(scores), reverse=True):
        above = scores >= t
        tp.append(np.sum(counts[above & (y == 1)]))
        called.append(np.sum(counts[above]))
    return np.array(tp, float), np.array(called, float)


def average_precision(scores, y, counts):
    tp, called = walk(scores, y, counts)
    gained = np.diff(np.append(0, tp))
    some = gained > 0
    return np.sum(gained[some] * tp[some] / called[some]) / np.sum(counts[y == 1])


def f1_max(scores, y, counts):
    tp, called = walk(scores, y, counts)
    return np.max(2 * tp / (called + np.sum(counts[y == 1])))


def draws(y, order, tag):
    """How often each sample counts: anomalous ones first, in `order`."""
    positives = [i for i in order if y[i] == 1]
    negatives = [i for i in order if y[i] == 0]
    for r in range(RESAMPLES):
        stream = Stream(SEED, tag, r)
        counts = np.zeros(len(y), int)
        for stratum in (positives, negatives):
            for k in stream.each_below(len(stratum), len(stratum)):
                counts[stratum[k]] += 1
        yield counts


# ---- what is made of them


class Spread:
    """Variance of a sum of means and the expected square of its error, from k-statistics."""

    def __init__(self, *groups):
        self.variance = self.doubt = 0
        for values in groups:
            n, values = len(values), values - np.mean(values)  # kstat loses digits far from 0
            k2 = stats.kstat(values, 2)
            k4 = max(stats.kstat(values, 4), -2 * k2 * k2)
            self.variance += k2 / n
            self.doubt += (k4 / n + 2 * k2 * k2 / (n - 1)) / n**2

    def degrees(self):
        return max(1, 2 * self.variance**2 / self.doubt)


def unbiased_variance(kernel):
    """Of the mean of kernel[i][j]: its square less what pairs without a common sample multiply to."""
    p, n = kernel.shape
    disjoint = sum(
        np.sum(kernel[i, j] * np.delete(np.delete(kernel, i, 0), j, 1)) for i in range(p) for j in range(n))
    return kernel.mean()**2 - disjoint / (p * n * (p - 1) * (n - 1))


def jackknifed(values, y):
    """values[i]: without sample i. The spread, and what a stratified bootstrap's variance lacks."""
    groups = [(np.sum(y == c) - 1) * values[y == c] for c in (1, 0)]
    spread = Spread(*groups)
    lacking = sum(np.var(g, ddof=1) / (len(g) - 1) for g in groups) / spread.variance
    return spread, lacking


def logit(x):
    return math.log(x / (1 - x))


def expit(x):
    return 1 / (1 + math.exp(-x))


def score_interval(value, bias, deviation, quantile):
    """Each bound is where a rate of so many samples would be `quantile` of its own deviations away (Wilson)."""
    spread = deviation / (value * (1 - value))
    less = value - max(0, bias)

    def bound(start, outer):
        samples = 1 / (spread**2 * start * (1 - start))
        return optimize.brentq(lambda t: (start - t)**2 - quantile**2 * t * (1 - t) / samples, start, outer, xtol=1e-15)
    return bound(less, 0.0), bound(value, 1.0)


def f1_interval(value, optimism, deviation):
    """The logit's; the lower end makes up for the optimism and takes what the upper one leaves of 5 %."""
    middle = value - optimism / 2
    half = deviation / (middle * (1 - middle))
    shift = logit(value) - logit(value - optimism)
    missed_above = stats.norm.sf(Z + shift / half)
    below = stats.norm.ppf(LEVEL + missed_above)
    return (expit(logit(value) - shift - below * half),
            expit(logit(value) + Z * deviation / (value * (1 - value))))


def newcombe(value, p, n):
    """2006, method 5."""
    def outside(t):
        more = (p + n) / 2 - 1
        return (value - t)**2 - Z**2 * t * (1 - t) * (1 + more * ((1 - t) / (2 - t) + t / (1 + t))) / (p * n)
    low = optimize.brentq(outside, 0, value - 1e-9, xtol=1e-15) if value > 0 else 0
    return low, optimize.brentq(outside, value + 1e-9, 1, xtol=1e-15) if value < 1 else 1


def optimism(scores, y, tag):
    levels = sorted(set(scores), reverse=True)
    size = np.array([np.sum(scores == t) for t in levels])
    anomalous = np.array([np.sum((scores == t) & (y == 1)) for t in levels])
    p, n = np.sum(y == 1), np.sum(y == 0)

    def f1s(of_positive, of_negative):
        """Each class weighed to its number in the sample."""
        tp, fp = np.cumsum(of_positive) * p / np.sum(of_positive), np.cumsum(of_negative) * n / np.sum(of_negative)
        return tp, fp, 2 * tp / (tp + fp + p)
    tp, fp, f1 = f1s(anomalous, size - anomalous)
    best = int(np.argmax(f1))
    errors = fp[best] + p - tp[best]
    half = int(max(1, math.floor(0.35 * (errors + 1) + 0.5)))
    share = np.repeat(anomalous / size, size)
    for _ in range(3):
        share = np.array([np.mean(share[max(0, k - half):k + half + 1]) for k in range(len(share))])
    ends = np.cumsum(size)
    share = np.clip([np.mean(share[end - s:end]) for end, s in zip(ends, size)], 0, 1)
    at = int(np.argmax(f1s(size * share, size * (1 - share))[2]))
    total = 0
    for draw in range(100):
        stream = Stream(SEED, tag ^ stream_tag("optimism of F1-max"), draw)
        drawn = np.array([sum(stream.next() < int(s * 2**32) for _ in range(k)) for s, k in zip(share, size)])
        if 0 < drawn.sum() < len(y):
            f1 = f1s(drawn, size - drawn)[2]
            total += f1.max() - f1[at]
    return total / 100


def without_each(scores, y):
    counts = np.ones(len(y), int)
    values = []
    for i in range(len(y)):
        counts[i] = 0
        values.append(average_precision(scores, y, counts))
        counts[i] = 1
    return np.array(values)


def single(scores, y, tag):
    once = np.ones(len(y), int)
    psi = auroc_pairs(scores, y)
    out = {}
    value = psi.mean()
    if value == 1:
        low, high = newcombe(value, *psi.shape)
        out["auroc"] = {"value": value, "variance": 0, "low": low, "high": high}
        return out
    degrees, variance = Spread(psi.mean(1), psi.mean(0)).degrees(), unbiased_variance(psi)
    low, high = score_interval(value, 0, math.sqrt(variance), stats.t.ppf(TAIL, degrees))
    out["auroc"] = {"value": value, "variance": variance, "degrees": degrees, "low": low, "high": high}
    # A run's own resamples walk down the ranking; of equal scores it matters not which comes first.
    order = sorted(range(len(y)), key=lambda i: -scores[i])
    drawn = [(average_precision(scores, y, c), f1_max(scores, y, c)) for c in draws(y, order, tag)]
    ap, f1 = np.array(drawn).T
    value = average_precision(scores, y, once)
    spread, lacking = jackknifed(without_each(scores, y), y)
    bias = (ap.mean() - value) / 0.7
    low, high = score_interval(value, bias, math.sqrt(spread.variance), stats.t.ppf(TAIL, spread.degrees()))
    out["average_precision"] = {"value": value, "bias": bias, "variance": ap.var(ddof=1) * lacking,
                                "degrees": spread.degrees(), "low": low, "high": high}
    value, bias = f1_max(scores, y, once), optimism(scores, y, tag)
    fewer = min(np.sum(y == 1), np.sum(y == 0))
    variance = f1.var(ddof=1) * fewer / (fewer - 1)
    low, high = f1_interval(value, bias, math.sqrt(variance))
    out["f1_max"] = {"value": value, "bias": bias, "variance": variance, "low": low, "high": high}
    return out


def student(variances, degrees):
    """Satterthwaite's quantile of a sum; None: known exactly."""
    doubt = sum(2 * v * v / d for v, d in zip(variances, degrees) if d)
    return stats.t.ppf(TAIL, max(1, 2 * sum(variances)**2 / doubt)) if doubt else Z


def mean(classes):
    k = len(classes)
    value, bias = (sum(c.get(key, 0) for c in classes) / k for key in ("value", "bias"))
    told = [c["variance"] for c in classes if c["variance"] > 0]
    # A class perfectly apart: what its interval is worth, or what the others vary by if that is less.
    variances = [c["variance"] or min(((c["high"] - c["low"]) / 2 / Z)**2, np.mean(told)) for c in classes]
    quantile = student(variances, [c.get("degrees") for c in classes])
    deviation = math.sqrt(sum(variances)) / k
    middle = value - bias / 2
    return (value, expit(logit(value - bias) - quantile * deviation / (middle * (1 - middle))),
            expit(logit(value) + quantile * deviation / (value * (1 - value))))


def mover(a, b, of_a, of_b, rho):
    def distance(x, y):
        return math.sqrt(x * x - 2 * rho * x * y + y * y)
    return [a - b - distance(a - of_a[0], of_b[1] - b), a - b + distance(of_a[1] - a, b - of_b[0])]


def difference(a, b, y, tag):
    once = np.ones(len(y), int)
    psi_a, psi_b = auroc_pairs(a, y), auroc_pairs(b, y)
    apart = psi_a - psi_b
    spread = Spread(apart.mean(1), apart.mean(0))
    va, vb, vd = (unbiased_variance(k) for k in (psi_a, psi_b, apart))
    t = stats.t.ppf(TAIL, spread.degrees())
    interval = mover(psi_a.mean(), psi_b.mean(), score_interval(psi_a.mean(), 0, math.sqrt(va), t),
                     score_interval(psi_b.mean(), 0, math.sqrt(vb), t), (va + vb - vd) / 2 / math.sqrt(va * vb))
    out = {"auroc": {"difference": apart.mean(), "corrected": vd, "degrees": spread.degrees(), "bias": 0,
                     "low": interval[0], "high": interval[1],
                     "p": 2 * stats.norm.sf(abs(apart.mean()) / math.sqrt(spread.variance))}}
    # Two runs' resamples count the samples in the order given.
    drawn = np.array([[f(s, y, c) for f in (average_precision, f1_max) for s in (a, b)] for c in draws(y, range(len(y)), tag)])
    fewer = min(np.sum(y == 1), np.sum(y == 0))
    for name, f, x in (("average_precision", average_precision, drawn[:, :2]), ("f1_max", f1_max, drawn[:, 2:])):
        values = [f(s, y, once) for s in (a, b)]
        d = x[:, 0] - x[:, 1]
        variances, variance = x.var(axis=0, ddof=1), d.var(ddof=1)
        rho = (variances.sum() - variance) / 2 / math.sqrt(variances.prod())
        entry = {"difference": values[0] - values[1],
                 "p": 2 * stats.t.sf(abs(values[0] - values[1]) / math.sqrt(variance * fewer / (fewer - 1)), fewer - 1)}
        if name == "average_precision":
            alone = [without_each(s, y) for s in (a, b)]
            spread, _ = jackknifed(alone[0] - alone[1], y)
            t = stats.t.ppf(TAIL, spread.degrees())
            biases = (x.mean(axis=0) - values) / 0.7
            own = [score_interval(v, bias, math.sqrt(s2 * jackknifed(w, y)[1]), t)
                   for v, bias, s2, w in zip(values, biases, variances, alone)]
            entry |= {"degrees": spread.degrees(), "bias": d.mean() - entry["difference"]}
            plain = spread.variance
        else:
            biases = [optimism(s, y, tag) for s in (a, b)]
            own = [[expit(logit(v) + sign * Z * math.sqrt(s2) / (v * (1 - v))) for sign in (-1, 1)]
                   for v, s2 in zip(values, variances)]
            entry["bias"] = biases[0] - biases[1]
            plain = variance
        # A value less its bias varies more; on the logit scale both vary alike.
        wider = np.mean([(v - max(0, q)) * (1 - v + max(0, q)) / (v * (1 - v)) for v, q in zip(values, biases)])
        entry["corrected"] = plain * wider**2
        entry["low"], entry["high"] = mover(*values, *own, rho)
        out[name] = entry
    return out


def mean_difference(classes, one_end):
    k = len(classes)
    value, bias = (sum(c[key] for c in classes) / k for key in ("difference", "bias"))
    variances = [c["corrected"] for c in classes]
    half = student(variances, [c.get("degrees") for c in classes]) * math.sqrt(sum(variances)) / k
    low, high = (max(0, bias), min(0, bias)) if one_end else (bias, bias)
    return value, min(value, value - low - half), max(value, value - high + half)


def data(k, rng):
    """(anomalous, normal), by how much anomalous scores are larger, to what they are rounded."""
    sizes, lift, step = [((14, 11), 1.2, None), ((30, 9), 1.5, None), ((9, 26), 0.8, 0.5), ((12, 12), 9, None)][k]
    y = rng.permutation([1] * sizes[0] + [0] * sizes[1])
    common = rng.normal(size=len(y))
    runs = [common + 0.8 * rng.normal(size=len(y)) + lift * (1 - 0.25 * run) * y for run in range(2)]
    if step:
        runs = [np.round(r / step) * step for r in runs]
    return y, runs


def main():
    rng = np.random.default_rng(20261128)
    put("options", SEED, RESAMPLES)
    singles, differences = [], []
    for k in range(4):
        y, (a, b) = data(k, rng)
        put(f"labels_{k}", y), put(f"a_{k}", a), put(f"b_{k}", b)
        tag = sum(stream_tag(f"{k}/{i}") for i in range(len(y))) & MASK
        singles.append(single(a, y, tag))
        for name, of in singles[-1].items():
            put(f"{name}_{k}", of["value"], of.get("bias", 0), of["variance"], of.get("degrees", 0), of["low"], of["high"])
        if k < 3:
            differences.append(difference(a, b, y, tag))
            for name, of in differences[-1].items():
                put(f"{name}_difference_{k}", of["difference"], of["bias"], of["corrected"], of.get("degrees", 0), of["low"],
                    of["high"], of["p"])
    for name in ("auroc", "average_precision", "f1_max"):
        # The last class is perfectly apart.
        put(f"{name}_mean", *mean([s[name] for s in singles if name in s]))
        put(f"{name}_difference_mean", *mean_difference([d[name] for d in differences], name == "average_precision"))
    out = pathlib.Path("tests/data/metrics/interval_golden.txt")
    out.write_text(f"# scripts/golden/interval_golden.py, numpy {np.__version__}\n" + "\n".join(lines) + "\n")
    print(out, out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
