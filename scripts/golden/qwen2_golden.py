"""Tiny Qwen2 checkpoints with random weights and what transformers makes of them: scores of the next token, greedy answers with
and without a repetition penalty. Sizes differ from the shared fixture's: tied and untied heads, one and several shards, bf16,
fp16 and fp32 files, groups of 7, 2 and 1 heads on a key, heads of 16, 64 and 24, three to one layers.
  python scripts/golden/qwen2_golden.py [FOLDER]      (torch 2.11, transformers 4.51.3; read by tests/adapters/nn/qwen2_golden_test.cc)"""

import json
import pathlib
import shutil
import sys

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

CASES = {
    "tied": dict(hidden_size=112, intermediate_size=80, num_hidden_layers=3, num_attention_heads=7, num_key_value_heads=1,
                 vocab_size=300, tie_word_embeddings=True, rope_theta=1e6, rms_norm_eps=1e-6, kind=torch.bfloat16, shard="1GB"),
    "untied": dict(hidden_size=128, intermediate_size=72, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                   vocab_size=211, tie_word_embeddings=False, rope_theta=1e4, rms_norm_eps=1e-5, kind=torch.float16, shard="150KB"),
    "wide": dict(hidden_size=72, intermediate_size=50, num_hidden_layers=1, num_attention_heads=3, num_key_value_heads=3,
                 vocab_size=130, tie_word_embeddings=False, rope_theta=1e6, rms_norm_eps=1e-6, kind=torch.float32, shard="1GB"),
}
WRITTEN = 24


def made(name, folder):
    own = dict(CASES[name])
    kind, shard = own.pop("kind"), own.pop("shard")
    torch.manual_seed(len(name))
    model = Qwen2ForCausalLM(Qwen2Config(max_position_embeddings=4096, bos_token_id=None, eos_token_id=None, **own))
    for key, value in model.named_parameters():
        if key.endswith("norm.weight"):
            value.data.normal_(1, 0.1)
        else:  # wide enough that scores lie apart and attention looks somewhere
            value.data.normal_(0, 0.7 if "embed" in key or "head" in key else 0.1 if key.endswith("bias") else 1.5 * value.shape[-1] ** -0.5)
    shutil.rmtree(folder, ignore_errors=True)
    model.to(kind).save_pretrained(folder, max_shard_size=shard)
    (folder / "generation_config.json").unlink(missing_ok=True)
    return Qwen2ForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()


@torch.inference_mode()
def told(model, length, seed):
    vocabulary = model.config.vocab_size
    prompt = torch.randint(0, vocabulary, (1, length), generator=torch.Generator().manual_seed(seed))
    out = model(prompt, output_hidden_states=True)
    states = out.hidden_states[1]  # after the first layer
    greedy = {
        key: model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=WRITTEN,
                            repetition_penalty=penalty)[0, length:].tolist()
        for key, penalty in (("greedy", 1.0), ("greedy_penalty_1_3", 1.3))
    }
    # How far the best score is from the second at each step: ids are compared while it is far enough.
    scores = model(torch.cat([prompt, torch.tensor([greedy["greedy"]])], 1)).logits[0, length - 1 : -1]
    two = scores.topk(2).values
    return {
        "prompt": prompt[0].tolist(),
        "logits": [float(f"{value:.7g}") for value in out.logits[0, -1]],
        "first_layer_last_token": [float(f"{value:.7g}") for value in states[0, -1]] if model.config.num_hidden_layers > 1 else [],
        "least_margin": float((two[:, 0] - two[:, 1]).min()),
        **greedy,
    }


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "tests/data/qwen2"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for name in CASES:
        model = made(name, folder / name)
        cases = [told(model, length, seed) for length, seed in ((37, 1), (5, 2), (300, 3))]
        (folder / name / "expected.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
        print(name, [case["least_margin"] for case in cases])


if __name__ == "__main__":
    main()
