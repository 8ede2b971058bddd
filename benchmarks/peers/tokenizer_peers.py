#!/usr/bin/env python3
"""The tokenizers of LookTwice beside tiktoken and Hugging Face tokenizers: one run, one thread, the same ids.

  tokenizer_peers.py PROGRAM QWEN_FOLDER BERT_FOLDER TEXT...
      PROGRAM: tokenizers_bench. QWEN_FOLDER: tokenizer.json of Qwen2; BERT_FOLDER: vocab.txt of a BERT model.
      TEXT: files, one text each; they are repeated up to 20 MB. Needs tokenizers==0.23.3 and tiktoken==0.14.0.

CPU seconds: ours the mean of a run before and one after the peer, each the median of 5; tiktoken's the median of 3, Hugging Face's of 1.
"""

import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import tiktoken
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

BYTES = int(os.environ.get("TEXT_BYTES", 20_000_000))


def cpu_seconds(run, repetitions):
    seconds = []
    for _ in range(repetitions):
        start = time.process_time()
        value = run()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), value


def byte_of_character():
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {**{chr(b): b for b in shown}, **{chr(256 + i): b for i, b in enumerate(hidden)}}


def tiktoken_of(folder):
    """Ranks in the order of the ids, which for Qwen is the order of the merges."""
    spec = json.load(open(f"{folder}/tokenizer.json", encoding="utf-8"))
    byte_of = byte_of_character()
    ranks = {bytes(byte_of[c] for c in token): rank for token, rank in spec["model"]["vocab"].items()}
    pattern = spec["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    special = {token["content"]: token["id"] for token in spec["added_tokens"]}
    return tiktoken.Encoding("qwen", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def bert_of(folder):
    vocabulary = {line.rstrip("\n"): i for i, line in enumerate(open(f"{folder}/vocab.txt", encoding="utf-8"))}
    bert = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    bert.normalizer = normalizers.BertNormalizer()
    bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bert.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    bert.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return bert


def fnv(lists):
    value = 14695981039346656037
    for ids in lists:
        for i in ids:
            value = (value ^ i) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def corpus(paths):
    texts, size = [], 0
    while size < BYTES:
        for path in paths:
            text = open(path, "rb").read().decode("utf-8", "ignore").replace("\0", "")
            if text and size < BYTES:
                texts.append(text)
                size += len(text.encode())
    return texts, size


def in_lines(texts, most_bytes):
    """Sentences are what WordPiece sees; Hugging Face's takes time with the square of a text's length."""
    lines, size = [], 0
    for text in texts:
        for line in text.splitlines():
            if line.strip() and size < most_bytes:
                lines.append(line)
                size += len(line.encode())
    return lines, size


def main():
    program, qwen, bert, *paths = sys.argv[1:]
    texts, size = corpus(paths)
    lines, lines_size = in_lines(texts, size // 4)
    start = time.process_time()
    hf_qwen = Tokenizer.from_file(f"{qwen}/tokenizer.json")
    hf_load = time.process_time() - start
    tik, hf_bert = tiktoken_of(qwen), bert_of(bert)
    peers = [
        ("Qwen BPE", "qwen", qwen, texts, size, "tiktoken", lambda text: tik.encode(text, allowed_special="all"), 3),
        ("Qwen BPE", "qwen", qwen, texts, size, "Hugging Face", lambda text: hf_qwen.encode(text).ids, 1),
        ("WordPiece", "wordpiece", bert, lines, lines_size, "Hugging Face", lambda text: hf_bert.encode(text).ids, 1),
    ]
    print("| tokenizer | text, MB | peer | peer, MB/s | LookTwice, MB/s | times |\n|---|---|---|---|---|---|")
    for name, kind, folder, some, some_size, peer, encode, repetitions in peers:
        with tempfile.NamedTemporaryFile() as file:
            file.write("".join(text + "\0" for text in some).encode())
            file.flush()
            command = [program, kind, folder, file.name, "5"]
            before, (seconds, ids), after = ours(command), cpu_seconds(lambda: [encode(text) for text in some], repetitions), ours(command)
        mine = (before["encode"] + after["encode"]) / 2
        print(f"| {name} | {some_size / 1e6:.1f} | {peer} | {some_size / seconds / 1e6:.1f} | {some_size / mine / 1e6:.1f} | {seconds / mine:.1f} |"
              + ("" if fnv(ids) == before["hash"] else " ids differ"), flush=True)
        if peer == "Hugging Face" and kind == "qwen":
            loads = f"tokenizer.json is read in {before['load']:.2f} s; by Hugging Face in {hf_load:.2f} s"
    print("\n" + loads)


def ours(command):
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


if __name__ == "__main__":
    main()
