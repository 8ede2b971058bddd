"""A narrow random MPNet as sentence-transformers would save it, and what transformers makes of it:
python3 scripts/golden/tiny_mpnet.py (torch 2.11, transformers 4.51). Written to tests/data/tiny_mpnet."""

import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import MPNetConfig, MPNetModel, MPNetTokenizerFast

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/data/tiny_mpnet"
TEXTS = ["", "A scratch near the centre.", "no defect", "café 缺陷", " ".join(["worn tool bit"] * 80), "<s> </s> x"]
WORDS = "a scratch near the centre no defect cafe worn tool bit x . 缺 陷 s < > / ##s ##e c t n".split()


def main():
    torch.manual_seed(7)
    (FOLDER / "1_Pooling").mkdir(parents=True, exist_ok=True)
    vocabulary = ["<s>", "<pad>", "</s>", "[UNK]", *dict.fromkeys(WORDS), "<mask>"]
    (FOLDER / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    config = MPNetConfig(
        vocab_size=len(vocabulary), hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
        max_position_embeddings=200, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2, initializer_range=0.3,
    )  # fmt: skip
    model = MPNetModel(config).eval()
    config.save_pretrained(FOLDER)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, FOLDER / "model.safetensors", metadata={"format": "pt"})
    special = {"unk_token": "[UNK]", "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "mask_token": {"content": "<mask>"}}
    (FOLDER / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, **special}, indent=1) + "\n")
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    listed = [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"} for i, (path, kind) in enumerate(modules)]
    (FOLDER / "modules.json").write_text(json.dumps(listed, indent=1) + "\n")
    (FOLDER / "sentence_bert_config.json").write_text('{"max_seq_length": 150, "do_lower_case": false}\n')
    (FOLDER / "1_Pooling/config.json").write_text('{"word_embedding_dimension": 24, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}\n')

    tokenizer = MPNetTokenizerFast(str(FOLDER / "vocab.txt"), unk_token="[UNK]")
    rows, ids = [], []
    for text in TEXTS:
        inputs = tokenizer(text, truncation=True, max_length=150, return_tensors="pt")
        with torch.no_grad():
            state = model(**inputs).last_hidden_state[0]
        rows.append(torch.nn.functional.normalize(state.mean(0), dim=0).tolist())
        ids.append(inputs["input_ids"][0].tolist())
    (FOLDER / "expected.json").write_text(json.dumps({"texts": TEXTS, "ids": ids, "embeddings": rows}) + "\n")


if __name__ == "__main__":
    main()
