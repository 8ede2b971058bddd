#include "adapters/nn/writer.h"

#include <ATen/ops/arange.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "adapters/nn/device.h"
#include "harness/core/error.h"

namespace looktwice::nn {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

struct Writer::Text {
  WritingTask task;
  TokenChooser chooser;
  std::optional<KvCache> cache = {};
  std::vector<std::int32_t> ids = {};
  bool stopped = false;
  std::string error = {};
  std::int64_t reused = 0, prefill_start = 0, prefill_end = 0;

  explicit Text(WritingTask given)
      : task(std::move(given)),
        chooser(task.sampling, task.stream, task.seen),
        cache(std::move(task.start)) {
    task.start.reset();
    reused = cache ? cache->length() : 0;
  }
  bool ended() const {
    return stopped || !error.empty() || static_cast<int>(ids.size()) >= task.most_tokens;
  }
};

Writer::Writer(const Qwen2& model, int most, std::function<bool()> give_back)
    : model_(model), most_(std::max(1, most)), give_back_(std::move(give_back)) {}
Writer::~Writer() = default;

void Writer::add(WritingTask task) {
  LOOKTWICE_CHECK(task.embeds.dim() == 2 && task.most_tokens > 0);
  LOOKTWICE_CHECK(!task.start || task.start->length() < task.embeds.size(0));
  waiting_.push_back(std::make_unique<Text>(std::move(task)));
}

void Writer::choose(Text& text, const at::Tensor& scores) {
  at::Tensor own = scores.contiguous();
  const std::span<float> values(own.mutable_data_ptr<float>(),
                                static_cast<std::size_t>(own.numel()));
  // Of NaN and infinity no token is the likeliest. What on_scores forbids is minus infinity.
  if (!std::ranges::all_of(values, [](float score) { return score <= kLargest; })) {
    text.error =
        "the scores of the next token are not finite: weights that do not fit, or a range "
        "that their numbers lack";
    return;
  }
  if (text.task.on_scores) text.task.on_scores(values, text.ids);
  const std::int32_t id = text.chooser.next(values);
  const std::vector<std::int32_t>& stops = text.task.stop_ids;
  if (std::find(stops.begin(), stops.end(), id) != stops.end())
    text.stopped = true;
  else
    text.ids.push_back(id);
}

Writer::Went Writer::within_memory(std::span<KvCache* const> caches,
                                   const std::function<void()>& work) const {
  struct Before {
    std::int64_t length = 0, next_position = 0;
  };
  std::vector<Before> before;
  for (const KvCache* cache : caches) before.push_back({cache->length(), cache->next_position()});
  do {
    try {
      work();
      return Went::well;
    } catch (const std::exception& error) {
      if (!is_out_of_memory(error)) throw;
      for (std::size_t i = 0; i < caches.size(); ++i)
        caches[i]->truncate(before[i].length, before[i].next_position);
    }
  } while (give_back_ && give_back_());
  return Went::out_of_memory;
}

// From what the cache holds to the end of the prompt, and of what was written before it was set
// back.
Writer::Went Writer::prefill(Text& text) {
  const std::int64_t prompt = text.task.embeds.size(0);
  if (text.prefill_start == 0) text.prefill_start = now_ns();
  if (!text.cache && within_memory({}, [&] {
                       text.cache = model_.cache(prompt + std::min(text.task.most_tokens, 256));
                     }) == Went::out_of_memory)
    return Went::out_of_memory;
  KvCache* const cache = &*text.cache;
  at::Tensor scores;
  const Went went = within_memory({&cache, 1}, [&] {
    const at::Tensor& positions = text.task.positions;
    at::Tensor hidden;
    const auto go_on_to = [&](std::int64_t end) {
      const std::int64_t from = cache->length(), rest = end - from;
      if (rest <= 0) return;
      hidden = model_.prefill(*cache, text.task.embeds.narrow(0, from, rest),
                              positions.defined() ? positions.narrow(-1, from, rest)
                                                  : at::arange(from, end, at::kLong));
    };
    for (const std::int64_t cut : text.task.cuts) go_on_to(std::min(cut, prompt));
    go_on_to(prompt);
    if (text.ids.empty())
      scores = model_.logits(hidden);
    else if (text.ids.size() > 1)  // all but the last, which the next step decodes
      model_.prefill(*cache, model_.embedded({text.ids.data(), text.ids.size() - 1}));
  });
  if (went == Went::well && text.ids.empty()) {
    choose(text, scores);
    text.prefill_end = now_ns();
  }
  return went;
}

Writer::Went Writer::decode() {
  std::vector<KvCache*> caches;
  std::vector<std::int32_t> last;
  for (const auto& text : active_) {
    caches.push_back(&*text->cache);
    last.push_back(text->ids.back());
  }
  at::Tensor scores;
  const Went went =
      within_memory(caches, [&] { scores = model_.logits(model_.decode(caches, last)); });
  if (went == Went::well)
    for (std::size_t i = 0; i < active_.size(); ++i)
      choose(*active_[i], scores[static_cast<std::int64_t>(i)]);
  return went;
}

void Writer::set_back_youngest() {
  active_.back()->cache.reset();
  active_.back()->reused = 0;
  waiting_.insert(waiting_.begin(), std::move(active_.back()));
  active_.pop_back();
  most_ = std::max<int>(1, static_cast<int>(active_.size()));
}

WrittenText Writer::finished(std::unique_ptr<Text> text) {
  const std::int64_t now = now_ns();
  WrittenText made{.tag = text->task.tag,
                   .ids = std::move(text->ids),
                   .stopped = text->stopped,
                   .error = std::move(text->error),
                   .prompt_tokens = text->task.embeds.size(0),
                   .reused_tokens = text->reused};
  if (text->cache) made.cache = std::move(*text->cache);
  made.spans = {
      {.name = "prefill",
       .start_ns = text->prefill_start,
       .duration_ns = text->prefill_end - text->prefill_start},
      {.name = "decode", .start_ns = text->prefill_end, .duration_ns = now - text->prefill_end}};
  return made;
}

std::vector<WrittenText> Writer::step() {
  std::vector<WrittenText> done;
  while (!waiting_.empty() && static_cast<int>(active_.size()) < most_) {
    std::unique_ptr<Text> text = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    if (prefill(*text) == Went::out_of_memory) {
      text->cache.reset();
      text->reused = 0;
      if (active_.empty()) {  // alone, and still too large
        WrittenText failed = finished(std::move(text));
        failed.error = "out of memory";
        done.push_back(std::move(failed));
        continue;
      }
      most_ = static_cast<int>(active_.size());
      waiting_.insert(waiting_.begin(), std::move(text));
      break;
    }
    if (text->ended())
      done.push_back(finished(std::move(text)));
    else
      active_.push_back(std::move(text));
  }
  if (active_.empty()) return done;
  while (decode() == Went::out_of_memory) {
    if (active_.size() > 1) {
      set_back_youngest();
      continue;
    }
    WrittenText failed = finished(std::move(active_.back()));
    active_.pop_back();
    failed.error = "out of memory";
    done.push_back(std::move(failed));
    return done;
  }
  for (auto text = active_.begin(); text != active_.end();) {
    if (!(*text)->ended()) {
      ++text;
      continue;
    }
    done.push_back(finished(std::move(*text)));
    text = active_.erase(text);
  }
  return done;
}

}  // namespace looktwice::nn
