"""Qwen2.5-VL with the vision model of 3B in its real sizes and a language model of 3B's sizes, random weights stored as bf16: ours beside
transformers, in turns, on the same files. python benchmarks/peers/omniad.py BUILD/benchmarks/omniad_run [FOLDER]
(needs torch, transformers 4.51, safetensors, pillow, and a tokenizer: the fixture's vocab.json and merges.txt as TOKENIZER=DIR, or any Qwen2
one). All of it takes a quarter of an hour on two cores; KINDS="fp32 bf16" and PARTS="encoder words five" choose, LAYERS="36" sets the language
model's layers (by part, of 3B's 36: encoder 2, which it does not use; words 36, 7 GB of file and 15 GB of memory for transformers in fp32;
five 12)."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

TOKENS, THREADS = int(os.environ.get("TOKENS", 25)), int(os.environ.get("THREADS", 2))
ROUNDS, RUNS = int(os.environ.get("ROUNDS", 1)), int(os.environ.get("RUNS", 2))
KINDS, PARTS = os.environ.get("KINDS", "fp32 bf16").split(), os.environ.get("PARTS", "encoder words five").split()
QUESTION_TOKENS, SIDE, PROMPT = 8, int(os.environ.get("SIDE", 512)), int(os.environ.get("PROMPT", 400))
LAYERS = {part: int(os.environ.get("LAYERS", layers)) for part, layers in (("encoder", 2), ("words", 36), ("five", 12))}
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json", "tokenizer_config.json", "special_tokens_map.json")


def config(layers):
    from transformers import Qwen2_5_VLConfig

    return Qwen2_5_VLConfig(
        hidden_size=2048, intermediate_size=11008, num_hidden_layers=layers, num_attention_heads=16, num_key_value_heads=2, vocab_size=151936,
        rms_norm_eps=1e-6, rope_theta=1e6, tie_word_embeddings=True, rope_scaling={"type": "mrope", "mrope_section": [16, 24, 24]},
        max_position_embeddings=128000, image_token_id=151655, video_token_id=151656, vision_start_token_id=151652, vision_end_token_id=151653,
        eos_token_id=151645, bos_token_id=151643, use_sliding_window=False,
        vision_config={"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 2048, "patch_size": 14,
                       "spatial_patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31], "in_chans": 3, "hidden_act": "silu"})


def write_weights(file, layers):
    """Tensors are stretches of one block of noise, so that 7 GB take seconds: norms are 1, the rest normal with deviation 0.02."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    with torch.device("meta"):
        shapes = {name: list(value.shape) for name, value in Qwen2_5_VLForConditionalGeneration(config(layers)).state_dict().items()}
    shapes.pop("lm_head.weight", None)
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    torch.manual_seed(1)
    noise = (0.02 * torch.randn(1 << 25)).to(torch.bfloat16).view(torch.int16).numpy().tobytes()
    one = torch.ones(1, dtype=torch.bfloat16).view(torch.int16).numpy().tobytes()
    with open(file, "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for number, (name, told) in enumerate(header.items()):
            left = told["data_offsets"][1] - told["data_offsets"][0]
            if "norm" in name and name.endswith("weight") or name.endswith("ln_q.weight"):
                out.write(one * (left // 2))
                continue
            begin = 2 * (7919 * number % (1 << 24))  # another stretch for each
            while left > 0:
                piece = noise[begin:begin + left]
                out.write(piece)
                left, begin = left - len(piece), 0


def write(folder, tokenizer, layers):
    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / "model.safetensors", layers)
    own = json.loads(config(layers).to_json_string(use_diff=False))
    own.update(own.pop("text_config", {}))
    own.update(rope_scaling={"type": "mrope", "mrope_section": [16, 24, 24]}, tie_word_embeddings=True, model_type="qwen2_5_vl")
    (folder / "config.json").write_text(json.dumps(own))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [151645, 151643], "repetition_penalty": 1.05}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}))
    for file in tokenizer.iterdir():
        if file.name in TOKENIZER_FILES:
            (folder / file.name).write_bytes(file.read_bytes())
    y, x = np.mgrid[0:700, 0:700]
    waves = np.stack([127 + 100 * np.sin(x / (5 + 3 * c)) * np.cos(y / (7 + 2 * c)) for c in range(3)], -1)
    Image.fromarray(np.uint8(waves)).save(folder / "picture.png")


def made_up_ids(count):
    """As omniad_run makes them."""
    draw, ids = 7920, []
    for _ in range(count):
        draw = (draw * 1103515245 + 12345) & 0x7FFFFFFF
        ids.append(draw % 151000)
    return ids


