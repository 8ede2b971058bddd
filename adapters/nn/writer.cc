#include "adapters/nn/writer.h"

#include <ATen/ops/arange.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <string_view>

#include "harness/core/error.h"

namespace looktwice::nn {
namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// LibTorch says so in three ways: on a GPU, on the CPU, and where the C++ library does.
bool is_out_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) ||
         dynamic_cast<const c10::OutOfMemoryError*>(&error) ||
         std::string_view(error.what()).find("can't allocate memory") != std::string_view::npos;
}

}  // namespace

struct Writer::Text {
  WritingTask task;
  TokenChooser chooser;
  std::optional<KvCache> cache = {};
  std::vector<std::int32_t> ids = {};
  bool stopped = false;
  std::int64_t reused = 0, prefill_start = 0, prefill_end = 0;

  explicit Text(WritingTask given)
      : task(std::move(given)),
        chooser(task.sampling, task.stream, task.seen),
        cache(std::move(task.start)) {
    task.start.reset();
    reused = cache ? cache->length() : 0;
  }
  bool ended() const { return stopped || static_cast<int>(ids.size()) >= task.most_tokens; }
};

Writer::Writer(const Qwen2& model, int most) : model_(model), most_(std::max(1, most)) {}
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
  if (text.task.on_scores) text.task.on_scores(values, text.ids);
  const std::int32_t id = text.chooser.next(values);
  const std::vector<std::int32_t>& stops = text.task.stop_ids;
  if (std::find(stops.begin(), stops.end(), id) != stops.end())
    text.stopped = true;
  else
    text.ids.push_back(id);
}

Writer::Went Writer::within_memory(const std::function<void()>& work) {
  try {
    work();
    return Went::well;
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error)) throw;
    return Went::out_of_memory;
  }
}

// From what the cache holds to the end of the prompt, and of what was written before it was set
// back.
void Writer::prefill(Text& text) {
  const std::int64_t prompt = text.task.embeds.size(0);
  if (!text.cache) text.cache = model_.cache(prompt + std::min(text.task.most_tokens, 256));
  if (text.prefill_start == 0) text.prefill_start = now_ns();
  const std::int64_t from = text.cache->length(), rest = prompt - from;
  const at::Tensor embeds = text.task.embeds.narrow(0, from, rest);
  const at::Tensor& positions = text.task.positions;
  const at::Tensor hidden =
      positions.defined()
          ? model_.prefill(*text.cache, embeds, positions.narrow(-1, from, rest))
          : model_.prefill(*text.cache, embeds, at::arange(from, prompt, at::kLong));
  if (text.ids.empty()) {
    choose(text, model_.logits(hidden));
    text.prefill_end = now_ns();
  } else if (text.ids.size() > 1) {
    // All but the last, which the next step decodes.
    model_.prefill(*text.cache, model_.embedded({text.ids.data(), text.ids.size() - 1}));
  }
}

void Writer::decode() {
  std::vector<KvCache*> caches;
  std::vector<std::int32_t> last;
  for (const auto& text : active_) {
    caches.push_back(&*text->cache);
    last.push_back(text->ids.back());
  }
  const at::Tensor scores = model_.logits(model_.decode(caches, last));
  for (std::size_t i = 0; i < active_.size(); ++i)
    choose(*active_[i], scores[static_cast<std::int64_t>(i)]);
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
    if (within_memory([&] { prefill(*text); }) == Went::out_of_memory) {
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
  while (within_memory([&] { decode(); }) == Went::out_of_memory) {
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
