"""Replies and what MMAD's parser finds in them -> tests/data/mmad/letters.json.

The pattern and the fallback are those of the published query scripts: re.findall(r"\\b([A-E])\\b"), last (LLaVA:
first) match, else difflib.get_close_matches(reply, option texts, n=1, cutoff=0.0).
Usage: python mmad_letters.py > tests/data/mmad/letters.json
"""

import difflib
import json
import random
import re

OPTIONS = {"A": "Broken large.", "B": "Contamination", "C": "No defect", "D": "Broken small."}
PIECES = [
    "A", "B", "C", "D", "E", "F", "a", "b", "_", "1", "É", "é", "日", "²", "Ⅷ", "¼", "́", "​", " ", " ",
    "\n", ".", ",", ")", "(", "*", "-", "'", "crack", "A crack", "Answer:", "answer is", "<answer>", "</answer>", "٣",
    "_A", "B_", "A1", "🙂", " ", "ß", "E.", "Broken", "no defect", "Contamination",
]  # fmt: skip


def official(reply, take):
    letters = re.findall(r"\b([A-E])\b", reply)
    if letters:
        return letters[take]
    closest = difflib.get_close_matches(reply, list(OPTIONS.values()), n=1, cutoff=0.0)[0]
    return next(letter for letter, text in OPTIONS.items() if text == closest)


def main():
    draw = random.Random(3)
    replies = ["", "A", "(b)", "A crack in B", "None of them", "the bottle is broken", "B_C", "_A_", "AÉ A", "A²", "Á"]
    replies += ["".join(draw.choice(PIECES) for _ in range(draw.randrange(1, 12))) for _ in range(800)]
    cases = [
        {
            "reply": reply,
            "letters": "".join(re.findall(r"\b([A-E])\b", reply)),
            "last": official(reply, -1),
            "first": official(reply, 0),
        }
        for reply in replies
    ]
    print('{"options": ' + json.dumps(OPTIONS) + ', "cases": [')
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")


if __name__ == "__main__":
    main()
