// Zero-shot anomaly detection without weights: a patch is suspicious when the rest of its own
// picture has nothing like it. With references: when normal pictures have nothing like it there.
// Not here: text; a question is not read. docs/baseline.md tells how it was designed and measured.
#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <future>
#include <list>
#include <mutex>
#include <thread>

#include "adapters/baseline/contrast_map.h"
#include "adapters/baseline/memory.h"
#include "adapters/baseline/patches.h"
#include "adapters/baseline/planes.h"
#include "adapters/baseline/self_contrast.h"
#include "harness/core/adapter.h"
#include "harness/core/error.h"

namespace looktwice::adapters {
namespace {

using namespace baseline;

constexpr char kVersion[] = "1";            // changes whenever a score may change
constexpr std::array kStrides = {4, 2, 1};  // of the patches, one level each, finest first
constexpr int kLevels = static_cast<int>(kStrides.size());
constexpr int kCell = 4;
constexpr std::size_t kMostMemories = 16;  // sets of references kept ready

struct Options {
  int side = 128;
  double share = 0.05;
  std::string memory = "nearest";

  void visit(auto&& option) {
    option("side", side,
           "square root of the number of pixels that a picture is reduced to, 32-512");
    option("share", share,
           "part of the patches, the most unusual of each level, whose mean is the score, 0-1");
    option("memory", memory,
           "with references: nearest (distance to the nearest reference patch) or gaussian "
           "(Mahalanobis distance at the same place)");
  }
};

Options checked(Options options) {
  const auto refuse = [](const std::string& message) { throw Error(Kind::usage, message); };
  if (options.side < 32 || options.side > 512) refuse("model baseline: side must be 32 to 512");
  if (!(options.share > 0 && options.share <= 1))
    refuse("model baseline: share must be over 0 and at most 1");
  if (options.memory != "nearest" && options.memory != "gaussian")
    refuse("model baseline: memory must be nearest or gaussian");
  return options;
}

std::vector<Patches> patches_by_level(const std::vector<Level>& levels) {
  std::vector<Patches> all;
  for (std::size_t l = 0; l < levels.size(); ++l) all.push_back(patches_of(levels[l], kStrides[l]));
  return all;
}

using Clock = std::chrono::steady_clock;

std::int64_t nanoseconds(Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

Span span_of(std::string name, Clock::time_point from, Clock::time_point to) {
  return {.name = std::move(name),
          .start_ns = nanoseconds(from.time_since_epoch()),
          .duration_ns = nanoseconds(to - from)};
}

using Memory = std::vector<std::unique_ptr<LevelMemory>>;  // one per level

class Baseline final : public Adapter {
 public:
  Baseline(Options options, Setting setting)
      : options_(checked(std::move(options))), setting_(std::move(setting)) {}

  // Setting::threads threads, each with one picture at a time: no answer waits for another, and
  // none depends on which pictures are asked together. batch_size has nothing to choose.
  void serve(Inbox& inbox, Outbox& outbox) override {
    const auto work = [&] {
      for (std::vector<Request> taken; !(taken = inbox.take(1)).empty();)
        for (const Request& request : taken) outbox.push(answer_to(request));
    };
    std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(std::max(1, setting_.threads)));
    {
      std::vector<std::jthread> threads;
      threads.reserve(thrown.size());
      for (std::exception_ptr& mine : thrown)
        threads.emplace_back([&] {
          try {
            work();
          } catch (...) {
            mine = std::current_exception();
          }
        });
    }
    for (const std::exception_ptr& one : thrown)
      if (one) std::rethrow_exception(one);
  }

  std::map<std::string, std::string> facts() const override { return {{"algorithm", kVersion}}; }

 private:
  Prediction answer_to(const Request& request) {
    Prediction reply{.key = request.key};
    try {
      const auto start = Clock::now();
      const Image image = request.image.decode();
      const auto decoded = Clock::now();
      const auto memory = request.references.empty() ? nullptr : memory_of(request.references);
      const auto remembered = Clock::now();
      const auto levels = memory ? contrast(image, *memory) : contrast(image);
      reply.map = joined(levels, kCell);
      reply.score = pooled(levels, options_.share);
      reply.spans = {span_of("decode", start, decoded)};
      if (memory) reply.spans.push_back(span_of("memory", decoded, remembered));
      reply.spans.push_back(span_of("contrast", remembered, Clock::now()));
      return reply;
    } catch (const std::bad_alloc&) {
      reply.error = "out of memory";
    } catch (const std::exception& error) {
      // Whatever it is, the request gets its answer: the other threads wait for it.
      reply.error = error.what();
    }
    reply.status = Status::failed;
    return reply;
  }

  std::vector<LevelContrast> contrast(const Image& image) const {
    std::vector<Level> levels = levels_of(image, options_.side, kLevels, !is_grey(image));
    std::vector<Patches> as_is = patches_by_level(levels);
    for (Level& level : levels)
      for (Plane& plane : level.planes) polish(plane);
    const std::vector<Patches> polished = patches_by_level(levels);
    std::vector<LevelContrast> all;
    for (std::size_t l = 0; l < as_is.size(); ++l) {
      std::vector<float> values = self_contrast(as_is[l], polished[l]);
      all.push_back({std::move(as_is[l]), std::move(values)});
    }
    return all;
  }

  std::vector<LevelContrast> contrast(const Image& image, const Memory& memory) const {
    std::vector<LevelContrast> all;
    for (Patches& patches : reference_patches(image)) {
      std::vector<float> values = memory[all.size()]->contrast(patches);
      all.push_back({std::move(patches), std::move(values)});
    }
    return all;
  }

  // Always with colour, so that a coloured picture can be held against grey references, and not
  // polished: the lines of a normal picture are known here.
  std::vector<Patches> reference_patches(const Image& image) const {
    return patches_by_level(levels_of(image, options_.side, kLevels, true));
  }

  // Built once per set of references, by the first thread that needs it; the others wait.
  std::shared_ptr<const Memory> memory_of(std::vector<Picture> references) {
    std::ranges::sort(references, {}, &Picture::name);
    std::string names;
    for (const Picture& reference : references) names += reference.name() + '\n';
    std::promise<std::shared_ptr<const Memory>> promise;
    std::shared_future<std::shared_ptr<const Memory>> future;
    bool mine = false;
    {
      const std::lock_guard hold(mutex_);
      auto known = std::ranges::find(known_, names, &Known::names);
      if (known == known_.end()) {
        mine = true;
        known = known_.insert(known_.begin(), {names, promise.get_future().share()});
        if (known_.size() > kMostMemories) known_.pop_back();
      }
      known_.splice(known_.begin(), known_, known);
      future = known->memory;
    }
    if (mine) try {
        promise.set_value(std::make_shared<const Memory>(built(references)));
      } catch (...) {
        promise.set_exception(std::current_exception());
      }
    return future.get();
  }

  Memory built(const std::vector<Picture>& references) const {
    std::vector<std::vector<Patches>> by_level(kLevels);
    for (const Picture& reference : references) {
      std::vector<Patches> levels;
      try {
        levels = reference_patches(reference.decode());
      } catch (const Error& error) {
        throw Error(error.kind(), "reference " + reference.name() + ": " + error.what());
      }
      for (std::size_t l = 0; l < levels.size(); ++l) by_level[l].push_back(std::move(levels[l]));
    }
    Memory memory;
    for (const std::vector<Patches>& level : by_level)
      memory.push_back(options_.memory == "gaussian" ? gaussian_memory(level)
                                                     : nearest_memory(level));
    return memory;
  }

  struct Known {
    std::string names = {};
    std::shared_future<std::shared_ptr<const Memory>> memory = {};
  };

  const Options options_;
  const Setting setting_;
  std::mutex mutex_;        // of known_
  std::list<Known> known_;  // the most recently used first
};

}  // namespace

AdapterEntry baseline_adapter() {
  return entry<Baseline, Options>("baseline",
                                  "zero-shot without weights: self-contrast of patches");
}

}  // namespace looktwice::adapters
