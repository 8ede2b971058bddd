#!/usr/bin/env python3
"""What an audit of two judges must find, from numpy, scipy, scikit-learn, statsmodels and krippendorff.

  judge_audit_golden.py tests/data/judge/audit.json

Two judges, two repetitions, both orders, 24 pictures with three answers each; some verdicts are missing, one judge likes length and the first place.
Nothing of LookTwice is used. Needs scipy, scikit-learn, statsmodels, krippendorff."""

import collections
import json
import sys

import krippendorff
import numpy as np
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.proportion import proportion_confint

rng = np.random.default_rng(23)
records = []
for sample in range(24):
    for question in range(3):
        quality, size = rng.normal(5.5, 1.8), int(rng.integers(20, 400))
        for judge, shift in (("one", 0.0), ("two", -0.8)):
            for repeat in (0, 1):
                for swapped in (False, True):
                    liking = 0.004 * (size - 200) + (0.7 if swapped else 0) if judge == "one" else 0
                    points = float(np.clip(np.round(quality + shift + liking + rng.normal(0, 0.9)), 1, 10))
                    reference = float(np.clip(np.round(7.5 + rng.normal(0, 0.8)), 1, 10))
                    missing = rng.random() < 0.06
                    records.append(
                        {"judge": judge, "sample": f"s{sample:02}", "question": question, "group": "low_level" if question < 2 else "complex",
                         "bytes": size, "repeat": repeat, "swapped": swapped, "points": None if missing else points,
                         "reference": None if missing else reference})  # fmt: skip


def means(rows):
    """Mean points by answer, then by picture."""
    by_answer = collections.defaultdict(list)
    for r in rows:
        if r["points"] is not None:
            by_answer[r["sample"], r["question"]].append(r["points"])
    answers = {key: float(np.mean(v)) for key, v in by_answer.items()}
    by_picture = collections.defaultdict(list)
    for (sample, _), value in answers.items():
        by_picture[sample].append(value)
    return answers, np.array([np.mean(v) for v in by_picture.values()])


def agreement(a, b):
    keys = sorted(set(a) & set(b))
    x, y = np.array([a[k] for k in keys]), np.array([b[k] for k in keys])
    # Half away from zero, as lround: numpy's own rounding goes to even.
    grade = lambda v: np.clip(np.floor(v + 0.5), 1, 10).astype(int)
    return {"answers": len(keys), "kappa": cohen_kappa_score(grade(x), grade(y), labels=range(1, 11), weights="quadratic"),
            "alpha": krippendorff.alpha(np.stack([x, y]), level_of_measurement="interval"),
            "spearman": float(stats.spearmanr(x, y).statistic), "difference": float((x - y).mean()), "distance": float(np.abs(x - y).mean())}  # fmt: skip


def interval(mean, variance, degrees):
    width = stats.t.ppf(0.975, degrees) * np.sqrt(variance)
    return [max(1.0, mean - width), min(10.0, mean + width)]


raters = []
for judge in ("one", "two"):
    for repeat in (0, 1):
        raters.append(means([r for r in records if r["judge"] == judge and r["repeat"] == repeat])[1].mean())

expected = {}
for judge in ("one", "two"):
    rows = [r for r in records if r["judge"] == judge]
    answers, pictures = means(rows)
    n, mean = len(pictures), float(pictures.mean())
    of_pictures, of_raters = pictures.var(ddof=1) / n, np.var(raters, ddof=1) / len(raters)
    total = of_pictures + of_raters
    degrees = total**2 / (of_pictures**2 / (n - 1) + of_raters**2 / (len(raters) - 1))
    pairs = collections.defaultdict(dict)
    for r in rows:
        if r["points"] is not None:
            pairs[r["sample"], r["question"], r["repeat"]][r["swapped"]] = r
    both = [p for p in pairs.values() if len(p) == 2]
    flips = sum(abs(np.sign(p[False]["points"] - p[False]["reference"]) - np.sign(p[True]["points"] - p[True]["reference"])) / 2 for p in both)
    sizes = {(r["sample"], r["question"]): r["bytes"] for r in rows}
    rank = stats.spearmanr([answers[k] for k in sorted(answers)], [sizes[k] for k in sorted(answers)])
    by_repeat = [means([r for r in rows if r["repeat"] == repeat])[0] for repeat in (0, 1)]
    groups = {}
    for group in ("low_level", "complex"):
        by_picture = collections.defaultdict(list)
        for r in rows:
            if r["group"] == group and r["points"] is not None:
                by_picture[r["sample"]].append(r["points"])
        groups[group] = float(np.mean([np.mean(v) for v in by_picture.values()]))
    expected[judge] = {
        "points": mean, "pictures": interval(mean, of_pictures, n - 1), "with_judge_noise": interval(mean, total, degrees),
        "missing": sum(r["points"] is None for r in rows), "pairs": len(both), "flips": float(flips),
        "flip_interval": list(proportion_confint(int(flips + 0.5), len(both), 0.05, "wilson")),
        "gain_of_second_place": float(np.mean([p[False]["points"] - p[True]["points"] for p in both])),
        "length": float(rank.statistic), "length_p": float(rank.pvalue), "again": agreement(*by_repeat), "groups": groups}  # fmt: skip
one, two = (means([r for r in records if r["judge"] == judge])[0] for judge in ("one", "two"))
expected["between"] = agreement(one, two)
out = {"records": records, "expected": expected}
with open(sys.argv[1], "w") as file:
    json.dump(out, file, separators=(",", ":"))
    file.write("\n")
