#!/usr/bin/env python3
"""Which goals of docs/kernels.md stored runs meet: python3 scripts/kernel_goals.py FILE.json...

Files of looktwice_bench, of which medians over repetitions count, and of benchmarks/peers/expert.py and language.py (--json).
Exit 1: a goal is missed, or a kernel differs from its reference; 2: a file is none of these.
"""

import json
import re
import statistics
import sys


H200_BYTES_PER_S = 4.8e12


def read(path):
    """(benchmarks of looktwice_bench, figures of peers' scripts, a line about where and when)."""
    try:
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
        if "figures" in whole:
            for figure in whole["figures"]:
                figure["name"] + "", float(figure.get("times_eager", figure.get("bytes_per_s")))
            return [], whole["figures"], str(whole["device"])
        context = whole["context"]
        return whole["benchmarks"], [], f"{context.get('device', 'no device')}, {context.get('date', 'no date')}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"kernel_goals: {path}: no output of looktwice_bench nor of a peer's script: {error}", file=sys.stderr)
        sys.exit(2)


def medians(benchmarks):
    """name -> (real time, share of copy), and the failures."""
    times, shares, failed = {}, {}, {}
    for one in benchmarks:
        if one.get("run_type") == "aggregate":
            continue
        name = one.get("run_name", one["name"])
        if one.get("error_occurred"):
            failed[name] = one.get("error_message", "")
            continue
        times.setdefault(name, []).append(one["real_time"])
        shares.setdefault(name, []).append(one.get("share_of_copy", 0))
    return {n: (statistics.median(times[n]), statistics.median(shares[n])) for n in times}, failed


def goals(found):
    """(goal, benchmark, value, met) for every benchmark that a goal speaks of."""
    for name, (time, share) in sorted(found.items()):
        size = re.search(r"/cuda/\w+/tiles:(\d+)/batch:(\d+)", name)
        if not size:
            continue
        batch = int(size[2])
        if name.startswith("ltfm/") and batch >= 8:
            yield "ltfm >= 0.85 of copy", name, share, share >= 0.85
        if name.startswith(("token_pool/", "token_attend/")) and batch >= 8:
            yield "token_select >= 0.80 of copy", name, share, share >= 0.80
        if name.startswith("ltfm_fused/"):
            bare = found.get(name.replace("ltfm_fused/", "product/", 1))
            if bare and bare[0] > 0:
                yield "ltfm_fused <= 1.15 of cuBLASLt's product", name, time / bare[0], time <= 1.15 * bare[0]


def goals_of_models(figures):
    """(goal, figure, value, met) likewise; met is None where no goal was set and the value is told alone."""
    for figure in figures:
        name = figure["name"]
        place = re.match(r"(expert|decode)/cuda/\w+/(?:tiles:5/)?batch:(\d+)$", name)
        if not place:
            continue
        kind, batch = place[1], int(place[2])
        times = figure.get("times_eager", 0)
        least = {("expert", 1): 10, ("expert", 32): 3, ("decode", 1): 2}.get((kind, batch))
        if least and kind == "expert":
            yield f"whole expert >= {least} x eager PyTorch", name, times, times >= least
        elif least:
            yield f"decoding >= {least} x transformers", name, times, times >= least
        elif "bytes_per_s" in figure:
            yield "decoding, share of 4.8 TB/s", name, figure["bytes_per_s"] / H200_BYTES_PER_S, None


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    benchmarks, figures = [], []
    for path in sys.argv[1:]:
        timed, told, about = read(path)
        benchmarks += timed
        figures += told
        print(f"{about}: {len(told)} figures of models" if told else f"{about}: {len(timed)} lines of benchmarks")
    found, failed = medians(benchmarks)
    print(f"{len(found)} kernels timed, {len(failed)} not timed")
    missed = 0
    for goal, name, value, met in [*goals(found), *goals_of_models(figures)]:
        missed += met is False
        word = {True: "met", False: "MISSED", None: "told"}[met]
        print(f"{word:6}  {value:7.3f}  {goal:42}  {ascii(name)[1:-1]}")
    wrong = [name for name, why in failed.items() if "reference" in why]
    for name in wrong:
        print(f"WRONG            {ascii(name)[1:-1]}: differs from the reference")
    return 1 if missed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
