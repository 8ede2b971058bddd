"""Writes tests/data/answers/yes_no.jsonl: replies, what the published rule makes of them, and what they say.

official:  calc_accuracy.py of Anomaly-OneVision, `'Yes' in reply or 'yes' in reply`, run here.
corrected: labelled by hand below; yes, no or invalid. yes_no_composed.jsonl: 500 replies put together at random
           from pieces, labelled by corrected() below, which is first held against the labels by hand.
"""

import json
import pathlib
import random
import re
import unicodedata


def listed(text):
    """One reply a line; backslash escapes as in a Python literal."""
    return [line.encode("ascii").decode("unicode_escape") for line in text.split("\n") if line.strip()]


YES = listed(r"""Yes
yes
YES
yEs
Yes.
yes!
 Yes
\tYes\n
Yes, there is a crack.
Yes; the lid is open
Yes - scratched
Yes: broken
Yes\nThe bottle is broken.
Yes\r\nNo more to say.
"Yes"
'yes'
(Yes)
[yes]
{"answer": "yes"}
**Yes**
*yes*
__Yes__
`yes`
# Yes
> Yes
- Yes
~~ yes ~~
\u201cYes\u201d
\u2018Yes\u2019
\u00abYes\u00bb
\u3010Yes\u3011
Yes\uff0c\u6709\u7f3a\u9677
Yes\u3002No
\u7b54\u6848\uff1aYes
<answer>Yes</answer>
<answer>yes</answer> trailing
<b>Yes</b>
<seg>(1, 2)</seg><think>no, not at all</think><answer>Yes</answer>
<think>There is no defect? No. Wait.</think>Yes
<THINK>no</THINK> Yes.
<think>no</think>\n\nYes, there are defects.
\\boxed{Yes}
$\\text{Yes}$
Answer: Yes
The answer is yes.
I would say yes.
I think the answer is: Yes
Oh yes!
Yes yes yes
Yes, yes. No.
Yes. No.
Yes! There is no cap on the bottle.
1. Yes
1) yes
... Yes
!!! Yes
42. Yes.
Yes/defective
yes_defect
Yes-defect
YES\u200b
\ufeffYes
Sure: yes?
Yes\u2026
Yes\u2014the surface is scratched
Defects present: yes
""")

NO = listed(r"""No
no
NO
nO
No.
no!
 No
No, there are no defects.
No; all fine
No - intact
No\nYes would be wrong.
No\r\nYes
"No"
'no'
(No)
[no]
{"answer": "no"}
**No**
*no*
__No__
`no`
# No
> No
- No
\u201cNo\u201d
\u2018No\u2019
\u00abNo\u00bb
No\uff0c\u6ca1\u6709
No\u3002Yes
<answer>No</answer>
<b>No</b>
<think>yes, a crack. Yes!</think><answer>No</answer>
<think>yes</think>No
<Think>Yes or no?</Think> No.
\\boxed{No}
Answer: No
The answer is no.
I would say no.
There are no defects.
There is no visible damage on the object
No defects are visible in the image.
I see no anomalies
no no no
No. Yes.
No! Yes!
No eyes are drawn
No, nothing yesterday
no-one would call this broken
no/normal
NO\u200b
\ufeffNo
No\u2026
No\u2014it is fine
1. No
2) no
Sadly no
Absolutely no defect here
""")

INVALID = listed(r"""
.
...
?!
123
1.
Yes or no
Yes-or-no cannot be told
No, yes, no
yes and no
Yes, there is no lid
Yes, no visible lid on the can
No, yes
eyes
Two eyes
Yesterday
Yessir
yess
noo
nope
nah
none
None
not
Not yes
not yes.
It is not yes
This is not no
I would not no
Normal
Anomalous
defect
The surface is scratched.
Maybe
I cannot tell.
I'm sorry, but I can't assist with that.
Cannot say. Yes?
The bottle looks fine. No.
Is it broken? Yes.
Look closely.\nYes
know
now
another
piano
no\u00e9
\u00e9yes
noe\u0301
no\u0301
yes1
1yes
n o
y e s
N.O.
ye s
<think>yes
<think>No</thin>
<yes>
<no/>
<answer></answer>
True
False
1
0
A
\u662f
\u5426
\u6709\u7f3a\u9677
Oui
Non
Ja
Nein
\u0434\u0430
y
n
Y
N
""")
INVALID += ["", " ", "\x00", "\n\n\n", "a" * 3000]


def corrected(reply):
    """The rule of suites/answers.h a second time, with regular expressions."""
    text = re.sub(r"<think>.*?(</think>|$)", "", reply, flags=re.DOTALL | re.IGNORECASE)
    text = re.sub(r"<[^<>]*>", " ", text)
    for sentence in re.split("[.!?\n\r\u3002\uff01\uff1f]", text):
        words = [""]
        for c in sentence:
            if c.isalpha() or unicodedata.category(c) == "Nd" or (words[-1] and unicodedata.category(c) == "Mn"):
                words[-1] += c
            elif words[-1]:
                words.append("")
        if not any(c.isalpha() for word in words for c in word):
            continue
        words = [word.translate({n: n + 32 for n in range(65, 91)}) for word in words]
        if any(a == "not" and b in ("yes", "no") for a, b in zip(words, words[1:])):
            return "invalid"
        return {(True, False): "yes", (False, True): "no"}.get(("yes" in words, "no" in words), "invalid")
    return "invalid"


PIECES = [
    piece.encode("ascii").decode("unicode_escape")
    for piece in r"""Yes yes YES No no NO eyes Yesterday knot not none noyes yes-or-no Yes/No yes, no. Yes. No! <answer> </answer>
<think> </think> <THINK> <b> </b> < > << a<b > ** " ' ( ) [ ] : ; , . ! ? ... 3.5 1 A defect crack is there The answer surely
\u662f \u5426 \u3002 \uff01 \u2019 \u00e9 e\u0301 \u0130 \u212a \u200b \u00a0 \n \r\n \t \x00 n\u0303o""".split()
]


def composed(count):
    """Replies of one to nine pieces, with and without blanks between them."""
    draw, replies = random.Random(5), set()
    while len(replies) < count:
        pieces = draw.choices(PIECES, k=draw.randint(1, 9))
        reply = "".join(piece + draw.choice(["", " ", " "]) for piece in pieces)
        if re.search("yes|no", reply, re.IGNORECASE):
            replies.add(reply)
    return sorted(replies)


def write(name, rows):
    target = pathlib.Path(__file__).resolve().parents[2] / "tests/data/answers" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(f"{len(rows)} replies in {target}")


def row_of(reply, label):
    return {"reply": reply, "official": "Yes" in reply or "yes" in reply, "corrected": label}


def main():
    rows, seen = [], set()
    for label, replies in (("yes", YES), ("no", NO), ("invalid", INVALID)):
        for reply in replies:
            if reply in seen:
                raise SystemExit(f"listed twice: {reply!r}")
            seen.add(reply)
            if corrected(reply) != label:
                raise SystemExit(f"labelled {label}, the rule says {corrected(reply)}: {reply!r}")
            rows.append(row_of(reply, label))
    write("yes_no.jsonl", rows)
    write("yes_no_composed.jsonl", [row_of(reply, corrected(reply)) for reply in composed(500)])


if __name__ == "__main__":
    main()
