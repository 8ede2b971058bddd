"""A tiny Qwen2.5-VL checkpoint of other sizes than the official fixture (head tied, other windows and full blocks, other
heads, a tokenizer of its own), with what transformers makes of it: python3 scripts/golden/omniad_golden.py [FOLDER]
(needs torch, transformers 4.51, numpy, pillow < 13, safetensors). The layout is that of fixtures/omniad, and so are the
readers: tests/adapters/nn/qwen2_5_vl_parity_test.cc and tests/adapters/omniad/."""

import hashlib
import json
import pathlib
import sys

import numpy as np
import PIL
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2TokenizerFast, Qwen2VLImageProcessor

SEED, TOKENS = 20261128, 12
MIN_PIXELS, MAX_PIXELS = 56 * 56, 28 * 28 * 200
ADDED = (
    "<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> <|quad_start|> "
    "<|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|> <tool_call> </tool_call> "
    "<|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|>"
).split()
PLAIN = ADDED[14:]  # not "special" in the published files
MERGES = "e s,Y es,N o,y es,n o,i n,t h,th e,e r,a n,s e,se g,< seg,< /,</ seg,Ġ t,Ġ a,( Ġ,1 0,> (,> A,Ġ A,o r,an s,w er".split(",")
torch.manual_seed(SEED)
random = np.random.default_rng(SEED)


def spelled_bytes():
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) for byte in shown] + [chr(256 + i) for i in range(len(hidden))]


def write_tokenizer(folder):
    vocabulary = {token: i for i, token in enumerate(spelled_bytes())}
    kept = []
    for merge in MERGES:
        left, right = merge.split(" ")
        if left in vocabulary and right in vocabulary and left + right not in vocabulary:
            vocabulary[left + right] = len(vocabulary)
            kept.append(merge)
    added = {token: len(vocabulary) + i for i, token in enumerate(ADDED)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(kept) + "\n", encoding="utf-8")
    (folder / "added_tokens.json").write_text(json.dumps(added, indent=1))
    decoder = {
        str(i): {"content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": token not in PLAIN}
        for token, i in added.items()
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"add_prefix_space": False, "added_tokens_decoder": decoder, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
                    "tokenizer_class": "Qwen2Tokenizer", "unk_token": None, "bos_token": None}, indent=1))
    return added


def make_model(added, rows):
    config = Qwen2_5_VLConfig(
        hidden_size=48, intermediate_size=56, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2, vocab_size=rows,
        rms_norm_eps=1e-5, rope_theta=50000.0, tie_word_embeddings=True, rope_scaling={"type": "mrope", "mrope_section": [1, 2, 1]},
        max_position_embeddings=4096, image_token_id=added["<|image_pad|>"], video_token_id=added["<|video_pad|>"],
        vision_start_token_id=added["<|vision_start|>"], vision_end_token_id=added["<|vision_end|>"],
        eos_token_id=added["<|im_end|>"], bos_token_id=added["<|endoftext|>"], use_sliding_window=False,
        vision_config={"depth": 5, "hidden_size": 48, "intermediate_size": 60, "num_heads": 3, "out_hidden_size": 48, "patch_size": 14,
                       "spatial_patch_size": 14, "window_size": 84, "fullatt_block_indexes": [0, 3], "in_chans": 3, "hidden_act": "silu"},
    )
    config._attn_implementation = "eager"
    config.vision_config._attn_implementation = "eager"
    model = Qwen2_5_VLForConditionalGeneration._from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name or "ln_q" in name:
                weight.copy_(1 + 0.1 * torch.randn_like(weight))
            elif name.endswith("bias"):
                weight.copy_(0.1 * torch.randn_like(weight))
            elif "embed_tokens" in name:
                weight.copy_(0.3 * torch.randn_like(weight))  # narrow, or the tied head says the last token again
            else:
                weight.copy_((2 if "model.layers" in name else 1) * torch.randn_like(weight) * weight[0].numel() ** -0.5)
            weight.copy_(weight.to(torch.bfloat16).float())
    return model


