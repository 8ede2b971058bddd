#!/usr/bin/env python3
"""Hashes of Pillow's resize for sizes that the shared fixtures lack: tests/data/image/resize_golden.json.

  python3 -m venv v && v/bin/pip install 'pillow==12.*' numpy && v/bin/python scripts/golden/resize_golden.py
"""

import hashlib
import json
import pathlib
import random
import sys

import numpy as np
import PIL
from PIL import Image

FILE = pathlib.Path(__file__).resolve().parents[2] / "tests/data/image/resize_golden.json"
FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


def picture(width, height, channels):
    """Bytes that C++ can make too: the top byte of index * 2654435761 modulo 2^32."""
    index = np.arange(width * height * channels, dtype=np.uint64)
    values = ((index * 2654435761) & 0xFFFFFFFF) >> 24
    return values.astype(np.uint8).reshape((height, width, channels) if channels == 3 else (height, width))


def main():
    if int(PIL.__version__.split(".")[0]) > 12:
        sys.exit("Pillow 13 turned the passes around; needs 12")
    random.seed(11)
    sizes = [(1000, 1000, 384, 384), (300, 300, 384, 384), (518, 518, 384, 384), (384, 384, 518, 518), (518, 518, 518, 300),
             (700, 525, 518, 518), (3, 700, 7, 64), (2, 401, 2, 400), (1, 150, 5, 20), (1500, 4, 9, 300)]
    sizes += [tuple(random.randint(1, 160) for _ in range(4)) for _ in range(60)]
    cases = []
    for number, (in_width, in_height, width, height) in enumerate(sizes):
        for channels in (1, 3):
            name = FILTERS[number % 6] if number >= 10 else "bicubic"
            box = None
            if number % 3 == 2:
                left, top = random.random() * in_width / 2, random.random() * in_height / 2
                box = [float(np.float32(v)) for v in (left, top, left + in_width / 2, top + in_height / 2)]
            image = Image.fromarray(picture(in_width, in_height, channels))
            out = image.resize((width, height), getattr(Image.Resampling, name.upper()), box=box)
            cases.append({"in": [in_width, in_height, channels], "out": [width, height], "filter": name, "box": box,
                          "sha256": hashlib.sha256(out.tobytes()).hexdigest()})
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    FILE.write_text('{\n  "made_by": "scripts/golden/resize_golden.py",\n  "pillow": "%s",\n  "cases": [\n%s\n  ]\n}\n'
                    % (PIL.__version__, lines))


if __name__ == "__main__":
    main()
