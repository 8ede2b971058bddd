"""A tiny Anomaly-OneVision checkpoint of other sizes than the official fixture, with what its eyes see, computed in double
by the formulas of the released code (shared facts: docs/anomaly_ov.md): python3 scripts/golden/anomaly_ov_golden.py [FOLDER]
(needs numpy and pillow < 13). Read by tests/adapters/anomaly_ov/vision_parity_test.cc."""

import json
import math
import pathlib
import struct
import sys

import numpy as np
import PIL
from PIL import Image

SEED, HIDDEN, HEADS, MLP, BLOCKS, EDGE, PATCH = 20261123, 24, 3, 40, 27, 200, 14
DIMS, CLASSES, ATTENTION, SCORING, LANGUAGE = 40, 12, 20, 32, 16  # DIMS > HIDDEN: the fixture has it the other way
GRID = EDGE // PATCH
TOKENS = GRID * GRID
LEVELS = (6, 12, 18, 24)
TOWER = "model.vision_tower.vision_tower.vision_model."
random = np.random.default_rng(SEED)


def bf16(values):
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def exact(values):
    """Rounded to what bfloat16 holds, so that the file says the same as the sums here."""
    return (bf16(values).astype(np.uint32) << 16).view(np.float32)


def normal(*shape, scale):
    return exact(random.normal(0, scale, shape))


def write(path, tensors):
    header, data = {}, b""
    for name, value in sorted(tensors.items()):
        kind, raw = ("BF16", bf16(value).tobytes()) if name.startswith("model.") else ("F32", np.float32(value).tobytes())
        header[name] = {"dtype": kind, "shape": list(np.shape(value)), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def linear_weights(name, out, into, bias=True):
    made = {name + ".weight": normal(out, into, scale=into**-0.5)}
    if bias:
        made[name + ".bias"] = normal(out, scale=0.1)
    return made


def model_weights():
    made = {
        TOWER + "embeddings.patch_embedding.weight": normal(HIDDEN, 3, PATCH, PATCH, scale=0.06),
        TOWER + "embeddings.patch_embedding.bias": normal(HIDDEN, scale=0.1),
        TOWER + "embeddings.position_embedding.weight": normal(TOKENS, HIDDEN, scale=0.3),
        TOWER + "post_layernorm.weight": normal(HIDDEN, scale=1),
        TOWER + "post_layernorm.bias": normal(HIDDEN, scale=1),
        "model.image_newline": normal(LANGUAGE, scale=1),
        "model.norm.weight": normal(LANGUAGE, scale=1),
        **linear_weights("model.mm_projector.0", LANGUAGE, HIDDEN),
        **linear_weights("model.mm_projector.2", LANGUAGE, LANGUAGE),
    }
    for block in range(BLOCKS):  # the last one is in the file too, and is not run
        name = f"{TOWER}encoder.layers.{block}."
        for norm in ("layer_norm1", "layer_norm2"):
            made[f"{name}{norm}.weight"] = exact(1 + random.normal(0, 0.1, HIDDEN))
            made[f"{name}{norm}.bias"] = normal(HIDDEN, scale=0.05)
        for part in ("q", "k", "v", "out"):
            made.update(linear_weights(f"{name}self_attn.{part}_proj", HIDDEN, HIDDEN))
        made.update(linear_weights(f"{name}mlp.fc1", MLP, HIDDEN))
        made.update(linear_weights(f"{name}mlp.fc2", HIDDEN, MLP))
    return made


def expert_weights():
    made = {"positive_embedding": normal(1, DIMS, scale=1), "negative_embedding": normal(1, DIMS, scale=1)}
    made.update(linear_weights("pooling_layer.0", 1, TOKENS))
    made.update(linear_weights("class_predictor.0", CLASSES, HIDDEN))
    made.update(linear_weights("class_predictor.2", CLASSES, CLASSES))
    for level in range(len(LEVELS)):
        made.update(linear_weights(f"siglip_adaptors.{level}", DIMS, HIDDEN))
        made.update(linear_weights(f"prompt_adaptors.{level}", DIMS, DIMS + CLASSES))
    made.update(linear_weights("q_former.query_proj", ATTENTION, HIDDEN))
    made.update(linear_weights("q_former.key_proj", ATTENTION, HIDDEN))
    made.update(linear_weights("final_predictor.0", SCORING, HIDDEN))
    made.update(linear_weights("final_predictor.2", 1, SCORING))
    return made


# From here on doubles.
def linear(weights, name, x):
    return x @ np.float64(weights[name + ".weight"]).T + np.float64(weights[name + ".bias"])


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def unit(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True))


