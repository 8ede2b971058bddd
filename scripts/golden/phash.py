"""Perceptual hashes of the committed pictures by ImageHash (imagehash.phash), for tests/data/image/phash.txt.
Needs Pillow before 13, which resizes in another order.

Pictures that Pillow and the codec decode alike in mode RGB; grey of RGB is Pillow's convert("L").
Usage: python phash.py tests/data > tests/data/image/phash.txt
"""

import pathlib
import sys

import imagehash
import PIL
from PIL import Image

root = pathlib.Path(sys.argv[1])
print(f"# imagehash {imagehash.__version__}, Pillow {PIL.__version__}")
folders = ["fixtures/image/files", "fixtures/image/pictures", "image/modes/png", "image/modes/jpeg", "image/modes/bmp"]
for folder in folders:
    for file in sorted((root / folder).iterdir()):
        if file.suffix.lower() not in (".png", ".jpg", ".jpeg", ".bmp"):
            continue
        # A broken picture, and three that Pillow 12.0 reads in another way than 12.3, whose pixels the codec gives.
        if file.stem in ("rows_missing", "ramp4", "rle4", "rle8_delta"):
            continue
        try:
            with Image.open(file) as picture:
                rgb = picture.convert("RGB")
        except (OSError, ValueError):
            continue
        small = rgb.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
        if len(set(small.tobytes())) == 1:
            continue
        print(imagehash.phash(rgb), file.relative_to(root).as_posix())
