"""Gives one wrong answer for each request; which one is the request's category: wrong_answers.py."""

import json
import os
import sys

out = sys.stdout.buffer
hello = json.loads(sys.stdin.readline())
folder = hello["folder"]
files = 0


def file_with(content):
    global files
    files += 1
    name = f"map{files}.npy"
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)
    return name


def npy(shape, data=None, kind="<f4"):
    count = 1
    for axis in shape:
        count *= axis
    head = str({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    return (
        b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + (data or bytes(4 * count))
    )


def linked(target):
    os.symlink(target, os.path.join(folder, "link.npy"))
    return "link.npy"


def fifo():
    os.mkfifo(os.path.join(folder, "fifo.npy"))
    return "fifo.npy"


NAN, INF = float("nan"), float("inf")
answers = {
    "nan_score": lambda: {"score": NAN},
    "inf_score": lambda: {"score": INF},
    "minus_inf_score": lambda: {"score": -INF},
    "text_score": lambda: {"score": "0.9"},
    "true_score": lambda: {"score": True},
    "list_score": lambda: {"score": [0.9]},
    "nothing": lambda: {},
    "all_null": lambda: {"score": None, "map": None, "text": None},
    "number_text": lambda: {"text": 5},
    "unknown_status": lambda: {"score": 1, "status": "done"},
    "ragged_map": lambda: {"score": 1, "map": [[1, 2], [3]]},
    "deep_map": lambda: {"score": 1, "map": [[[1, 2]]]},
    "empty_map": lambda: {"score": 1, "map": []},
    "empty_rows_map": lambda: {"score": 1, "map": [[], []]},
    "nan_map": lambda: {"score": 1, "map": [[1, NAN]]},
    "huge_map_value": lambda: {"score": 1, "map": [[1e300]]},
    "text_map": lambda: {"score": 1, "map": [["1"]]},
    "object_map": lambda: {"score": 1, "map": {"a": 1}},
    "missing_map": lambda: {"score": 1, "map": "gone.npy"},
    "outside_map": lambda: {"score": 1, "map": "/etc/passwd"},
    "upward_map": lambda: {"score": 1, "map": "../../etc/passwd"},
    "proc_map": lambda: {"score": 1, "map": "/proc/self/environ"},
    "device_map": lambda: {"score": 1, "map": "/dev/zero"},
    "url_map": lambda: {"score": 1, "map": "https://example.org/a.npy"},
    "folder_map": lambda: {"score": 1, "map": "."},
    "linked_map": lambda: {"score": 1, "map": linked("/etc/passwd")},
    "fifo_map": lambda: {"score": 1, "map": fifo()},
    "damaged_map": lambda: {"score": 1, "map": file_with(b"not an array")},
    "one_axis_map": lambda: {"score": 1, "map": file_with(npy((6,)))},
    "three_axes_map": lambda: {"score": 1, "map": file_with(npy((2, 3, 4)))},
    "object_array_map": lambda: {"score": 1, "map": file_with(npy((1,), b"\x80\x04N.", "|O"))},
    "nan_file_map": lambda: {"score": 1, "map": file_with(npy((1, 1), b"\x00\x00\xc0\x7f"))},
    "bad_usage": lambda: {"score": 1, "usage": {"input_tokens": -1, "output_tokens": 0}},
    "bad_spans": lambda: {"score": 1, "spans": [{"name": "x"}]},
    "reports_failure": lambda: {"status": "failed", "error": "CUDA out of memory"},
    # These are right, however odd.
    "right": lambda: {"score": 1},
    "unknown_members": lambda: {"score": 1, "confidence": {"a": [1, 2]}, "error": None},
    "escapes": lambda: {"score": 1, "text": "\u00e9\n\u202e\0 NaN"},
}

out.write(b'{"looktwice":1,"name":"wrong answers"}\n')
out.flush()
for line in sys.stdin:
    request = json.loads(line)
    reply = json.dumps({"id": request["id"], **answers[request["category"]]()}).encode()
    # Bytes may come one by one, and lines may end as on Windows.
    if request["category"] == "right":
        for i in reply:
            out.write(bytes([i]))
            out.flush()
        out.write(b"\r\n\r\n")
    else:
        out.write(reply + b"\n")
    out.flush()
