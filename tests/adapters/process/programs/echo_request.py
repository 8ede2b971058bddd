"""Answers with what it was sent and what it sees, as text: echo_request.py [FORMAT]."""

import json
import os
import sys

hello = json.loads(sys.stdin.readline())
greeting = {"looktwice": 1, "name": "echo request", "facts": {"weights": "abc", "layers": 12}}
if len(sys.argv) > 1:
    greeting["accepts"] = sys.argv[1:]
print(json.dumps(greeting), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    with open(request["image"], "rb") as picture:
        start = picture.read(8).hex()
    seen = {
        "hello": hello,
        "request": request,
        "start": start,
        "environment": dict(os.environ),
        "listing": sorted(os.listdir(hello["folder"])),
        "arguments": sys.argv[1:],
    }
    print(
        json.dumps(
            {
                "id": request["id"],
                "text": json.dumps(seen),
                "map": [[0, 0.5], [1, 2e3]],
                "usage": {"input_tokens": 3, "output_tokens": 4},
                "spans": [{"name": "model", "start_ns": 5, "duration_ns": 6}],
            }
        ),
        flush=True,
    )
