#!/usr/bin/env python3
"""Pixel metrics: ADEval (binned) and scikit-learn (exact) against pixel_run, on the same files, in one run. Prints Markdown.

    python3 benchmarks/peers/pixel.py build/release/benchmarks/pixel_run FOLDER [--runs 5] [--without-sklearn]

Needs numpy<2.4, scipy, scikit-learn, ADEval. FOLDER receives 1 GB of made-up maps and is used again when it is there.
Ours and ADEval take turns, three times in each process (fifteen times on few maps), so that most runs are warm; figures are medians over all. "Processor" is user + system time, which other work on the machine
disturbs less. ADEval and scikit-learn use one thread whatever they are given.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def made(folder, name, count, spread):
    data = folder / name
    if not (data / "made").exists():
        subprocess.run([sys.executable, HERE / "pixel_files.py", data, "--count", str(count), "--spread", spread], check=True)
        (data / "made").touch()
    return data


def output(words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=ENVIRONMENT)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def median(results, what):
    return statistics.median(value for result in results for value in result[what])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="pixel_run, built in Release")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--without-sklearn", action="store_true")
    options = parser.parse_args()
    run = options.program
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; medians of {options.runs} x 3 runs, of few maps x 15.\n")

    print("| maps of 256 x 256 | what | wall, s | processor, s | times faster: wall | processor | peak, MB |\n|---|---|---|---|---|---|---|")
    notes = []
    for count in (2162, 83):
        data = made(options.folder, f"smooth{count}", count, "smooth")
        times = 3 if count == 2162 else 15  # in each process
        rounds = []
        for _ in range(options.runs):
            rounds.append([output([sys.executable, HERE / "pixel_peers.py", "adeval", data, times]),
                           output([run, "memory", data, 1, times]), output([run, "memory", data, 2, times])])
        adeval, one, two = zip(*rounds)

        def line(what, results, base=None):
            wall, cpu = median(results, "seconds"), median(results, "cpu")
            against = (f"{median(base, 'seconds') / wall:.1f} | {median(base, 'cpu') / cpu:.1f}" if base else "- | -")
            peak = max(result["peak_mb"] for result in results)
            print(f"| {count} | {what} | {wall:.3f} | {cpu:.3f} | {against} | {peak:.0f} |", flush=True)

        line("ADEval, AUROC + AP + AUPRO, binned", adeval)
        line("LookTwice, 1 thread, + F1-max, exact", one, adeval)
        line("LookTwice, 2 threads", two, adeval)
        disk = [output([run, "disk", data, threads, options.runs]) for threads in (1, 2)]
        reading = [{"seconds": [a["seconds"][0] + a["reading"]], "cpu": [a["cpu"][0] + a["reading_cpu"]], "peak_mb": a["peak_mb"]}
                   for a in adeval]
        line("ADEval from files", reading)
        line("LookTwice from files, 1 thread", disk[:1], reading)
        line("LookTwice from files, 2 threads", disk[1:], reading)
        copy = min(result["copy"] for result in one)
        notes.append(f"Copying the {count} maps and masks once in memory: {copy:.4f} s; the metrics take "
                     f"{median(one, 'seconds') / copy:.1f} times that on one thread, {median(two, 'seconds') / copy:.1f} on two.")
        if not options.without_sklearn:
            sklearn = [output([sys.executable, HERE / "pixel_peers.py", "sklearn", data, 1 if count == 2162 else options.runs])]
            line("scikit-learn, AUROC + AP + F1-max, exact" + (" (1 run)" if count == 2162 else ""), sklearn)
            line("LookTwice, 1 thread", one, sklearn)
            line("LookTwice, 2 threads", two, sklearn)
            for name in ("auroc", "ap", "f1_max"):
                assert abs(sklearn[0][name] - one[0][name]) < 1e-9, name

    print("\n" + "\n".join(notes))
    print("\n| 500 maps from files, 1 thread | wall, s | processor, s | peak, MB | anomalous pixels |\n|---|---|---|---|---|")
    for spread in ("smooth", "iid", "tied", "mostly"):
        data = made(options.folder, f"{spread}500", 500, spread)
        for bound in ([], [64_000_000]) if spread in ("smooth", "mostly") else ([],):
            result = [output([run, "disk", data, 1, 3, *bound])]
            print(f"| {spread}{', bound of 64 MB' if bound else ''} | {median(result, 'seconds'):.3f} | {median(result, 'cpu'):.3f} | "
                  f"{result[0]['peak_mb']:.0f} | {result[0]['anomalous']:,} |", flush=True)


main()