def picture(width, height):
    """Waves with a bright spot: nothing flat, so that each resampled byte means something."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 100 * np.sin(x / (5 + 3 * c)) * np.cos(y / (7 + 2 * c)) for c in range(3)]
    pixels = np.round(np.stack(waves, -1) / 8) * 8  # few levels: a small file
    pixels[height // 3 : height // 3 + 9, width // 2 : width // 2 + 11] = 250
    return Image.fromarray(np.uint8(np.clip(pixels, 0, 255)))


def resized(image, how):
    if how == "square512":
        return image.resize((512, 512), Image.BICUBIC)
    if how == "fit512":
        most = max(image.size)
        return image.resize(tuple(max(1, side * 512 // most) for side in image.size), Image.BICUBIC)
    return image


SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
SHOWN = "<|vision_start|><|image_pad|><|vision_end|>"
USER, REPLY = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
QUESTION = "Is there any defect?\nA. Yes\nB. No"
CASES = {
    # name: prompt, pictures with how each is resized, add_vision_id
    "one_image": (SYSTEM + USER + SHOWN + QUESTION + REPLY, [("strip", "none")], False),
    "tall_fit": (SYSTEM + USER + SHOWN + QUESTION + REPLY, [("tall", "fit512")], False),
    "three_numbered": (SYSTEM + USER + "Picture 1: " + SHOWN + "Picture 2: " + SHOWN + "Picture 3: " + SHOWN + QUESTION + REPLY,
                       [("strip", "none"), ("dot", "none"), ("tall", "none")], True),
    "second_turn": (SYSTEM + USER + SHOWN + "Is it whole?<|im_end|>\n<|im_start|>assistant\nNo.<|im_end|>\n" + USER + "Why?" + REPLY,
                    [("dot", "square512")], False),
    "text_only": (SYSTEM + USER + "List defects." + REPLY, [], False),
}


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def greedy(model, inputs, penalty):
    out = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False, repetition_penalty=penalty, temperature=None, top_p=None, top_k=None,
                         output_scores=True, return_dict_in_generate=True, pad_token_id=0)
    best = [torch.topk(scores[0].float(), 2).values for scores in out.scores]
    return out.sequences[0, inputs["input_ids"].shape[1] :].tolist(), [round(float(two[0] - two[1]), 6) for two in best]


def main():
    if int(PIL.__version__.split(".")[0]) >= 13:
        sys.exit("Pillow 13 resizes in another order; use 12 or older")
    torch.set_num_threads(2)
    default = pathlib.Path(__file__).resolve().parents[2] / "tests/data/omniad_other"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    checkpoint = folder / "checkpoint"
    for part in (checkpoint, folder / "images"):
        part.mkdir(parents=True, exist_ok=True)
    added = write_tokenizer(checkpoint)
    tokenizer = Qwen2TokenizerFast.from_pretrained(str(checkpoint))
    rows = max(added.values()) + 1 + 7  # rows without a token, as published
    model = make_model(added, rows)
    # Weights alone are rounded: model.to(bfloat16) would round the frequencies of the rotary positions too.
    save_file({name: weight.to(torch.bfloat16).contiguous() for name, weight in model.state_dict().items() if name != "lm_head.weight"},
              checkpoint / "model.safetensors", metadata={"format": "pt"})
    config = json.loads(model.config.to_json_string(use_diff=False))
    kept = ("architectures", "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
            "vocab_size", "rms_norm_eps", "rope_theta", "tie_word_embeddings", "max_position_embeddings", "image_token_id", "video_token_id",
            "vision_start_token_id", "vision_end_token_id", "eos_token_id", "hidden_act", "use_sliding_window")
    text = config.get("text_config", config)
    own = {name: config.get(name, text.get(name)) for name in kept}
    own.update(architectures=["Qwen2_5_VLForConditionalGeneration"], model_type="qwen2_5_vl", torch_dtype="bfloat16",
               rope_scaling={"type": "mrope", "mrope_section": [1, 2, 1]}, tie_word_embeddings=True)
    vision = config["vision_config"]
    own["vision_config"] = {name: vision[name] for name in ("depth", "hidden_size", "intermediate_size", "num_heads", "out_hidden_size", "patch_size",
                                                            "spatial_merge_size", "temporal_patch_size", "window_size", "fullatt_block_indexes", "hidden_act")}
    own["vision_config"]["in_chans"] = 3
    (checkpoint / "config.json").write_text(json.dumps(own, indent=1) + "\n")
    stops = [added["<|im_end|>"], added["<|endoftext|>"]]
    (checkpoint / "generation_config.json").write_text(json.dumps({"do_sample": True, "eos_token_id": stops, "repetition_penalty": 1.05, "temperature": 1e-6}) + "\n")
    (checkpoint / "preprocessor_config.json").write_text(json.dumps({
        "min_pixels": MIN_PIXELS, "max_pixels": MAX_PIXELS, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "Qwen2VLImageProcessor"}, indent=1) + "\n")
    processor = Qwen2VLImageProcessor(min_pixels=MIN_PIXELS, max_pixels=MAX_PIXELS)
    model.generation_config.eos_token_id = stops
    for name, size in {"strip": (430, 77), "tall": (131, 318), "dot": (61, 58)}.items():
        picture(*size).save(folder / f"images/{name}.png", optimize=True)
    pad = added["<|image_pad|>"]
    pixels, eyes, words, scores, cases = {}, {}, {}, {}, {}
    for name, (prompt, shown, numbered) in CASES.items():
        images = [resized(Image.open(folder / f"images/{file}.png").convert("RGB"), how) for file, how in shown]
        told, ids = [], tokenizer(prompt, add_special_tokens=False)["input_ids"]
        inputs = {}
        if images:
            made = [processor(image, return_tensors="pt") for image in images]
            for (file, how), image, one in zip(shown, images, made):
                grid = one["image_grid_thw"][0].tolist()
                told.append({"image": f"images/{file}.png", "resize": how, "size_after_resize": list(image.size), "resized_u8_sha256": sha(np.asarray(image)),
                             "grid_thw": grid, "pixel_values_sha256": sha(one["pixel_values"].numpy()), "tokens": grid[1] * grid[2] // 4})
            inputs = {"pixel_values": torch.cat([one["pixel_values"] for one in made]), "image_grid_thw": torch.cat([one["image_grid_thw"] for one in made])}
            pixels[f"{name}.rows_every24th"] = inputs["pixel_values"][::24].contiguous()
            counts = iter(one["tokens"] for one in told)
            ids = [i for token in ids for i in ([token] * next(counts) if token == pad else [token])]
        inputs["input_ids"] = torch.tensor([ids])
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        runs = []
        for i in ids:
            if runs and runs[-1][0] == i:
                runs[-1][1] += 1
            else:
                runs.append([i, 1])
        detail = name == "one_image"
        hooks, seen = [], {}
        with torch.no_grad():
            if images:
                if detail:
                    tower = model.visual
                    hooks.append(tower.patch_embed.register_forward_hook(lambda m, i, o: seen.update(patch_embed=o)))
                    for at, block in enumerate(tower.blocks):
                        hooks.append(block.register_forward_hook(lambda m, i, o, at=at: seen.update({f"block{at}.window_order": o})))
                    hooks.append(tower.merger.register_forward_hook(lambda m, i, o: seen.update(merged=o)))
                eyes[f"{name}.features"] = model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
                for hook in hooks:
                    hook.remove()
                if detail:
                    index, bounds = model.visual.get_window_index(inputs["image_grid_thw"])
                    eyes[f"{name}.window_index"] = index.long()
                    eyes[f"{name}.cu_window_seqlens"] = torch.unique_consecutive(torch.tensor(bounds)).long()
                    eyes[f"{name}.merger.window_order"] = seen.pop("merged")
                    eyes.update({f"{name}.{what}.every8th": value[::8].contiguous() for what, value in seen.items()})
            positions, delta = model.get_rope_index(inputs["input_ids"], inputs.get("image_grid_thw"), None, None, inputs["attention_mask"])
            out = model(**inputs, output_hidden_states=True)
            embeds = out.hidden_states[0][0]
            layers = []
            for layer in model.model.layers:
                layer.register_forward_hook(lambda m, i, o: layers.append(o[0]))
            model(**inputs)
            for layer in model.model.layers:
                layer._forward_hooks.clear()
        words[f"{name}.embeds"] = embeds.contiguous()
        words[f"{name}.position_ids"] = positions[:, 0].contiguous()
        words[f"{name}.last_layer_last_position"] = layers[-1][0, -1].contiguous()
        if detail:
            words.update({f"{name}.layer{at}": value[0].contiguous() for at, value in enumerate(layers)})
        scores[f"{name}.full"] = out.logits[0, -1].contiguous()
        ranked = torch.topk(out.logits[0, -1], 16)
        scores[f"{name}.top_ids"], scores[f"{name}.top_values"] = ranked.indices.contiguous(), ranked.values.contiguous()
        scores[f"{name}.sample_ids"] = torch.arange(0, rows, 7)
        scores[f"{name}.sample_values"] = out.logits[0, -1][::7].contiguous()
        case = {"prompt": prompt, "images": told, "input_ids_run_length": runs, "sequence_length": len(ids), "rope_delta": int(delta[0, 0]), "add_vision_id": numbered}
        for key, penalty in {"greedy": 1.05, "greedy_no_penalty": 1.0, "greedy_penalty_1_4": 1.4}.items():
            found, margins = greedy(model, inputs, penalty)
            case[{"greedy": "greedy_ids", "greedy_no_penalty": "greedy_ids_no_penalty", "greedy_penalty_1_4": "greedy_ids_penalty_1_4"}[key]] = found
            case[key + "_margins"] = margins
        case["greedy_text"] = tokenizer.decode(case["greedy_ids"], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        cases[name] = case
        print(name, len(ids), min(case["greedy_margins"]), repr(case["greedy_text"]))
    for name, tensors in {"pixels": pixels, "vision": eyes, "lm": words, "logits": scores}.items():
        save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors")
    manifest = {"what": "Qwen2.5-VL oracle of other sizes", "seed": SEED, "cases": cases}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
