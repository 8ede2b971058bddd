"""The language model of Anomaly-OneVision's 0.5B sizes with random weights: ours beside transformers, in turns, on the same
file with the same threads. python benchmarks/peers/language.py BUILD/benchmarks/language_run [--numbers fp32,bf16]
[--threads 1,2] [--file bf16|fp32] [--rounds N] [--folder DIR]
[--device cuda:0] [--texts 32: so many at once, too] [--json FILE: for scripts/kernel_goals.py] (needs torch, transformers). benchmarks/nn runs it."""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time

PROMPT, ANSWER = 800, 64  # one question
PICTURE, QUESTION, REPLY, TURNS = 900, 40, 16, 4  # four questions on one picture, each after the turns before


def write(folder, numbers):
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, tie_word_embeddings=True, rope_theta=1e6, max_position_embeddings=32768,
        bos_token_id=None, eos_token_id=None,
    )
    model = Qwen2ForCausalLM(config)
    for name, value in model.named_parameters():  # no bias is 0 in a trained model
        if name.endswith("bias"):
            value.data.normal_(0, 0.02)
    model.to({"fp32": torch.float32, "bf16": torch.bfloat16}[numbers]).save_pretrained(folder)


def ids(count, seed):
    draw = seed * 7919 + 1
    made = []
    for _ in range(count):
        draw = draw * 1103515245 + 12345 & 0x7FFFFFFF
        made.append(draw % 151000)
    return made


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peer(folder, numbers, threads, device):
    import torch
    from transformers import Qwen2ForCausalLM

    torch.set_num_threads(threads)
    torch.zeros(8) @ torch.zeros(8, 8)
    start = time.perf_counter()
    model = Qwen2ForCausalLM.from_pretrained(folder, torch_dtype={"fp32": torch.float32, "bf16": torch.bfloat16}[numbers]).to(device)
    wait = torch.cuda.synchronize if device != "cpu" else lambda: None
    wait()
    told = {"load_s": time.perf_counter() - start}

    class Stamps:  # of the prompt and each token, as generate() hands them out
        def __init__(self):
            self.wall, self.work = [], []

        def put(self, _):
            self.wall.append(time.perf_counter())
            self.work.append(time.process_time())

        def end(self):
            pass

    def answer(prompt, count, stamps=None):
        given = torch.tensor([prompt], device=device)
        out = model.generate(
            given, attention_mask=torch.ones_like(given), do_sample=False, min_new_tokens=count, max_new_tokens=count, streamer=stamps
        )
        return out[0, len(prompt) :].tolist()

    with torch.inference_mode():
        answer(ids(16, 9), 2)
        start, work = time.perf_counter(), time.process_time()
        answer(ids(PROMPT, 1), 1)
        told["first_s"], told["first_work"] = time.perf_counter() - start, time.process_time() - work
        stamps = Stamps()
        told["ids"] = answer(ids(PROMPT, 1), ANSWER, stamps)
        # From the second token, as ours: its first step makes two.
        told["decode_per_s"] = (ANSWER - 2) / (stamps.wall[-1] - stamps.wall[2])
        told["token_work"] = (stamps.work[-1] - stamps.work[2]) / (ANSWER - 2)
        told["peak_mb"] = peak_mb()
        prompt = ids(PICTURE, 2)
        start = time.perf_counter()
        for turn in range(TURNS):
            prompt = prompt + ids(QUESTION, 10 + turn)
            prompt += answer(prompt, REPLY)
        told["four_s"] = time.perf_counter() - start
    print(json.dumps(told))


def output_of(*command):
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout)


def main():
    if sys.argv[1] == "--peer":
        return peer(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("program")
    options.add_argument("--numbers", default="fp32,bf16")
    options.add_argument("--threads", default="1,2")
    options.add_argument("--file", default="bf16", help="numbers of the weights in the file, as published: bf16")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--device", default="cpu")
    options.add_argument("--texts", type=int, default=1)
    options.add_argument("--json", type=pathlib.Path)
    options.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(".cache/benchmarks/language"))
    asked = options.parse_args()
    folder = asked.folder / asked.file
    if not (folder / "model.safetensors").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, asked.file)
    columns = "load_s", "first_s", "decode_per_s", "four_s", "peak_mb"
    print("| file | numbers | threads | who | load, s | 800 tokens to the first, s | decode, tokens/s | four questions, s | peak, MB | same ids |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    figures = []
    for numbers in asked.numbers.split(","):
        for threads in asked.threads.split(","):
            runs = {"transformers": [], "LookTwice": []}
            for _ in range(asked.rounds):
                runs["transformers"].append(output_of(sys.executable, __file__, "--peer", folder, numbers, threads, asked.device))
                sizes = PROMPT, ANSWER, PICTURE, QUESTION, REPLY, TURNS
                runs["LookTwice"].append(output_of(asked.program, folder, numbers, threads, *sizes, asked.device, asked.texts))
            middle = {who: [statistics.median(run[column] for run in made) for column in columns] for who, made in runs.items()}
            theirs, ours = (runs[who][0]["ids"] for who in runs)
            same = next((i for i, (a, b) in enumerate(zip(theirs, ours)) if a != b), ANSWER)
            for who, made in middle.items():
                print(f"| {asked.file} | {numbers} | {threads} | {who} | " + " | ".join(f"{value:.2f}" for value in made) + " | |", flush=True)
            factors = [b / a if column == "decode_per_s" else a / b for column, a, b in zip(columns, *middle.values())]
            print(f"| | | | times better | " + " | ".join(f"{factor:.2f}" for factor in factors) + f" | {same} of {ANSWER} |", flush=True)
            place = f"{asked.device.partition(':')[0]}/{numbers}"
            figures.append({"name": f"decode/{place}/batch:1", "times_eager": factors[columns.index("decode_per_s")]})
            if asked.texts > 1:
                step_s, step_mb = (statistics.median(run[key] for run in runs["LookTwice"]) for key in ("step_s", "step_mb"))
                print(f"| | | | {asked.texts} at once | {asked.texts / step_s:.1f} tokens/s, {step_mb:.0f} MB a step: {step_mb / step_s / 1e3:.1f} GB/s |")
                figures.append({"name": f"decode/{place}/batch:{asked.texts}", "bytes_per_s": 1e6 * step_mb / step_s})
    if asked.json:
        asked.json.write_text(json.dumps({"device": asked.device, "figures": figures}, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
