#!/usr/bin/env python3
"""Writes the .npy files that tests/harness/core/npy_test.cc reads. Needs NumPy; any version gives the same bytes.

usage: npy_files.py tests/data/npy
"""

import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)

# Every type that is read, in both byte orders: element (i, j) of a 3x4 array is 4 i + j (bool: odd or even).
counting = np.arange(12).reshape(3, 4)
for kind in ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]:
    for order in "<>":
        if kind[1] == "1" and order == ">":
            continue
        values = counting % 2 if kind == "b1" else counting
        np.save(
            folder / f"{'le' if order == '<' else 'be'}_{kind}.npy", values.astype(order + kind)
        )

np.save(folder / "fortran_f4.npy", np.asfortranarray(counting.astype("<f4")))
np.save(folder / "fortran_3d_f8.npy", np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)))
np.save(folder / "scalar_f4.npy", np.float32(1.5))
np.save(folder / "one_axis_f4.npy", np.arange(3, dtype="<f4"))
for name, shape in {"1hw": (1, 3, 4), "hw1": (3, 4, 1), "11hw": (1, 1, 3, 4)}.items():
    np.save(folder / f"shape_{name}.npy", counting.astype("<f4").reshape(shape))
for version in [(2, 0), (3, 0)]:
    with open(folder / f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, counting.astype("<f4"), version=version)

# What is refused.
np.save(folder / "bad_object.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
np.save(folder / "bad_complex.npy", np.zeros((2, 2), dtype="<c8"))
np.save(folder / "bad_struct.npy", np.zeros(2, dtype=[("x", "<f4")]))
np.save(folder / "bad_text.npy", np.array(["0.5", "0.25"]))
np.save(folder / "bad_huge_f8.npy", np.array([[1e308]]))

# Halves: 4096 floats across the range (ties, subnormals, overflow) and what NumPy makes of them.
bits = (np.arange(4096, dtype=np.uint64) * 1048583 % (1 << 32)).astype(np.uint32)
edges = np.array(
    [
        0,
        1,
        0x33000000,
        0x33000001,
        0x33800000,
        0x337FFFFF,
        0x387FFFFF,
        0x387FE000,
        0x387FF000,
        0x38800000,
        0x3F801000,
        0x3F803000,
        0x3F801001,
        0x477FE000,
        0x477FEFFF,
        0x477FF000,
        0x7F7FFFFF,
        0x7F800000,
        0x80000000,
        0xFF800000,
    ],
    dtype=np.uint32,
)
bits = np.concatenate([edges, bits])
bits = bits[~np.isnan(bits.view(np.float32))]
with np.errstate(over="ignore"):
    halves = bits.view(np.float32).astype(np.float16).view(np.uint16)
bits.astype("<u4").tofile(folder / "half_from.u32")
halves.astype("<u2").tofile(folder / "half_to.u16")
