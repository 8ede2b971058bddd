// Anomaly-OneVision, natively: image anomaly scores and significance maps of its expert, and
// answers in words. The language model is loaded when a question first wants words. Not here:
// reference pictures, which this model does not use.
#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <list>
#include <optional>

#include "adapters/anomaly_ov/language.h"
#include "adapters/anomaly_ov/prompt.h"
#include "adapters/anomaly_ov/vision.h"
#include "adapters/nn/answering.h"
#include "adapters/nn/device.h"
#include "adapters/nn/device_map.h"
#include "adapters/nn/stage_clock.h"
#include "harness/core/adapter.h"
#include "harness/core/decoding.h"
#include "harness/core/error.h"

namespace looktwice::adapters {
namespace {

using namespace anomaly_ov;

struct Options {
  std::filesystem::path checkpoint = {}, expert = {}, vision = {};
  std::string dtype = "fp32", device_map = {}, score_dtype = "fp32", variant = "released",
              score = "sigmoid", map = "whole";
  int max_new_tokens = 0, tiles_at_once = 0;
  DecodingOptions decoding = {};
  bool words = true, look_back = true, split_prompts = true, q_former = true, pre_resize = true;

  void visit(auto&& option) {
    option("checkpoint", checkpoint, "folder with config.json, the weights and the expert's");
    option("expert", expert,
           "file of the expert's weights, when not in the checkpoint; none: the base model "
           "LLaVA-OneVision alone, which answers in words and gives neither score nor map");
    option("vision", vision, "folder of the SigLIP model, when not in the checkpoint");
    option("dtype", dtype, "numbers of the weights: fp32, bf16 or fp16");
    option("device_map", device_map, nn::kDeviceMapHelp);
    option("score_dtype", score_dtype,
           "numbers of the score's last layers; bf16 rounds as released");
    option("variant", variant,
           "released (as the published weights were trained) or paper (its equations)");
    option("score", score,
           "sigmoid (as published, ties when very sure) or logit (the same order, no ties; its "
           "threshold is --threshold 0)");
    option("map", map,
           "whole (of the whole picture, 27x27) or tiles (of its tiles at their own aspect)");
    option("words", words,
           "false: score and map alone, whatever is asked; the language model is never read");
    option("max_new_tokens", max_new_tokens,
           "no answer is longer; 0: as the task says (4096 for VisA-D&R)");
    decoding.visit(option);
    option("tiles_at_once", tiles_at_once,
           "tiles through the vision model at once, of one picture or several; 0: 8 on a GPU; on a "
           "CPU 5 where the vision model's products are our own, else 1");
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

constexpr int kMostTilesAtOnce = 1024;

VisionOptions vision_options(const Options& options, at::Device device,
                             std::function<bool()> give_back) {
  if (options.max_new_tokens < 0)
    throw Error(Kind::usage, "model anomaly_ov: max_new_tokens must be 0 or more");
  options.decoding.check("model anomaly_ov");
  if (options.tiles_at_once < 0 || options.tiles_at_once > kMostTilesAtOnce)
    throw Error(Kind::usage,
                "model anomaly_ov: tiles_at_once must be 0 to " + std::to_string(kMostTilesAtOnce));
  if (options.expert == "none" && !options.words)
    throw Error(Kind::usage, "model anomaly_ov: words=false with expert=none leaves nothing");
  check_word("variant", options.variant, "released", "paper");
  check_word("score", options.score, "sigmoid", "logit");
  check_word("map", options.map, "whole", "tiles");
  return {.device = device,
          .type = nn::number_type_named(options.dtype),
          .expert = {.variant = options.variant == "paper" ? Variant::paper : Variant::released,
                     .look_back = options.look_back,
                     .split_prompts = options.split_prompts,
                     .q_former = options.q_former,
                     .score_type = nn::number_type_named(options.score_dtype)},
          .tiles_at_once = options.tiles_at_once,
          .give_back = std::move(give_back)};
}

class AnomalyOv final : public Adapter {
 public:
  AnomalyOv(const Options& options, const Setting& setting)
      : options_(options),
        devices_(nn::devices_of("model anomaly_ov", options.device_map, setting.device,
                                options.checkpoint)),
        device_(devices_.home),
        type_(nn::number_type_named(options.dtype)),
        most_texts_(nn::texts_at_once(setting, device_)),
        run_seed_(setting.seed),
        folder_(checkpoint_folder({.checkpoint = options.checkpoint,
                                   .expert = options.expert,
                                   .vision = options.vision})),
        vision_(folder_, vision_options(options, device_, [this] { return forget_caches(); })),
        wanted_tiles_(vision_.tiles_at_once()),
        most_pictures_(setting.batch_size > 0 || wanted_tiles_ > 1 ? most_texts_ : 1) {
    nn::use_threads(std::max(1, setting.threads));
  }

  // Pictures of which a score or map alone is wanted are seen several at once, their tiles
  // together. Questions that want words are written several at once; a turn of a dialogue finds
  // what the turn before has computed, the picture included.
  void serve(Inbox& inbox, Outbox& outbox) override {
    nn::serve_texts(inbox, outbox,
                    {.writer = [&] { return writer_.get(); },
                     .begin = [&](const Request& request) { return begin(request); },
                     .finished = [&](nn::WrittenText done) { return finished(std::move(done)); },
                     .give_back = [&] { return forget_caches(); },
                     .together = [&](std::vector<Request>& taken) { return seen(taken); },
                     .most = most_pictures_});
  }

  std::map<std::string, std::string> facts() const override {
    std::map<std::string, std::string> facts = {
        {"weights", folder_.model.hash()},
        {"expert weights", folder_.has_expert() ? folder_.expert.hash() : "none"}};
    if (!folder_.vision.files().empty()) facts["vision weights"] = folder_.vision.hash();
    if (language_ && devices_.map.given()) facts["device map"] = language_->decoder().where();
    if (vision_.tiles_at_once() < wanted_tiles_)
      facts["tiles at once"] =
          std::to_string(vision_.tiles_at_once()) + " (out of memory with more)";
    if (writer_) nn::add_texts_at_once(facts, *writer_, most_texts_);
    return facts;
  }

 private:
  // What is being written about a request.
  struct Open {
    nn::OpenText text = {};
    Memory memory = {};
    std::vector<std::int32_t> prompt = {};
    std::optional<nn::StageClock> projecting = {};  // read when the answer is there
    bool wants_map = false;
  };

  bool in_words(const Request& request) const {
    const Wanted& wanted = request.question.wanted;
    return options_.words && wanted.text && !(wanted.text_for_score && vision_.has_expert());
  }

  // Nothing: it is being written.
  std::optional<Prediction> begin(const Request& request) {
    Prediction reply{.key = request.key};
    const bool words = in_words(request);
    // A checkpoint that cannot be read ends the run, not one request after the other.
    if (words && !language_) load_language();
    const bool well = nn::attempted(reply, [&] {
      if (words) return ask(request);
      Memory memory;
      if (!vision_.has_expert())
        throw Error(Kind::usage, "a score or map is wanted, which the base model does not give");
      see(request, memory, reply.spans, nullptr);
      fill(reply, memory, request.question.wanted.map);
    });
    if (well && words) return std::nullopt;
    return reply;
  }

  // Scores and maps of those among `taken` that want no words, who leave it. Those that fail stay,
  // to fail by themselves.
  std::vector<Prediction> seen(std::vector<Request>& taken) {
    std::vector<Prediction> replies;
    std::vector<Request> left, chosen;
    std::vector<Cut> cuts;
    for (Request& request : taken) {
      Prediction failed;
      Cut own;
      const bool together = vision_.has_expert() && !in_words(request) &&
                            nn::attempted(failed, [&] { own = cut(request); });
      if (together) cuts.push_back(std::move(own));
      (together ? chosen : left).push_back(std::move(request));
    }
    std::vector<Tiles> pictures;
    for (Cut& one : cuts) pictures.push_back(std::move(one.tiles));
    std::vector<Sight> sights;
    Prediction failed;
    if (chosen.size() > 1)
      nn::attempted(failed, [&] { sights = vision_.look(pictures, Keep::nothing); });
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      Prediction reply{.key = chosen[i].key};
      const bool well = !sights.empty() && nn::attempted(reply, [&] {
        Memory memory;
        cuts[i].tiles = std::move(pictures[i]);
        note(chosen[i], cuts[i], sights[i], chosen[i].question.wanted.map, memory, reply.spans);
        fill(reply, memory, chosen[i].question.wanted.map);
      });
      if (well)
        replies.push_back(std::move(reply));
      else
        left.push_back(std::move(chosen[i]));
    }
    taken = std::move(left);
    return replies;
  }

  // A picture, ready to be looked at, and since when it was being made so.
  struct Cut {
    Tiles tiles = {};
    std::int64_t wait_ns = 0;
  };
  Cut cut(const Request& request) const {
    const std::int64_t start_ns = nn::steady_ns();
    Image image = request.image.decode();
    if (options_.pre_resize) image = pre_resized(std::move(image));
    Cut made{.tiles = tiles_of(image, static_cast<int>(vision_.shape().image))};
    made.wait_ns = nn::steady_ns() - start_ns;
    return made;
  }

  void note(const Request& request, const Cut& picture, Sight& sight, bool with_map, Memory& memory,
            std::vector<Span>& spans) const {
    memory.picture = request.image.name();
    if (vision_.has_expert()) memory.score = options_.score == "logit" ? sight.logit : sight.score;
    // The sigmoid of an infinite logit would be a plain 0 or 1.
    if (memory.score && !std::isfinite(sight.logit))
      throw Error(Kind::model,
                  "the score is not finite: weights that do not fit, or a range that " +
                      options_.dtype + " lacks");
    if (vision_.has_expert() && with_map) memory.map = map_of(picture.tiles, sight);
    spans = std::move(sight.spans);
    // Decoding and cutting belong to what "preprocess" already times.
    spans.front().start_ns -= picture.wait_ns;
    spans.front().duration_ns += picture.wait_ns;
  }

  // Score, map and, where `projecting` is there, the tokens of a picture for words.
  void see(const Request& request, Memory& memory, std::vector<Span>& spans,
           std::optional<nn::StageClock>* projecting) {
    const Cut picture = cut(request);
    Sight sight = vision_.look(picture.tiles, projecting ? Keep::final : Keep::nothing);
    note(request, picture, sight, projecting || request.question.wanted.map, memory, spans);
    if (!projecting) return;
    projecting->emplace(device_);
    memory.tokens = language_->picture(vision_, picture.tiles, sight);
    (*projecting)->end("projector");
  }

  void load_language() {
    // Room for the texts and the kept pictures at some 8,000 tokens each.
    const std::int64_t tokens = 8192 * (most_texts_ + std::max(kMemories, most_texts_));
    language_ = std::make_unique<Language>(options_.checkpoint, folder_.model, device_, type_,
                                           devices_.map, tokens);
    writer_ = std::make_unique<nn::Writer>(language_->decoder(), most_texts_,
                                           [this] { return forget_caches(); });
  }

  // Keys and values of pictures that no text is being written about; false: there were none.
  bool forget_caches() {
    bool freed = false;
    for (Memory& memory : memories_) {
      freed |= memory.cache.has_value();
      memory.cache.reset();
    }
    return freed;
  }

  void ask(const Request& request) {
    Open open{.text = {.key = request.key, .decoding = request.question.decoding},
              .wants_map = request.question.wanted.map};
    const auto known = std::ranges::find(memories_, request.image.name(), &Memory::picture);
    if (known != memories_.end()) {
      open.memory = std::move(*known);
      memories_.erase(known);
    } else {
      see(request, open.memory, open.text.spans, &open.projecting);
    }
    const Question& question = request.question;
    std::string text = question.text;
    for (const Option& option : question.options) text += "\n" + option.letter + ". " + option.text;
    open.prompt =
        prompt_ids(language_->tokenizer(), prompt_parts(question.system, request.dialogue, text));
    nn::WritingTask task =
        nn::writing_task(request, ++last_tag_,
                         {.repetition_penalty = language_->config().repetition_penalty,
                          .stop_ids = language_->config().stop_ids,
                          .max_new_tokens = options_.max_new_tokens,
                          .decoding = options_.decoding,
                          .run_seed = run_seed_});
    task.embeds = language_->sequence(open.prompt, {open.memory.tokens});
    task.start = shared_prefix(open.memory, open.prompt);
    writer_->add(std::move(task));
    open_.emplace(last_tag_, std::move(open));
  }

  Prediction finished(nn::WrittenText done) {
    const auto found = open_.find(done.tag);
    LOOKTWICE_CHECK(found != open_.end());
    Open open = std::move(found->second);
    open_.erase(found);
    Prediction reply =
        nn::reply_of(std::move(open.text), done, [&](std::span<const std::int32_t> ids) {
          return language_->tokenizer().decode(ids, true);
        });
    if (reply.status == Status::failed) return reply;
    fill(reply, open.memory, open.wants_map);
    if (open.projecting)
      for (Span& span : open.projecting->spans()) reply.spans.push_back(std::move(span));
    reply.spans.insert(reply.spans.end(), done.spans.begin(), done.spans.end());
    open.memory.ids = std::move(open.prompt);
    open.memory.ids.insert(open.memory.ids.end(), done.ids.begin(), done.ids.end());
    open.memory.cache = std::move(done.cache);
    memories_.push_front(std::move(open.memory));
    if (memories_.size() > static_cast<std::size_t>(std::max(kMemories, most_texts_)))
      memories_.pop_back();
    return reply;
  }

  static void fill(Prediction& reply, const Memory& memory, bool with_map) {
    reply.score = memory.score;
    if (with_map) reply.map = memory.map;
  }

  AnomalyMap map_of(const Tiles& tiles, const Sight& sight) const {
    const at::Tensor maps = sight.expertise.map.cpu().contiguous();
    const int side = static_cast<int>(vision_.shape().grid());
    const float* first = maps.const_data_ptr<float>();
    if (options_.map == "whole")
      return {.width = side, .height = side, .values = {first, first + maps.size(1)}};
    return stitched(tiles, {first, first + maps.numel()}, side);
  }

  static constexpr int kMemories = 8;  // pictures whose keys and values are kept, about 100 MB each

  const Options options_;
  const nn::Devices devices_;
  const at::Device device_;
  const at::ScalarType type_;
  const int most_texts_;
  const std::uint64_t run_seed_;
  const CheckpointFolder folder_;
  Vision vision_;
  const int wanted_tiles_, most_pictures_;
  // Not before a question wants words.
  std::unique_ptr<Language> language_;
  std::unique_ptr<nn::Writer> writer_;
  std::map<std::uint64_t, Open> open_;
  std::uint64_t last_tag_ = 0;
  std::list<Memory> memories_;  // the latest first
};

}  // namespace

AdapterEntry anomaly_ov_adapter() {
  return entry<AnomalyOv, Options>(
      "anomaly_ov", "Anomaly-OneVision: scores and maps without references, and answers in words");
}

}  // namespace looktwice::adapters
