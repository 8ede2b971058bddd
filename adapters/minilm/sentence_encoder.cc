#include "adapters/minilm/sentence_encoder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tanh.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <numeric>
#include <thread>
#include <utility>

#include "adapters/nn/bert.h"
#include "adapters/nn/device.h"
#include "adapters/tokenizers/wordpiece.h"
#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/path.h"
#include "harness/core/text.h"

namespace looktwice::minilm {
namespace {

namespace fs = std::filesystem;
using weights::Config;

enum class Pool { first, mean, mean_sqrt, most };

// pooling_mode_NAME of a pooling module; several are put side by side in this order.
constexpr std::pair<const char*, Pool> kPools[] = {{"cls_token", Pool::first},
                                                   {"max_tokens", Pool::most},
                                                   {"mean_tokens", Pool::mean},
                                                   {"mean_sqrt_len_tokens", Pool::mean_sqrt}};

// What comes after the encoder: [texts][size] in and out.
using Step = std::function<at::Tensor(const at::Tensor&)>;

std::string last_word(const std::string& type) {
  return type.substr(type.rfind('.') + 1);
}

std::vector<Pool> pools_of(const Config& config) {
  std::vector<Pool> pools;
  for (const auto& [name, pool] : kPools)
    if (config.boolean(std::string("pooling_mode_") + name, false)) pools.push_back(pool);
  for (const char* other : {"pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"})
    if (config.boolean(other, false)) config.refuse(other, "false: it is not built");
  if (pools.empty()) config.refuse("pooling_mode_mean_tokens", "some pooling mode that is true");
  return pools;
}

// [texts][length][hidden] to [texts][hidden].
at::Tensor pooled(const at::Tensor& states, Pool pool) {
  switch (pool) {
    case Pool::first:
      return states.select(1, 0);
    case Pool::most:
      return states.amax(1);
    case Pool::mean:
      return states.mean(1);
    case Pool::mean_sqrt:
      return states.sum(1).div(std::sqrt(static_cast<double>(states.size(1))));
  }
  return {};
}

at::Tensor unit(const at::Tensor& x) {
  return x.div(x.norm(2, {1}, true).clamp_min(1e-12));
}

Step dense(const fs::path& folder, std::int64_t& size) {
  const Config config = Config::of_file(folder / "config.json");
  const std::int64_t in = config.integer("in_features", 1, 1 << 20);
  if (in != size) config.refuse("in_features", std::to_string(size));
  size = config.integer("out_features", 1, 1 << 20);
  const weights::Checkpoint checkpoint = weights::Checkpoint::of_folder(folder);
  nn::Loading loading(folder.string(), checkpoint, at::kCPU, at::kFloat);
  const nn::Linear layer = nn::linear(loading, "linear", size, in, config.boolean("bias", true));
  loading.finish();
  const std::string activation =
      last_word(config.text("activation_function", "torch.nn.modules.linear.Identity"));
  if (activation == "Tanh") return [layer](const at::Tensor& x) { return at::tanh(layer(x)); };
  if (activation != "Identity") config.refuse("activation_function", "Tanh or Identity");
  return layer;
}

}  // namespace

struct SentenceEncoder::Parts {
  tokenizers::WordPiece tokens;
  nn::Bert bert;
  std::string hash = {};
  std::vector<Pool> pools = {};
  std::vector<Step> steps = {};
  std::int64_t size = 0;
  std::size_t most_tokens = 0, most_states = 0;
  EncoderOptions options = {};

