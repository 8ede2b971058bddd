// Anomaly-OneVision, natively: image anomaly scores and significance maps of its expert.
// Not here: answers in words.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>

#include "adapters/anomaly_ov/vision.h"
#include "adapters/nn/device.h"
#include "harness/core/adapter.h"
#include "harness/core/error.h"

namespace looktwice::adapters {
namespace {

using namespace anomaly_ov;

struct Options {
  std::filesystem::path checkpoint = {}, expert = {}, vision = {};
  std::string dtype = "fp32", score_dtype = "fp32", variant = "released", score = "sigmoid",
              map = "whole";
  bool look_back = true, split_prompts = true, q_former = true, pre_resize = true;

  void visit(auto&& option) {
    option("checkpoint", checkpoint, "folder with config.json, the weights and the expert's");
    option("expert", expert, "file of the expert's weights, when not in the checkpoint");
    option("vision", vision, "folder of the SigLIP model, when not in the checkpoint");
    option("dtype", dtype, "numbers of the vision model: fp32, bf16 or fp16");
    option("score_dtype", score_dtype,
           "numbers of the score's last layers; bf16 rounds as released");
    option("variant", variant,
           "released (as the published weights were trained) or paper (its equations)");
    option("score", score,
           "sigmoid (as published, ties when very sure) or logit (the same order, no ties)");
    option("map", map,
           "whole (of the whole picture, 27x27) or tiles (of its tiles at their own aspect)");
    option("look_back", look_back,
           "false: ablation of the paper's table 1, no class of the picture");
    option("split_prompts", split_prompts, "false: ablation, no positive and negative embedding");
    option("q_former", q_former, "false: ablation, pooled tokens as they are");
    option("pre_resize", pre_resize, "longest side over 1024 becomes 1024, as in the evaluation");
  }
};

void check_word(const char* name, const std::string& word, const char* one, const char* other) {
  if (word != one && word != other)
    throw Error(Kind::usage,
                std::string("model anomaly_ov: ") + name + " must be " + one + " or " + other);
}

VisionOptions vision_options(const Options& options, const Setting& setting) {
  check_word("variant", options.variant, "released", "paper");
  check_word("score", options.score, "sigmoid", "logit");
  check_word("map", options.map, "whole", "tiles");
  return {.device = nn::device_named(setting.device),
          .type = nn::number_type_named(options.dtype),
          .expert = {.variant = options.variant == "paper" ? Variant::paper : Variant::released,
                     .look_back = options.look_back,
                     .split_prompts = options.split_prompts,
                     .q_former = options.q_former,
                     .score_type = nn::number_type_named(options.score_dtype)}};
}

class AnomalyOv final : public Adapter {
 public:
  AnomalyOv(const Options& options, const Setting& setting)
      : options_(options),
        folder_(checkpoint_folder({.checkpoint = options.checkpoint,
                                   .expert = options.expert,
                                   .vision = options.vision})),
        vision_(folder_, vision_options(options, setting)) {
    nn::use_threads(std::max(1, setting.threads));
  }

  // One picture at a time: its tiles fill the machine, and no answer depends on its neighbours.
  void serve(Inbox& inbox, Outbox& outbox) override {
    for (std::vector<Request> taken; !(taken = inbox.take(1)).empty();)
      for (const Request& request : taken) outbox.push(answer_to(request));
  }

  std::map<std::string, std::string> facts() const override {
    std::map<std::string, std::string> facts = {{"weights", folder_.model.hash()},
                                                {"expert weights", folder_.expert.hash()}};
    if (!folder_.vision.files().empty()) facts["vision weights"] = folder_.vision.hash();
    return facts;
  }

 private:
  Prediction answer_to(const Request& request) const {
    Prediction reply{.key = request.key};
    try {
      const auto start = std::chrono::steady_clock::now();
      Image image = request.image.decode();
      if (options_.pre_resize) image = pre_resized(std::move(image));
      const Tiles tiles = tiles_of(image, static_cast<int>(vision_.shape().image));
      Sight sight = vision_.look(tiles);
      const double score = options_.score == "logit" ? sight.logit : sight.score;
      if (!std::isfinite(score))
        throw Error(Kind::model,
                    "the score is not finite: weights that do not fit, or a range that " +
                        options_.dtype + " lacks");
      reply.score = score;
      if (request.question.wanted.map) reply.map = map_of(tiles, sight);
      reply.spans = std::move(sight.spans);
      // Decoding and cutting belong to what "preprocess" already times.
      const auto start_ns =
          std::chrono::duration_cast<std::chrono::nanoseconds>(start.time_since_epoch()).count();
      reply.spans.front().duration_ns += reply.spans.front().start_ns - start_ns;
      reply.spans.front().start_ns = start_ns;
      return reply;
    } catch (const std::bad_alloc&) {
      reply.error = "out of memory";
    } catch (const std::exception& error) {
      reply.error = error.what();
    }
    reply.status = Status::failed;
    return reply;
  }

  AnomalyMap map_of(const Tiles& tiles, const Sight& sight) const {
    const at::Tensor maps = sight.expertise.map.cpu().contiguous();
    const int side = static_cast<int>(vision_.shape().grid());
    const float* first = maps.const_data_ptr<float>();
    if (options_.map == "whole")
      return {.width = side, .height = side, .values = {first, first + maps.size(1)}};
    return stitched(tiles, {first, first + maps.numel()}, side);
  }

  const Options options_;
  const CheckpointFolder folder_;
  const Vision vision_;
};

}  // namespace

AdapterEntry anomaly_ov_adapter() {
  return entry<AnomalyOv, Options>(
      "anomaly_ov", "Anomaly-OneVision's expert: scores and maps without references");
}

}  // namespace looktwice::adapters
