// Variants and ablations of the expert against scripts/golden/anomaly_ov_golden.py, which computes
// them in double from the formulas: not only that a switch changes something, but what it gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "adapters/anomaly_ov/vision.h"
#include "adapters/imaging/codec.h"
#include "adapters/nn/device.h"
#include "tests/support/files.h"
#include "tests/support/safetensors.h"

namespace looktwice::anomaly_ov {
namespace {

const std::filesystem::path kFolder = test::data_path("anomaly_ov_other");

struct Switch {
  ExpertOptions options = {};
  const char* expert = "";  // file beside the checkpoint; empty: its own
};

const std::map<std::string, Switch>& switches() {
  static const std::map<std::string, Switch> all = {
      {"released", {}},
      {"paper", {{.variant = Variant::paper}}},
      {"paper_apart", {{.variant = Variant::paper}, "expert_with_negative_prompts.safetensors"}},
      {"no_look_back", {{.look_back = false}}},
      {"no_split", {{.split_prompts = false}}},
      {"no_q_former", {{.q_former = false}}},
      {"paper_no_look_back", {{.variant = Variant::paper, .look_back = false}}},
      {"paper_no_q_former", {{.variant = Variant::paper, .q_former = false}}},
      {"nothing", {{.look_back = false, .split_prompts = false, .q_former = false}}}};
  return all;
}

Sight sight(const Switch& one, const std::string& picture) {
  nn::use_threads(1);  // tests run beside each other
  FolderOptions folder{.checkpoint = kFolder / "checkpoint"};
  if (*one.expert) folder.expert = kFolder / one.expert;
  Vision vision(checkpoint_folder(folder), {.expert = one.options});
  const auto bytes = test::bytes_of(kFolder / "images" / (picture + ".png"));
  return vision.look(tiles_of(pre_resized(imaging::make_codec()->decode(bytes)),
                              static_cast<int>(vision.shape().image)));
}

// Largest difference, and the largest stored value.
std::pair<double, double> difference(const at::Tensor& found, const test::Tensor& stored) {
  const std::vector<float> expected = stored.as<float>();
  const at::Tensor own = found.to(at::kFloat).contiguous();
  EXPECT_EQ(static_cast<std::size_t>(own.numel()), expected.size());
  double largest = 0, apart = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(double{expected[i]}));
    const double one = std::abs(double{own.const_data_ptr<float>()[i]} - expected[i]);
    apart = std::isnan(one) ? 1e9 : std::max(apart, one);
  }
  return {apart, largest};
}

class Switches : public ::testing::TestWithParam<const char*> {};

TEST_P(Switches, GiveWhatTheirFormulasGive) {
  const test::Safetensors expected(kFolder / "switches.safetensors");
  for (const std::string picture : {"strip", "tall", "dot"}) {
    const Sight seen = sight(switches().at(GetParam()), picture);
    const auto stored = [&](const char* what) -> const test::Tensor& {
      return expected[picture + "." + GetParam() + "." + what];
    };
    const Expertise& own = seen.expertise;
    const std::int64_t tiles = own.map.size(0),
                       grid = std::lround(std::sqrt(static_cast<double>(own.map.size(1))));
    const at::Tensor rows = own.map.view({tiles, grid, grid}).slice(1, 0, grid, 3);
    EXPECT_LE(difference(rows, stored("anomaly_map")).first, 1e-4) << picture;
    for (const auto& [tensor, what] :
         {std::pair{own.local, "q_former_out"}, {own.global, "global_token"}}) {
      const auto [apart, largest] = difference(tensor, stored(what));
      EXPECT_LE(apart, 5e-5 * largest) << picture << " " << what;
    }
    EXPECT_NEAR(seen.logit, stored("score_logit").as<float>().at(0), 1e-4) << picture;
  }
}

INSTANTIATE_TEST_SUITE_P(Table1, Switches,
                         ::testing::Values("released", "paper", "paper_apart", "no_look_back",
                                           "no_split", "no_q_former", "paper_no_look_back",
                                           "paper_no_q_former", "nothing"),
                         [](const auto& given) { return std::string(given.param); });

// A checkpoint trained by the equations has a prompt layer for each sign; the released variant
// leaves the second one alone.
TEST(SwitchesOfPrompts, ReleasedSharesThePromptLayerWhateverTheFileHolds) {
  const Switch apart{{}, "expert_with_negative_prompts.safetensors"};
  EXPECT_EQ(sight(apart, "dot").logit, sight({}, "dot").logit);
}

}  // namespace
}  // namespace looktwice::anomaly_ov
