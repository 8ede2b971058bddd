"""A tiny LLaVA-OneVision with random weights, in the layout that its authors publish, and what transformers'
LlavaOnevisionForConditionalGeneration makes of pictures and questions: prompts, first scores, greedy answers, a second turn.
Pictures from their bytes on: a wide and a tall one, one whose map is made smaller (more than 9 tiles), a dot.
  python scripts/golden/llava_onevision_golden.py [FOLDER]
(torch 2.11, transformers 4.51.3, pillow < 13; read by tests/adapters/anomaly_ov/base_model_test.cc)"""

import json
import pathlib
import sys

import numpy as np
import PIL
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionImageProcessor,
    PreTrainedTokenizerFast,
    Qwen2Config,
    SiglipVisionConfig,
)
from transformers.models.llava_onevision.modeling_llava_onevision import get_anyres_image_grid_shape, unpad_image

SEED, EDGE, PATCH, BLOCKS, WRITTEN = 2, 70, 14, 3, 20
GRIDS = [[i * EDGE, j * EDGE] for i in range(1, 7) for j in range(1, 7)]
TEXT = dict(hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
            rms_norm_eps=1e-6, rope_theta=1e6, tie_word_embeddings=False)
EYES = dict(hidden_size=36, intermediate_size=44, num_attention_heads=3, image_size=EDGE, patch_size=PATCH, layer_norm_eps=1e-6)
# Paddings are even: of an odd one transformers drops a column, unlike the authors' code.
PICTURES = {"wide": (331, 77), "tall": (59, 402), "large": (283, 290), "dot": (23, 19)}
QUESTIONS = {"wide": "Is there any defect? Answer Yes or No.", "tall": "What is it?", "large": "Describe the picture.", "dot": "And this?"}
SECOND = "Why do you think so?"
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def tokenizer(folder):
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(__import__("tokenizers").Regex(WORDS), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    made.decoder = decoders.ByteLevel()
    words = ["You are a helpful assistant. system user assistant", *QUESTIONS.values(), SECOND]
    made.train_from_iterator(words * 3, trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    made.add_special_tokens([AddedToken(text, special=True) for text in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    state = json.loads(made.to_str())
    (folder / "vocab.json").write_text(json.dumps(state["model"]["vocab"], ensure_ascii=False))
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in state["model"]["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    added = {token["content"]: token["id"] for token in state["added_tokens"]}
    (folder / "added_tokens.json").write_text(json.dumps(added) + "\n")
    made.add_special_tokens(["<image>"])  # transformers' mark; the authors' code splits the text there
    return PreTrainedTokenizerFast(tokenizer_object=made)


def model_of(vocabulary, image_token, stop):
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(num_hidden_layers=BLOCKS, vision_use_head=False, **EYES),
        text_config=Qwen2Config(vocab_size=vocabulary, max_position_embeddings=8192, bos_token_id=None, eos_token_id=stop, **TEXT),
        image_token_index=image_token, image_grid_pinpoints=GRIDS, vision_aspect_ratio="anyres_max_9",
        vision_feature_layer=-1, vision_feature_select_strategy="full", tie_word_embeddings=False)
    torch.manual_seed(SEED)
    model = LlavaOnevisionForConditionalGeneration(config)
    for name, value in model.named_parameters():
        one_long = value.dim() == 1
        if "norm" in name and name.endswith("weight"):
            value.data.normal_(1, 0.1)
        elif name.endswith("bias"):
            value.data.normal_(0, 0.1)
        elif "position_embedding" in name or "image_newline" in name or one_long:
            value.data.normal_(0, 0.5)
        elif "patch_embedding" in name:
            value.data.normal_(0, 0.06)
        else:  # wide enough that scores lie apart and attention looks somewhere
            value.data.normal_(0, 0.7 if "embed" in name or "head" in name else 1.5 * value.shape[-1] ** -0.5)
        value.data = value.data.to(torch.bfloat16).to(torch.float32)
    model.tie_weights()
    return model.eval()


RENAMED = (("language_model.model.", "model."), ("vision_tower.", "model.vision_tower.vision_tower."),
           ("multi_modal_projector.linear_1", "model.mm_projector.0"), ("multi_modal_projector.linear_2", "model.mm_projector.2"),
           ("image_newline", "model.image_newline"))


def write(model, folder, stop):
    tensors = {}
    for name, value in model.state_dict().items():
        if name == "language_model.lm_head.weight":
            tensors["lm_head.weight"] = value.to(torch.bfloat16).contiguous()
        for old, new in RENAMED:
            if name.startswith(old):
                tensors[new + name[len(old):]] = value.to(torch.bfloat16).contiguous()
    # The authors' file has one block more, which never runs.
    last, more = f"encoder.layers.{BLOCKS - 1}.", f"encoder.layers.{BLOCKS}."
    tensors.update({name.replace(last, more): value.flip(0).contiguous() for name, value in list(tensors.items()) if last in name})
    save_file(tensors, folder / "model.safetensors")
    config = {
        "architectures": ["LlavaQwenForCausalLM"], "model_type": "llava", **TEXT, "mm_hidden_size": EYES["hidden_size"],
        "vocab_size": model.config.text_config.vocab_size, "eos_token_id": stop, "image_aspect_ratio": "anyres_max_9",
        "mm_patch_merge_type": "spatial_unpad", "image_grid_pinpoints": GRIDS, "vision_config": {**EYES, "num_hidden_layers": BLOCKS + 1},
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": stop}) + "\n")


def picture(width, height, seed):
    """Waves with a bright spot: nothing flat, so that each resampled byte means something."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 100 * np.sin(x / (5 + 3 * c)) * np.cos(y / (7 + 2 * c)) for c in range(3)]
    pixels = np.stack(waves, -1) + np.random.default_rng(seed).integers(-1, 2, (height, width, 1)) * 6
    pixels[height // 3 : height // 3 + 9, width // 2 : width // 2 + 11] = 250
    return Image.fromarray(np.uint8(np.clip(pixels, 0, 255)))


def tokens_of(model, size, tiles):
    """How many tokens the picture becomes: transformers' own packing, over a map of nothing."""
    side = EDGE // PATCH
    columns_first = get_anyres_image_grid_shape((size[1], size[0]), GRIDS, EDGE)
    packed, lengths = model.pack_image_features(
        [torch.zeros(tiles, side * side, TEXT["hidden_size"])], torch.tensor([[size[1], size[0]]]),
        image_newline=model.image_newline, vision_aspect_ratio="anyres_max_9")
    rows, columns = columns_first
    cut = unpad_image(torch.zeros(1, rows * side, columns * side), (size[1], size[0])).shape[1:]
    return int(lengths[0]), [rows, columns], list(cut)


@torch.inference_mode()
def main():
    if int(PIL.__version__.split(".")[0]) >= 13:
        sys.exit("Pillow 13 resizes in another order; use 12 or older")
    default = pathlib.Path(__file__).resolve().parents[2] / "tests/data/llava_onevision"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for part in ("checkpoint", "images"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    words = tokenizer(folder / "checkpoint")
    image_token, stop = words.convert_tokens_to_ids("<image>"), words.convert_tokens_to_ids("<|im_end|>")
    model = model_of(len(words) + 9, image_token, stop)
    write(model, folder / "checkpoint", stop)
    eyes = LlavaOnevisionImageProcessor(size={"height": EDGE, "width": EDGE}, image_grid_pinpoints=GRIDS, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    told = []
    for number, (name, size) in enumerate(PICTURES.items()):
        shown = picture(*size, number)
        shown.save(folder / f"images/{name}.png", optimize=True)
        seen = eyes(shown, return_tensors="pt")
        length, grid, cut = tokens_of(model, size, seen["pixel_values"].shape[1])
        text = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<image>\n" + QUESTIONS[name]
        turns = []
        for question in ("", SECOND):
            if question:
                text += turns[0]["text"] + "<|im_end|>\n<|im_start|>user\n" + question
            text += "<|im_end|>\n<|im_start|>assistant\n"
            ids = words(text, add_special_tokens=False)["input_ids"]
            at = ids.index(image_token)
            whole = torch.tensor([ids[:at] + [image_token] * length + ids[at + 1 :]])
            given = dict(input_ids=whole, attention_mask=torch.ones_like(whole), pixel_values=seen["pixel_values"], image_sizes=seen["image_sizes"])
            scores = model(**given).logits[0, -1]
            # No stop id: an answer of random weights that ends at once would tell nothing.
            made = model.generate(**given, do_sample=False, max_new_tokens=WRITTEN, eos_token_id=None, pad_token_id=0, output_scores=True, return_dict_in_generate=True,
                                  suppress_tokens=list(range(image_token, model.config.text_config.vocab_size)))  # rows that belong to no token
            written = made.sequences[0, whole.shape[1] :] if made.sequences.shape[1] > whole.shape[1] else made.sequences[0]
            margins = [float(two[0] - two[1]) for two in (step[0].topk(2).values for step in made.scores)]
            turns.append({
                "prompt_ids": ids, "sequence_length": whole.shape[1], "logits": [float(f"{value:.7g}") for value in scores[:image_token]],
                "greedy_ids": written.tolist(), "text": words.decode(written, skip_special_tokens=True), "least_margin": min(margins),
            })
        assert min(turn["least_margin"] for turn in turns) > 5e-3 and not any(stop in turn["greedy_ids"] for turn in turns), "take another seed"
        told.append({"picture": name, "question": QUESTIONS[name], "second": SECOND, "picture_tokens": length, "grid": grid, "unpadded": cut, "turns": turns})
        print(name, size, "grid", grid, "map", cut, "tokens", length, "margins", [turn["least_margin"] for turn in turns])
    state = {"image_token": image_token, "stop": stop, "cases": told}
    (folder / "expected.json").write_text(json.dumps(state) + "\n")


if __name__ == "__main__":
    main()
