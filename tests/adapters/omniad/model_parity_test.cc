// From requests to tokens against transformers: the prompt, its ids, the sequence of embeddings,
// the first scores, the greedy answers with each repetition penalty; and the same from a
// remembered beginning. Sizes, seeds, prompts and pictures are those of the files.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "adapters/nn/device.h"
#include "adapters/nn/prefix_memory.h"
#include "adapters/nn/writer.h"
#include "adapters/omniad/chat.h"
#include "adapters/omniad/model.h"
#include "adapters/omniad/picture_shelf.h"
#include "harness/core/error.h"
#include "tests/adapters/omniad/cases.h"
#include "tests/support/qwen_vocabulary.h"
#include "tests/support/refusal.h"
#include "tests/support/safetensors.h"

namespace looktwice::omniad {
namespace {

namespace fs = std::filesystem;
using test::Safetensors;

at::Tensor tensor(const test::Tensor& stored, at::ScalarType type) {
  return at::from_blob(const_cast<std::byte*>(stored.bytes.data()), stored.shape, type).clone();
}

double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return 1e9;
  return (found - expected).abs().max().item<double>() / expected.abs().max().item<double>();
}

struct Loaded {
  fs::path folder;
  test::WithTokenizer checkpoint;
  Model model;
  JsonValue manifest;
  explicit Loaded(const fs::path& from)
      : folder(from),
        checkpoint(from / "checkpoint"),
        model((nn::use_threads(1), checkpoint.path()), at::kCPU, at::kFloat),
        manifest(manifest_of(from)) {}
};
std::vector<std::unique_ptr<Loaded>>& loaded() {
  static std::vector<std::unique_ptr<Loaded>> all = [] {
    std::vector<std::unique_ptr<Loaded>> made;
    for (const fs::path& folder : case_folders()) made.push_back(std::make_unique<Loaded>(folder));
    return made;
  }();
  return all;
}

struct Asked {
  nn::PromptIds ids;
  std::vector<std::int32_t> seen;
  at::Tensor embeds, positions;
};
Asked asked(const Loaded& one, PictureShelf& shelf, const std::string& name,
            const JsonValue& told) {
  const Request request = request_of(one.folder, name, told);
  const bool numbered = told.find("add_vision_id")->text == "true";
  const auto parts = chat_parts(request, {.number_pictures = numbered});
  std::string joined;
  for (const ChatPart& part : parts)
    joined += part.picture == kNoPicture ? part.text : "<|image_pad|>";
  EXPECT_EQ(joined, told.find("prompt")->text) << name;
  std::map<std::int32_t, ShelvedPicture> pictures;
  std::vector<Span> spans;
  Asked made;
  made.ids = prompt_ids(one.model.tokenizer(), parts, [&](int number) {
    const JsonValue& shown = told.find("images")->items[static_cast<std::size_t>(number)];
    const Resize resize = resize_of(shown.find("resize")->text);
    const Viewing viewing{.framing = resize.framing == "native" ? Framing::native
                                     : resize.framing == "fit"  ? Framing::fit
                                                                : Framing::stretch,
                          .side = resize.side};
    const auto own = static_cast<std::size_t>(number) == request.references.size();
    const ShelvedPicture picture = shelf.shown(
        own ? request.image : request.references[static_cast<std::size_t>(number)], viewing, spans);
    EXPECT_EQ(std::to_string(picture.length()), shown.find("tokens")->text) << name;
    pictures[picture.id] = picture;
    return picture.id;
  });
  std::vector<nn::PromptStretch> stretches;
  for (const std::int32_t id : made.ids) {
    if (id < 0)
      stretches.push_back({.picture = pictures.at(id).tokens});
    else
      stretches.push_back({.tokens = 1});
    const std::size_t tokens = id < 0 ? static_cast<std::size_t>(pictures.at(id).length()) : 1;
    made.seen.insert(made.seen.end(), tokens, id < 0 ? one.model.image_token() : id);
  }
  made.embeds = nn::embedded_prompt(one.model.decoder(), made.ids,
                                    [&](std::int32_t id) { return pictures.at(id).features; });
  made.positions = nn::mrope_positions(stretches);
  return made;
}

std::vector<std::int32_t> written(const Loaded& one, const Asked& prompt, float penalty,
                                  std::size_t tokens, std::optional<nn::KvCache> start = {}) {
  nn::Writer writer(one.model.decoder(), 1);
  writer.add({.embeds = prompt.embeds,
              .positions = prompt.positions,
              .start = std::move(start),
              .sampling = {.repetition_penalty = penalty},
              .seen = prompt.seen,
              .stop_ids = one.model.generation().stop_ids,
              .most_tokens = static_cast<int>(tokens)});
  for (;;)
    if (auto done = writer.step(); !done.empty()) return done[0].ids;
}

// The tokens up to the first whose lead over the second is too small to promise, or a stop id.
std::vector<std::int32_t> promised(const Loaded& one, const JsonValue& told, const std::string& ids,
                                   const std::string& margins) {
  std::vector<std::int32_t> all = ids_of(*told.find(ids));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool stop = std::ranges::find(one.model.generation().stop_ids, all[i]) !=
                      one.model.generation().stop_ids.end();
    if (!stop && std::stod(told.find(margins)->items[i].text) >= 2e-3) continue;
    all.resize(i);
    break;
  }
  return all;
}

