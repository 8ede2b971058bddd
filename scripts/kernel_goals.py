#!/usr/bin/env python3
"""Which goals of docs/kernels.md a stored run of looktwice_bench meets: python3 scripts/kernel_goals.py FILE.json

Medians over repetitions. Exit 1: a goal is missed, or a kernel differs from its reference; 2: not a file of looktwice_bench.
"""

import json
import re
import statistics
import sys


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
        return whole["context"], whole["benchmarks"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"kernel_goals: {path}: no output of looktwice_bench: {error}", file=sys.stderr)
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


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    context, benchmarks = read(sys.argv[1])
    found, failed = medians(benchmarks)
    print(f"{context.get('device', 'no device')}, {context.get('date', 'no date')}: {len(found)} timed, {len(failed)} not timed")
    missed = 0
    for goal, name, value, met in goals(found):
        missed += not met
        print(f"{'met   ' if met else 'MISSED'}  {value:7.3f}  {goal:42}  {ascii(name)[1:-1]}")
    wrong = [name for name, why in failed.items() if "reference" in why]
    for name in wrong:
        print(f"WRONG            {ascii(name)[1:-1]}: differs from the reference")
    return 1 if missed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
