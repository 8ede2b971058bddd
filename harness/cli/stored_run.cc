#include "harness/cli/stored_run.h"

#include <charconv>

#include "harness/cli/wiring.h"
#include "harness/core/codec.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/store/frame.h"

namespace looktwice::cli {
namespace {

template <class Number>
Number used_number(const store::Manifest& manifest, const char* name) {
  const auto found = manifest.options_used.find(name);
  Number value{};
  if (found != manifest.options_used.end()) {
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size()) return value;
  }
  throw Error(Kind::data, std::string("run.json: options_used: '") + name + "': expected a number");
}

// The encoder that one of options_used names.
std::optional<run::EncoderSetup> encoder_called(const store::Manifest& manifest,
                                                const char* option) {
  const auto last = manifest.options_used.find(option);
  if (last == manifest.options_used.end()) return {};
  const auto found = manifest.encoders.find(last->second);
  if (found == manifest.encoders.end())
    throw Error(Kind::data, "run.json: encoders: no '" + printable(last->second, 40) + "'");
  return run::encoder_of(found->second);
}

}  // namespace

std::vector<run::Task> stored_tasks(const store::Manifest& manifest,
                                    const std::filesystem::path& data_root, int threads,
                                    const std::shared_ptr<const ImageCodec>& codec) {
  std::vector<run::Task> tasks;
  for (const store::TaskManifest& there : manifest.tasks) {
    tasks.push_back(loaded_task({there.task, there.variant},
                                {.data_root = data_root.empty() ? there.root : data_root,
                                 .num_fewshot = used_number<int>(manifest, "num_fewshot"),
                                 .seed = used_number<std::uint64_t>(manifest, "seed"),
                                 .limit = used_number<std::int64_t>(manifest, "limit"),
                                 .threads = threads,
                                 .codec = codec}));
    if (tasks.back().fingerprint.data != there.fingerprint ||
        tasks.back().fingerprint.references != there.references)
      throw Error(Kind::data, printable(tasks.back().root.string()) + ": the data of " +
                                  there.task + " changed since the run (fingerprint " +
                                  tasks.back().fingerprint.data.substr(0, 12) + ", the run has " +
                                  there.fingerprint.substr(0, 12) + ")");
  }
  return tasks;
}

ScoringOptions stored_scoring(const store::Manifest& manifest) {
  ScoringOptions options;
  const auto& used = manifest.options_used;
  const auto text = [&](const char* name, std::string& value) {
    if (const auto found = used.find(name); found != used.end()) value = found->second;
  };
  text("metrics", options.metrics);
  text("pixel_threshold", options.pixel_threshold);
  options.threshold = used_number<double>(manifest, "threshold");
  options.fpr_limit = used_number<double>(manifest, "fpr_limit");
  options.map_side = used_number<int>(manifest, "map_side");
  options.map_sigma = used_number<double>(manifest, "map_sigma");
  options.resamples = used_number<int>(manifest, "resamples");
  options.seed = used_number<std::uint64_t>(manifest, "bootstrap_seed");
  return options;
}

std::optional<run::JudgeSetup> stored_judge(const store::Manifest& manifest,
                                            const std::string& asked) {
  std::string id = asked;
  if (id.empty())
    if (const auto last = manifest.options_used.find("judge"); last != manifest.options_used.end())
      id = last->second;
  if (id.empty() || id == "none") return {};
  const std::map<std::string, std::string>* found = nullptr;
  std::string known;
  for (const auto& [name, facts] : manifest.judges) {
    known += (known.empty() ? "" : ", ") + name;
    if (!name.starts_with(id)) continue;
    if (found) throw Error(Kind::usage, "--judge: several judges begin with '" + id + "'");
    found = &facts;
  }
  if (!found)
    throw Error(Kind::usage, "--judge: no judge '" + printable(id, 40) + "' in this run; " +
                                 (known.empty() ? "it was not judged" : "it has " + known));
  return run::setup_of(*found);
}

std::optional<run::EncoderSetup> stored_encoder(const store::Manifest& manifest) {
  return encoder_called(manifest, "encoder");
}

std::optional<run::EncoderSetup> stored_token_encoder(const store::Manifest& manifest) {
  return encoder_called(manifest, "token_encoder");
}

std::vector<Outcome> stored_outcomes(const store::RunFolder& folder, const std::string& run) {
  std::vector<Outcome> outcomes;
  if (!std::filesystem::exists(folder.outcomes()))
    throw Error(Kind::data, printable(folder.path().string()) +
                                ": no outcomes.jsonl; `looktwice score` makes it");
  store::for_each_record(folder.outcomes(), "outcomes", run,
                         [&](std::string_view object, std::uint64_t, std::uint64_t) {
                           outcomes.push_back(outcome_of(object));
                         });
  return outcomes;
}

}  // namespace looktwice::cli
