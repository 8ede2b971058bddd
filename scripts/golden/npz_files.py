#!/usr/bin/env python3
"""Writes the .npz archives that tests/adapters/predictions reads. Needs NumPy.

usage: npz_files.py tests/data/predictions
"""

import struct
import sys
import zipfile
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
# numpy.savez stamps members with 1980-01-01, so the bytes do not change.
counting = np.arange(12, dtype="<f4").reshape(3, 4)
np.savez(
    folder / "stored.npz",
    **{"bottle/test/crack/000": counting, "bottle/test/crack/001": counting + 100}
)
np.savez_compressed(
    folder / "deflated.npz", anomaly_map=np.zeros((64, 64), "<f2") + 0.5, other=counting
)
np.savez(folder / "two_arrays.npz", first=counting, second=counting)

# A wrong checksum: one byte of the stored data is changed.
broken = bytearray((folder / "stored.npz").read_bytes())
broken[broken.find(struct.pack("<f", 11.0))] ^= 1
(folder / "bad_checksum.npz").write_bytes(broken)

# A member that is no array, and one that says it unpacks to 1 TB.
with zipfile.ZipFile(folder / "bad_member.npz", "w") as archive:
    archive.writestr(zipfile.ZipInfo("arr_0.npy"), b"not an array")
bomb = bytearray((folder / "deflated.npz").read_bytes())
for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
    at = bomb.find(signature)
    bomb[at + offset : at + offset + 4] = struct.pack("<I", 0xFFFFFFF0)
(folder / "bad_size.npz").write_bytes(bomb)
