"""The LookTwice side of a Python model: one function in, a program for `--model process` out. Needs nothing but Python 3.8.

    import looktwice_adapter

    def answer(request):
        score, heatmap = my_model(request["image"])
        return {"score": score, "map": looktwice_adapter.rows(heatmap)}

    looktwice_adapter.serve("my model", answer)

The protocol is docs/adapters.md. What this adds to the 15 lines of examples/python_adapter.py: heartbeats while the model works, maps in files,
and a guard for standard output, which belongs to the protocol: from the import of this module on, whatever anybody prints, C libraries too, goes to the log.
So import it before the libraries of the model.
"""

import array
import json
import os
import sys
import threading

PROTOCOL = 1

_out = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def rows(values):
    """The rows of a map: nested lists, a NumPy array or a tensor of shape (H, W), (1, H, W) or (1, 1, H, W)."""
    for step in ("detach", "cpu", "float"):
        if hasattr(values, step):
            values = getattr(values, step)()
    if hasattr(values, "tolist"):
        values = values.tolist()
    while (
        len(values) == 1
        and isinstance(values[0], (list, tuple))
        and values[0]
        and isinstance(values[0][0], (list, tuple))
    ):
        values = values[0]
    return values


def number(value):
    """The one number in a float, an array or a tensor."""
    return float(value.item() if hasattr(value, "item") else value)


def write_npy(path, values):
    """Writes rows of numbers as a .npy file of float32."""
    header = str(
        {"descr": "<f4", "fortran_order": False, "shape": (len(values), len(values[0]))}
    ).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    data = array.array("f", (number for row in values for number in row))
    if sys.byteorder == "big":
        data.byteswap()
    with open(path, "wb") as file:
        file.write(
            b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data.tobytes()
        )


def serve(name, answer, version="", window=1, facts=None, heartbeat=10.0):
    """Answers requests until standard input ends. answer(request) returns a dict with score, map (rows of numbers), text, or raises."""
    lock = threading.Lock()

    def say(message):
        with lock:
            _out.write(json.dumps(message) + "\n")
            _out.flush()

    hello = json.loads(sys.stdin.readline())
    if hello.get("looktwice") != PROTOCOL:
        sys.exit(
            f"this adapter speaks version {PROTOCOL} of the protocol, LookTwice said {hello.get('looktwice')!r}"
        )
    say(
        {
            "looktwice": PROTOCOL,
            "name": name,
            "version": version,
            "window": window,
            "facts": facts or {},
        }
    )

    over = threading.Event()

    def beat():
        while not over.wait(heartbeat):
            say({"heartbeat": True})

    threading.Thread(target=beat, daemon=True).start()
    for count, line in enumerate(sys.stdin):
        request = json.loads(line)
        try:
            reply = dict(answer(request))
            if reply.get("map") is not None and not isinstance(reply["map"], str):
                path = os.path.join(hello["folder"], f"map{count}.npy")
                write_npy(path, reply["map"])
                reply["map"] = path
        except Exception as error:  # one bad picture is one failed sample, not the end of the run
            reply = {"status": "failed", "error": f"{type(error).__name__}: {error}"}
        say({"id": request["id"], **reply})
    over.set()
