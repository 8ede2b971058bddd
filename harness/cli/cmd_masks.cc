// looktwice data masks: the masks of a data set in the words of OmniAD (24 x 24 patches), as
// answers that `--model predictions` reads: what text can say of the truth at best, and references
// to train on.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "harness/cli/command.h"
#include "harness/cli/in_parallel.h"
#include "harness/cli/print.h"
#include "harness/cli/progress.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/run/pixel_pass.h"
#include "harness/store/disk.h"
#include "reports/escape.h"
#include "suites/text_mask.h"

namespace looktwice::cli {
namespace {

using suites::PatchRule;

struct MasksCommand {
  std::string name = {}, patches = "any";
  std::filesystem::path data_root = ".", output = {};
  int index_base = 0, threads = 0;
  bool quiet = false;
};

PatchRule rule_named(const std::string& name) {
  if (name == "any") return PatchRule::any;
  if (name == "majority") return PatchRule::majority;
  throw Error(Kind::usage, "--patches=" + printable(name, 40) +
                               ": expected any (one pixel is enough) or majority (more than half)");
}

// What a sample's mask became.
struct Written {
  std::string text = {};
  bool lost = false;  // it has pixels and no patch
};

Written written_mask(const Sample& sample, const ImageCodec& codec, PatchRule rule,
                     int index_base) {
  const Image mask = run::truth_mask(sample, codec);
  const suites::PatchMask patches = suites::patches_of(mask.pixels, mask.width, mask.height, rule);
  const std::string runs = suites::mask_text(patches, index_base);
  const bool has_pixels =
      std::ranges::any_of(mask.pixels, [](std::uint8_t pixel) { return pixel != 0; });
  return {.text = "<seg>" + runs + "</seg><think></think><answer>" +
                  (sample.truth.anomalous.value_or(false) ? "A" : "B") + "</answer>",
          .lost = has_pixels && runs.empty()};
}

int masks(const MasksCommand& options, const Context& context) {
  const PatchRule rule = rule_named(options.patches);
  if (options.index_base != 0 && options.index_base != 1)
    throw Error(Kind::usage, "--index_base: expected 0 or 1");
  const auto [entry, variant] = dataset_with_variant(options.name);
  const auto codec = imaging::make_codec();
  const Dataset set = entry.load({.root = options.data_root, .variant = variant, .codec = codec});
  std::vector<const Sample*> masked;
  for (const Sample& sample : set.test)
    if (sample.truth.has_mask) masked.push_back(&sample);
  if (masked.empty())
    throw Error(Kind::data, printable(set.root.string()) + ": no test picture has a mask");

  const int threads = options.threads > 0 ? options.threads : available_threads();
  ProgressLine line(context.terminal.err_is_tty, options.quiet);
  store::WholeFile file(options.output);
  std::int64_t lost = 0;
  // In blocks, so that lines come in the order of the set and nothing is held for long.
  constexpr std::size_t kBlock = 64;
  for (std::size_t from = 0; from < masked.size(); from += kBlock) {
    std::vector<Written> block(std::min(kBlock, masked.size() - from));
    in_parallel(block.size(), threads, [&](std::size_t i) {
      block[i] = written_mask(*masked[from + i], *codec, rule, options.index_base);
    });
    for (std::size_t i = 0; i < block.size(); ++i) {
      const nlohmann::ordered_json record = {{"sample", masked[from + i]->id},
                                             {"text", block[i].text}};
      file.write(record.dump() + "\n");
      lost += block[i].lost;
    }
    line.show("reading masks", static_cast<std::int64_t>(from + block.size()),
              static_cast<std::int64_t>(masked.size()), 0, "");
  }
  line.finish();
  file.commit();
  if (const std::size_t without = set.test.size() - masked.size(); without > 0)
    warn(std::to_string(without) + " test pictures have no mask and are left out");
  if (lost > 0)
    warn(std::to_string(lost) + " masks have no patch by --patches=" + options.patches +
         " and became empty");
  print(std::to_string(masked.size()) + " masks as text in " +
        reports::terminal_text(options.output.string()) + "\n");
  return 0;
}

}  // namespace

void add_masks(Command& data, Context& context) {
  Command command = data.add("masks",
                             "the masks of a data set as text of 24 x 24 patches, the answers that "
                             "are right: for --model predictions, or to train on");
  auto options = std::make_shared<MasksCommand>();
  command
      .word("name", options->name, "data set with masks, as in `looktwice list datasets`",
            Command::Need::required)
      .option("output", options->output, "the answers, JSON Lines", Command::Need::required)
      .option("patches", options->patches,
              "a patch is anomalous where any of its pixels is, or the majority (more than half)")
      .option("index_base", options->index_base, "what the first row and column are called: 0 or 1")
      .option("data_root", options->data_root,
              "folder of the data set, or the folder that holds it; default: here")
      .option("threads", options->threads, "0: one per processor; never changes a result")
      .flag("quiet", options->quiet, "no progress");
  command.action([=, &context] { return masks(*options, context); });
}

}  // namespace looktwice::cli
