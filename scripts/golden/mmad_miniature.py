"""A miniature of MMAD in the exact layout, replies to it, and what the published summary makes of them.

Writes tests/data/mmad/miniature/: mmad.json, domain_knowledge.json, replies.jsonl (one per question, as
`--model predictions` reads them) and summary.json. The summary is written after the rules of the published
caculate_accuracy_mmad: records with a letter outside A-E are removed from the list while it is walked, so the
next one is passed over; Anomaly Detection is the mean of normal and abnormal accuracy.
Usage: python mmad_miniature.py tests/data/mmad/miniature
"""

import difflib
import json
import pathlib
import random
import re
import sys

CATEGORIES = {
    "DS-MVTec": ("bottle", "metal_nut"),
    "MVTec-LOCO": ("breakfast_box", "pushpins"),
    "VisA": ("candle", "pcb1"),
    "GoodsAD": ("drink_can", "food_box"),
}
DEFECTS = {
    "DS-MVTec": ("image/broken_large", "image/scratch"),
    "MVTec-LOCO": ("test/logical_anomalies", "test/structural_anomalies"),
    "VisA": ("test/bad", "test/bad"),
    "GoodsAD": ("test/surface_damage", "test/deformation"),
}
GOOD = {"DS-MVTec": "image/good", "MVTec-LOCO": "test/good", "VisA": "test/good", "GoodsAD": "test/good"}
TYPES = [
    "Anomaly Detection", "Defect Classification", "Defect Localization", "Defect Description", "Defect Analysis",
    "Object Classification", "Object Structure", "Object Details", "Object Analysis",
]  # fmt: skip
TEXTS = ["a scratch", "a dent", "contamination", "a missing part", "a crack", "discoloration", "upper left", "lower right"]


def question(draw, kind, normal):
    if kind == "Anomaly Detection":
        answer = "B" if normal else "A"
        return {"Question": "Is there any defect in the object?", "Answer": answer,
                "Options": {"A": "Yes.", "B": "No."}, "type": kind, "annotation": True}  # fmt: skip
    texts = draw.sample(TEXTS, 4)
    return {
        "Question": f"What about the {kind.lower()}?",
        "Answer": draw.choice("ABCD"),
        "Options": dict(zip("ABCD", texts)),
        "type": kind,
        "annotation": True,
    }


def records(draw):
    for source, categories in CATEGORIES.items():
        for category in categories:
            for number in range(5):
                normal = number < 2
                folder = GOOD[source] if normal else DEFECTS[source][number % 2]
                key = f"{source}/{category}/{folder}/{number:03}.png"
                kinds = [TYPES[0], *draw.sample(TYPES[5:], 2)] if normal else [TYPES[0], *draw.sample(TYPES[1:], 5)]
                train = "MVTec-AD" if source == "DS-MVTec" else source
                templates = [f"{train}/{category}/train/good/{i:03}.png" for i in range(2)]
                record = {
                    "image_path": key,
                    "similar_templates": templates[::-1],
                    "random_templates": templates,
                    "conversation": [question(draw, kind, normal) for kind in kinds],
                }
                if not normal:
                    record["mask_path"] = f"rbg_mask/{number:03}_rbg_mask.png"
                yield key, record


def reply(draw, asked):
    letter = asked["Answer"] if draw.random() < 0.6 else draw.choice("ABCD")
    text = asked["Options"].get(letter, "something")
    return draw.choice([
        letter, f"{letter}.", f"({letter})", f"Answer: {letter}", f"The answer is {letter}.", f"**{letter}**",
        f"A {text} can be seen, so {letter}", f"It is {text}", "I cannot assist with that.", f"{letter} or E?", "",
        f"<think>A or B</think><answer>{letter}</answer>", f"Answer: {letter}. {text}",
    ])  # fmt: skip


def official_letter(text, options, fallback):
    letters = re.findall(r"\b([A-E])\b", text)
    if letters:
        return letters[-1]
    if not fallback:
        return ""
    closest = difflib.get_close_matches(text, list(options.values()), n=1, cutoff=0.0)[0]
    return next(letter for letter, option in options.items() if option == closest)


def summary(answers):
    stats = {source: {} for source in CATEGORIES}
    detection = {source: {"normal": [0, 0], "abnormal": [0, 0]} for source in CATEGORIES}
    answers = list(answers)
    for answer in answers:
        if answer["letter"] not in list("ABCDE") or answer["correct"] not in list("ABCDE"):
            answers.remove(answer)
            continue
        source = answer["image"].split("/")[0]
        kind = answer["type"]
        if kind in ("Object Structure", "Object Details", "Object Analysis"):
            kind = "Object Analysis"
        right = answer["letter"] == answer["correct"]
        if kind == "Anomaly Detection":
            cell = detection[source]["normal" if "good" in answer["image"] else "abnormal"]
        else:
            cell = stats[source].setdefault(kind, [0, 0])
        cell[0] += right
        cell[1] += 1
    table = {}
    for source in CATEGORIES:
        (tn, normal), (tp, abnormal) = detection[source]["normal"], detection[source]["abnormal"]
        share = lambda part, whole: part / whole if whole else 0  # noqa: E731
        row = {"anomaly_detection": (share(tn, normal) + share(tp, abnormal)) / 2}
        for kind in [*TYPES[1:6], "Object Analysis"]:
            row[kind.lower().replace(" ", "_")] = share(*stats[source].get(kind, [0, 0]))
        row["average"] = sum(row.values()) / 7
        fp = normal - tn
        row["precision"], row["recall"] = share(tp, tp + fp), share(tp, abnormal)
        row["f1"] = share(2 * row["precision"] * row["recall"], row["precision"] + row["recall"])
        row["overkill"], row["miss"] = 1 - share(tn, normal), 1 - share(tp, abnormal)
        table[source] = row
    table["macro"] = {name: sum(table[s][name] for s in CATEGORIES) / 4 for name in table["VisA"]}
    return table


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(5)
    data = dict(records(draw))
    (folder / "mmad.json").write_text(json.dumps(data, indent=0) + "\n")
    names = {"DS-MVTec": "MVTec"}
    knowledge = {
        names.get(source, source): {c: {"good": f"A {c} is whole.", "defect": f"A {c} may be broken."} for c in categories}
        for source, categories in CATEGORIES.items()
    }
    (folder / "domain_knowledge.json").write_text(json.dumps(knowledge, indent=1) + "\n")
    lines, answers = [], {True: [], False: []}
    for key, record in data.items():
        for index, asked in enumerate(record["conversation"]):
            text = reply(draw, asked)
            lines.append(json.dumps({"sample": f"{key}#q{index}", "text": text}))
            for fallback in (True, False):
                letter = official_letter(text, asked["Options"], fallback)
                answers[fallback].append({"image": key, "index": index, "type": asked["type"],
                                          "correct": asked["Answer"], "letter": letter})  # fmt: skip
    (folder / "replies.jsonl").write_text("\n".join(lines) + "\n")
    tables = {"qwen": summary(answers[True]), "gpt4o": summary(answers[False])}
    (folder / "summary.json").write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main()
