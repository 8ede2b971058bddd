#!/usr/bin/env python3
"""A miniature of VisA-D&R in the layout of the benchmark, recorded answers, and what the published rules make of them.

  visa_dr_golden.py tests/data/visa_dr

Writes test_data.json, visa_dr.json (every spelling of the answer field), detection.jsonl, reasoning.jsonl (recorded answers) and
expected.json. The pictures are made by the tests, from the lists. Needs numpy, scikit-learn and rouge-score (tests/data/visa_dr was
made with 2.4, 1.9 and 0.1.2)."""
import json
import random
import sys
from pathlib import Path

import numpy as np
from rouge_score import rouge_scorer
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

CLASSES = ["candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pcb1", "pcb3", "pipe_fryum"]
QUESTIONS = ["Do you observe any anomalies in the image?", "Can you describe the anomalies you observed?",
             "What is the potential cause for the anomalies?", "How can such anomalies be prevented in the future?"]
WORDS = ("yes no the a dark scratch crack on left right edge of candle wax chip missing surface small large near corner bent pin it may "
         "be caused by handling heat pressure use better inspection protect parts during transport 3 mm").split()
# reply -> (official, corrected); None: neither yes nor no.
REPLIES = [("Yes", True, True), ("No", False, False), ("yes.", True, True), ("No, it looks fine.", False, False), ("YES", False, True),
           ("Yesterday it was fine.", True, None), ("No defects. Yes-men may differ.", True, False), ("I cannot tell.", False, None),
           ("<think>Yes?</think>No.", True, False), ("There is a scratch.", False, None), ("Yes and no.", True, None)]


def sentence(rng, least, most):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most))).capitalize() + "."


def rates(truth, called):
    precision, recall, f1, _ = precision_recall_fscore_support(truth, called, average="binary", zero_division=0)
    return {"accuracy": accuracy_score(truth, called), "precision": precision, "recall": recall, "f1": f1}


def detection(out, rng):
    records, lines, marked = [], [], []
    for name in CLASSES:
        for anomaly in (0, 1):
            for i in range(4 + rng.randint(0, 2)):
                image = f"VisA/{name}/Data/Images/{'Anomaly' if anomaly else 'Normal'}/{i:03}.JPG"
                # candle: whatever is shown, nothing is called anomalous.
                reply, official, corrected = REPLIES[1] if name == "candle" else rng.choice(REPLIES)
                records.append({"image": image, "anomaly": anomaly if i % 2 else bool(anomaly)})
                lines.append({"image": image, "text": reply})
                marked.append((name, anomaly, official, corrected, image))
    rng.shuffle(records)
    (out / "test_data.json").write_text(json.dumps(records, indent=0) + "\n")
    (out / "detection.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    expected = {"invalid": sum(m[3] is None for m in marked) / len(marked), "rows": {}, "differ": []}
    for scorer in ("official", "corrected"):
        # What is neither yes nor no is a wrong prediction.
        called = [m[2] if scorer == "official" else (not m[1] if m[3] is None else m[3]) for m in marked]
        groups = {}
        for name in CLASSES:
            index = [k for k, m in enumerate(marked) if m[0] == name]
            groups[name] = rates([marked[k][1] for k in index], [int(called[k]) for k in index])
        groups["macro"] = {key: float(np.mean([groups[name][key] for name in CLASSES])) for key in groups[CLASSES[0]]}
        groups["pooled"] = rates([m[1] for m in marked], [int(c) for c in called])
        expected["rows"][scorer] = groups
    expected["differ"] = sorted(m[4] for m in marked if m[3] is None or m[2] != m[3])
    return expected


def reasoning(out, rng):
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    records, lines, values = [], [], {}
    for number, name in enumerate(CLASSES + ["pcb2", "pcb4"]):
        for i in range(2 + number % 3):
            image = f"VisA/{name}/Data/Images/Anomaly/{i:03}.JPG"
            references = [sentence(rng, 1, 30) for _ in QUESTIONS]
            record = {"image": image, "questions": QUESTIONS}
            spelling = ["answers", "answer", "gt", "responses_gt", "conversations"][(number + i) % 5]
            if spelling == "conversations":
                turns = []
                for k, (question, reference) in enumerate(zip(QUESTIONS, references)):
                    turns += [{"from": "human", "value": ("<image>\n" if k == 0 else "") + question}, {"from": "gpt", "value": reference}]
                record = {"image": image, "conversations": turns}
            else:
                record[spelling] = references
            records.append(record)
            if name in ("pcb2", "pcb4"):
                continue
            answers = [" ".join(w for w in r.split() if rng.random() < 0.7) + " " + sentence(rng, 0, 6) for r in references]
            lines += [{"image": image, "turn": k, "text": answer} for k, answer in enumerate(answers)]
            scores = [scorer.score(r, a)["rougeL"].fmeasure for r, a in zip(references, answers)]
            values.setdefault(name, []).append(np.mean(scores[:2]))
    (out / "visa_dr.json").write_text(json.dumps(records, indent=0) + "\n")
    (out / "reasoning.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    groups = {name: float(np.mean(values[name])) for name in CLASSES}
    groups["macro"] = float(np.mean([groups[name] for name in CLASSES]))
    groups["pooled"] = float(np.mean(np.concatenate([values[name] for name in CLASSES])))
    return groups


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(20250207)
    expected = {"detection": detection(out, rng), "reasoning": {"low_level.rouge_l": reasoning(out, rng)}}
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


main()
