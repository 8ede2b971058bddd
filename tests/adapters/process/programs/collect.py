"""Holds its requests back and answers them in reverse order, in groups of as many as it asked for: collect.py N."""

import json
import sys

size = int(sys.argv[1])
json.loads(sys.stdin.readline())
print(json.dumps({"looktwice": 1, "name": "collect", "window": size}), flush=True)
held = []
for line in sys.stdin:
    held.append(json.loads(line)["id"])
    if len(held) == size:
        for key in reversed(held):
            print(json.dumps({"id": key, "score": float(key.split("-")[1])}), flush=True)
        held = []
