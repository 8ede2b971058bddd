#!/usr/bin/env python3
"""What OpenCV makes of small pictures with INTER_AREA and imencode(".jpg"): area_golden.py > tests/data/image/area.csv

Needs opencv-python-headless and numpy. Pixel i of a picture is (i * i * 7 + i * 13) % 251, so the test can make them again.
"""

import hashlib

import cv2
import numpy

SIZES = [  # width, height -> width, height
    (64, 48, 32, 24), (64, 48, 16, 12), (60, 45, 20, 15), (100, 75, 51, 38), (97, 61, 40, 25), (33, 57, 32, 56), (640, 480, 512, 384),
    (50, 20, 7, 3), (13, 11, 1, 1), (256, 200, 85, 66), (900, 900, 512, 512), (20, 10, 40, 20), (20, 10, 33, 17), (7, 9, 64, 82), (31, 50, 32, 25),
]

cv2.setUseOptimized(False)
print("width,height,channels,to_width,to_height,pixels,jpeg")
for width, height, to_width, to_height in SIZES:
    for channels in (1, 3):
        i = numpy.arange(width * height * channels, dtype=numpy.int64)
        picture = ((i * i * 7 + i * 13) % 251).astype(numpy.uint8).reshape(height, width, channels)
        small = cv2.resize(picture, (to_width, to_height), interpolation=cv2.INTER_AREA).reshape(to_height, to_width, channels)
        blue_first = numpy.ascontiguousarray(small[:, :, ::-1])
        jpeg = cv2.imencode(".jpg", blue_first)[1].tobytes()
        print(width, height, channels, to_width, to_height, hashlib.sha256(small.tobytes()).hexdigest(), hashlib.sha256(jpeg).hexdigest(), sep=",")
