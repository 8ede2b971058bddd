"""Makes small picture files of every kind that the codec reads, for image_golden.py and the fuzz corpora.

Writers of PNG, BMP and TIFF are spelled out here because Pillow cannot write most of their variants.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def pattern(width, height, samples, most, seed=7):
    """Smooth ramps with some noise: integers 0..most, [height][width][samples]."""
    rng = np.random.default_rng(seed + 31 * width + height)
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * (c + 1) / max(1, width - 1) + y * (3 - c) / max(1, height - 1)) % 1.0 for c in range(samples)]
    noise = rng.random((height, width, samples)) * 0.08
    return np.clip((np.stack(planes, -1) + noise) * most, 0, most).astype(np.int64)


# PNG ------------------------------------------------------------------------------------------------------------------

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(name, data, crc=None):
    crc = zlib.crc32(name + data) if crc is None else crc
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)


def packed_row(values, bits):
    """Samples of one row to bytes, most significant first."""
    flat = values.reshape(-1)
    if bits == 16:
        return flat.astype(">u2").tobytes()
    if bits == 8:
        return flat.astype(np.uint8).tobytes()
    per_byte = 8 // bits
    flat = np.concatenate([flat, np.zeros(-len(flat) % per_byte, flat.dtype)])
    shifts = np.arange(per_byte - 1, -1, -1) * bits
    return (flat.reshape(-1, per_byte) << shifts).sum(1).astype(np.uint8).tobytes()


def filtered(kind, row, above, distance):
    out = bytearray([kind])
    for i, value in enumerate(row):
        left = row[i - distance] if i >= distance else 0
        corner = above[i - distance] if i >= distance else 0
        up = above[i]
        if kind == 4:
            p = left + up - corner
            guess = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]
        else:
            guess = (0, left, up, (left + up) // 2)[kind]
        out.append((value - guess) & 255)
    return bytes(out)


def png_rows(pixels, bits, kinds):
    distance = max(1, pixels.shape[2] * bits // 8)
    rows, above = [], None
    for y in range(pixels.shape[0]):
        row = packed_row(pixels[y], bits)
        rows.append(filtered(kinds[y % len(kinds)], row, above or bytes(len(row)), distance))
        above = row
    return b"".join(rows)


def png(pixels, bits, colour, interlaced=False, kinds=(0, 1, 2, 3, 4), before=(), after=(), pieces=1):
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    if interlaced:
        parts = [pixels[fy::sy, fx::sx] for fx, fy, sx, sy in ADAM7]
        raw = b"".join(png_rows(part, bits, kinds) for part in parts if part.size)
    else:
        raw = png_rows(pixels, bits, kinds)
    packed = zlib.compress(raw, 9)
    step = -(-len(packed) // pieces)
    data = b"".join(chunk(b"IDAT", packed[i : i + step]) for i in range(0, len(packed), step))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*c) for c in before) + data
        + b"".join(chunk(*c) for c in after) + chunk(b"IEND", b"")
    )


def palette_bytes(colours):
    return pattern(colours, 1, 3, 255, seed=3).astype(np.uint8).tobytes()


def png_files():
    files = {}
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        name = {0: "grey", 2: "rgb", 3: "palette", 4: "grey_alpha", 6: "rgba"}[colour]
        for bits in depths:
            for interlaced in (False, True):
                pixels = pattern(29, 19, SAMPLES[colour], (1 << bits) - 1)
                before = [(b"PLTE", palette_bytes(min(256, 1 << bits)))] if colour == 3 else []
                way = "_interlaced" if interlaced else ""
                files[f"{name}{bits}{way}.png"] = png(pixels, bits, colour, interlaced, before=before)
    grey, rgb = pattern(29, 19, 1, 255), pattern(29, 19, 3, 255)
    four = pattern(29, 19, 1, 15)
    files["palette8_trns.png"] = png(
        grey, 8, 3, before=[(b"PLTE", palette_bytes(256)), (b"tRNS", bytes(range(0, 250, 7)))])
    files["palette4_short.png"] = png(four, 4, 3, before=[(b"PLTE", palette_bytes(5))])
    files["palette8_partial_triple.png"] = png(grey, 8, 3, before=[(b"PLTE", palette_bytes(100)[:-2])])
    files["palette4_none.png"] = png(four, 4, 3)
    files["palette_too_long.png"] = png(grey, 8, 3, before=[(b"PLTE", palette_bytes(257))])
    files["grey8_trns.png"] = png(grey, 8, 0, before=[(b"tRNS", b"\0\x10")])
    files["rgb8_trns.png"] = png(rgb, 8, 2, before=[(b"tRNS", b"\0\x10\0\x20\0\x30")])
    files["rgb8_trns_short.png"] = png(rgb, 8, 2, before=[(b"tRNS", b"\0\x10")])
    files["grey16_small_values.png"] = png(pattern(29, 19, 1, 600), 16, 0)
    files["grey8_gamma.png"] = png(
        grey, 8, 0, before=[(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", bytes(32)), (b"sRGB", b"\0"),
                            (b"pHYs", bytes(9)), (b"tEXt", b"Comment\0hello"), (b"iCCP", b"p\0\0" + zlib.compress(b"x" * 999))])
    files["rgb8_exif6.png"] = png(rgb, 8, 2, before=[(b"eXIf", exif_block(6))])
    files["rgb8_many_pieces.png"] = png(rgb, 8, 2, pieces=40)
    files["rgba8_interlaced_pieces.png"] = png(pattern(29, 19, 4, 255), 8, 6, True, pieces=17)
    files["one_pixel.png"] = png(rgb[:1, :1], 8, 2)
    files["one_pixel_interlaced.png"] = png(grey[:1, :1], 8, 0, True)
    files["narrow_interlaced.png"] = png(rgb[:, :3], 8, 2, True)
    files["flat_interlaced.png"] = png(pattern(5, 2, 1, 1), 1, 0, True)
    for kind in range(5):
        files[f"rgb8_filter{kind}.png"] = png(rgb, 8, 2, kinds=(kind,))
        files[f"grey8_filter{kind}.png"] = png(grey, 8, 0, kinds=(kind,))
    files["bad_filter.png"] = png_with_rows(29, 19, b"".join(b"\5" + bytes(29) for _ in range(19)))
    files["rows_missing.png"] = png_with_rows(29, 19, b"".join(b"\0" + bytes([90]) * 29 for _ in range(7)))
    files["rows_missing_half.png"] = png_with_rows(29, 19, b"\0" + bytes([90]) * 29 + b"\0\1\2")
    files["rows_too_many.png"] = png_with_rows(29, 19, (b"\0" + bytes([90]) * 29) * 50)
    whole = files["rgb8.png"]
    at = whole.index(b"IDAT")
    length = struct.unpack(">I", whole[at - 4 : at])[0]
    files["data_checksum_wrong.png"] = whole[: at + 4 + length] + b"\1\2\3\4" + whole[at + 8 + length :]
    files["no_end_chunk.png"] = whole[: at + 8 + length]
    files["no_data_checksum.png"] = whole[: at + 4 + length]
    files["no_adler.png"] = whole[: at + length]
    files["header_checksum_wrong.png"] = whole.replace(whole[29:33], b"\1\2\3\4", 1)
    files["text_checksum_wrong.png"] = png(rgb, 8, 2, before=[(b"tEXt", b"a\0b", 1)])
    files["text_after_checksum_wrong.png"] = png(rgb, 8, 2, after=[(b"tEXt", b"a\0b", 1)])
    files["profile_bomb.png"] = png(grey, 8, 0, before=[(b"iCCP", b"p\0\0" + zlib.compress(bytes(3 << 20)))])
    files["text_bomb.png"] = png(grey, 8, 0, before=[(b"zTXt", b"k\0\0" + zlib.compress(bytes(3 << 20)))])
    files["text_bomb_international.png"] = png(
        grey, 8, 0, before=[(b"iTXt", b"k\0\1\0en\0k\0" + zlib.compress(bytes(3 << 20)))])
    files["text_bomb_after.png"] = png(grey, 8, 0, after=[(b"zTXt", b"k\0\0" + zlib.compress(bytes(3 << 20)))])
    files["profile_broken.png"] = png(grey, 8, 0, before=[(b"iCCP", b"p\0\0not zlib")])
    files["profile_method.png"] = png(grey, 8, 0, before=[(b"iCCP", b"p\0\1")])
    files["bits_unknown.png"] = png(grey, 8, 0).replace(b"\x08\0\0\0\0", b"\x03\0\0\0\0", 1)
    frames = io.BytesIO()
    pictures = [Image.fromarray(rgb.astype(np.uint8)), Image.fromarray((255 - rgb).astype(np.uint8))]
    pictures[0].save(frames, "PNG", save_all=True, append_images=pictures[1:], duration=50)
    files["animated.png"] = frames.getvalue()
    return files


def png_with_rows(width, height, rows, bits=8, colour=0):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def exif_block(orientation, order="<"):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


# JPEG -----------------------------------------------------------------------------------------------------------------


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def jpeg_files():
    files = {}
    rgb = Image.fromarray(pattern(45, 33, 3, 255).astype(np.uint8))
    grey = rgb.convert("L")
    cmyk = Image.fromarray(pattern(45, 33, 4, 255).astype(np.uint8), "CMYK")
    for quality in (5, 50, 95, 100):
        for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
            for progressive in (False, True):
                way = "_progressive" if progressive else ""
                files[f"rgb_q{quality}_{name}{way}.jpg"] = jpeg(
                    rgb, quality=quality, subsampling=subsampling, progressive=progressive)
    for progressive in (False, True):
        way = "_progressive" if progressive else ""
        files[f"grey{way}.jpg"] = jpeg(grey, quality=80, progressive=progressive)
        files[f"cmyk{way}.jpg"] = jpeg(cmyk, quality=90, progressive=progressive)
    files["rgb_kept.jpg"] = jpeg(rgb, quality=90, keep_rgb=True)
    files["restart_markers.jpg"] = jpeg(rgb, quality=75, restart_marker_blocks=2)
    files["ycck.jpg"] = with_adobe_transform(jpeg(cmyk, quality=90), 2)
    files["rgb_adobe0.jpg"] = with_adobe_marker(jpeg(rgb, quality=90, subsampling=0), 0)
    for orientation in range(1, 9):
        exif = b"Exif\0\0" + exif_block(orientation, "<" if orientation % 2 else ">")
        files[f"exif{orientation}.jpg"] = jpeg(rgb, quality=60, exif=exif)
    files["profile.jpg"] = jpeg(rgb, quality=60, icc_profile=b"not a real profile" * 50, comment=b"hello")
    for width, height in ((1, 1), (7, 9), (8, 8), (16, 16), (17, 33)):
        files[f"size_{width}x{height}.jpg"] = jpeg(rgb.crop((0, 0, width, height)), quality=85)
    whole = files["rgb_q95_420.jpg"]
    files["no_end.jpg"] = whole[:-2]
    files["cut.jpg"] = whole[: len(whole) * 2 // 3]
    files["cut_but_ended.jpg"] = whole[: len(whole) * 2 // 3] + b"\xff\xd9"
    files["twelve_bits.jpg"] = whole.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c", 1)
    files["junk_between.jpg"] = whole[:20] + b"\0\0\0" + whole[20:]
    files["padded_markers.jpg"] = whole[:20] + b"\xff\xff\xff" + whole[20:]
    files["junk_after.jpg"] = whole + b"junk" * 9
    return files


def with_adobe_transform(data, transform):
    at = data.index(b"Adobe")
    return data[: at + 11] + bytes([transform]) + data[at + 12 :]


def with_adobe_marker(data, transform):
    at = data.index(b"\xff\xe0")
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    marker = b"\xff\xee" + struct.pack(">H", 14) + b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform)
    return data[:at] + marker + data[at + 2 + length :]


# BMP ------------------------------------------------------------------------------------------------------------------


def bmp(width, height, bits, rows, palette=b"", compression=0, masks=(), size=40, top_down=False, colours=0,
        step_of_offset=0):
    """rows: bytes of all rows in file order, already padded."""
    if size == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", size, width, -height if top_down else height, 1, bits, compression,
                           len(rows), 2835, 2835, colours, 0)
        extra = struct.pack(f"<{len(masks)}I", *masks) if size > 40 else b""
        info += extra + bytes(max(0, size - 40 - len(extra)))
    after = struct.pack(f"<{len(masks)}I", *masks) if masks and size == 40 else b""
    offset = 14 + len(info) + len(after) + len(palette) + step_of_offset
    return struct.pack("<2sIHHI", b"BM", offset + len(rows), 0, 0, offset) + info + after + palette + rows


def padded(rows):
    return b"".join(row + bytes(-len(row) % 4) for row in rows)


def bmp_files():
    files = {}
    width, height = 29, 11
    bgr = pattern(width, height, 3, 255).astype(np.uint8)
    four = pattern(width, height, 4, 255).astype(np.uint8)
    wide = pattern(width, height, 1, 65535).astype("<u2")

    def indices(bits):
        values = pattern(width, height, 1, (1 << bits) - 1)
        return padded([packed_row(values[y], bits) for y in range(height)])

    def colours(count, step=4):
        table = np.zeros((count, step), np.uint8)
        table[:, :3] = np.frombuffer(palette_bytes(count), np.uint8).reshape(count, 3)
        return table.tobytes()

    def ramp(count):
        values = [0, 255] if count == 2 else range(count)
        return b"".join(bytes([v & 255] * 3 + [0]) for v in values)

    for bits in (1, 4, 8):
        files[f"palette{bits}.bmp"] = bmp(width, height, bits, indices(bits), colours(1 << bits))
        files[f"palette{bits}_os2.bmp"] = bmp(width, height, bits, indices(bits), colours(1 << bits, 3), size=12)
        files[f"ramp{bits}.bmp"] = bmp(width, height, bits, indices(bits), ramp(1 << bits))
    files["palette8_short.bmp"] = bmp(width, height, 8, indices(8), colours(40), colours=40)
    files["palette8_long.bmp"] = bmp(width, height, 8, indices(8), colours(300), colours=300)
    files["ramp8_two.bmp"] = bmp(width, height, 8, indices(8), ramp(2), colours=2)
    files["palette4_top_down.bmp"] = bmp(width, height, 4, indices(4), colours(16), top_down=True)
    rows24 = padded([bgr[y].tobytes() for y in range(height)])
    rows32 = padded([four[y].tobytes() for y in range(height)])
    rows16 = padded([wide[y].tobytes() for y in range(height)])
    files["rgb24.bmp"] = bmp(width, height, 24, rows24)
    files["rgb24_os2.bmp"] = bmp(width, height, 24, rows24, size=12)
    files["rgb24_top_down.bmp"] = bmp(width, height, 24, rows24, top_down=True)
    files["rgb24_gap.bmp"] = bmp(width, height, 24, bytes(9) + rows24, step_of_offset=9)[: -9]
    files["rgb24_cut.bmp"] = bmp(width, height, 24, rows24)[:-40]
    files["rgb24_last_padding_cut.bmp"] = bmp(width, height, 24, rows24)[:-1]
    files["rgb32.bmp"] = bmp(width, height, 32, rows32)
    files["rgb16.bmp"] = bmp(width, height, 16, rows16)
    for size in (52, 56, 64, 108, 124):
        files[f"rgb24_header{size}.bmp"] = bmp(width, height, 24, rows24, size=size)
        files[f"rgb32_masks_header{size}.bmp"] = bmp(
            width, height, 32, rows32, compression=3, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)[: 3 if size == 52 else 4],
            size=size)
    for name, masks in {"565": (0xF800, 0x7E0, 0x1F), "555": (0x7C00, 0x3E0, 0x1F), "444": (0xF00, 0xF0, 0xF)}.items():
        files[f"rgb16_masks{name}.bmp"] = bmp(width, height, 16, rows16, compression=3, masks=masks)
    for name, masks in {
        "bgrx": (0xFF0000, 0xFF00, 0xFF, 0), "xbgr": (0xFF000000, 0xFF0000, 0xFF00, 0), "bgxr": (0xFF000000, 0xFF00, 0xFF, 0),
        "abgr": (0xFF000000, 0xFF0000, 0xFF00, 0xFF), "rgba": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        "bgar": (0xFF000000, 0xFF00, 0xFF, 0xFF0000), "none": (0, 0, 0, 0), "odd": (0xFF, 0xFF0000, 0xFF00, 0),
    }.items():
        files[f"rgb32_{name}.bmp"] = bmp(width, height, 32, rows32, compression=3, masks=masks, size=56)
    files["rgb32_masks_behind.bmp"] = bmp(width, height, 32, rows32, compression=3, masks=(0xFF0000, 0xFF00, 0xFF))
    runs = b"".join(bytes([20, y, 0, 3, 1, 2, y, 0, 6, 200, 0, 0]) for y in range(height)) + b"\0\1"
    files["rle8.bmp"] = bmp(width, height, 8, runs, colours(256), compression=1)
    files["rle8_grey.bmp"] = bmp(width, height, 8, runs, ramp(256), compression=1)
    delta = bytes([10, 77, 0, 2, 5, 3]) + bytes([255, 9]) + b"\0\0" + b"".join(bytes([width, y, 0, 0]) for y in range(height))
    files["rle8_delta.bmp"] = bmp(width, height, 8, delta, colours(256), compression=1)
    files["rle8_short.bmp"] = bmp(width, height, 8, runs[:40] + b"\0\1", colours(256), compression=1)
    nibbles = b"".join(bytes([21, 0x5A, 0, 6, 0x12, 0x34, 0x56, 0, 2, 0x77, 0, 0]) for _ in range(height)) + b"\0\1"
    files["rle4.bmp"] = bmp(width, height, 4, nibbles, colours(16), compression=2)
    files["rle4_odd.bmp"] = bmp(width, height, 4, bytes([0, 5, 0x12, 0x34, 0x56, 0]) * 80, colours(16), compression=2)
    files["bits_unknown.bmp"] = bmp(width, height, 2, indices(2), colours(4))
    files["compression_unknown.bmp"] = bmp(width, height, 24, rows24, compression=4)
    files["header_unknown.bmp"] = bmp(width, height, 24, rows24, size=48)
    return files


# TIFF -----------------------------------------------------------------------------------------------------------------


def tiff(pixels, bits, photometric, order="<", planar=1, tile=None, rows_per_strip=None, tags=(), kind=1, compression=1,
         raw=None):
    """pixels [height][width][samples] of integers (or floats: kind 3), one directory, uncompressed or deflated (8)."""
    height, width, samples = pixels.shape
    dtype = {(8, 1): "u1", (8, 2): "i1", (16, 1): "u2", (16, 2): "i2", (32, 1): "u4", (32, 2): "i4", (32, 3): "f4"}.get((bits, kind))

    def encoded(block):
        rows = []
        for row in block:
            rows.append(row.astype(order + dtype).tobytes() if dtype else packed_row(row, bits) if bits != 12 else packed12(row))
        data = b"".join(rows)
        return zlib.compress(data) if compression == 8 else data

    planes = [pixels] if planar == 1 else [pixels[..., c : c + 1] for c in range(samples)]
    blocks = []
    for plane in planes:
        if tile:
            for y in range(0, height, tile[1]):
                for x in range(0, width, tile[0]):
                    block = np.zeros((tile[1], tile[0], plane.shape[2]), plane.dtype)
                    part = plane[y : y + tile[1], x : x + tile[0]]
                    block[: part.shape[0], : part.shape[1]] = part
                    blocks.append(encoded(block))
        else:
            step = rows_per_strip or height
            blocks += [encoded(plane[y : y + step]) for y in range(0, height, step)]
    entries = {256: [width], 257: [height], 258: [bits] * samples, 259: [compression], 262: [photometric], 277: [samples],
               284: [planar], 339: [kind] * samples}
    if tile:
        entries.update({322: [tile[0]], 323: [tile[1]], 324: None, 325: None})
    else:
        entries.update({273: None, 278: [rows_per_strip or height], 279: None})
    entries.update(dict(tags))
    where, lengths = (324, 325) if tile else (273, 279)
    entries[lengths] = [len(b) for b in blocks]
    entries[where] = [0] * len(blocks)
    long_tags = {where, lengths}

    def directory(offsets):
        entries[where] = offsets
        start = 8 + 2 + 12 * len(entries) + 4
        body, extra = b"", b""
        for tag in sorted(entries):
            values = entries[tag]
            letter, code = ("I", 4) if tag in long_tags else ("H", 3)
            data = struct.pack(f"{order}{len(values)}{letter}", *values)
            if len(data) <= 4:
                body += struct.pack(order + "HHI", tag, code, len(values)) + data + bytes(4 - len(data))
            else:
                body += struct.pack(order + "HHII", tag, code, len(values), start + len(extra))
                extra += data + bytes(len(data) % 2)
        return struct.pack(order + "H", len(entries)) + body + struct.pack(order + "I", 0) + extra

    size = 8 + len(directory([0] * len(blocks)))
    offsets = []
    for block in blocks:
        offsets.append(size)
        size += len(block)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", 8) + directory(offsets) + b"".join(blocks)


def packed12(row):
    flat = list(row.reshape(-1)) + [0] * (row.size % 2)
    return b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in zip(flat[::2], flat[1::2]))


def tiff_files():
    files = {}
    width, height = 29, 19
    p = lambda samples, most: pattern(width, height, samples, most)
    colour_map = lambda bits: (320, [int(v) * 257 for c in range(3) for v in
                                     np.frombuffer(palette_bytes(1 << bits), np.uint8).reshape(-1, 3)[:, c]])
    for order, end in (("<", "le"), (">", "be")):
        for bits in (1, 2, 4, 8, 16):
            for photometric, name in ((0, "white"), (1, "black")):
                files[f"grey{bits}_{name}_{end}.tif"] = tiff(p(1, (1 << bits) - 1), bits, photometric, order, rows_per_strip=5)
        for bits in (8, 16):
            files[f"rgb{bits}_{end}.tif"] = tiff(p(3, (1 << bits) - 1), bits, 2, order, rows_per_strip=7)
            files[f"cmyk{bits}_{end}.tif"] = tiff(p(4, (1 << bits) - 1), bits, 5, order)
            for extra in (0, 1, 2):
                files[f"rgba{bits}_extra{extra}_{end}.tif"] = tiff(p(4, (1 << bits) - 1), bits, 2, order, tags=[(338, [extra])])
        files[f"grey32_{end}.tif"] = tiff(p(1, 400), 32, 1, order)
        files[f"grey32_signed_{end}.tif"] = tiff(p(1, 800) - 300, 32, 1, order, kind=2)
        files[f"grey16_signed_{end}.tif"] = tiff(p(1, 800) - 300, 16, 1, order, kind=2)
        files[f"float_{end}.tif"] = tiff(p(1, 4000) / 10.0 - 50, 32, 1, order, kind=3)
        files[f"grey16_small_{end}.tif"] = tiff(p(1, 600), 16, 1, order)
    files["grey12.tif"] = tiff(p(1, 600), 12, 1)
    files["grey8_signed.tif"] = tiff(p(1, 255) - 128, 8, 1, kind=2)
    files["grey_alpha8.tif"] = tiff(p(2, 255), 8, 1, tags=[(338, [2])])
    files["rgb8_no_extra_tag.tif"] = tiff(p(4, 255), 8, 2)
    files["rgb8_two_extra.tif"] = tiff(p(5, 255), 8, 2, tags=[(338, [0, 0])])
    for bits in (1, 2, 4, 8):
        files[f"palette{bits}.tif"] = tiff(p(1, (1 << bits) - 1), bits, 3, tags=[colour_map(bits)])
    files["rgb8_planes.tif"] = tiff(p(3, 255), 8, 2, planar=2, rows_per_strip=6)
    files["rgb8_planes_deflate.tif"] = tiff(p(3, 255), 8, 2, planar=2, rows_per_strip=6, compression=8)
    files["rgba8_planes_deflate.tif"] = tiff(p(4, 255), 8, 2, planar=2, compression=8, tags=[(338, [1])])
    files["rgb16_planes_deflate.tif"] = tiff(p(3, 65535), 16, 2, planar=2, compression=8)
    files["cmyk8_planes_deflate.tif"] = tiff(p(4, 255), 8, 5, planar=2, compression=8)
    for compression in (1, 8):
        way = "_deflate" if compression == 8 else ""
        files[f"rgb8_tiles{way}.tif"] = tiff(p(3, 255), 8, 2, tile=(16, 16), compression=compression)
        files[f"grey16_tiles{way}.tif"] = tiff(p(1, 600), 16, 1, ">", tile=(16, 16), compression=compression)
        files[f"grey16_be{way}_strips.tif"] = tiff(p(1, 600), 16, 1, ">", rows_per_strip=4, compression=compression)
        files[f"rgb16{way}.tif"] = tiff(p(3, 65535), 16, 2, ">", compression=compression)
        files[f"grey1_white{way}_rows.tif"] = tiff(p(1, 1), 1, 0, rows_per_strip=3, compression=compression)
    files["rgb8_planes_tiles_deflate.tif"] = tiff(p(3, 255), 8, 2, planar=2, tile=(16, 16), compression=8)
    for orientation in range(1, 9):
        files[f"orientation{orientation}.tif"] = tiff(p(3, 255), 8, 2, tags=[(274, [orientation])])
    whole = files["rgb8_le.tif"]
    files["cut.tif"] = whole[:-100]
    files["directory_loop.tif"] = loop(whole)
    rgb = Image.fromarray(p(3, 255).astype(np.uint8))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "tiff_deflate"):
        out = io.BytesIO()
        rgb.save(out, "TIFF", compression=compression)
        files[f"rgb_{compression}.tif"] = out.getvalue()
    for compression in ("group3", "group4"):
        out = io.BytesIO()
        rgb.convert("1").save(out, "TIFF", compression=compression)
        files[f"bilevel_{compression}.tif"] = out.getvalue()
    out = io.BytesIO()
    rgb.convert("YCbCr").save(out, "TIFF", compression="jpeg")
    files["ycbcr_jpeg.tif"] = out.getvalue()
    out = io.BytesIO()
    rgb.save(out, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    files["rgb_lzw_predictor.tif"] = out.getvalue()
    out = io.BytesIO()
    rgb.save(out, "TIFF", save_all=True, append_images=[rgb.rotate(90)])
    files["two_pages.tif"] = out.getvalue()
    return files


def loop(data):
    """The next directory is the first one again."""
    count = struct.unpack("<H", data[8:10])[0]
    at = 10 + 12 * count
    return data[:at] + struct.pack("<I", 8) + data[at + 4 :]


# WebP -----------------------------------------------------------------------------------------------------------------


def webp_files():
    rgb = Image.fromarray(pattern(45, 33, 3, 255).astype(np.uint8))
    rgba = Image.fromarray(pattern(45, 33, 4, 255).astype(np.uint8), "RGBA")

    def webp(image, **options):
        out = io.BytesIO()
        image.save(out, "WEBP", **options)
        return out.getvalue()

    files = {f"lossy_q{q}.webp": webp(rgb, quality=q) for q in (5, 60, 95)}
    files["lossless.webp"] = webp(rgb, lossless=True)
    files["lossy_alpha.webp"] = webp(rgba, quality=70)
    files["lossless_alpha.webp"] = webp(rgba, lossless=True, exact=True)
    files["exif6.webp"] = webp(rgb, quality=60, exif=b"Exif\0\0" + exif_block(6))
    files["animated.webp"] = webp(rgb, save_all=True, append_images=[rgb.rotate(180)], duration=40)
    files["animated_alpha.webp"] = webp(rgba, save_all=True, append_images=[rgba.rotate(180)], lossless=True)
    files["one_pixel.webp"] = webp(rgb.crop((0, 0, 1, 1)))
    files["odd.webp"] = webp(rgb.crop((0, 0, 17, 9)), quality=80)
    files["cut.webp"] = files["lossy_q95.webp"][:-60]
    return files


FORMATS = {"png": png_files, "jpeg": jpeg_files, "bmp": bmp_files, "tiff": tiff_files, "webp": webp_files}
