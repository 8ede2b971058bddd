"""Seeds of tests/fuzz/safetensors_fuzz.cc and torch_file_fuzz.cc, read by tests/adapters/nn/weights as well:
python3 scripts/golden/weight_files.py. Written without torch, so that they can lie; the official .pth of the fixtures is torch's own."""

import collections
import io
import json
import os
import pathlib
import pickle
import struct
import sys
import types
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests/data/fuzz"


def write_safetensors(path, header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def safetensors_seeds(folder):
    folder.mkdir(parents=True, exist_ok=True)
    header, data = {"__metadata__": {"format": "pt"}}, b""
    sizes = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
    for place, (kind, size) in enumerate(sizes.items()):
        header[f"t{place}"] = {"dtype": kind, "shape": [2, 3], "data_offsets": [len(data), len(data) + 6 * size]}
        data += bytes(range(6 * size))
    header["none"] = {"dtype": "F32", "shape": [0, 5], "data_offsets": [len(data), len(data)]}
    write_safetensors(folder / "types.safetensors", header, data)
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    write_safetensors(folder / "overlap.safetensors", {"a": one, "b": {**one, "data_offsets": [4, 12]}}, bytes(12))
    write_safetensors(folder / "hole.safetensors", {"a": one, "b": {**one, "data_offsets": [12, 20]}}, bytes(20))
    huge = {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 0]}
    write_safetensors(folder / "overflow.safetensors", {"a": huge}, b"")
    write_safetensors(folder / "cut.safetensors", {"a": one}, bytes(7))
    (folder / "long_header.safetensors").write_bytes(struct.pack("<Q", 2**63) + b"{}")
    (folder / "empty_header.safetensors").write_bytes(struct.pack("<Q", 0))


def stand_in(module, name):
    """A class that pickles as module.name, as torch's own would."""
    made = type(name, (), {"__module__": module})
    sys.modules.setdefault(module, types.ModuleType(module))
    setattr(sys.modules[module], name, made)
    return made


FloatStorage, BFloat16Storage, LongStorage = (stand_in("torch", n) for n in ("FloatStorage", "BFloat16Storage", "LongStorage"))


def rebuild(*_):
    """torch._utils._rebuild_tensor_v2, as far as pickle sees it."""


rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
sys.modules["torch._utils"] = types.ModuleType("torch._utils")
sys.modules["torch._utils"]._rebuild_tensor_v2 = rebuild


class Storage:
    def __init__(self, key, kind, data, size):
        self.key, self.kind, self.data, self.size = key, kind, data, size


class Tensor:
    def __init__(self, storage, offset, shape, stride):
        self.parts = (storage, offset, shape, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return rebuild, self.parts


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def save(path, value, storages, protocol=2):
    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                return ("storage", thing.kind, thing.key, "cpu", thing.size)
            return None

    out = io.BytesIO()
    Pickler(out, protocol).dump(value)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        members = [("data.pkl", out.getvalue()), ("byteorder", b"little"), ("version", b"3\n")]
        for name, data in members + [(f"data/{s.key}", s.data) for s in storages]:
            archive.writestr(zipfile.ZipInfo(f"{path.stem}/{name}"), data)


def name_again(path, name, others):
    """More entries of the zip's directory for the bytes of `name`: a small file that says it holds much."""
    raw = path.read_bytes()
    end = raw.rindex(b"PK\5\6")
    count, size, start = struct.unpack_from("<HII", raw, end + 10)
    directory = raw[start : start + size]
    entry = directory[directory.rindex(b"PK\1\2", 0, directory.index(name.encode())) :]
    entry = entry[: 46 + sum(struct.unpack_from("<3H", entry, 28))]
    directory += b"".join(entry.replace(name.encode(), other.encode()) for other in others)
    count += len(others)
    path.write_bytes(raw[:start] + directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), start, 0))


def torch_seeds(folder):
    folder.mkdir(parents=True, exist_ok=True)
    table = Storage("0", FloatStorage, struct.pack("<6f", *(i - 2.5 for i in range(6))), 6)
    half = Storage("1", BFloat16Storage, struct.pack("<3H", 0x3F80, 0x3F80, 0x3F80), 3)
    count = Storage("2", LongStorage, struct.pack("<q", 3), 1)
    plain = {
        "layer.weight": Tensor(table, 0, (2, 3), (3, 1)),
        "row": Tensor(table, 3, (3,), (1,)),
        "half": Tensor(half, 0, (3,), (1,)),
        "count": Tensor(count, 0, (), ()),
    }
    every = [table, half, count]
    ordered = collections.OrderedDict(plain)
    ordered._metadata = collections.OrderedDict([("", {"version": 1})])
    save(folder / "ordered.pth", ordered, every)
    save(folder / "plain.pth", plain, every)
    save(folder / "protocol4.pth", plain, every, 4)
    save(folder / "transposed.pth", {"t": Tensor(table, 0, (3, 2), (1, 3))}, [table])
    save(folder / "outside.pth", {"t": Tensor(table, 4, (3,), (1,))}, [table])
    save(folder / "evil.pth", {"a": Evil()}, [])
    large = [Storage(str(i), FloatStorage, bytes(4000), 1000) for i in range(4)]
    save(folder / "again.pth", {f"t{s.key}": Tensor(s, 0, (1000,), (1,)) for s in large}, large[:1])
    name_again(folder / "again.pth", "again/data/0", [f"again/data/{i}" for i in (1, 2, 3)])
    save(folder / "nested.pth", {"epoch": 3, "model": plain}, every)


if __name__ == "__main__":
    safetensors_seeds(ROOT / "safetensors")
    torch_seeds(ROOT / "torch_file")
