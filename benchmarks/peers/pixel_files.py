#!/usr/bin/env python3
"""Writes the maps and masks of the pixel benchmark: FOLDER/maps/NNNN.npy (float32) and FOLDER/masks/NNNN.npy (uint8, 0 or 1).

The maps look like those of a fair detector: smooth noise in (0, 1), skewed to the low end, raised inside most of the
defects; 5 of 9 pictures hold one to three elliptic defects, about 2 % of all pixels. Seeded: the same bytes every time.
--spread gives worst cases instead. iid: independent scores, normal and anomalous alike in range; tied: one score everywhere;
mostly: 19 of 20 pixels anomalous.
"""
import argparse
import pathlib

import numpy as np
from scipy.ndimage import gaussian_filter


def picture(rng, size, anomalous, spread):
    mask = np.zeros((size, size), np.uint8)
    if anomalous:
        rows, columns = np.mgrid[0:size, 0:size]
        scale = size / 256
        for _ in range(rng.integers(1, 4)):
            y, x = rng.uniform(0.15, 0.85, 2) * size
            a, b = rng.uniform(8, 33, 2) * scale
            mask |= (((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 <= 1).astype(np.uint8)
    if spread == "tied":
        return np.full((size, size), 0.5, np.float32), mask
    if spread == "mostly":
        mask = np.ones((size, size), np.uint8)
        mask[: size // 20] = 0
    if spread in ("iid", "mostly"):
        score = rng.normal(size=(size, size)) + 0.8 * mask
    else:
        noise = gaussian_filter(rng.normal(size=(size, size)), 6, mode="wrap") * 21
        noise += 0.05 * rng.normal(size=(size, size))
        lift = gaussian_filter(mask.astype(float), 3) * rng.uniform(0.5, 4.5)
        score = noise + lift - 2.5
    return (1 / (1 + np.exp(-score))).astype(np.float32), mask


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=2162)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--spread", choices=["smooth", "iid", "tied", "mostly"], default="smooth")
    args = parser.parse_args()
    (args.folder / "maps").mkdir(parents=True, exist_ok=True)
    (args.folder / "masks").mkdir(exist_ok=True)
    for i in range(args.count):
        rng = np.random.default_rng([args.seed, i])
        score, mask = picture(rng, args.size, i % 9 < 5, args.spread)
        np.save(args.folder / "maps" / f"{i:04d}.npy", score)
        np.save(args.folder / "masks" / f"{i:04d}.npy", mask)


if __name__ == "__main__":
    main()
