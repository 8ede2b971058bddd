// OmniAD, and any Qwen2.5-VL, natively: answers in words, several pictures to a question, letters'
// likelihoods and P(yes) from the scores beside them. Not here: reading of masks out of answers
// (suites/text_mask.h), video.
#include <algorithm>
#include <chrono>
#include <exception>
#include <unordered_map>

#include "adapters/nn/answering.h"
#include "adapters/nn/device.h"
#include "adapters/nn/device_map.h"
#include "adapters/nn/prefix_memory.h"
#include "adapters/nn/writer.h"
#include "adapters/omniad/answer_watch.h"
#include "adapters/omniad/chat.h"
#include "adapters/omniad/model.h"
#include "adapters/omniad/picture_shelf.h"
#include "adapters/omniad/seg_grammar.h"
#include "harness/core/adapter.h"
#include "harness/core/decoding.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

using namespace omniad;

struct Options {
  std::filesystem::path checkpoint = {};
  std::string dtype = "fp32", device_map = {}, mode = "auto", image = "auto",
              add_vision_id = "auto";
  std::int64_t min_pixels = 0, max_pixels = 0;
  int side = 512, index_base = 0, max_new_tokens = 0;
  DecodingOptions decoding = {};
  bool resize_twice = true, constrained = false;

  void visit(auto&& option) {
    option("checkpoint", checkpoint, "folder with config.json, the weights and the tokenizer");
    option("dtype", dtype, "numbers of the weights: fp32, bf16 or fp16");
    option("device_map", device_map, nn::kDeviceMapHelp);
    option("mode", mode,
           "omniad, plain (an ordinary Qwen2.5-VL), or auto: omniad where the question's system "
           "text asks for <seg>");
    option("image", image,
           "stretch (to side x side), fit (longer side), native, or auto: stretch for omniad, "
           "native for plain");
    option("side", side, "pixels of stretch and fit");
    option("min_pixels", min_pixels,
           "area that a picture has at least; 0: the checkpoint's, for plain 64 tokens");
    option("max_pixels", max_pixels,
           "area that a picture has at most; 0: the checkpoint's, for plain 1280 tokens");
    option("resize_twice", resize_twice,
           "native pictures go through qwen_vl_utils' resize first, as in the reference scripts");
    option("add_vision_id", add_vision_id,
           "\"Picture 1: \" before each picture: true, false, or auto: for plain questions whose "
           "protocol sets the order of pictures");
    option("constrained", constrained,
           "answers that are asked for <seg> can only be well-formed: scores of other tokens are "
           "masked");
    option("max_new_tokens", max_new_tokens,
           "no answer is longer; 0: as the task says (1024 for det.*)");
    decoding.visit(option);
    option("index_base", index_base, "what constrained answers call the first row and column");
  }
};

std::string one_of(const char* name, const std::string& word,
                   std::initializer_list<const char*> known) {
  std::string list;
  for (const char* one : known) {
    if (word == one) return word;
    list += std::string(list.empty() ? "" : ", ") + one;
  }
  throw Error(Kind::usage, std::string("model omniad: ") + name + " must be one of " + list +
                               ", not '" + printable(word, 40) + "'");
}

Options checked(Options options) {
  one_of("mode", options.mode, {"auto", "omniad", "plain"});
  one_of("image", options.image, {"auto", "stretch", "fit", "native"});
  one_of("add_vision_id", options.add_vision_id, {"auto", "true", "false"});
  constexpr std::int64_t kMost = std::int64_t{1} << 32;
  if (options.side < 28 || options.side > 16384)
    throw Error(Kind::usage, "model omniad: side must be from 28 to 16384");
  if (options.min_pixels < 0 || options.max_pixels < 0 || options.min_pixels > kMost ||
      options.max_pixels > kMost)
    throw Error(Kind::usage, "model omniad: min_pixels and max_pixels must be from 0 to 2^32");
  if (options.min_pixels > 0 && options.max_pixels > 0 && options.min_pixels > options.max_pixels)
    throw Error(Kind::usage, "model omniad: min_pixels must be at most max_pixels");
  if (options.max_new_tokens < 0)
    throw Error(Kind::usage, "model omniad: max_new_tokens must be 0 or more");
  options.decoding.check("model omniad");
  if (options.index_base != 0 && options.index_base != 1)
    throw Error(Kind::usage, "model omniad: index_base must be 0 or 1");
  return options;
}

