#!/usr/bin/env python3
"""What Pillow makes of cut and damaged files: tests/data/image/damage_golden.json.

Every base file is cut at each 1 %, and bytes are changed by a generator that tests/adapters/imaging/damage_test.cc has
too. One word per case: "-" for refused, else the CRC-32 of the RGB pixels.

  python3 -m venv v && v/bin/pip install 'pillow==12.*' numpy && v/bin/python scripts/golden/damage_golden.py
"""

import io
import json
import pathlib
import sys
import warnings
import zlib

import PIL
from PIL import Image

DATA = pathlib.Path(__file__).resolve().parents[2] / "tests/data/image"
BASES = {
    "files/rgb.png": 250, "files/gray.png": 150, "files/palette.png": 150, "modes/png/rgba8_interlaced.png": 150,
    "modes/png/rgb8_many_pieces.png": 150, "modes/png/grey16.png": 50,
    "files/q75_420.jpg": 200, "files/q60_420_progressive.jpg": 200, "files/gray.jpg": 100, "modes/jpeg/restart_markers.jpg": 100,
    "modes/bmp/rgb24.bmp": 50, "modes/bmp/palette4.bmp": 50, "modes/bmp/rle8.bmp": 100, "modes/bmp/rgb16_masks565.bmp": 50,
    "modes/tiff/rgb_tiff_lzw.tif": 100, "modes/tiff/rgb8_le.tif": 50, "modes/tiff/rgb8_planes_tiles_deflate.tif": 50,
    "modes/webp/lossy_q60.webp": 50, "modes/webp/lossless.webp": 50,
}


def generator(seed):
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        yield state >> 33


def damaged(data, case):
    random = generator(case)
    data = bytearray(data)
    for _ in range(1 + next(random) % 3):
        data[next(random) % len(data)] ^= 1 + next(random) % 255
    return bytes(data)


def verdict(data):
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "BMP", "TIFF", "WEBP"]) as image:
            if image.width * image.height > 4_000_000:
                return "-"  # claims far more than it holds; the codec refuses such before it takes memory
            rgb = image.convert("RGB")
        return f"{zlib.crc32(rgb.tobytes(), zlib.crc32(b'%dx%d' % rgb.size)):08x}"
    except Exception:
        return "-"


def main():
    if int(PIL.__version__.split(".")[0]) != 12:
        sys.exit("needs Pillow 12")
    warnings.simplefilter("ignore")
    cases = []
    for name, errors in BASES.items():
        folder = DATA.parent / "fixtures/image" if name.startswith("files/") else DATA
        data = (folder / name).read_bytes()
        cuts = [verdict(data[: len(data) * percent // 100]) for percent in range(100)]
        changes = [verdict(damaged(data, case)) for case in range(errors)]
        cases.append({"file": name, "cuts": " ".join(cuts), "changes": " ".join(changes)})
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    (DATA / "damage_golden.json").write_text(
        '{\n  "made_by": "scripts/golden/damage_golden.py",\n  "pillow": "%s",\n  "cases": [\n%s\n  ]\n}\n'
        % (PIL.__version__, lines))
    print(sum(BASES.values()), "changes,", 100 * len(BASES), "cuts")


if __name__ == "__main__":
    main()
