#!/usr/bin/env python3
"""Runs a model of Hugging Face transformers (4.56 or later, 5.x) through LookTwice:

    looktwice run --model process --model_args 'command="python3 scripts/adapters/huggingface_adapter.py Qwen/Qwen2.5-VL-3B-Instruct"' ...

Chat models (the default) answer questions about pictures. Where a score is wanted, it is the log-odds of "Yes" against "No" as first word of the answer to
--prompt: not squeezed through a sigmoid, which would tie what is nearly certain. With --classifier LABEL an image classifier's score is
the log-odds of that label.

A gated model needs its token: add env=HF_TOKEN to --model_args.
"""

import argparse
import math
import sys

import looktwice_adapter

PROMPT = "Are there any defects for the object in the image? Please reply with 'Yes' or 'No'."


def imported():
    try:
        import torch
        import transformers
    except ImportError as error:
        sys.exit(
            f"huggingface_adapter: cannot import {error.name} ({error}); "
            "pip install 'transformers>=4.56' torch torchvision pillow accelerate into the Python that runs this"
        )
    return torch, transformers


def logsumexp(values):
    largest = max(values)
    return largest + math.log(sum(math.exp(value - largest) for value in values))


def content_of(turn, request, pictures):
    """A user's turn. Its parts, where the protocol sets their order; else `pictures` and the question."""
    if turn.get("parts"):
        return [
            {"type": "text", "text": part["text"]}
            if part["type"] == "text"
            else {
                "type": "image",
                "path": request["image"]
                if part["type"] == "image"
                else request["references"][part["number"]],
            }
            for part in turn["parts"]
        ]
    return [
        *({"type": "image", "path": path} for path in pictures),
        {"type": "text", "text": turn["question"]},
    ]


def messages_of(request, question=None):
    """The dialogue as a chat: pictures belong to the first user turn. `question` is asked in place of the request's own."""
    messages = []
    if request.get("system"):
        messages.append(
            {"role": "system", "content": [{"type": "text", "text": request["system"]}]}
        )
    pictures = [*request.get("references", []), *([request["image"]] if "image" in request else [])]
    for turn in request.get("dialogue", []):
        messages.append({"role": "user", "content": content_of(turn, request, pictures)})
        messages.append(
            {"role": "assistant", "content": [{"type": "text", "text": turn["answer"]}]}
        )
        pictures = []
    last = request if question is None else {"question": question}
    messages.append({"role": "user", "content": content_of(last, request, pictures)})
    return messages


class Chat:
    def __init__(self, torch, transformers, arguments):
        self.torch, self.prompt = torch, arguments.prompt
        self.processor = transformers.AutoProcessor.from_pretrained(
            arguments.model, trust_remote_code=arguments.trust_remote_code
        )
        self.model = transformers.AutoModelForImageTextToText.from_pretrained(
            arguments.model,
            dtype=arguments.dtype,
            device_map=arguments.device,
            trust_remote_code=arguments.trust_remote_code,
        )
        self.model.eval()
        self.tokenizer = getattr(self.processor, "tokenizer", self.processor)

    def inputs(self, request, question=None):
        batch = self.processor.apply_chat_template(
            messages_of(request, question),
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        return batch.to(self.model.device, dtype=self.model.dtype)  # whole numbers keep their type

    def first_tokens(self, words):
        ids = [self.tokenizer.encode(word, add_special_tokens=False) for word in words]
        return sorted({found[0] for found in ids if found})

    def score(self, request):
        inputs = self.inputs({**request, "dialogue": []}, self.prompt)
        with self.torch.inference_mode():
            logits = self.model(**inputs).logits[0, -1].float()
        yes = self.first_tokens(["Yes", "yes", " Yes", " yes"])
        no = [token for token in self.first_tokens(["No", "no", " No", " no"]) if token not in yes]
        return logsumexp([logits[i].item() for i in yes]) - logsumexp(
            [logits[i].item() for i in no]
        )

    def text(self, request):
        decoding = request.get("decoding", {})
        options = {
            "max_new_tokens": decoding.get("max_new_tokens", 512),
            "do_sample": decoding.get("temperature", 0) > 0,
        }
        if options["do_sample"]:
            options.update(temperature=decoding["temperature"], top_p=decoding.get("top_p", 1.0))
            self.torch.manual_seed(decoding.get("seed", 0))
        if decoding.get("stop"):
            options.update(stop_strings=decoding["stop"], tokenizer=self.tokenizer)
        inputs = self.inputs(request)
        asked = inputs["input_ids"].shape[1]
        with self.torch.inference_mode():
            tokens = self.model.generate(**inputs, **options)[:, asked:]
        text = self.processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()
        return text, {"input_tokens": asked, "output_tokens": tokens.shape[1]}

    def answer(self, request):
        reply = {}
        if "score" in request["wanted"]:
            reply["score"] = self.score(request)
        if "text" in request["wanted"] or not reply:
            reply["text"], reply["usage"] = self.text(request)
        return reply


class Classifier:
    def __init__(self, torch, transformers, arguments):
        from PIL import Image

        self.torch, self.open = torch, Image.open
        self.processor = transformers.AutoImageProcessor.from_pretrained(
            arguments.model, trust_remote_code=arguments.trust_remote_code
        )
        self.model = transformers.AutoModelForImageClassification.from_pretrained(
            arguments.model,
            dtype=arguments.dtype,
            device_map=arguments.device,
            trust_remote_code=arguments.trust_remote_code,
        )
        self.model.eval()
        labels = {name: int(index) for index, name in self.model.config.id2label.items()}
        if arguments.classifier not in labels:
            sys.exit(
                f"huggingface_adapter: no label {arguments.classifier!r}; the model has {', '.join(sorted(labels))}"
            )
        self.label = labels[arguments.classifier]

    def answer(self, request):
        image = self.open(request["image"]).convert("RGB")
        inputs = self.processor(images=image, return_tensors="pt").to(
            self.model.device, dtype=self.model.dtype
        )
        with self.torch.inference_mode():
            logits = self.model(**inputs).logits[0].float().tolist()
        return {
            "score": logits[self.label]
            - logsumexp([value for i, value in enumerate(logits) if i != self.label])
        }


def main():
    parser = argparse.ArgumentParser(description="A Hugging Face model as a LookTwice adapter.")
    parser.add_argument("model", help="name on the hub or folder")
    parser.add_argument(
        "--classifier", metavar="LABEL", help="an image classifier; LABEL means anomalous"
    )
    parser.add_argument(
        "--prompt", default=PROMPT, help="the yes-or-no question that scores come from"
    )
    parser.add_argument("--dtype", default="auto", help="auto, bfloat16, float16, float32")
    parser.add_argument(
        "--device", default="auto", help="device_map of from_pretrained: auto, cpu, cuda:0 ..."
    )
    parser.add_argument(
        "--trust_remote_code", action="store_true", help="run code that comes with the model"
    )
    arguments = parser.parse_args()
    torch, transformers = imported()
    model = (Classifier if arguments.classifier else Chat)(torch, transformers, arguments)
    looktwice_adapter.serve(
        arguments.model,
        model.answer,
        version=f"transformers {transformers.__version__}",
        facts={
            "dtype": str(model.model.dtype),
            "weights": str(getattr(model.model.config, "_commit_hash", None) or "local"),
        },
    )


if __name__ == "__main__":
    main()