  std::vector<std::vector<std::int32_t>> ids_of(std::span<const std::string> texts,
                                                std::size_t most) const;
  at::Tensor embedded(const at::Tensor& states, std::span<const std::int64_t> lengths) const;
  // Calls visit(states, places, lengths) for runs of texts of like length: states [tokens][hidden],
  // places in ids.
  template <class Visit>
  void compute(const std::vector<std::vector<std::int32_t>>& ids, int layers, Visit&& visit) const;
};

namespace {

// Where the parts of a sentence-transformers folder lie; a plain model has a Transformer alone.
struct Modules {
  fs::path transformer = {};
  std::vector<std::pair<std::string, fs::path>> after = {};  // type, folder
};

Modules modules_of(const fs::path& folder) {
  const fs::path file = folder / "modules.json";
  if (!is_there(file)) return {.transformer = folder};
  Modules modules;
  bool begun = false;
  try {
    const std::vector<std::byte> bytes = file_bytes(file, 1 << 20);
    const JsonValue list = parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                       printable(file.string()));
    for (const JsonValue& module : list.items) {
      const JsonValue* type = module.find("type");
      const JsonValue* path = module.find("path");
      if (!type || type->type != JsonValue::Type::text || !path ||
          path->type != JsonValue::Type::text || path->text.find("..") != std::string::npos ||
          path->text.starts_with('/'))
        refuse_at(printable(file.string()), module.place,
                  "expected a module with 'type' and a 'path' within the folder");
      const std::string kind = last_word(type->text);
      const fs::path place = path->text.empty() ? folder : folder / path->text;
      if (!begun && kind == "Transformer")
        modules.transformer = place;
      else if (begun && (kind == "Pooling" || kind == "Dense" || kind == "Normalize"))
        modules.after.emplace_back(kind, place);
      else
        refuse_at(printable(file.string()), type->place,
                  "'" + printable(type->text) +
                      "': expected a Transformer, then Pooling, Dense or Normalize");
      begun = true;
    }
    if (!begun) refuse_at(printable(file.string()), {1, 1}, "expected a list of modules");
  } catch (const Error& error) {
    throw Error(Kind::model, error.what());
  }
  return modules;
}

}  // namespace

SentenceEncoder::SentenceEncoder(const fs::path& folder, const EncoderOptions& options) {
  const c10::InferenceMode no_gradients;
  const at::Device device = nn::device_named(options.device);
  const at::ScalarType type = nn::number_type_named(options.dtype);
  nn::use_threads(options.threads);

  const Modules modules = modules_of(folder);
  const Config config = Config::of_file(modules.transformer / "config.json");
  const weights::Checkpoint checkpoint = weights::Checkpoint::of_folder(modules.transformer);
  auto parts = std::make_unique<Parts>(Parts{.tokens = tokenizers::WordPiece(modules.transformer),
                                             .bert = nn::Bert(config, checkpoint, device, type),
                                             .hash = checkpoint.hash(),
                                             .options = options});
  if (parts->tokens.size() > parts->bert.vocabulary())
    config.refuse("vocab_size",
                  "at least the " + std::to_string(parts->tokens.size()) + " tokens of vocab.txt");
  parts->most_tokens = static_cast<std::size_t>(parts->bert.most_tokens());
  parts->most_states = parts->most_tokens;
  if (const fs::path file = modules.transformer / "tokenizer_config.json"; is_there(file)) {
    // Often 10^30, for no limit.
    const double most = Config::of_file(file).number("model_max_length", 1e30);
    if (most >= 2 && most < static_cast<double>(parts->most_states))
      parts->most_states = static_cast<std::size_t>(most);
  }
  for (const char* name : {"sentence_bert_config.json", "sentence_transformers_config.json"}) {
    if (!is_there(modules.transformer / name)) continue;
    const Config own = Config::of_file(modules.transformer / name);
    const auto most = static_cast<std::int64_t>(parts->most_tokens);
    parts->most_tokens = static_cast<std::size_t>(own.integer("max_seq_length", 2, most, most));
    break;
  }

  parts->size = parts->bert.hidden();
  for (const auto& [kind, place] : modules.after) {
    if (kind == "Pooling") {
      if (!parts->pools.empty() || !parts->steps.empty())
        throw Error(Kind::model, printable((folder / "modules.json").string()) +
                                     ": expected one Pooling, before Dense and Normalize");
      parts->pools = pools_of(Config::of_file(place / "config.json"));
      parts->size *= static_cast<std::int64_t>(parts->pools.size());
    } else if (kind == "Dense") {
      parts->steps.push_back(dense(place, parts->size));
    } else {
      parts->steps.emplace_back(unit);
    }
  }
  if (parts->pools.empty()) parts->pools = {Pool::mean};
  parts_ = std::move(parts);
}

SentenceEncoder::~SentenceEncoder() = default;
SentenceEncoder::SentenceEncoder(SentenceEncoder&&) noexcept = default;

std::int64_t SentenceEncoder::size() const {
  return parts_->size;
}
std::int64_t SentenceEncoder::hidden() const {
  return parts_->bert.hidden();
}
int SentenceEncoder::layers() const {
  return parts_->bert.layers();
}
std::size_t SentenceEncoder::most_tokens() const {
  return parts_->most_tokens;
}
std::size_t SentenceEncoder::most_states() const {
  return parts_->most_states;
}
const std::string& SentenceEncoder::hash() const {
  return parts_->hash;
}

