#!/usr/bin/env python3
"""Sentence embeddings of LookTwice beside sentence-transformers: one run, same weights, same texts, same threads.

  sbert.py PROGRAM FOLDER [COUNT]      PROGRAM: sbert_run. FOLDER: all-MiniLM-L6-v2. Needs torch and sentence-transformers.

COUNT (default 600) different answers of 3 to 90 words in the manner of defect reports. The two take turns; medians of 5.
sentence-transformers sorts by length itself and computes 32 texts at a time, its default.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from sentence_transformers import SentenceTransformer

from report_words import WORDS


def texts(count):
    draw = random.Random(1)
    made = {}
    while len(made) < count:
        words = [draw.choice(WORDS) for _ in range(int(draw.triangular(3, 90, 12)))]
        made[" ".join(words).capitalize() + "."] = None
    return list(made)


def main():
    program, folder = sys.argv[1:3]
    lines = texts(int(sys.argv[3]) if len(sys.argv) > 3 else 600)
    print("| threads | numbers | sentence-transformers, s | LookTwice, s | times faster | largest difference of the sums |")
    print("|---|---|---|---|---|---|")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        for threads in (1, 2):
            torch.set_num_threads(threads)
            peer = SentenceTransformer(folder, device="cpu")
            peer.encode(lines[:32])
            for numbers in ("fp32", "bf16"):
                theirs, ours = [], []
                for _ in range(5):
                    start = time.perf_counter()
                    rows = peer.encode(lines)
                    theirs.append(time.perf_counter() - start)
                    command = [program, folder, file.name, str(threads), "2", numbers]
                    result = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
                    ours.append(min(result["seconds"]))
                a, b = statistics.median(theirs), statistics.median(ours)
                off = abs(float(rows[:, 0].astype(float).sum()) - result["sum"])
                print(f"| {threads} | {numbers} | {a:.3f} (fp32) | {b:.3f} | {a / b:.2f} | {off:.1e} |", flush=True)


if __name__ == "__main__":
    main()