std::int64_t nanoseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

class OmniAd final : public Adapter {
 public:
  OmniAd(const Options& options, const Setting& setting)
      : options_(checked(options)),
        devices_(
            nn::devices_of("model omniad", options.device_map, setting.device, options.checkpoint)),
        device_(devices_.home),
        most_texts_(nn::texts_at_once(setting, device_)),
        run_seed_(setting.seed),
        // Room for what is remembered and for the texts at some 4,000 tokens each.
        model_(options.checkpoint, device_, nn::number_type_named(options.dtype), devices_.map,
               kKeptTokens + std::int64_t{4096} * most_texts_),
        shelf_(model_, kKeptTokens),
        memory_(kKeptTokens),
        writer_(model_.decoder(), most_texts_, [this] { return give_back(); }) {
    nn::use_threads(std::max(1, setting.threads));
    if (options_.constrained)
      vocabulary_ = std::make_shared<const SegVocabulary>(
          model_.tokenizer(), model_.generation().stop_ids, model_.decoder().used_rows());
  }

  void serve(Inbox& inbox, Outbox& outbox) override {
    nn::serve_texts(inbox, outbox,
                    {.writer = [&] { return &writer_; },
                     .begin = [&](const Request& request) { return begin(request); },
                     .finished = [&](nn::WrittenText done) { return finished(std::move(done)); },
                     .give_back = [&] { return give_back(); }});
  }

  std::map<std::string, std::string> facts() const override {
    std::map<std::string, std::string> facts = {{"weights", model_.hash()}};
    if (devices_.map.given()) facts["device map"] = model_.decoder().where();
    if (options_.constrained)
      facts["decoding"] = "constrained to the grammar of <seg> where the question asks for it";
    if (shelf_.times_shown() > 0)
      facts["pictures"] = std::to_string(shelf_.times_shown()) + " shown, " +
                          std::to_string(shelf_.times_seen()) + " encoded";
    if (prompt_tokens_ > 0)
      facts["prompt tokens"] = std::to_string(prompt_tokens_) + ", of these " +
                               std::to_string(reused_tokens_) + " from memory";
    nn::add_texts_at_once(facts, writer_, most_texts_);
    return facts;
  }

 private:
  // What is being written about a request.
  struct Open {
    nn::OpenText text = {};
    bool wants_score = false, goes_on = false;
    nn::PromptIds prompt = {};
    std::int64_t reused = 0, prefill_start = 0, prefill_ns = 0;
    std::shared_ptr<AnswerWatch> watch = {};
  };

  // What is remembered for later questions; false: nothing is left.
  bool give_back() {
    if (memory_.tokens() == 0) return shelf_.forget();
    memory_.clear();
    return true;
  }

  std::optional<Prediction> begin(const Request& request) {
    Prediction reply{.key = request.key};
    if (nn::attempted(reply, [&] { ask(request); })) return std::nullopt;
    return reply;
  }

  bool asks_for_seg(const Question& question) const {
    return question.system.find("<seg>") != std::string::npos;
  }
  bool is_omniad(const Question& question) const {
    return options_.mode == "auto" ? asks_for_seg(question) : options_.mode == "omniad";
  }

  Viewing viewing_of(bool in_omniad) const {
    constexpr std::int64_t kToken = 28 * 28;  // pixels; bounds of MMAD's script for this model
    Viewing viewing{.side = options_.side,
                    .min_pixels = options_.min_pixels,
                    .max_pixels = options_.max_pixels};
    const std::string framing = options_.image != "auto" ? options_.image
                                : in_omniad              ? "stretch"
                                                         : "native";
    viewing.framing = framing == "stretch" ? Framing::stretch
                      : framing == "fit"   ? Framing::fit
                                           : Framing::native;
    viewing.resize_twice = options_.resize_twice && viewing.framing == Framing::native;
    if (!in_omniad) {
      if (viewing.min_pixels == 0) viewing.min_pixels = 64 * kToken;
      if (viewing.max_pixels == 0) viewing.max_pixels = 1280 * kToken;
      viewing.min_pixels = std::min(viewing.min_pixels, viewing.max_pixels);
    }
    return viewing;
  }

