#!/usr/bin/env python3
"""What Pillow makes of every file that image_files.py can make: tests/data/image/modes/ and its golden.json.

  python3 -m venv v && v/bin/pip install 'pillow==12.*' numpy && v/bin/python scripts/golden/image_golden.py
"""

import hashlib
import io
import json
import pathlib
import sys
import warnings

import PIL
from PIL import Image, features

import image_files

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/data/image/modes"


def verdict(data):
    """The RGB pixels as Pillow gives them, or the exception that says it does not."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            mode = image.mode
            rgb = image.convert("RGB")
        return {"width": rgb.width, "height": rgb.height, "mode": mode,
                "rgb_sha256": hashlib.sha256(rgb.tobytes()).hexdigest()}
    except Exception as error:  # whatever it is, the picture is refused
        return {"refused": type(error).__name__}


def main():
    if int(PIL.__version__.split(".")[0]) != 12:
        sys.exit("needs Pillow 12: another version may decode differently")
    warnings.simplefilter("ignore")
    cases = []
    for name, files_of in image_files.FORMATS.items():
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for file, data in files_of().items():
            (folder / file).write_bytes(data)
            cases.append({"file": f"{name}/{file}", **verdict(data)})
    versions = {"pillow": PIL.__version__, **{f: features.version(f) for f in ("libjpeg_turbo", "zlib", "libtiff", "webp")}}
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    (FOLDER / "golden.json").write_text(
        '{\n  "made_by": "scripts/golden/image_golden.py",\n  "versions": %s,\n  "cases": [\n%s\n  ]\n}\n'
        % (json.dumps(versions), lines))
    print(len(cases), "files,", sum("refused" in c for c in cases), "of them refused")


if __name__ == "__main__":
    main()
