#!/usr/bin/env python3
"""Random strings over all planes of Unicode through Hugging Face tokenizers and LookTwice: the ids must be equal.

  tokenizer_strings.py compare PROGRAM QWEN_FOLDER BERT_FOLDER [COUNT]     PROGRAM: tokenizers_bench; COUNT: 100,000
  tokenizer_strings.py write   QWEN_FOLDER BERT_FOLDER OUT.jsonl           400 of them with their ids, for the tests

Needs tokenizers==0.23.3. QWEN_FOLDER: tokenizer.json; BERT_FOLDER: vocab.txt.
"""

import json
import random
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SNIPPETS = ["the", " scratch", "defect's", "I'LL", "don't", "'\u017f", "  ", "\n", "\r\n", "\t", " \n ", "\u3000", "\u0085", "\u00a0", "1234", "3.14",
            "<|im_end|>", "<|im_start|>", "<|im_", "[SEP]", "[MASK]", "##", "caf\u00e9", "e\u0301", "\u1100\u1161\u11a8", "\uac00\u11a8", "\u7f3a\u9677",
            "\u0130", "\u212b", "\ufb01", "\U0001f600\u200d\U0001f44d\U0001f3fd", "\u0644\u0627", "\u0915\u094d\u0937", "\u302e\u0301", "\u1b44\u0327", "-", "...", "{}();"]
CATEGORIES = ("Mn", "Mc", "Lu", "Ll", "Lo", "Nd", "No", "Po", "So", "Zs", "Cf")


def strings(count, seed):
    draw = random.Random(seed)
    by_category = {name: [] for name in CATEGORIES}
    for code in range(1, 0x110000):
        name = unicodedata.category(chr(code))
        if name in by_category:
            by_category[name].append(chr(code))

    def piece():
        kind = draw.randrange(10)
        if kind < 3:
            return draw.choice(SNIPPETS)
        if kind < 5:
            return "".join(chr(draw.randrange(1, 0x80)) for _ in range(draw.randint(1, 6)))
        if kind < 6:  # anything, unassigned and private code points included
            code = draw.randrange(1, 0x110000)
            return "" if 0xD800 <= code < 0xE000 else chr(code)
        if kind < 7:
            return chr(draw.randrange(0x80, 0x3000))
        some = by_category[draw.choice(CATEGORIES)]
        return "".join(draw.choice(some) for _ in range(draw.randint(1, 3)))

    return ["".join(piece() for _ in range(draw.randint(1, 12))) for _ in range(count)]


def bert_of(folder):
    vocabulary = {line.rstrip("\n"): i for i, line in enumerate(open(f"{folder}/vocab.txt", encoding="utf-8"))}
    bert = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    bert.normalizer = normalizers.BertNormalizer()
    bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bert.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    bert.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return bert


def ours(program, kind, folder, texts):
    with tempfile.NamedTemporaryFile() as file:
        file.write("".join(text + "\0" for text in texts).encode())
        file.flush()
        out = subprocess.run([program, kind, folder, file.name, "0"], capture_output=True, check=True, text=True).stdout
    return [[int(number) for number in line.split()] for line in out.splitlines()]


def compare(program, qwen_folder, bert_folder, count=100_000):
    wrong = 0
    texts = [text for text in strings(int(count), 1) if text]
    for kind, folder, peer in (("qwen", qwen_folder, Tokenizer.from_file(f"{qwen_folder}/tokenizer.json")),
                               ("wordpiece", bert_folder, bert_of(bert_folder))):
        mine = ours(program, kind, folder, texts)
        assert len(mine) == len(texts)
        differ = [(text, peer.encode(text).ids, ids) for text, ids in zip(texts, mine) if peer.encode(text).ids != ids]
        for text, expected, ids in differ[:10]:
            print(ascii(text), expected, ids)
        print(f"{kind}: {len(texts)} strings, {len(differ)} differ")
        wrong += len(differ)
    return 1 if wrong else 0


def write(qwen_folder, bert_folder, out):
    qwen, bert = Tokenizer.from_file(f"{qwen_folder}/tokenizer.json"), bert_of(bert_folder)
    with open(out, "w", encoding="ascii") as file:
        for text in strings(400, 2):
            file.write(json.dumps({"text": text, "qwen": qwen.encode(text).ids, "bert": bert.encode(text).ids}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit({"compare": compare, "write": write}[sys.argv[1]](*sys.argv[2:]))
