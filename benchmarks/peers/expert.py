"""Anomaly-OneVision's expert of the real sizes with random weights: ours beside the released arithmetic in eager PyTorch, in
turns, on the same files. python benchmarks/peers/expert.py BUILD/benchmarks/expert_run [FOLDER] [--device cuda:0]
[--pictures 1,32] [--threads 1,2] [--json FILE: for scripts/kernel_goals.py] (needs torch, safetensors)."""

import argparse
import itertools
import json
import math
import pathlib
import statistics
import subprocess
import sys
import time

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import adaptive_avg_pool2d, gelu, linear

TILES, TOKENS, HIDDEN, DIMS, CLASSES, ATTENTION, ROUNDS, RUNS = 5, 729, 1152, 512, 512, 512, 3, 5


def write(folder):
    torch.manual_seed(1)
    weights = {"positive_embedding": torch.randn(1, DIMS), "negative_embedding": torch.randn(1, DIMS)}
    layers = {"pooling_layer.0": (1, TOKENS), "class_predictor.0": (CLASSES, HIDDEN), "class_predictor.2": (CLASSES, CLASSES)}
    for level in range(4):
        layers[f"siglip_adaptors.{level}"] = DIMS, HIDDEN
        layers[f"prompt_adaptors.{level}"] = DIMS, DIMS + CLASSES
    layers |= {"q_former.query_proj": (ATTENTION, HIDDEN), "q_former.key_proj": (ATTENTION, HIDDEN)}
    layers |= {"final_predictor.0": (512, HIDDEN), "final_predictor.2": (1, 512)}
    for name, (out, into) in layers.items():
        weights[name + ".weight"] = torch.randn(out, into) / math.sqrt(into)
        weights[name + ".bias"] = torch.randn(out) / 10
    save_file(weights, folder / "expert.safetensors")
    names = ("level0", "level1", "level2", "level3", "final")
    save_file({name: torch.randn(TILES, TOKENS, HIDDEN) for name in names}, folder / "features.safetensors")


