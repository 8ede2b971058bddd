"""Answers with a map in a file of its own: map_file.py."""

import json
import os
import struct
import sys

hello = json.loads(sys.stdin.readline())
print(json.dumps({"looktwice": 1, "name": "map file"}), flush=True)
for number, line in enumerate(sys.stdin):
    request = json.loads(line)
    head = str({"descr": "<f4", "fortran_order": False, "shape": (2, 3)}).encode()
    name = f"map{number}.npy"
    with open(os.path.join(hello["folder"], name), "wb") as file:
        file.write(
            b"\x93NUMPY\x01\x00"
            + struct.pack("<H", len(head))
            + head
            + struct.pack("<6f", *range(6))
        )
    # Both ways to name it.
    path = name if number % 2 else os.path.join(hello["folder"], name)
    print(json.dumps({"id": request["id"], "map": path}), flush=True)