def layer_norm(weights, name, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    return x * np.float64(weights[name + ".weight"]) + np.float64(weights[name + ".bias"])


def best_grid(width, height):
    best, most_kept, least_waste = None, 0, math.inf
    for i in range(1, 7):
        for j in range(1, 7):
            w, h = i * EDGE, j * EDGE
            scale = min(w / width, h / height)
            kept = min(int(width * scale) * int(height * scale), width * height)
            if kept > most_kept or (kept == most_kept and w * h - kept < least_waste):
                best, most_kept, least_waste = (w, h), kept, w * h - kept
    return best


def tiles_of(picture):
    w, h = best_grid(*picture.size)
    by_width, by_height = w / picture.width, h / picture.height
    if by_width < by_height:
        size = w, min(math.ceil(picture.height * by_width), h)
    else:
        size = min(math.ceil(picture.width * by_height), w), h
    canvas = Image.new("RGB", (w, h))
    canvas.paste(picture.resize(size), ((w - size[0]) // 2, (h - size[1]) // 2))
    tiles = [picture.resize((EDGE, EDGE))]
    tiles += [canvas.crop((x, y, x + EDGE, y + EDGE)) for y in range(0, h, EDGE) for x in range(0, w, EDGE)]
    bytes_ = np.stack([np.asarray(tile) for tile in tiles])
    scaled = np.float32(bytes_.astype(np.float64) * (1 / 255))
    return ((scaled - np.float32(0.5)) / np.float32(0.5)).transpose(0, 3, 1, 2)


def siglip(weights, pixels):
    side = GRID * PATCH
    cut = np.float64(pixels)[:, :, :side, :side].reshape(len(pixels), 3, GRID, PATCH, GRID, PATCH)
    cut = cut.transpose(0, 2, 4, 1, 3, 5).reshape(len(pixels), TOKENS, -1)
    patch = np.float64(weights[TOWER + "embeddings.patch_embedding.weight"]).reshape(HIDDEN, -1)
    x = cut @ patch.T + np.float64(weights[TOWER + "embeddings.patch_embedding.bias"])
    x = x + np.float64(weights[TOWER + "embeddings.position_embedding.weight"])
    found = {}
    for block in range(BLOCKS - 1):
        name = f"{TOWER}encoder.layers.{block}."
        normed = layer_norm(weights, name + "layer_norm1", x)
        heads = [
            linear(weights, f"{name}self_attn.{part}_proj", normed).reshape(len(x), TOKENS, HEADS, -1).transpose(0, 2, 1, 3)
            for part in "qkv"
        ]
        mixed = softmax(heads[0] @ heads[1].transpose(0, 1, 3, 2) / math.sqrt(HIDDEN / HEADS)) @ heads[2]
        x = x + linear(weights, name + "self_attn.out_proj", mixed.transpose(0, 2, 1, 3).reshape(x.shape))
        x = x + linear(weights, name + "mlp.fc2", gelu_tanh(linear(weights, name + "mlp.fc1", layer_norm(weights, name + "layer_norm2", x))))
        if block in LEVELS:
            found[f"level{block}"] = x
    return {**found, "final": x}


def pooled(values):
    """AdaptiveAvgPool2d(2) of [GRID, GRID, ...]."""
    low, high = slice(0, (GRID + 1) // 2), slice(GRID // 2, GRID)
    return np.stack([values[rows][:, columns].mean((0, 1)) for rows in (low, high) for columns in (low, high)])


def expert(model, weights, features, paper=False, look_back=True, split=True, q_former=True):
    """paper: equations 3 to 9 as printed. The others: ablations of table 1, a part of a trained model switched off."""
    final, tiles = features["final"], len(features["final"])
    out = {}
    pool = linear(weights, "pooling_layer.0", final[0].T)[:, 0]
    own_class = linear(weights, "class_predictor.2", gelu(linear(weights, "class_predictor.0", pool)))
    levels = []
    for place, level in enumerate(LEVELS):
        prompts = []
        for sign in ("positive", "negative"):
            own = np.float64(weights[sign + "_embedding"][0]) * (1 if split else 0)
            apart = paper and sign == "negative" and f"negative_prompt_adaptors.{place}.weight" in weights
            layer = ("negative_" if apart else "") + f"prompt_adaptors.{place}"
            prompts.append(linear(weights, layer, np.concatenate([own, own_class * (1 if look_back else 0)])))
        cosines = unit(linear(weights, f"siglip_adaptors.{place}", features[f"level{level}"])) @ unit(np.stack(prompts)).T
        levels.append(softmax(100 * cosines)[..., 0 if paper else 1])
    maps = np.stack(levels, 1)
    mean = maps.mean(1)
    in_tile = np.stack([pooled(m.reshape(GRID, GRID)) for m in mean])
    grids = (final * mean[..., None]).reshape(tiles, GRID, GRID, HIDDEN)
    query = np.stack([pooled(g) for g in grids]) / (1 if paper else in_tile[..., None])
    scores = linear(weights, "q_former.query_proj", query) @ linear(weights, "q_former.key_proj", final).transpose(0, 2, 1)
    tokens = softmax(scores / math.sqrt(ATTENTION)) @ final if q_former else query
    weight = in_tile * (1 if paper else mean.mean(1)[:, None])
    whole = (tokens * weight[..., None]).sum((0, 1)) / weight.sum()
    logit = linear(weights, "final_predictor.2", gelu(linear(weights, "final_predictor.0", whole)))
    project = lambda x: linear(model, "model.mm_projector.2", gelu(linear(model, "model.mm_projector.0", x)))  # noqa: E731
    out["class_pool"] = np.tile(pool, (tiles, 1))
    out["class_prediction"] = np.tile(own_class, (tiles, 1))
    out["level_maps"] = maps.reshape(tiles, len(LEVELS), GRID, GRID)
    out["anomaly_map"] = mean.reshape(tiles, GRID, GRID)
    out["out_patch_significance"] = mean.mean(1)
    out["in_patch_significance"], out["sig_tokens"], out["q_former_out"] = in_tile, query, tokens
    out["global_token"], out["score_logit"], out["score"] = whole.reshape(1, 1, -1), logit, 1 / (1 + np.exp(-logit))
    out["projected_local"], out["projected_global"] = project(tokens), project(whole).reshape(1, -1)
    return out


SWITCHES = {
    "paper": {"paper": True},
    "no_look_back": {"look_back": False},
    "no_split": {"split": False},
    "no_q_former": {"q_former": False},
    "paper_no_look_back": {"paper": True, "look_back": False},
    "paper_no_q_former": {"paper": True, "q_former": False},
    "nothing": {"look_back": False, "split": False, "q_former": False},
}


def picture(width, height):
    """Waves with a bright spot: nothing flat, so that each resampled byte means something."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 100 * np.sin(x / (5 + 3 * c)) * np.cos(y / (7 + 2 * c)) for c in range(3)]
    pixels = np.stack(waves, -1) + random.normal(0, 8, (height, width, 3))
    pixels[height // 3 : height // 3 + 9, width // 2 : width // 2 + 11] = 250
    return Image.fromarray(np.uint8(np.clip(pixels, 0, 255)))


def main():
    if int(PIL.__version__.split(".")[0]) >= 13:
        sys.exit("Pillow 13 resizes in another order; use 12 or older")
    default = pathlib.Path(__file__).resolve().parents[2] / "tests/data/anomaly_ov_other"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for part in ("checkpoint", "images"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    model, own = model_weights(), expert_weights()
    config = {
        "architectures": ["LlavaQwenForCausalLM"],
        "model_type": "llava",
        "hidden_size": LANGUAGE,
        "mm_hidden_size": HIDDEN,
        "image_grid_pinpoints": [[i * EDGE, j * EDGE] for i in range(1, 7) for j in range(1, 7)],
        "vision_config": {
            "hidden_size": HIDDEN, "num_attention_heads": HEADS, "intermediate_size": MLP, "num_hidden_layers": BLOCKS,
            "image_size": EDGE, "patch_size": PATCH, "layer_norm_eps": 1e-6,
        },
    }
    (folder / "checkpoint/config.json").write_text(json.dumps(config, indent=1) + "\n")
    write(folder / "checkpoint/model.safetensors", model)
    write(folder / "checkpoint/anomaly_expert.safetensors", own)
    tiles, hidden, stages, seen = {}, {}, {}, {}
    for name, size in {"strip": (331, 77), "tall": (120, 310), "dot": (23, 19)}.items():
        shown = picture(*size)
        shown.save(folder / f"images/{name}.png")
        pixels = tiles_of(shown)
        tiles[f"{name}.f32_rows"] = pixels[:, :, 7::50]
        features = seen[name] = siglip(model, pixels)
        hidden.update({f"{name}.{what}.every9th": value[:, ::9] for what, value in features.items()})
        stages.update({f"{name}.{what}": value for what, value in expert(model, own, features).items()})
    write(folder / "tiles.safetensors", tiles)
    write(folder / "siglip.safetensors", hidden)
    write(folder / "expert.safetensors", stages)
    # Variants and ablations: what the switches make of the same weights, and of weights with a negative prompt layer of its
    # own, drawn last so that what is above stays as it is.
    apart = {**own}
    for level in range(len(LEVELS)):
        apart.update(linear_weights(f"negative_prompt_adaptors.{level}", DIMS, DIMS + CLASSES))
    write(folder / "expert_with_negative_prompts.safetensors", apart)
    switched = {}
    for name, features in seen.items():
        for switch, options in {**SWITCHES, "released": {}, "paper_apart": {"paper": True}}.items():
            found = expert(model, apart if switch == "paper_apart" else own, features, **options)
            for what in ("anomaly_map", "score_logit", "global_token", "q_former_out"):
                switched[f"{name}.{switch}.{what}"] = found[what][:, ::3] if what == "anomaly_map" else found[what]
    write(folder / "switches.safetensors", switched)


if __name__ == "__main__":
    main()
