#!/usr/bin/env python3
"""Image-level metrics: scikit-learn, torchmetrics (when installed) and scipy against image_level_bench, on the same scores.

    python3 benchmarks/peers/image_level.py build/release/benchmarks/image_level_bench

Needs numpy, scikit-learn, scipy; torchmetrics is compared when it can be imported. One thread each; peer and ours take turns,
and every figure is the median of --runs rounds, in seconds of processor time, so that other work on the machine counts little.
With --quick the peers' bootstraps draw a tenth of the resamples and are scaled. Prints Markdown.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import scipy  # noqa: E402
import sklearn  # noqa: E402
from scipy import stats  # noqa: E402
from sklearn import metrics  # noqa: E402

try:
    import torch
    import torchmetrics
    from torchmetrics.functional import classification as torch_metrics

    torch.set_num_threads(1)
except ImportError:
    torchmetrics = None


def data(n, folder):
    rng = np.random.default_rng(n)
    labels = rng.integers(0, 2, n).astype(np.uint8)
    scores = (rng.normal(size=n) + labels).astype(np.float32)
    scores.tofile(folder / f"{n}.scores")
    labels.tofile(folder / f"{n}.labels")
    return scores, labels


def processor_seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def sklearn_metrics(scores, labels):
    precision, recall, thresholds = metrics.precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-30)
    return (metrics.roc_auc_score(labels, scores), metrics.average_precision_score(labels, scores), f1.max(),
            thresholds[min(f1.argmax(), len(thresholds) - 1)])


def torchmetrics_metrics(scores, labels):
    probabilities = torch.sigmoid(scores)  # it would apply the sigmoid itself; here it is exact enough for a timing
    precision, recall, _ = torch_metrics.binary_precision_recall_curve(probabilities, labels)
    return (torch_metrics.binary_auroc(probabilities, labels), torch_metrics.binary_average_precision(probabilities, labels),
            (2 * precision * recall / (precision + recall)).nan_to_num().max())


def mann_whitney(positive, negative, axis=-1):
    """The AUROC as a statistic that scipy can resample many at a time."""
    n, m = positive.shape[axis], negative.shape[axis]
    ranks = stats.rankdata(np.concatenate([positive, negative], axis=axis), axis=axis)
    return (ranks[..., :n].sum(axis=-1) - n * (n + 1) / 2) / (n * m)


def scipy_bootstrap(scores, labels, resamples):
    stats.bootstrap((scores[labels == 1], scores[labels == 0]), mann_whitney, n_resamples=resamples, batch=100,
                    method="percentile", rng=np.random.default_rng(1))


def sklearn_bootstrap(scores, labels, resamples):
    rng = np.random.default_rng(1)
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    values = []
    for _ in range(resamples):
        draw = np.concatenate([rng.choice(positive, positive.size), rng.choice(negative, negative.size)])
        values.append(metrics.roc_auc_score(labels[draw], scores[draw]))
    np.percentile(values, [2.5, 97.5])


def ours(program, folder, name):
    done = subprocess.run([program, f"--benchmark_filter=^{name}$", "--benchmark_format=json"],
                          env={**os.environ, "LOOKTWICE_BENCH_DATA": str(folder)}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["benchmarks"][0]["cpu_time"] / 1000  # all are in milliseconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="image_level_bench, built in Release")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the peers' resamples, scaled")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; one thread; medians of {options.runs} runs.\n")
    print("| task | peer | peer, s | LookTwice, s | times faster |\n|---|---|---|---|---|")

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def row(task, peer, call, bench, factor=1):
            rounds = [(factor * processor_seconds(call), ours(options.program, folder, bench)) for _ in range(options.runs)]
            theirs, mine = (statistics.median(column) for column in zip(*rounds))
            print(f"| {task} | {peer} | {theirs:.3f} | {mine:.4f} | {theirs / mine:.0f} |", flush=True)

        scores, labels = data(1_000_000, folder)
        task, bench = "AUROC + AP + F1-max of 10^6 scores", "ranking_values/1000000"
        row(task, f"scikit-learn {sklearn.__version__}", lambda: sklearn_metrics(scores, labels), bench)
        if torchmetrics:
            t_scores, t_labels = torch.from_numpy(scores), torch.from_numpy(labels).long()
            row(task, f"torchmetrics {torchmetrics.__version__}", lambda: torchmetrics_metrics(t_scores, t_labels), bench)
        scores, labels = data(2000, folder)
        task, bench = "10,000 bootstrap resamples of the AUROC of 2,000 scores", "auroc_bootstrap/threads:1/real_time"
        row(task, f"scipy {scipy.__version__}", lambda: scipy_bootstrap(scores, labels, 10_000 // scale), bench, scale)
        row(task, f"scikit-learn {sklearn.__version__} loop", lambda: sklearn_bootstrap(scores, labels, 10_000 // scale), bench, scale)


main()
