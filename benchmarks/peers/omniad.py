"""Qwen2.5-VL with the vision model of 3B in its real sizes and a language model of 3B's sizes but few layers, random weights:
ours beside transformers, in turns, on the same files. python benchmarks/peers/omniad.py BUILD/benchmarks/omniad_run [FOLDER]
(needs torch, transformers 4.51, safetensors, pillow, and a tokenizer: the fixture's vocab.json and merges.txt as
TOKENIZER=DIR, or any Qwen2 one)."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

LAYERS, TOKENS, THREADS = int(os.environ.get("LAYERS", 4)), 25, int(os.environ.get("THREADS", 2))
ROUNDS, RUNS = int(os.environ.get("ROUNDS", 1)), int(os.environ.get("RUNS", 2))
KINDS, PARTS = os.environ.get("KINDS", "fp32 bf16").split(), os.environ.get("PARTS", "steps five").split()
QUESTION_TOKENS, SIDE = 8, int(os.environ.get("SIDE", 512))


def config():
    from transformers import Qwen2_5_VLConfig

    return Qwen2_5_VLConfig(
        hidden_size=2048, intermediate_size=11008, num_hidden_layers=LAYERS, num_attention_heads=16, num_key_value_heads=2, vocab_size=151936,
        rms_norm_eps=1e-6, rope_theta=1e6, tie_word_embeddings=True, rope_scaling={"type": "mrope", "mrope_section": [16, 24, 24]},
        max_position_embeddings=128000, image_token_id=151655, video_token_id=151656, vision_start_token_id=151652, vision_end_token_id=151653,
        eos_token_id=151645, bos_token_id=151643, use_sliding_window=False,
        vision_config={"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 2048, "patch_size": 14,
                       "spatial_patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31], "in_chans": 3, "hidden_act": "silu"})


def write(folder, tokenizer):
    import numpy as np
    import torch
    from PIL import Image
    from safetensors.torch import save_file
    from transformers import Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(1)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_default_dtype(torch.bfloat16)
    model = Qwen2_5_VLForConditionalGeneration(config())
    torch.set_default_dtype(torch.float32)
    save_file({name: value.to(torch.bfloat16).contiguous() for name, value in model.state_dict().items() if name != "lm_head.weight"},
              folder / "model.safetensors")
    own = json.loads(config().to_json_string(use_diff=False))
    own.update(own.pop("text_config", {}))
    own.update(rope_scaling={"type": "mrope", "mrope_section": [16, 24, 24]}, tie_word_embeddings=True, model_type="qwen2_5_vl")
    (folder / "config.json").write_text(json.dumps(own))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [151645, 151643], "repetition_penalty": 1.05}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}))
    for file in tokenizer.iterdir():
        if file.name in ("tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json", "special_tokens_map.json"):
            (folder / file.name).write_bytes(file.read_bytes())
    y, x = np.mgrid[0:700, 0:700]
    waves = np.stack([127 + 100 * np.sin(x / (5 + 3 * c)) * np.cos(y / (7 + 2 * c)) for c in range(3)], -1)
    Image.fromarray(np.uint8(waves)).save(folder / "picture.png")


def peer(folder, kind, part):
    import torch
    from PIL import Image
    from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessor

    torch.set_num_threads(THREADS)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[kind]
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, torch_dtype=dtype, attn_implementation="sdpa").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = Qwen2VLImageProcessor(min_pixels=3136, max_pixels=12845056)
    least, ids = {}, []

    def note(name, start, parts=1):
        least[name] = min(least.get(name, 1e12), 1000 * (time.perf_counter() - start) / parts)

    def inputs_of(number):
        seen = processor(Image.open(folder / "picture.png").convert("RGB").resize((SIDE, SIDE), Image.BICUBIC), return_tensors="pt")
        tokens = int(seen["image_grid_thw"].prod()) // 4
        text = ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>" + "<|image_pad|>" * tokens
                + f"<|vision_end|>Question {number}: Is there any defect?\nA. Yes\nB. No<|im_end|>\n<|im_start|>assistant\n")
        return {**tokenizer(text, return_tensors="pt"), "pixel_values": seen["pixel_values"].to(dtype), "image_grid_thw": seen["image_grid_thw"]}

    def answer(inputs, tokens):
        out = model.generate(**inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, repetition_penalty=1.05, temperature=None,
                             top_p=None, top_k=None, pad_token_id=0)
        return out[0, inputs["input_ids"].shape[1]:].tolist()

    with torch.inference_mode():
        inputs = inputs_of(0)
        for _ in range(RUNS if part == "steps" else 0):
            start = time.perf_counter()
            features = model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
            note("encoder_ms", start)
            # Words alone, as ours are timed: the picture's features are there already.
            embeds = model.model.embed_tokens(inputs["input_ids"])
            embeds[inputs["input_ids"] == 151655] = features
            positions, _ = model.get_rope_index(inputs["input_ids"], inputs["image_grid_thw"], None, None, inputs["attention_mask"])
            if "prefill_ms" not in least:  # memory is touched, buffers are there
                model(inputs_embeds=embeds, position_ids=positions, use_cache=True)
            start = time.perf_counter()
            out = model(inputs_embeds=embeds, position_ids=positions, use_cache=True)
            note("prefill_ms", start)
            cache, last, ids = out.past_key_values, out.logits[:, -1:].argmax(-1), []
            start = time.perf_counter()
            for step in range(TOKENS - 1):
                ids.append(int(last))
                out = model(input_ids=last, past_key_values=cache, position_ids=(positions.max() + 1 + step).expand(3, 1, 1), use_cache=True)
                last = out.logits[:, -1:].argmax(-1)
            note("decode_ms", start, TOKENS - 1)
            ids.append(int(last))
        for _ in range(RUNS if part == "five" else 0):
            start = time.perf_counter()
            for number in range(1, 6):
                answer(inputs_of(number), QUESTION_TOKENS)
            note("five_ms", start)
    print(json.dumps({**least, "ids": ids}))


def main():
    if sys.argv[1] == "--peer":
        return peer(pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4])
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".cache/benchmarks/omniad")
    if not (folder / "picture.png").exists():
        write(folder, pathlib.Path(os.environ["TOKENIZER"]))
    if os.environ.get("ONLY_WRITE"):
        return None
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS)}

    def output_of(*command):
        return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, env=environment).stdout.splitlines()[-1])

    print(f"{LAYERS} layers of the language model, {THREADS} threads, load {open('/proc/loadavg').read().split()[0]}\n")
    print("| numbers | what | transformers, ms | ours, ms | faster |\n|---|---|---|---|---|")
    told = {"encoder_ms": f"encoder, {SIDE} x {SIDE}", "prefill_ms": "first token", "decode_ms": "each further token",
            "five_ms": f"five questions about a picture of {SIDE} x {SIDE}, {QUESTION_TOKENS} tokens each"}
    for kind in KINDS:
        for part in PARTS:
            ours, theirs = [], []
            tokens = TOKENS if part == "steps" else QUESTION_TOKENS
            for _ in range(ROUNDS):
                ours.append(output_of(program, part, folder, folder / "picture.png", THREADS, kind, tokens, RUNS, SIDE))
                theirs.append(output_of(sys.executable, __file__, "--peer", folder, kind, part))
            for key, what in told.items():
                if key not in ours[0]:
                    continue
                own, other = (statistics.median(run[key] for run in runs) for runs in (ours, theirs))
                print(f"| {kind} | {what} | {other:,.0f} | {own:,.0f} | {other / own:.2f} |", flush=True)
            if part == "steps":
                same = sum(a == b for a, b in zip(ours[0]["ids"], theirs[0]["ids"]))
                print(f"{same} of {TOKENS} greedy tokens are the same ({kind})", file=sys.stderr)
    return None


if __name__ == "__main__":
    main()
