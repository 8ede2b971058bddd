"""A sentence encoder without weights for the tests of the command line: how often each letter occurs, of unit length."""

import json
import sys

hello = json.loads(sys.stdin.readline())
print(json.dumps({"looktwice": 1, "name": "letters", "facts": {"weights_sha256": "none"}}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    assert request["wanted"] == ["embedding"] and "image" not in request
    counts = [1.0 + request["question"].lower().count(chr(97 + i)) for i in range(26)]
    length = sum(c * c for c in counts) ** 0.5
    print(json.dumps({"id": request["id"], "embedding": [c / length for c in counts]}), flush=True)
