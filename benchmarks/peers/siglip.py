"""SigLIP so400m/14-384 with random weights: ours beside transformers, in turns, on the same file with the same threads.
python benchmarks/peers/siglip.py BUILD/benchmarks/siglip_run [--numbers fp32,bf16] [--threads 1,2] [--tiles 1] [--rounds N]
[--device cuda:0] [--folder DIR] (needs torch, transformers). benchmarks/nn runs it. Both give hidden states 7, 13, 19, 25 and the last; the peer
runs its last block, as it has no way to leave it out, but not its pooling head."""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time

RUNS = 2


def write(folder):
    import torch
    from transformers import SiglipVisionConfig, SiglipVisionModel

    torch.manual_seed(1)
    config = SiglipVisionConfig(
        hidden_size=1152, intermediate_size=4304, num_hidden_layers=27, num_attention_heads=16, image_size=384, patch_size=14
    )
    SiglipVisionModel(config).to(torch.bfloat16).save_pretrained(folder)


def peer(folder, numbers, threads, tiles, runs, device):
    import torch
    from transformers import SiglipVisionModel

    torch.set_num_threads(threads)
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[numbers]
    start = time.perf_counter()
    model = SiglipVisionModel.from_pretrained(folder, torch_dtype=kind).to(device)
    wait = torch.cuda.synchronize if device != "cpu" else lambda: None
    wait()
    told = {"load_s": time.perf_counter() - start}
    model.vision_model.use_head = False
    wall, processor = [], []
    with torch.inference_mode():
        pixels = torch.linspace(0, 7919, tiles * 3 * 384 * 384).sin().view(tiles, 3, 384, 384).to(device, kind)
        for _ in range(runs + 1):
            start = time.perf_counter(), time.process_time()
            states = model(pixels, output_hidden_states=True).hidden_states
            wait()
            wall.append(time.perf_counter() - start[0])
            processor.append(time.process_time() - start[1])
    told |= {"wall_s": min(wall[1:]), "processor_s": min(processor[1:]), "value": states[25].abs().double().mean().item()}
    print(json.dumps(told | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def output_of(*command):
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout)


def main():
    if sys.argv[1] == "--peer":
        return peer(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7]), sys.argv[7])
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("program")
    options.add_argument("--numbers", default="fp32,bf16")
    options.add_argument("--threads", default="1,2")
    options.add_argument("--tiles", type=int, default=1)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--device", default="cpu")
    options.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(".cache/benchmarks/siglip"))
    asked = options.parse_args()
    if not (asked.folder / "model.safetensors").exists():
        asked.folder.mkdir(parents=True, exist_ok=True)
        write(asked.folder)
    columns = "load_s", "wall_s", "processor_s", "peak_mb"
    print(f"{asked.tiles} tiles on {asked.device}, weights stored as bf16.\n")
    print("| numbers | threads | who | load, s | forward, s | processor, s | peak, MB | mean of the last level |")
    print("|---|---|---|---|---|---|---|---|")
    for numbers in asked.numbers.split(","):
        for threads in asked.threads.split(","):
            runs = {"transformers": [], "LookTwice": []}
            for _ in range(asked.rounds):
                given = asked.folder, numbers, threads, asked.tiles, RUNS, asked.device
                runs["transformers"].append(output_of(sys.executable, __file__, "--peer", *given))
                runs["LookTwice"].append(output_of(asked.program, *given))
            middle = {who: [statistics.median(run[column] for run in made) for column in columns] for who, made in runs.items()}
            for who, made in middle.items():
                values = " | ".join(f"{value:.2f}" for value in made)
                print(f"| {numbers} | {threads} | {who} | {values} | {runs[who][0]['value']:.5f} |", flush=True)
            print("| | | times better | " + " | ".join(f"{a / b:.2f}" for a, b in zip(*middle.values())) + " | |", flush=True)
    return None


if __name__ == "__main__":
    main()
