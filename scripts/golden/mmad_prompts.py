"""The prompts of MMAD's reference scripts and of OmniAD, put together anew from the texts of protocols 3.3 and 8.2.

Writes tests/data/mmad/prompts/: one file per prompt set, shots and modifier, for one question of the miniature. Pictures
stand as <image> and <reference N>, a system text between <system> tags. The sentence before domain knowledge is ours.
Usage: python mmad_prompts.py tests/data/mmad/miniature tests/data/mmad/prompts
"""

import json
import pathlib
import sys

KEY, ASKED = "MVTec-LOCO/pushpins/test/logical_anomalies/002.png", 2
I1 = (
    "\nYou are an industrial inspector who checks products by images. You should judge whether there is a defect in the"
    " query image and answer the questions about it.\nAnswer with the option's letter from the given choices directly"
)
OMNIAD = (
    "You are a special assistant for analysis image. The user asks a question, and you answer with the option's letter"
    " from the given choices directly. Firstly, you should detect anomalies in patches within <seg>/</seg> tags. Then"
    " think about the reasoning process in the mind and then provide the user with the answer. The reasoning process"
    " and answer are enclosed within <think> /</think> and <answer> /</answer> tags, respectively, i.e.,"
    " <seg>segmentation results here</seg><think> reasoning process here</think><answer> answer letter here</answer>"
)
LIST = ["", "", "Finally, you should output a list of answer, such as:", "1. Answer: B.", "2. Answer: B.", "3. Answer: A.", "...", ""]
COMPARE = "image of normal sample, which can be used as a template to compare the image being queried."


def block(number, asked, letter=". "):
    head = "Question: " if number is None else f"Question {number}: "
    lines = "".join(f"{key}{letter}{text}\n" for key, text in asked["Options"].items())
    return head + asked["Question"] + " \n" + lines + "\n"


def prompt(name, shots, blind, told, asked):
    """asked: [(number, record)]; told: domain knowledge or nothing."""
    pictures = "" if blind else "".join(f"<reference {i + 1}>" for i in range(shots))
    image = "" if blind else "<image>"
    numbered = "".join(block(number, one) for number, one in asked)
    plain = "".join(block(None, one) for _, one in asked)
    if name in ("gpt4o", "gpt4o_mini"):
        text = I1 + ("!" + "\n".join(LIST) if name == "gpt4o" else ".\n") + told
        if shots:
            text += f"The first {shots} image is the normal sample, which can be used as a template to compare."
        return pictures + image + text + "The last image is the query imageFollowing is the question list: \n" + plain
    if name in ("internvl", "qwen"):
        few = f"Following is/are {shots} {COMPARE}{pictures}" if shots else ""
        ask = "Following is the question list. Answer with the option's letter from the given choices directly: "
        return I1 + ".\n" + told + few + "Following is the query image: " + image + ask + numbered
    if name == "llava":
        few = f"Following is {shots} image of normal sample:{pictures}" if shots else ""
        return I1 + ".\n" + told + few + "Test image: " + image + "Following is new question list: " + numbered
    few = f"{pictures} This is an image of a normal object." if shots else ""
    text = "".join(
        one["Question"] + "\n" + "".join(f"{key}: {option}\n" for key, option in one["Options"].items()) for _, one in asked
    )
    return f"<system>{OMNIAD}</system>" + few + image + told + text


def main():
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    questions = json.loads((source / "mmad.json").read_text())[KEY]["conversation"]
    facts = json.loads((source / "domain_knowledge.json").read_text())["MVTec-LOCO"]["pushpins"]
    knowledge = "Following is the domain knowledge about the object: \n" + "\n".join(facts.values()) + "\n"
    for name in ("gpt4o", "gpt4o_mini", "internvl", "qwen", "llava", "omniad"):
        for shots, modifier in ((0, ""), (1, ""), (1, "cumulative"), (1, "knowledge"), (1, "blind")):
            asked = [(ASKED + 1, questions[ASKED])]
            if modifier == "cumulative":
                asked = [(number + 1, one) for number, one in enumerate(questions[: ASKED + 1])]
            text = prompt(name, shots, modifier == "blind", knowledge if modifier == "knowledge" else "", asked)
            file = f"{name}_{shots}shot" + (f"_{modifier}" if modifier else "") + ".txt"
            (target / file).write_text(text)


if __name__ == "__main__":
    main()
