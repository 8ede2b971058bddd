// Checkpoint folders whose JSON files say what cannot be: one clear error that names file and field
// (Kind::model, exit code 5), no crash, nothing large allocated, no endless list of what is
// missing.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "adapters/catalogue.h"
#include "adapters/imaging/codec.h"
#include "harness/core/error.h"
#include "tests/support/files.h"
#include "tests/support/queues.h"
#include "tests/support/refusal.h"
#include "tests/support/sanitized.h"

namespace looktwice::adapters {
namespace {

namespace fs = std::filesystem;
using looktwice::testing::served;

// A copy of a tiny checkpoint in which one text of one file is another one.
class Changed {
 public:
  Changed(const std::string& checkpoint, const std::string& file, const std::string& from,
          const std::string& to) {
    std::string made = (fs::temp_directory_path() / "looktwice_hostile_XXXXXX").string();
    if (!mkdtemp(made.data())) throw std::runtime_error("cannot make " + made);
    path_ = made;
    for (const auto& entry : fs::directory_iterator(test::data_path(checkpoint)))
      if (entry.path().filename() != file)
        fs::create_symlink(fs::absolute(entry.path()), path_ / entry.path().filename());
    if (to == "(no file)") return;
    const auto bytes = test::bytes_of(test::data_path(checkpoint + "/" + file));
    std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t at = text.find(from);
    if (at == std::string::npos) throw std::runtime_error(file + " has no " + from);
    text.replace(at, from.size(), to);
    std::ofstream(path_ / file, std::ios::binary) << text;
  }
  ~Changed() { fs::remove_all(path_); }
  Changed(const Changed&) = delete;
  Changed& operator=(const Changed&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// What a question in words ends with: the error that ends the run, by its kind and text.
std::pair<Kind, std::string> outcome(const std::string& model, const fs::path& folder) {
  const auto catalogue = adapter_catalogue();
  const auto found = std::ranges::find(catalogue, model, &AdapterEntry::name);
  Arguments arguments{{"checkpoint", folder.string()}};
  if (model == "anomaly_ov") arguments["expert"] = "none";
  try {
    const auto adapter = found->make(arguments, {.threads = 1});
    Request asked{.key = "k"};
    asked.image = Picture("dot.png", {.path = test::data_path("llava_onevision/images/dot.png")},
                          imaging::make_codec());
    asked.question = {.text = "What?", .wanted = {.text = true}, .decoding = {.max_new_tokens = 3}};
    const Prediction reply = served(*adapter, {asked}).at(0);
    return {Kind::gate, reply.status == Status::answered ? "answered" : "failed: " + reply.error};
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
}

long peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

struct Case {
  const char *file = "config.json", *from = "", *to = "";
  std::vector<std::string> words = {};
};

void expect_each_refused(const std::string& model, const std::string& checkpoint,
                         const std::vector<Case>& cases) {
  {
    const Changed same(checkpoint, "config.json", "\"hidden_size\"", "\"hidden_size\"");
    ASSERT_EQ(outcome(model, same.path()).second, "answered");
  }
  const long before = peak_kilobytes();
  for (const Case& one : cases) {
    const Changed folder(checkpoint, one.file, one.from, one.to);
    const auto start = std::chrono::steady_clock::now();
    const auto [kind, text] = outcome(model, folder.path());
    const std::string label = std::string(one.file) + ": " + one.from + " -> " + one.to;
    EXPECT_EQ(kind, Kind::model) << label << ": " << text;
    EXPECT_TRUE(testing::names_all(text, one.words)) << label << ": " << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << label << ": " << text;
    EXPECT_LT(text.size(), 20'000u) << label;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << label;
  }
  const long more = peak_kilobytes() - before;
  EXPECT_TRUE(test::kSanitized || more < 400'000) << more << " KiB for a configuration";
}

const std::vector<Case> kDecoder = {
    {.from = "\"hidden_size\": 48",
     .to = "\"hidden_size\": 0",
     .words = {"config.json", "hidden_size", "from 1"}},
    {.from = "\"hidden_size\": 48",
     .to = "\"hidden_size\": -48",
     .words = {"hidden_size", "from 1"}},
    {.from = "\"hidden_size\": 48",
     .to = "\"hidden_size\": 2147483648",
     .words = {"hidden_size", "1048576"}},
    {.from = "\"hidden_size\": 48",
     .to = "\"hidden_size\": 99999999999999999999",
     .words = {"hidden_size"}},
    {.from = "\"hidden_size\": 48", .to = "\"hidden_size\": \"48\"", .words = {"hidden_size"}},
    {.from = "\"hidden_size\": 48", .to = "\"hidden_size\": 1048572", .words = {}},
    {.from = "\"hidden_size\": 48,", .to = "", .words = {"hidden_size"}},
    {.from = "\"intermediate_size\": 56",
     .to = "\"intermediate_size\": 1e300",
     .words = {"intermediate_size"}},
    {.from = "\"intermediate_size\": 56",
     .to = "\"intermediate_size\": 1048576",
     .words = {"mlp.gate_proj.weight", "1048576"}},
    {.from = "\"num_hidden_layers\": ",
     .to = "\"num_hidden_layers\": 1000000",
     .words = {"num_hidden_layers", "1000"}},
    {.from = "\"num_hidden_layers\": ",
     .to = "\"num_hidden_layers\": 10",
     .words = {"missing", "model.layers.1"}},
    {.from = "\"num_hidden_layers\": ",
     .to = "\"num_hidden_layers\": -",
     .words = {"num_hidden_layers"}},
    {.from = "\"num_attention_heads\": 6",
     .to = "\"num_attention_heads\": 7",
     .words = {"num_attention_heads", "divide"}},
    {.from = "\"num_attention_heads\": 6", .to = "\"num_attention_heads\": 48", .words = {"even"}},
    {.from = "\"num_attention_heads\": 6",
     .to = "\"num_attention_heads\": 0",
     .words = {"num_attention_heads"}},
    {.from = "\"num_key_value_heads\": 2",
     .to = "\"num_key_value_heads\": 4",
     .words = {"num_key_value_heads"}},
    {.from = "\"num_key_value_heads\": 2",
     .to = "\"num_key_value_heads\": null",
     .words = {"num_key_value_heads"}},
    {.from = "\"rope_theta\": ", .to = "\"rope_theta\": -", .words = {"rope_theta", "positive"}},
    {.from = "\"rope_theta\": ",
     .to = "\"rope_theta\": 1e999, \"x\": ",
     .words = {"config.json", "1e999"}},
    {.from = "\"rms_norm_eps\": ", .to = "\"rms_norm_eps\": -", .words = {"rms_norm_eps"}},
    {.from = "\"hidden_size\"",
     .to = "\"hidden_act\": \"gelu\", \"hidden_size\"",
     .words = {"hidden_act"}},
    {.from = "\"tie_word_embeddings\": ",
     .to = "\"tie_word_embeddings\": \"yes\", \"x\": ",
     .words = {"tie_word_embeddings", "true or false"}},
    {.from = "\"hidden_size\": 48",
     .to = "\"head_dim\": 9, \"hidden_size\": 48",
     .words = {"head_dim", "expected 8"}},
    {.from = "\"eos_token_id\": ", .to = "\"eos_token_id\": -", .words = {"eos_token_id", "token"}},
    {.from = "\"eos_token_id\": ",
     .to = "\"eos_token_id\": 99999999999",
     .words = {"eos_token_id"}},
    {.file = "generation_config.json",
     .from = "{",
     .to = "{\"repetition_penalty\": 0, ",
     .words = {"repetition_penalty"}},
    {.file = "generation_config.json",
     .from = "{",
     .to = "{\"eos_token_id\": [\"x\"], \"y\": 1, ",
     .words = {"generation_config.json", "eos_token_id"}},
    {.from = "{", .to = "[", .words = {"config.json"}},
    {.from = "{", .to = "", .words = {"config.json"}},
    {.to = "(no file)", .words = {"config.json"}},
    {.file = "model.safetensors", .to = "(no file)", .words = {"model.safetensors"}},
};

TEST(HostileCheckpoints, OfAnomalyOvAreRefusedByName) {
  std::vector<Case> cases = kDecoder;
  for (Case more : std::vector<Case>{
           {.from = "\"hidden_size\"",
    .to = "\"use_sliding_window\": true, \"hidden_size\"",
    .words = {"use_sliding_window"}},
           {.from = "\"hidden_size\"",
           .to = "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4}, \"hidden_size\"",
           .words = {"rope_scaling", "yarn", "mrope"}},
           {.from = "\"hidden_size\"",
           .to = "\"use_sliding_window\": \"yes\", \"hidden_size\"",
           .words = {"use_sliding_window", "true or false"}},
           {.from = "\"hidden_size\"",
           .to = "\"rope_scaling\": \"linear\", \"hidden_size\"",
           .words = {"rope_scaling", "an object"}},
           {.from = "\"layer_norm_eps\"",
           .to = "\"hidden_act\": \"relu\", \"layer_norm_eps\"",
           .words = {"vision_config.hidden_act", "gelu_pytorch_tanh"}},
           {.from = "\"vision_config\": ",
           .to = "\"vision_config\": 3, \"x\": ",
           .words = {"vision_config", "an object"}},
           {.from = "\"hidden_size\"",
           .to = "\"mm_projector_type\": \"linear\", \"hidden_size\"",
           .words = {"mm_projector_type", "mlp2x_gelu"}},
           {.from = "spatial_unpad", .to = "flat", .words = {"mm_patch_merge_type"}},
           {.from = "\"image_grid_pinpoints\": ",
           .to = "\"image_grid_pinpoints\": \"(1x1),...,(3x3)\", \"x\": ",
           .words = {"image_grid_pinpoints", "36 grids"}},
           {.from = "\"image_grid_pinpoints\": ",
           .to = "\"image_grid_pinpoints\": 7, \"x\": ",
           .words = {"image_grid_pinpoints", "36 grids"}},
           {.file = "model.safetensors",
           .from = "\"lm_head.weight\"",
           .to = "\"lm_head.weighs\"",
           .words = {"1 missing: lm_head.weight", "1 unknown: lm_head.weighs"}},
           {.file = "model.safetensors",
           .from = "\"model.norm.weight\":{\"dtype\":\"BF16\"",
           .to = "\"model.norm.weight\":{\"dtype\": \"I16\"",
           .words = {"of another type: model.norm.weight I16"}},
           {.file = "model.safetensors",
           .from = "\"model.image_newline\":{\"dtype\":\"BF16\"",
           .to = "\"model.image_newline\":{\"dtype\": \"I16\"",
           .words = {"of another type: model.image_newline I16"}},
           {.from = "anyres_max_9",
           .to = "anyres_max_99999999999999",
           .words = {"image_aspect_ratio"}},
           {.from = "anyres_max_9", .to = "anyres_max_-9", .words = {"image_aspect_ratio"}},
           {.file = "added_tokens.json",
           .from = "302",
           .to = "9999",
           .words = {"10000 tokens", "313"}},
           {.file = "added_tokens.json",
           .from = "302",
           .to = "2147483647",
           .words = {"added_tokens.json", "2147483647"}},
           {.from = "anyres_max_9", .to = "pad", .words = {"image_aspect_ratio"}},
           {.from = "\"mm_hidden_size\": 36",
           .to = "\"mm_hidden_size\": 35",
           .words = {"mm_hidden_size", "36"}},
           {.from = "\"hidden_size\": 36",
           .to = "\"hidden_size\": 0",
           .words = {"vision_config.hidden_size"}},
           {.from = "\"num_attention_heads\": 3",
           .to = "\"num_attention_heads\": 5",
           .words = {"heads 5"}},
           {.from = "\"num_hidden_layers\": 4",
           .to = "\"num_hidden_layers\": 1048576",
           .words = {"blocks 1048576"}},
           {.from = "\"num_hidden_layers\": 4",
           .to = "\"num_hidden_layers\": 1",
           .words = {"blocks 1"}},
           {.from = "\"image_size\": 70",
           .to = "\"image_size\": 1048576",
           .words = {"image_grid_pinpoints"}},
           {.from = "\"patch_size\": 14", .to = "\"patch_size\": 71", .words = {"patch 71"}},
           {.from = "\"patch_size\": 14", .to = "\"patch_size\": 1", .words = {"patch_embedding"}},
           {.from = "\"layer_norm_eps\": ", .to = "\"layer_norm_eps\": -", .words = {"vision"}},
       })
    cases.push_back(more);
  expect_each_refused("anomaly_ov", "llava_onevision/checkpoint", cases);
}

TEST(HostileCheckpoints, OfOmniAdAreRefusedByName) {
  std::vector<Case> cases = kDecoder;
  for (Case more : std::vector<Case>{
           {.from = "\"use_sliding_window\": false",
    .to = "\"use_sliding_window\": true",
    .words = {"use_sliding_window"}},
           {.from = "\"type\": \"mrope\"",
           .to = "\"type\": \"yarn\"",
           .words = {"rope_scaling", "mrope"}},
           {.from = "\"rope_scaling\"", .to = "\"rope_scaled\"", .words = {"mrope_section"}},
           {.from = "   1,\n   2,\n   1\n", .to = "-1, 4, 1", .words = {"mrope_section"}},
           {.from = "   1,\n   2,\n   1\n",
           .to = "1, 2, 9999999999999999999",
           .words = {"mrope_section"}},
           {.from = "   1,\n   2,\n   1\n", .to = "1, 2, 2", .words = {"mrope_section", "add up"}},
           {.from = "\"image_token_id\": 293",
           .to = "\"image_token_id\": 2147483647",
           .words = {"image_token_id"}},
           {.from = "\"image_token_id\": 293",
           .to = "\"image_token_id\": -1",
           .words = {"image_token_id"}},
           {.from = "\"depth\": 5", .to = "\"depth\": 1000000", .words = {"depth", "1000"}},
           {.from = "\"depth\": 5", .to = "\"depth\": 6", .words = {"missing", "blocks.5"}},
           {.from = "\"num_heads\": 3", .to = "\"num_heads\": 5", .words = {"num_heads"}},
           {.from = "\"patch_size\": 14",
           .to = "\"patch_size\": 1048576",
           .words = {"window_size"}},
           {.from = "\"spatial_merge_size\": 2",
           .to = "\"spatial_merge_size\": 0",
           .words = {"spatial_merge_size"}},
           {.from = "\"out_hidden_size\": 48",
           .to = "\"out_hidden_size\": 47",
           .words = {"out_hidden_size"}},
           {.from = "\"vision_config\"", .to = "\"vision\"", .words = {"vision_config"}},
           {.file = "preprocessor_config.json",
           .from = "{",
           .to = "{\"size\": {\"shortest_edge\": 99999999999}, \"min_pixels\": 99999999999, \"x\": "
                 "1, ",
           .words = {"preprocessor_config.json"}},
           {.file = "preprocessor_config.json",
           .from = "\"patch_size\": 14",
           .to = "\"patch_size\": 13",
           .words = {"patch_size", "14"}},
       })
    cases.push_back(more);
  expect_each_refused("omniad", "omniad_other/checkpoint", cases);
  const Changed without("omniad_other/checkpoint", "preprocessor_config.json", "", "(no file)");
  EXPECT_EQ(outcome("omniad", without.path()).second, "answered");
}

// A snapshot whose files are links to where downloads lie, half of which was cleaned away.
TEST(HostileCheckpoints, LinksThatLeadNowhereAreNoMissingFiles) {
  for (const char* name : {"model.safetensors", "config.json", "generation_config.json",
                           "vocab.json", "merges.txt", "added_tokens.json"})
    for (const char* target : {"/nowhere", name}) {
      const Changed folder("llava_onevision/checkpoint", name, "", "(no file)");
      fs::create_symlink(target, folder.path() / name);
      const auto [kind, text] = outcome("anomaly_ov", folder.path());
      EXPECT_EQ(kind, Kind::model) << name << " -> " << target << ": " << text;
      EXPECT_TRUE(testing::names_all(text, {folder.path() / name})) << text;
    }
}

TEST(HostileCheckpoints, WhatIsNoFileIsNotWaitedFor) {
  for (const char* name : {"model.safetensors", "config.json", "generation_config.json",
                           "vocab.json", "merges.txt", "added_tokens.json"}) {
    const Changed folder("llava_onevision/checkpoint", name, "", "(no file)");
    ASSERT_EQ(mkfifo((folder.path() / name).c_str(), 0600), 0);
    const auto [kind, text] = outcome("anomaly_ov", folder.path());
    EXPECT_EQ(kind, Kind::model) << name << ": " << text;
    EXPECT_TRUE(testing::names_all(text, {folder.path() / name, "not a regular file"})) << text;
  }
}

}  // namespace
}  // namespace looktwice::adapters