std::vector<std::vector<std::int32_t>> SentenceEncoder::Parts::ids_of(
    std::span<const std::string> texts, std::size_t most) const {
  std::vector<std::vector<std::int32_t>> ids(texts.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < texts.size(); i = next++)
      ids[i] = tokens.encode(texts[i], most);
  };
  std::vector<std::jthread> others;
  for (int t = 1; t < options.threads && texts.size() > 64; ++t) others.emplace_back(work);
  work();
  return ids;
}

template <class Visit>
void SentenceEncoder::Parts::compute(const std::vector<std::vector<std::int32_t>>& ids, int layers,
                                     Visit&& visit) const {
  std::vector<std::size_t> order(ids.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return ids[i].size(); });
  std::vector<std::int32_t> run;
  std::vector<std::int64_t> lengths;
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    run.clear();
    lengths.clear();
    for (; end < order.size(); ++end) {
      const std::vector<std::int32_t>& own = ids[order[end]];
      if (end > begin && static_cast<std::int64_t>(run.size() + own.size()) > options.batch_tokens)
        break;
      run.insert(run.end(), own.begin(), own.end());
      lengths.push_back(static_cast<std::int64_t>(own.size()));
    }
    const std::span<const std::size_t> places(order.data() + begin, end - begin);
    visit(bert.last_state(run, lengths, layers).to(at::kCPU, at::kFloat), places, lengths);
  }
}

at::Tensor SentenceEncoder::Parts::embedded(const at::Tensor& states,
                                            std::span<const std::int64_t> lengths) const {
  std::vector<at::Tensor> rows;
  std::int64_t begin = 0;
  for (std::size_t first = 0, last = 0; first < lengths.size(); first = last) {
    const std::int64_t length = lengths[first];
    while (last < lengths.size() && lengths[last] == length) ++last;
    const auto texts = static_cast<std::int64_t>(last - first);
    const at::Tensor own =
        states.narrow(0, begin, texts * length).view({texts, length, states.size(1)});
    std::vector<at::Tensor> columns;
    for (const Pool pool : pools) columns.push_back(pooled(own, pool));
    rows.push_back(at::cat(columns, 1));
    begin += texts * length;
  }
  at::Tensor all = at::cat(rows);
  for (const Step& step : steps) all = step(all);
  return all.contiguous();
}

std::vector<std::vector<float>> SentenceEncoder::encode(std::span<const std::string> texts) const {
  const c10::InferenceMode no_gradients;
  std::map<std::string_view, std::size_t> seen;
  std::vector<std::string> distinct;
  std::vector<std::size_t> which;
  for (const std::string& text : texts) {
    const auto [at, fresh] = seen.try_emplace(text, distinct.size());
    if (fresh) distinct.push_back(text);
    which.push_back(at->second);
  }
  std::vector<std::vector<float>> found(distinct.size());
  const auto width = static_cast<std::size_t>(parts_->size);
  parts_->compute(parts_->ids_of(distinct, parts_->most_tokens), -1,
                  [&](const at::Tensor& states, std::span<const std::size_t> places,
                      std::span<const std::int64_t> lengths) {
                    const at::Tensor rows = parts_->embedded(states, lengths);
                    const float* row = rows.const_data_ptr<float>();
                    for (const std::size_t place : places) {
                      found[place].assign(row, row + width);
                      row += width;
                    }
                  });
  std::vector<std::vector<float>> all;
  all.reserve(texts.size());
  for (const std::size_t i : which) all.push_back(found[i]);
  return all;
}

std::vector<TokenStates> SentenceEncoder::token_states(std::span<const std::string> texts,
                                                       int layers) const {
  const c10::InferenceMode no_gradients;
  std::vector<std::vector<std::int32_t>> ids = parts_->ids_of(texts, parts_->most_states);
  std::vector<TokenStates> all(texts.size());
  parts_->compute(ids, layers,
                  [&](const at::Tensor& states, std::span<const std::size_t> places,
                      std::span<const std::int64_t> lengths) {
                    const at::Tensor rows = states.contiguous();
                    const float* row = rows.const_data_ptr<float>();
                    for (std::size_t i = 0; i < places.size(); ++i) {
                      const auto values =
                          static_cast<std::size_t>(lengths[i] * parts_->bert.hidden());
                      all[places[i]].values.assign(row, row + values);
                      row += values;
                    }
                  });
  for (std::size_t i = 0; i < ids.size(); ++i) {
    for (const std::int32_t id : ids[i])
      all[i].counted.push_back(parts_->tokens.ends_text(id) ? 0 : 1);
    all[i].ids = std::move(ids[i]);
  }
  return all;
}

}  // namespace looktwice::minilm