void expect_begins(std::vector<std::int32_t> found, const std::vector<std::int32_t>& expected,
                   const std::string& name) {
  ASSERT_GE(found.size(), expected.size()) << name;
  found.resize(expected.size());
  EXPECT_EQ(found, expected) << name;
}

TEST(OmniAdParity, EveryCaseFromPicturesToTokens) {
  if (loaded().empty()) GTEST_SKIP() << "no fixture of omniad is there";
  for (const auto& one : loaded()) {
    const Safetensors stages(one->folder / "lm.safetensors");
    const Safetensors scores(one->folder / "logits.safetensors");
    PictureShelf shelf(one->model, 100'000);
    for (const auto& [name, told] : one->manifest.find("cases")->members) {
      const Asked prompt = asked(*one, shelf, name, told);
      EXPECT_EQ(prompt.seen, input_ids(told)) << name;
      EXPECT_TRUE(at::equal(prompt.positions, tensor(stages[name + ".position_ids"], at::kLong)))
          << name;
      EXPECT_LT(difference(prompt.embeds, tensor(stages[name + ".embeds"], at::kFloat)), 5e-5)
          << name;
      nn::KvCache cache = one->model.decoder().cache(prompt.embeds.size(0));
      const at::Tensor first = one->model.decoder().logits(
          one->model.decoder().prefill(cache, prompt.embeds, prompt.positions));
      for (const char* part : {".top", ".sample"}) {
        const at::Tensor ids = tensor(scores[name + part + "_ids"], at::kLong);
        EXPECT_LT(difference(first.index_select(0, ids),
                             tensor(scores[name + part + "_values"], at::kFloat)),
                  1e-4)
            << name;
      }
      if (scores.all().contains(name + ".full")) {
        EXPECT_LT(difference(first, tensor(scores[name + ".full"], at::kFloat)), 1e-4) << name;
      }
      const std::size_t tokens = told.find("greedy_ids")->items.size();
      expect_begins(written(*one, prompt, one->model.generation().repetition_penalty, tokens),
                    promised(*one, told, "greedy_ids", "greedy_margins"), name);
      expect_begins(written(*one, prompt, 1.0f, tokens),
                    promised(*one, told, "greedy_ids_no_penalty", "greedy_no_penalty_margins"),
                    name + " without penalty");
      expect_begins(written(*one, prompt, 1.4f, tokens),
                    promised(*one, told, "greedy_ids_penalty_1_4", "greedy_penalty_1_4_margins"),
                    name + " with penalty 1.4");
    }
  }
}

TEST(OmniAdParity, ARememberedBeginningChangesNoToken) {
  if (loaded().empty()) GTEST_SKIP() << "no fixture of omniad is there";
  for (const auto& one : loaded()) {
    PictureShelf shelf(one->model, 100'000);
    nn::PrefixMemory memory(100'000);
    const auto length_of = [&](std::int32_t id) { return shelf.length(id); };
    for (int round = 0; round < 2; ++round)
      for (const auto& [name, told] : one->manifest.find("cases")->members) {
        const Asked prompt = asked(*one, shelf, name, told);
        const std::int64_t length = prompt.embeds.size(0);
        auto start = memory.beginning(prompt.ids, length + 32, length_of);
        if (round > 0) {
          ASSERT_TRUE(start);
          EXPECT_EQ(start->length(), length - 1) << name;
        }
        const std::int64_t known = start ? start->length() : 0;
        nn::KvCache whole = start ? start->fork(known, length) : one->model.decoder().cache(length);
        one->model.decoder().prefill(whole, prompt.embeds.narrow(0, known, length - known),
                                     prompt.positions.narrow(1, known, length - known));
        memory.keep(prompt.ids, std::move(whole), length_of);
        expect_begins(written(*one, prompt, one->model.generation().repetition_penalty,
                              told.find("greedy_ids")->items.size(), std::move(start)),
                      promised(*one, told, "greedy_ids", "greedy_margins"), name);
      }
  }
}

TEST(OmniAdParity, APictureIsSeenOnceWhateverItsName) {
  if (loaded().empty()) GTEST_SKIP() << "no fixture of omniad is there";
  const Loaded& one = *loaded().back();
  PictureShelf shelf(one.model, 100'000);
  const auto codec = imaging::make_codec();
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(one.folder / "images"))
    files.push_back(entry.path());
  ASSERT_GE(files.size(), 2u);
  std::vector<Span> spans;
  const auto shown = [&](const std::string& name, const fs::path& file, int side = 112) {
    return shelf.shown(Picture(name, {.path = file}, codec), {.side = side}, spans);
  };
  const auto first = shown("a.png", files[0]);
  EXPECT_EQ(spans.size(), 2u);
  EXPECT_EQ(shown("a.png", files[0]).id, first.id);
  EXPECT_EQ(spans.size(), 2u);  // known by name
  const auto copy = shown("b.png", files[0]);
  EXPECT_EQ(copy.id, first.id);
  EXPECT_EQ(spans.size(), 3u);  // decoded, and found to be known
  EXPECT_NE(shown("c.png", files[1]).id, first.id);
  EXPECT_NE(shown("a.png", files[0], 140).id, first.id);
  EXPECT_EQ(shelf.times_shown(), 5);
  EXPECT_EQ(shelf.times_seen(), 3);
  EXPECT_EQ(first.length(), 16);
  // Nothing is lost when there is no room: it is seen again, under the same id.
  PictureShelf narrow(one.model, 1);
  const auto in = [&](const fs::path& file) {
    return narrow.shown(Picture(file.string(), {.path = file}, codec), {.side = 112}, spans);
  };
  const auto before = in(files[0]);
  in(files[1]);
  const auto again = in(files[0]);
  EXPECT_EQ(again.id, before.id);
  EXPECT_TRUE(at::equal(again.features, before.features));
  EXPECT_EQ(narrow.times_seen(), 3);
}

TEST(OmniAdParity, WhatDoesNotFitIsListedInOneError) {
  const fs::path from = test::data_path("omniad_other/checkpoint");
  std::string made = (fs::temp_directory_path() / "looktwice_omniad_XXXXXX").string();
  ASSERT_TRUE(mkdtemp(made.data()));
  for (const auto& entry : fs::directory_iterator(from))
    fs::copy(entry.path(), fs::path(made) / entry.path().filename());
  const auto with = [&](const std::string& what, const std::string& by) {
    const auto bytes = test::bytes_of(from / "config.json");
    std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    text.replace(at, what.size(), by);
    std::ofstream(fs::path(made) / "config.json") << text;
    return looktwice::testing::refusal(Kind::model,
                                       [&] { Model(fs::path(made), at::kCPU, at::kFloat); });
  };
  // Fewer blocks than in the file, more layers than in it, another width of the vision's MLP.
  const std::string fewer = with("\"depth\": 5", "\"depth\": 4");
  EXPECT_TRUE(looktwice::testing::names_all(fewer, {"unknown", "visual.blocks.4.norm1.weight"}))
      << fewer;
  const std::string more = with("\"num_hidden_layers\": 4", "\"num_hidden_layers\": 5");
  EXPECT_TRUE(
      looktwice::testing::names_all(more, {"missing", "model.layers.4.self_attn.q_proj.weight"}))
      << more;
  const std::string wider = with("\"intermediate_size\": 60", "\"intermediate_size\": 64");
  EXPECT_TRUE(looktwice::testing::names_all(
      wider, {"another shape", "visual.blocks.0.mlp.gate_proj.weight [60, 48]"}))
      << wider;
  for (const auto& [what, by] :
       {std::pair("\"mrope_section\"", "\"other\""), std::pair("\"vision_config\"", "\"eyes\""),
        std::pair("\"out_hidden_size\": 48", "\"out_hidden_size\": 96")})
    EXPECT_NE(with(what, by), "") << what;
  fs::remove_all(made);
}

}  // namespace
}  // namespace looktwice::omniad
