#!/usr/bin/env python3
"""ROUGE-L of LookTwice beside rouge_score and an LCS of rapidfuzz over the same words: one run, one thread.

  rouge.py PROGRAM      PROGRAM: rouge_bench. Needs rouge_score==0.1.2 and rapidfuzz.

4,000 pairs of about 60 words and 400 of about 500: a reference in the manner of a defect report, and a candidate that
keeps about 70 % of its words. Median of 5 runs (rouge_score: of 1).
"""

import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

from rapidfuzz.distance import LCSseq
from rouge_score import rouge_scorer
from report_words import WORDS


def pairs(count, words, seed):
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        reference = [draw.choice(WORDS) for _ in range(draw.randint(words * 4 // 5, words * 6 // 5))]
        candidate = [draw.choice(WORDS) if draw.random() < 0.3 else word for word in reference]
        made.append((" ".join(reference).capitalize() + ".", ", ".join([" ".join(candidate[:9]), " ".join(candidate[9:])]) + "."))
    return made


def median(run, repetitions):
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        value = run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), value


def rapidfuzz_rouge_l(texts):
    total = 0
    for reference, candidate in texts:
        a, b = (re.sub(r"[^a-z0-9]+", " ", text.lower()).split() for text in (reference, candidate))
        shared = LCSseq.similarity(a, b)
        total += 2 * shared / (len(a) + len(b)) if shared else 0
    return total


def main():
    print("| pairs | words | stemmer | rouge_score, s | rapidfuzz, s | LookTwice, s | times rouge_score | times rapidfuzz |")
    print("|---|---|---|---|---|---|---|---|")
    for count, words in ((4000, 60), (400, 500)):
        texts = pairs(count, words, words)
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
            file.write("".join(f"{a}\t{b}\n" for a, b in texts))
            file.flush()
            ours = json.loads(subprocess.run([sys.argv[1], file.name, "9"], capture_output=True, check=True, text=True).stdout)
        fuzz, fuzz_sum = median(lambda: rapidfuzz_rouge_l(texts), 5)
        for name, stem in (("plain", False), ("stem", True)):
            scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=stem)
            peer, peer_sum = median(lambda: sum(scorer.score(a, b)["rougeL"].fmeasure for a, b in texts), 1)
            assert abs(peer_sum - ours[name + "_sum"]) < 1e-9 * count, (peer_sum, ours)
            assert stem or abs(fuzz_sum - peer_sum) < 1e-9 * count
            beside = ("-", "-") if stem else (f"{fuzz:.4f}", f"{fuzz / ours[name]:.1f}")
            print(f"| {count} | {words} | {'Porter' if stem else 'none'} | {peer:.2f} | {beside[0]} | {ours[name]:.4f} | "
                  f"{peer / ours[name]:.0f} | {beside[1]} |", flush=True)


if __name__ == "__main__":
    main()