class Eager:
    """As anomaly_expert.py does it, step by step."""

    def __init__(self, weights):
        self.w = weights

    def layer(self, name, x):
        return linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def __call__(self, levels, final, pictures=1):
        tiles, side = final.shape[0], math.isqrt(final.shape[1])
        pool = self.layer("pooling_layer.0", final[:: tiles // pictures].transpose(1, 2))[..., 0]
        own_class = self.layer("class_predictor.2", gelu(self.layer("class_predictor.0", pool)))
        own_class = own_class.repeat_interleave(tiles // pictures, 0)
        maps = []
        for place, level in enumerate(levels):
            prompts = []
            for sign in ("positive", "negative"):
                prompt = torch.cat([self.w[sign + "_embedding"].expand(tiles, -1), own_class], -1)
                prompt = self.layer(f"prompt_adaptors.{place}", prompt)
                prompts.append(prompt / prompt.norm(dim=-1, keepdim=True))
            e = self.layer(f"siglip_adaptors.{place}", level)
            e = e / e.norm(dim=-1, keepdim=True)
            maps.append((100 * e @ torch.stack(prompts, -1)).softmax(-1)[..., 1].view(tiles, 1, side, side))
        mean = torch.stack(maps).mean(0)
        grid = final.transpose(1, 2).reshape(tiles, -1, side, side)
        in_tile = adaptive_avg_pool2d(mean, 2)
        query = (adaptive_avg_pool2d(grid * mean, 2) / in_tile).flatten(2).transpose(1, 2)
        scores = self.layer("q_former.query_proj", query) @ self.layer("q_former.key_proj", final).transpose(1, 2)
        tokens = (scores / math.sqrt(ATTENTION)).softmax(-1) @ final
        weight = (in_tile * mean.mean((2, 3), keepdim=True)).flatten(1)[..., None]
        of_picture = lambda x: x.reshape(pictures, -1, x.shape[-1]).sum(1)  # noqa: E731
        whole = of_picture(tokens * weight) / of_picture(weight)
        return self.layer("final_predictor.2", gelu(self.layer("final_predictor.0", whole)))


def memory(name):
    for line in open("/proc/self/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return 0


@torch.inference_mode()
def eager(folder, threads, kind, device, pictures):
    torch.set_num_threads(threads)
    weights = {k: v.to(device, kind) for k, v in load_file(folder / "expert.safetensors").items()}
    features = {k: v.to(device, kind).repeat(pictures, 1, 1) for k, v in load_file(folder / "features.safetensors").items()}
    one, levels, final = Eager(weights), [features[f"level{i}"] for i in range(4)], features["final"]

    def module(levels, final):
        return one(levels, final, pictures if len(final) > 1 else 1)[0].cpu()  # waits for a GPU

    torch.randn(2000, 2000) @ torch.randn(2000, 2000)  # as ours: the library has its buffers
    module([level[:1] for level in levels], final[:1])  # and its code
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")
    before = memory("VmRSS")
    logit = module(levels, final).item()
    risen, wall, processor = memory("VmHWM") - before, [], []
    for _ in range(RUNS):
        start = time.perf_counter(), time.process_time()
        module(levels, final)
        wall.append(1000 * (time.perf_counter() - start[0]))
        processor.append(1000 * (time.process_time() - start[1]))
    print(json.dumps({"least_ms": min(wall), "processor_ms": min(processor), "risen_mb": risen, "logit": logit}))


def output_of(*command):
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout)


def main():
    if sys.argv[1] == "--eager":
        kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[sys.argv[4]]
        return eager(pathlib.Path(sys.argv[2]), int(sys.argv[3]), kind, sys.argv[5], int(sys.argv[6]))
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("program")
    options.add_argument("folder", type=pathlib.Path, nargs="?", default=pathlib.Path(".cache/benchmarks/expert"))
    options.add_argument("--device", default="cpu")
    options.add_argument("--pictures", default="1")
    options.add_argument("--threads", default="1,2")
    options.add_argument("--json", type=pathlib.Path)
    asked = options.parse_args()
    program, folder, figures = asked.program, asked.folder, []
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "features.safetensors").exists():
        write(folder)
    print(f"{TILES} tiles on {asked.device}, torch {torch.__version__}, load {open('/proc/loadavg').read().split()[0]}\n")
    print("Wall and (processor) milliseconds, least of each process, medians of the processes.\n")
    print("| numbers | pictures | threads | eager, ms | ours, ms | faster | eager rises, MB | ours, MB | ours to the map, ms | GFLOP/s of a product | share of it | logits differ |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for kind in ("fp32", "bf16"):
        for pictures, threads in itertools.product(map(int, asked.pictures.split(",")), asked.threads.split(",")):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                files = folder / "expert.safetensors", folder / "features.safetensors"
                ours.append(output_of(program, *files, threads, RUNS, kind, asked.device, pictures))
                theirs.append(output_of(sys.executable, __file__, "--eager", folder, threads, kind, asked.device, pictures))
            middle = lambda runs, key: statistics.median(run[key] for run in runs)  # noqa: E731
            own, other = middle(ours, "least_ms"), middle(theirs, "least_ms")
            own_work, other_work = middle(ours, "processor_ms"), middle(theirs, "processor_ms")
            risen = [statistics.median(run["risen_mb"] for run in runs) for runs in (theirs, ours)]
            # Least work of the released adaptors (DIMS rows of a triangular matrix) over the time of the whole expert and over
            # the product's rate in the same process.
            work = 2e-6 * 4 * pictures * TILES * TOKENS * DIMS * (HIDDEN - (DIMS - 1) / 2)
            share = statistics.median(work / run["processor_ms"] / run["product_gflops"] for run in ours)
            print(f"| {kind} | {pictures} | {threads} | {other:.0f} ({other_work:.0f}) | {own:.0f} ({own_work:.0f}) | {other / own:.2f} "
                  f"({other_work / own_work:.2f}) | {risen[0]:.0f} | {risen[1]:.0f} "
                  f"| {middle(ours, 'map_ms'):.0f} | {middle(ours, 'product_gflops'):.0f} | {share:.0%} "
                  f"| {abs(ours[0]['logit'] - theirs[0]['logit']):.1e} |", flush=True)
            place = f"{asked.device.partition(':')[0]}/{kind}"
            figures.append({"name": f"expert/{place}/tiles:{TILES}/batch:{pictures}", "times_eager": other / own})
    if asked.json:
        asked.json.write_text(json.dumps({"device": asked.device, "figures": figures}, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
