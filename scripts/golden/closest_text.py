"""Texts by a fixed generator, compared by Python's difflib -> tests/data/mmad/closest_text.txt.

Each of 20,000 cases has a reply and 2 to 4 options; the test makes the same ones. The file holds one SHA-256 over
all cases (bits of every ratio, index that get_close_matches chooses), and every hundredth case in the clear.
Usage: python closest_text.py > tests/data/mmad/closest_text.txt
"""

import difflib
import hashlib
import struct

CASES = 20000
MASK = (1 << 64) - 1
WORDS = [
    "the", "a", "crack", "scratch", "on", "surface", "of", "bottle", "No", "Yes.", "defect", "upper", "left", "right",
    "lower", "corner", "contamination", "broken", "missing", "part", "日本", "défaut", "ß", "🙂", "eeeeee", "....", " ",
]  # fmt: skip


class Generator:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n


def words(draw, count):
    return "".join(WORDS[draw.below(len(WORDS))] + ("" if draw.below(4) == 0 else " ") for _ in range(count))


def case(index):
    draw = Generator(index)
    long = draw.below(4) == 0  # long enough for the rule of popular characters
    reply = words(draw, 30 + draw.below(60) if long else draw.below(12))
    options = [words(draw, draw.below(9)) for _ in range(2 + draw.below(3))]
    if draw.below(3) == 0:  # an option within the reply
        reply += options[0] + words(draw, draw.below(4))
    if draw.below(16) == 0:  # a tie
        options[-1] = options[0][::-1]
    return reply, options


def main():
    total = hashlib.sha256()
    lines = []
    for index in range(CASES):
        reply, options = case(index)
        bits = [struct.pack(">d", difflib.SequenceMatcher(None, option, reply).ratio()).hex() for option in options]
        chosen = options.index(difflib.get_close_matches(reply, options, n=1, cutoff=0.0)[0])
        line = f"{index} {chosen} {' '.join(bits)}"
        total.update((line + "\n").encode())
        if index % 100 == 0:
            lines.append(line)
    print(total.hexdigest())
    print("\n".join(lines))


if __name__ == "__main__":
    main()