  void ask(const Request& request) {
    const Question& question = request.question;
    const bool in_omniad = is_omniad(question);
    Open open{.text = {.key = request.key, .decoding = question.decoding},
              .wants_score = question.wanted.score,
              .goes_on = !question.alone};
    const bool numbered = options_.add_vision_id == "auto" ? !in_omniad && !question.parts.empty()
                                                           : options_.add_vision_id == "true";
    const std::vector<ChatPart> parts =
        chat_parts(request, {.number_pictures = numbered, .omniad = in_omniad});
    std::unordered_map<std::int32_t, ShelvedPicture> pictures;
    const Viewing viewing = viewing_of(in_omniad);
    const auto id_of = [&](int number) {
      const bool own = number == static_cast<int>(request.references.size());
      ShelvedPicture shown =
          shelf_.shown(own ? request.image : request.references[static_cast<std::size_t>(number)],
                       viewing, open.text.spans);
      pictures.try_emplace(shown.id, shown);
      return shown.id;
    };
    open.prompt = prompt_ids(model_.tokenizer(), parts, id_of);
    std::vector<nn::PromptStretch> stretches;
    std::vector<std::int32_t> seen;  // this model's code penalises the prompt too
    for (const std::int32_t id : open.prompt) {
      if (id < 0)
        stretches.push_back({.picture = pictures.at(id).tokens});
      else if (!stretches.empty() && !stretches.back().picture)
        ++stretches.back().tokens;
      else
        stretches.push_back({.tokens = 1});
      seen.push_back(id < 0 ? model_.image_token() : id);
    }
    nn::WritingTask task =
        nn::writing_task(request, ++last_tag_,
                         {.repetition_penalty = model_.generation().repetition_penalty,
                          .stop_ids = model_.generation().stop_ids,
                          .max_new_tokens = options_.max_new_tokens,
                          .decoding = options_.decoding,
                          .run_seed = run_seed_});
    task.embeds = nn::embedded_prompt(model_.decoder(), open.prompt,
                                      [&](std::int32_t id) { return pictures.at(id).features; });
    task.positions = nn::mrope_positions(stretches);
    task.seen = std::move(seen);
    task.start = start_of(task, !request.dialogue.empty(), open);
    std::shared_ptr<SegWriter> grammar;
    if (vocabulary_ && asks_for_seg(question))
      grammar = std::make_shared<SegWriter>(
          vocabulary_,
          SegRules{.first_index = options_.index_base, .letters = letters_of(question)},
          task.most_tokens);
    if (!question.options.empty() || question.wanted.score)
      open.watch = std::make_shared<AnswerWatch>(model_.tokenizer(), question.options);
    if (open.watch || grammar)
      task.on_scores = [watch = open.watch, grammar](std::span<float> scores,
                                                     std::span<const std::int32_t> written) {
        if (watch) watch->look(scores);
        if (grammar) grammar->restrict(scores, written);
      };
    writer_.add(std::move(task));
    open_.emplace(last_tag_, std::move(open));
  }

  // Single letters of the options; else any text may be the answer.
  static std::string letters_of(const Question& question) {
    std::string letters;
    for (const Option& option : question.options) {
      if (option.letter.size() != 1) return {};
      letters += option.letter;
    }
    return letters;
  }