class Peer:
    def __init__(self, folder, kind):
        import torch
        from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessor

        torch.set_num_threads(THREADS)
        self.torch, self.folder = torch, folder
        self.dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[kind]
        self.model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, torch_dtype=self.dtype, attn_implementation="sdpa").eval()
        self.processor = Qwen2VLImageProcessor(min_pixels=3136, max_pixels=12845056)
        self.least = {}

    def note(self, name, start, parts=1):
        self.least[name] = min(self.least.get(name, 1e12), 1000 * (time.perf_counter() - start) / parts)

    def seen(self):
        from PIL import Image

        picture = Image.open(self.folder / "picture.png").convert("RGB").resize((SIDE, SIDE), Image.BICUBIC)
        seen = self.processor(picture, return_tensors="pt")
        return {"pixel_values": seen["pixel_values"].to(self.dtype), "image_grid_thw": seen["image_grid_thw"]}

    def encoder(self):
        seen = self.seen()
        for _ in range(RUNS):
            start = time.perf_counter()
            self.model.visual(seen["pixel_values"], grid_thw=seen["image_grid_thw"])
            self.note("encoder_ms", start)

    def words(self):
        torch, ids = self.torch, []
        prompt = torch.tensor([made_up_ids(PROMPT)])

        def step(tokens, first, cache=None):
            positions = torch.arange(first, first + tokens.shape[1]).expand(3, 1, -1)
            out = self.model(input_ids=tokens, position_ids=positions, past_key_values=cache, use_cache=True)
            return out.past_key_values, out.logits[:, -1:].argmax(-1)

        cache, last = step(prompt, 0)  # memory is touched, buffers are there
        step(last, PROMPT, cache)
        for _ in range(RUNS):
            start = time.perf_counter()
            cache, last = step(prompt, 0)
            self.note("prefill_ms", start)
            ids = [int(last)]
            start = time.perf_counter()
            for at in range(PROMPT, PROMPT + TOKENS - 1):
                cache, last = step(last, at, cache)
                ids.append(int(last))
            self.note("decode_ms", start, TOKENS - 1)
        self.least["ids"] = ids

    def five(self):
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.folder)
        for _ in range(RUNS):
            start = time.perf_counter()
            for number in range(1, 6):
                seen = self.seen()
                tokens = int(seen["image_grid_thw"].prod()) // 4
                text = ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>" + "<|image_pad|>" * tokens
                        + f"<|vision_end|>Question {number}: Is there any defect?\nA. Yes\nB. No<|im_end|>\n<|im_start|>assistant\n")
                self.model.generate(**tokenizer(text, return_tensors="pt"), **seen, max_new_tokens=QUESTION_TOKENS, min_new_tokens=QUESTION_TOKENS,
                                    do_sample=False, repetition_penalty=1.05, temperature=None, top_p=None, top_k=None, pad_token_id=0)
            self.note("five_ms", start)

    def run(self, part):
        with self.torch.inference_mode():
            getattr(self, part)()
        print(json.dumps(self.least))


def main():
    if sys.argv[1] == "--peer":
        return Peer(pathlib.Path(sys.argv[2]), sys.argv[3]).run(sys.argv[4])
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".cache/benchmarks/omniad")
    for layers in {LAYERS[part] for part in PARTS}:
        if not (folder / f"layers_{layers}" / "picture.png").exists():
            write(folder / f"layers_{layers}", pathlib.Path(os.environ["TOKENIZER"]), layers)
    if os.environ.get("ONLY_WRITE"):
        return None
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS)}

    def output_of(*command):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    print(f"{THREADS} threads, load {open('/proc/loadavg').read().split()[0]}\n")
    print("| numbers | what | transformers, ms | ours, ms | faster |\n|---|---|---|---|---|")
    told = {"encoder_ms": f"encoder, {SIDE} x {SIDE}", "prefill_ms": f"first token behind {PROMPT}", "decode_ms": "each further token",
            "five_ms": f"five questions about a picture of {SIDE} x {SIDE}, {QUESTION_TOKENS} tokens each"}
    for kind in KINDS:
        for part in PARTS:
            ours, theirs, place = [], [], folder / f"layers_{LAYERS[part]}"
            tokens, runs = (TOKENS, RUNS) if part == "words" else (QUESTION_TOKENS, 1 if part == "five" else RUNS)
            environment["RUNS"] = str(runs)
            for _ in range(ROUNDS):
                ours.append(output_of(program, part, place, place / "picture.png", THREADS, kind, tokens, runs, SIDE, PROMPT))
                theirs.append(output_of(sys.executable, __file__, "--peer", place, kind, part))
            for key, what in told.items():
                if key not in ours[0]:
                    continue
                own, other = (statistics.median(run[key] for run in runs) for runs in (ours, theirs))
                layers = "" if part == "encoder" else f", {LAYERS[part]} layers"
                print(f"| {kind} | {what}{layers} | {other:,.0f} | {own:,.0f} | {other / own:.2f} |", flush=True)
            if part == "words":
                same = sum(a == b for a, b in zip(ours[0]["ids"], theirs[0]["ids"]))
                print(f"{same} of {TOKENS} greedy tokens are the same ({kind})", file=sys.stderr)
    return None


if __name__ == "__main__":
    main()
