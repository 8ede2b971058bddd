#!/usr/bin/env python3
"""Runs a model of anomalib (2.x) through LookTwice:

    looktwice run --model process --model_args 'command="python3 scripts/adapters/anomalib_adapter.py model.pt"' ...

MODEL is what Engine.export() wrote: .pt (torch; a pickle, so anomalib asks for TRUST_REMOTE_CODE=1 in the environment) or .xml/.onnx (OpenVINO).

anomalib's post-processor clamps scores and maps to 0..1. What is clamped ties, and ties change an AUROC, so it is switched off for .pt models
unless --normalized is given. In OpenVINO models it is part of the graph and stays.
"""

import argparse
import sys

import looktwice_adapter


def loaded(arguments):
    try:
        from anomalib.deploy import OpenVINOInferencer, TorchInferencer
    except ImportError as error:
        sys.exit(
            f"anomalib_adapter: cannot import anomalib ({error}); pip install 'anomalib[full]' into the Python that runs this"
        )
    if not arguments.model.endswith((".pt", ".pth")):
        if not arguments.normalized:
            print(
                "anomalib_adapter: scores of an OpenVINO model are clamped to 0..1", file=sys.stderr
            )
        return OpenVINOInferencer(path=arguments.model, device=arguments.device.upper())
    inferencer = TorchInferencer(path=arguments.model, device=arguments.device.lower())
    post_processor = getattr(inferencer.model, "post_processor", None)
    if post_processor is not None and not arguments.normalized:
        post_processor.enable_normalization = False
    return inferencer


def main():
    parser = argparse.ArgumentParser(description="A model of anomalib as a LookTwice adapter.")
    parser.add_argument("model", help="exported model: .pt, .xml or .onnx")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda; for OpenVINO AUTO, CPU, GPU"
    )
    parser.add_argument("--normalized", action="store_true", help="keep anomalib's clamped scores")
    arguments = parser.parse_args()
    inferencer = loaded(arguments)

    def answer(request):
        result = inferencer.predict(request["image"])
        reply = {}
        if getattr(result, "anomaly_map", None) is not None:
            reply["map"] = looktwice_adapter.rows(result.anomaly_map)
        if getattr(result, "pred_score", None) is not None:
            reply["score"] = looktwice_adapter.number(result.pred_score)
        elif "map" in reply:
            reply["score"] = max(max(row) for row in reply["map"])
        if "map" not in request["wanted"]:
            reply.pop("map", None)
        return reply

    import anomalib

    looktwice_adapter.serve(
        f"anomalib {type(inferencer).__name__}",
        answer,
        version=getattr(anomalib, "__version__", ""),
        facts={"normalized": str(arguments.normalized).lower()},
    )


if __name__ == "__main__":
    main()
