"""The two inferencers of anomalib, as far as scripts/adapters uses them."""

from torch import Tensor


class Result:
    def __init__(self, anomaly_map, pred_score):
        self.anomaly_map, self.pred_score = anomaly_map, pred_score


class PostProcessor:
    enable_normalization = True


class TorchModel:
    post_processor = PostProcessor()


class TorchInferencer:
    def __init__(self, path, device="auto"):
        if device not in ("auto", "cpu", "cuda", "xpu"):
            raise ValueError(device)
        self.model = TorchModel()

    def predict(self, image):
        with open(image, "rb") as picture:
            size = len(picture.read())
        scale = 0.001 if self.model.post_processor.enable_normalization else 1
        return Result(Tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, size * scale]]]), Tensor([size * scale]))


class OpenVINOInferencer:
    def __init__(self, path, device="AUTO"):
        if device not in ("AUTO", "CPU", "GPU"):
            raise ValueError(device)

    def predict(self, image):
        return Result(Tensor([[[[0.25, 0.5]]]]), None)
