#!/usr/bin/env python3
"""Writes the TIFF and PNG maps that tests/adapters/predictions/map_files_test.cc reads.

Needs numpy, tifffile and Pillow (made with 2.x, 2025.x and 12.x).

usage: map_images.py tests/data/predictions
"""

import sys
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
# Element (i, j) of the 5x7 map is 7 i + j - 3; where the type has no sign 7 i + j.
signed = np.arange(35).reshape(5, 7) - 3
unsigned = np.arange(35).reshape(5, 7)
options = {"photometric": "minisblack", "metadata": None, "software": None}

tifffile.imwrite(folder / "f4.tiff", signed.astype("<f4"), **options)
tifffile.imwrite(folder / "f4_big_endian.tiff", signed.astype(">f4"), byteorder=">", **options)
tifffile.imwrite(folder / "f4_bigtiff.tiff", signed.astype("<f4"), bigtiff=True, **options)
tifffile.imwrite(folder / "f4_rows.tiff", signed.astype("<f4"), rowsperstrip=2, **options)
tifffile.imwrite(folder / "f4_deflate.tiff", signed.astype("<f4"), compression="zlib", **options)
tifffile.imwrite(folder / "f4_1hw.tiff", signed.astype("<f4")[None], **options)
Image.fromarray(signed.astype("<f4")).save(folder / "f4_lzw.tiff", compression="tiff_lzw")
tifffile.imwrite(folder / "f2.tiff", signed.astype("<f2"), **options)
tifffile.imwrite(folder / "f8.tiff", signed.astype("<f8"), **options)
for kind in ["i1", "i2", "i4"]:
    tifffile.imwrite(folder / f"{kind}.tiff", signed.astype("<" + kind), **options)
for kind in ["u1", "u2", "u4"]:
    tifffile.imwrite(folder / f"{kind}.tiff", unsigned.astype("<" + kind), **options)

# Tiles that stick out on two sides: element (i, j) of 20x35 is 35 i + j.
tifffile.imwrite(
    folder / "tiles.tiff", np.arange(700, dtype="<f4").reshape(20, 35), tile=(16, 16), **options
)

Image.fromarray((unsigned * 1000).astype("<u2")).save(folder / "u2.png")  # 1000 (7 i + j)
Image.fromarray(unsigned.astype("u1")).save(folder / "u1.png")
Image.fromarray(np.dstack([unsigned, 255 - unsigned]).astype("u1")).save(folder / "u1_alpha.png")

# What is refused.
Image.fromarray(np.zeros((5, 7, 3), "u1")).save(folder / "bad_rgb.png")
Image.fromarray(np.zeros((5, 7), "u1"), mode="P").save(folder / "bad_palette.png")
tifffile.imwrite(
    folder / "bad_rgb.tiff", np.zeros((5, 7, 3), "u1"), photometric="rgb", metadata=None
)
tifffile.imwrite(folder / "bad_two_pages.tiff", np.zeros((2, 5, 7), "<f4"), **options)
tifffile.imwrite(
    folder / "bad_white.tiff", unsigned.astype("u1"), photometric="miniswhite", metadata=None
)
tifffile.imwrite(folder / "bad_complex.tiff", np.zeros((5, 7), "<c8"), **options)
tifffile.imwrite(folder / "bad_nan.tiff", np.full((5, 7), np.nan, "<f4"), **options)
tifffile.imwrite(folder / "bad_huge.tiff", np.full((5, 7), 1e308, "<f8"), **options)
Image.new("RGB", (7, 5)).save(folder / "bad_format.bmp")
