#!/usr/bin/env python3
"""What bert_score 0.3.13 gives for pairs of texts: tests/data/text/bert_score.json.

Of tests/data/tiny_mpnet, which always is there, of the fixture tiny_sbert and, if its folder is the first argument, of
all-MiniLM-L6-v2; after each of the first and the last layer, with and without IDF; fp32, one pair at a time, since padding would
put zeros among the cosines.

  python3 -m venv v && v/bin/pip install bert_score==0.3.13 && v/bin/python scripts/golden/bert_score.py FOLDER
"""

import json
import pathlib
import random
import sys

import torch
from transformers import MPNetTokenizer
from bert_score.utils import bert_cos_score_idf, get_idf_dict, get_model, get_tokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT.parent.parent / "shared/fixtures")
WORDS = """the a of is on scratch scratched crack surface solar cell broken breaking dent bent metal anomaly normally café naïve
Istanbul 5 12mm x2 don't end-to-end , . ; ! ? - _ / Yes NO 3.5 缺陷 дефект zzzzqqqq""".split()
PAIRS = 40


def pairs():
    draw = random.Random(11)
    made = [("", "a crack"), ("a crack", "   "), ("one", "one"), ("the same text.", "the same text.")]
    while len(made) < PAIRS:
        reference = [draw.choice(WORDS) for _ in range(draw.randint(1, 40))]
        candidate = [draw.choice(WORDS) if draw.random() < 0.4 else word for word in reference]
        made.append((" ".join(candidate), " ".join(reference)))
    made.append((" ".join(["scratch"] * 700), "one long text, cut"))
    return made


def rows(folder, layer, made):
    """[P, R, F] of each pair, then the same with IDF; 0 for what is no number."""
    is_mpnet = "mpnet" in str(folder)  # its folder is not written as the slow tokenizer reads it
    model = get_model(str(folder), layer)
    tokenizer = MPNetTokenizer(str(folder / "vocab.txt"), unk_token="[UNK]") if is_mpnet else get_tokenizer(str(folder), False)
    longest = model.config.max_position_embeddings - (2 if is_mpnet else 0)
    tokenizer.model_max_length = min(tokenizer.model_max_length, longest)
    plain = dict.fromkeys(range(len(tokenizer)), 1.0)
    plain[tokenizer.sep_token_id] = plain[tokenizer.cls_token_id] = 0
    idf = get_idf_dict([b for _, b in made], tokenizer, nthreads=0)
    table = []
    for a, b in made:
        row = []
        for weights in (plain, idf):
            with torch.no_grad():
                score = bert_cos_score_idf(model, [b], [a], tokenizer, weights, device="cpu")
            row += [round(float(x), 7) if x == x else 0 for x in score[0]]
        table.append(row)
    return table


def main():
    torch.set_num_threads(1)
    made = pairs()
    folders = {"tiny_mpnet": (ROOT / "tests/data/tiny_mpnet", 2), "tiny_sbert": (FIXTURES / "text/tiny_sbert", 2)}
    if len(sys.argv) > 1:
        folders["all-MiniLM-L6-v2"] = (pathlib.Path(sys.argv[1]), 6)
    scores = {}
    for name, (folder, last) in folders.items():
        scores[name] = {str(layer): rows(folder, layer, made) for layer in (1, last)}
    (ROOT / "tests/data/text/bert_score.json").write_text(
        json.dumps({"pairs": made, "scores": scores}, ensure_ascii=False).replace("]], ", "]],\n") + "\n")


if __name__ == "__main__":
    main()