  // Keys and values of the prompt up to behind its last picture, from memory or computed now and
  // remembered for the next question about these pictures. Always computed picture by picture, so
  // that no bit of an answer hangs on what was remembered; a further turn of a dialogue goes on
  // from the end of the one before.
  std::optional<nn::KvCache> start_of(nn::WritingTask& task, bool further_turn, Open& open) {
    const auto length_of = [&](std::int32_t id) { return shelf_.length(id); };
    const std::int64_t room = task.embeds.size(0) + std::min(task.most_tokens, 256);
    std::vector<std::int64_t> cuts;  // behind each picture
    std::size_t shown = 0;           // ids up to behind the last one
    std::int64_t length = 0;
    for (std::size_t i = 0; i < open.prompt.size(); ++i) {
      length += open.prompt[i] < 0 ? length_of(open.prompt[i]) : 1;
      if (open.prompt[i] >= 0) continue;
      cuts.push_back(length);
      shown = i + 1;
    }
    if (cuts.empty() && !further_turn) return std::nullopt;
    task.cuts = cuts;
    try {
      std::optional<nn::KvCache> start = memory_.beginning(
          open.prompt, room, length_of, further_turn ? std::span<const std::int64_t>{} : cuts);
      open.reused = start ? start->length() : 0;
      if (cuts.empty() || open.reused >= cuts.back()) return start;
      const auto before = std::chrono::steady_clock::now();
      if (!start) start = model_.decoder().cache(room);
      for (const std::int64_t cut : cuts) {
        const std::int64_t from = start->length();
        if (cut > from)
          model_.decoder().prefill(*start, task.embeds.narrow(0, from, cut - from),
                                   task.positions.narrow(1, from, cut - from));
      }
      memory_.keep({open.prompt.begin(), open.prompt.begin() + static_cast<std::ptrdiff_t>(shown)},
                   start->fork(cuts.back(), cuts.back()), length_of);
      open.prefill_start = nanoseconds(before.time_since_epoch());
      open.prefill_ns = nanoseconds(std::chrono::steady_clock::now() - before);
      return start;
    } catch (const std::exception&) {
      // Out of memory, most likely: the writer knows what to do about that, and has more room now.
      memory_.clear();
      open.reused = 0;
      return std::nullopt;
    }
  }

  Prediction finished(nn::WrittenText done) {
    const auto found = open_.find(done.tag);
    LOOKTWICE_CHECK(found != open_.end());
    Open open = std::move(found->second);
    open_.erase(found);
    Prediction reply = nn::reply_of(
        std::move(open.text), done,
        [&](std::span<const std::int32_t> ids) { return model_.tokenizer().decode(ids, true); });
    if (reply.status == Status::failed) return reply;
    if (open.watch) {
      reply.likelihoods = open.watch->likelihoods(done.ids);
      if (open.wants_score) reply.score = open.watch->yes_share(done.ids);
    }
    for (Span& span : done.spans) {
      if (span.name == "prefill" && open.prefill_ns > 0) {
        span.start_ns = open.prefill_start;
        span.duration_ns += open.prefill_ns;
      }
      reply.spans.push_back(std::move(span));
    }
    prompt_tokens_ += done.prompt_tokens;
    reused_tokens_ += open.reused;
    if (open.goes_on) {
      nn::PromptIds ids = std::move(open.prompt);
      ids.insert(ids.end(), done.ids.begin(), done.ids.end());
      memory_.keep(std::move(ids), std::move(done.cache),
                   [&](std::int32_t id) { return shelf_.length(id); });
    }
    return reply;
  }

  // Of pictures' features, and of keys and values: about 1.2 GB of the latter for 3B in fp32.
  static constexpr std::int64_t kKeptTokens = 16384;

  const Options options_;
  const nn::Devices devices_;
  const at::Device device_;
  const int most_texts_;
  const std::uint64_t run_seed_;
  const Model model_;
  PictureShelf shelf_;
  nn::PrefixMemory memory_;
  nn::Writer writer_;
  std::shared_ptr<const SegVocabulary> vocabulary_;
  std::unordered_map<std::uint64_t, Open> open_;
  std::uint64_t last_tag_ = 0;
  std::int64_t prompt_tokens_ = 0, reused_tokens_ = 0;
};

}  // namespace

AdapterEntry omniad_adapter() {
  return entry<OmniAd, Options>(
      "omniad", "OmniAD and any Qwen2.5-VL: masks and answers in words, several pictures");
}

}  // namespace looktwice::adapters
