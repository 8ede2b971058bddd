#!/usr/bin/env python3
"""What rouge_score 0.1.2 gives for 5,000 pairs of texts: tests/data/text/rouge_pairs.txt.

The texts are not stored: tests/metrics/rouge_test.cc puts them together again from the pieces in
rouge_pieces.json and the generator below. A line holds the words of the reference and of the candidate, then how many
are shared by rouge1, rouge2, rougeL, rougeLsum, and by the same four with stemming; precision, recall and F are checked
here to be exactly what follows from those.

  python3 -m venv v && v/bin/pip install rouge_score==0.1.2 && v/bin/python scripts/golden/rouge.py
"""

import json
import pathlib

from rouge_score import rouge_scorer

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/data/text"
KINDS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
WORDS = """the a of is on scratch scratches scratched scratching crack cracked surface surfaces solar cell cells break
broken breaking dent dents bent bending metal metallic anomaly anomalies anomalous normal normally normalised relational
conditional rationally hopefulness analogously analogy vietnamization skies dying news innings proceed fulfil fulfilled
falling falls agreed feed plastered motoring sized hopping tanned failing filing happy sky yield yes by crying played
Yes YES No. (no) 3.5 1,000 12mm x2 A's don't end-to-end aaaaaaaa aaaaaaaaa aaaaaaaab abcdefghijklmnopqrstuvwxyz
abcdefghijklmnopqrstuvwxyy , . ; : ! ? - _ /"""
PIECES = WORDS.split() + ["caf\u00e9", "na\u00efve", "\u0130stanbul", "5\u212a", "\u7f3a\u9677", "\u0434\u0435\u0444\u0435\u043a\u0442", "\u00df", "\ufb01ne"]
PIECES += ["\u200bzero", "e\u0301", "\U0001f600", "\u0307", "\n", "\n\n", "\t", "\r\n", "\0"]


class Generator:
    def __init__(self, seed):
        self.state = seed * 2654435761 % 2**31

    def __call__(self, below):
        self.state = (self.state * 1103515245 + 12345) % 2**31
        return (self.state >> 8) % below


def texts(number):
    draw = Generator(number)
    count = draw(3) if draw(10) == 0 else draw(60)
    if number % 250 == 249:
        count = 600
    reference = [PIECES[draw(len(PIECES))] for _ in range(count)]
    candidate = []
    for piece in reference:
        fate = draw(5)
        if fate == 1:
            candidate.append(PIECES[draw(len(PIECES))])
        elif fate == 2:
            candidate.insert(draw(len(candidate) + 1), piece)
        elif fate > 2:
            candidate.append(piece)
    gap = " " if draw(4) else ""
    return gap.join(reference), gap.join(candidate)


def shared(score, words, others, gram):
    total, other = max(words - gram + 1, 0), max(others - gram + 1, 0)
    count = round(score.recall * total)
    precision, recall = (count / max(other, 1), count / max(total, 1)) if count else (0, 0)
    f = 2 * precision * recall / (precision + recall) if count else 0
    assert (score.precision, score.recall, score.fmeasure) == (precision, recall, f), score
    return count


def main():
    scorers = [rouge_scorer.RougeScorer(KINDS, use_stemmer=stem) for stem in (False, True)]
    tokens = scorers[0]._tokenizer.tokenize
    lines = []
    for number in range(5000):
        reference, candidate = texts(number)
        words, others = len(tokens(reference)), len(tokens(candidate))
        line = [words, others]
        for scorer in scorers:
            scores = scorer.score(reference, candidate)
            line += [shared(scores[kind], words, others, 2 if kind == "rouge2" else 1) for kind in KINDS]
        lines.append(" ".join(map(str, line)))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "rouge_pieces.json").write_text(json.dumps(PIECES) + "\n")
    (FOLDER / "rouge_pairs.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
