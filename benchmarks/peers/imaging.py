#!/usr/bin/env python3
"""Pillow and NumPy on the pictures of imaging_bench: the same steps, the same values, images per second.

  imaging.py make FOLDER [ELPV_IMAGES]   writes the pictures: png1000/, jpeg1000/, png518/ and, when given, elpv/
  imaging.py time FOLDER [BENCH.json]    times Pillow; with imaging_bench's JSON, prints both and compares the values
"""

import hashlib
import io
import json
import pathlib
import shutil
import sys
import time

import numpy as np
import PIL
from PIL import Image

EDGE = 384
SCALE, MEAN, STD = 1 / 255, np.float32(0.5), np.float32(0.5)


def surface(size, seed):
    """Something like a photograph of a part: shading, a texture at several scales, a scratch, sensor noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    picture = np.stack([140 + 60 * np.sin(3 * x + c) * np.cos(2 * y - c) for c in range(3)], -1)
    for cells, strength in ((8, 25), (40, 12), (200, 8)):
        noise = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        planes = [np.asarray(Image.fromarray(noise[..., c], "F").resize((size, size), Image.Resampling.BICUBIC)) for c in range(3)]
        picture += strength * np.stack(planes, -1)
    picture[np.abs(y - x * 0.7 - 0.1) < 0.002] -= 70
    picture += rng.normal(0, 1.5, picture.shape)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def make(folder, elpv):
    for name in ("png1000", "png518", "jpeg1000_q75", "jpeg1000_q95"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(3):
        picture = surface(1000, number)
        picture.save(folder / f"png1000/{number}.png")
        picture.save(folder / f"jpeg1000_q75/{number}.jpg", quality=75)
        picture.save(folder / f"jpeg1000_q95/{number}.jpg", quality=95)
        surface(518, number).save(folder / f"png518/{number}.png")
    if elpv:
        (folder / "elpv").mkdir(exist_ok=True)
        for path in sorted(pathlib.Path(elpv).glob("*.png"))[::41]:
            shutil.copy(path, folder / "elpv" / path.name)


def prepare(data):
    image = Image.open(io.BytesIO(data)).convert("RGB").resize((EDGE, EDGE), Image.Resampling.BICUBIC)
    # As transformers' image processors: rescale in double, keep single, normalise in single, channels first.
    values = (np.asarray(image) * SCALE).astype(np.float32)
    values = (values - MEAN) / STD
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def time_peer(folder, ours):
    print(f"Pillow {PIL.__version__}, NumPy {np.__version__}")
    rows = []
    for name in sorted(p.name for p in folder.iterdir() if p.is_dir()):
        files = [p.read_bytes() for p in sorted((folder / name).iterdir())]
        digest = hashlib.sha256()
        for data in files:
            digest.update(prepare(data).tobytes())
        spent, count = [], 0
        while sum(spent) < 2.0 or count < 30:
            start = time.process_time()
            prepare(files[count % len(files)])
            spent.append(time.process_time() - start)
            count += 1
        # Processor time, as imaging_bench counts it, and the fastest round over all files: the machine may be shared.
        step = len(files)
        rounds = [sum(spent[i : i + step]) / step for i in range(0, count - step + 1, step)]
        rows.append((name, min(rounds), digest.hexdigest()))
    for name, seconds, digest in rows:
        line = f"{name:14} Pillow {seconds * 1e3:7.2f} ms {1 / seconds:7.0f} images/s"
        if ours and name in ours:
            mine, label = ours[name]
            same = "same bytes" if label == digest else "DIFFERENT BYTES"
            line += f" | LookTwice {mine * 1e3:7.2f} ms {1 / mine:7.0f} images/s | {seconds / mine:5.2f}x, {same}"
        print(line)


def main():
    if int(PIL.__version__.split(".")[0]) > 12:
        sys.exit("Pillow 13 resizes differently; needs 12 or older")
    command, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if command == "make":
        make(folder, sys.argv[3] if len(sys.argv) > 3 else None)
        return
    ours = {}
    if len(sys.argv) > 3:
        for run in json.loads(pathlib.Path(sys.argv[3]).read_text())["benchmarks"]:
            if run["name"].startswith("prepare/") and run.get("run_type") == "iteration":
                name = run["run_name"].split("/")[1]
                seconds = run["cpu_time"] / 1e3
                ours[name] = (min(seconds, ours.get(name, (seconds,))[0]), run["label"])
    time_peer(folder, ours)


if __name__ == "__main__":
    main()
