#!/usr/bin/env python3
"""Are LookTwice's tokens and cosines those of Hugging Face and sentence-transformers?

  sbert_parity.py BUILD FOLDER [SEED]     FOLDER: all-MiniLM-L6-v2. Needs torch, transformers and sentence-transformers.

Token ids of 100,000 strings (reports, and soups of characters of all planes), and cosines of 2,000 pairs of sentences, fp32 and bf16.
"""

import pathlib
import random
import subprocess
import sys
import tempfile

import numpy
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer

from report_words import WORDS

RANGES = [(32, 127)] * 6 + [(0xA0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xE00), (0x1E00, 0x2070)]
RANGES += [(0x2070, 0x2C00), (0x3000, 0x3100), (0x4E00, 0x9FFF), (0xAC00, 0xD7A4), (0xFB00, 0xFFFE), (0x1F300, 0x1FA00), (1, 32)]


def soup(draw):
    letters = []
    for _ in range(draw.randint(0, 40)):
        low, high = draw.choice(RANGES)
        letters.append(chr(draw.randrange(low, high)) if draw.random() < 0.8 else " ")
    return "".join(letters)


def report(draw):
    words = [draw.choice(WORDS) for _ in range(draw.randint(1, 40))]
    return " ".join(word.upper() if draw.random() < 0.1 else word for word in words) + draw.choice([".", "", "!", " (3.5 mm)"])


def tokens(build, folder, draw, file):
    texts = [soup(draw) if draw.random() < 0.7 else report(draw) for _ in range(100_000)]
    file.write_bytes(b"".join(text.encode() + b"\0" for text in texts))
    output = subprocess.run([f"{build}/benchmarks/tokenizers_bench", "wordpiece", folder, str(file), "0"], capture_output=True, check=True, text=True)
    ours = [list(map(int, line.split())) for line in output.stdout.splitlines()]
    theirs = AutoTokenizer.from_pretrained(folder, use_fast=True)(texts, truncation=False)["input_ids"]
    assert len(ours) == len(theirs) == len(texts), (len(ours), len(theirs))
    different = [(t, a, b) for t, a, b in zip(texts, ours, theirs) if a != b]
    print(f"token ids: {len(texts)} strings, {len(different)} differ", *map(repr, different[:3]), flush=True)
    return not different


def cosines(build, folder, draw, file):
    texts = list(dict.fromkeys(report(draw) for _ in range(4200)))[:4000]
    file.write_text("\n".join(texts) + "\n")
    torch.set_num_threads(2)
    theirs = SentenceTransformer(folder, device="cpu").encode(texts).astype(numpy.float64)
    good = True
    for numbers, bound in (("fp32", 1e-5), ("bf16", 5e-3)):
        out = file.with_suffix(".f32")
        subprocess.run([f"{build}/benchmarks/sbert_run", folder, str(file), "2", "1", numbers, "8192", str(out)], capture_output=True, check=True)
        ours = numpy.fromfile(out, numpy.float32).reshape(theirs.shape).astype(numpy.float64)
        cosine = [(rows[0::2] * rows[1::2]).sum(1) / numpy.linalg.norm(rows[0::2], axis=1) / numpy.linalg.norm(rows[1::2], axis=1) for rows in (ours, theirs)]
        off, apart = abs(cosine[0] - cosine[1]).max(), abs(ours - theirs).max()
        print(f"{numbers}: {len(cosine[0])} pairs, cosines within {off:.1e}, embeddings within {apart:.1e}", flush=True)
        good = good and off < bound
    return good


def main():
    build, folder = sys.argv[1:3]
    draw = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    with tempfile.TemporaryDirectory() as place:
        file = pathlib.Path(place) / "texts.txt"
        good = [tokens(build, folder, draw, file), cosines(build, folder, draw, file)]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
