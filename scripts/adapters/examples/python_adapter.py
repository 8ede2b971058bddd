#!/usr/bin/env python3
"""A LookTwice adapter in 15 lines: answers every picture with the size of its file. Put your model where len() is."""

import json
import sys

answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints now goes to the log

hello = json.loads(sys.stdin.readline())
print(json.dumps({"looktwice": 1, "name": "file size"}), file=answers, flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        with open(request["image"], "rb") as picture:
            answer = {"id": request["id"], "score": len(picture.read())}
    except Exception as error:  # one bad picture is one failed sample
        answer = {"id": request["id"], "status": "failed", "error": repr(error)}
    print(json.dumps(answer), file=answers, flush=True)
