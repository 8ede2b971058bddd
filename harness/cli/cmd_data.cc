// looktwice data: what a data set folder holds, against what it should hold.
#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/cli/progress.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "suites/datasets/verify.h"

namespace looktwice::cli {
namespace {

using Json = nlohmann::ordered_json;
using datasets::Finding;
using datasets::Verification;

struct VerifyCommand {
  std::string name = {};
  std::filesystem::path data_root = ".";
  int threads = 0;
  bool json = false, quiet = false;
};

std::string pair_text(const ExpectedCount& count) {
  return std::to_string(count.normal) + " / " + std::to_string(count.anomalous);
}

bool agrees(const datasets::ClassCount& row) {
  return !row.expected || (row.expected->normal == row.found.normal &&
                           row.expected->anomalous == row.found.anomalous);
}

Json json_of(const DatasetEntry& entry, const std::string& variant, const Dataset& set,
             const Verification& v) {
  Json classes = Json::array(), findings = Json::array();
  for (const datasets::ClassCount& row : v.classes) {
    Json line = {{"class", row.category},
                 {"normal", row.found.normal},
                 {"anomalous", row.found.anomalous},
                 {"train", row.train}};
    if (row.expected) line["expected"] = {row.expected->normal, row.expected->anomalous};
    classes.push_back(std::move(line));
  }
  for (const Finding& finding : v.findings)
    findings.push_back({{"level", name_of(finding.level)},
                        {"what", finding.what},
                        {"count", finding.count},
                        {"where", finding.where}});
  return {{"dataset", entry.name},
          {"variant", variant},
          {"root", set.root.string()},
          {"fingerprint", v.fingerprint},
          {"known_edition", v.known_edition},
          {"sound", v.sound()},
          {"files", v.files},
          {"masks", v.masks},
          {"bytes", v.bytes},
          {"classes", classes},
          {"findings", findings},
          {"warnings", set.warnings}};
}

reports::Page page_of(const DatasetEntry& entry, const std::string& variant, const Dataset& set,
                      const Verification& v) {
  using reports::Align;
  using reports::Tone;
  reports::Page page{.title = entry.title + (variant.empty() ? "" : " (" + variant + ")")};
  reports::Table counts{.columns = {{.title = "class"},
                                    {.title = "normal / anomalous", .align = Align::right},
                                    {.title = "expected", .align = Align::right},
                                    {.title = "train", .align = Align::right}}};
  for (const datasets::ClassCount& row : v.classes)
    counts.rows.push_back(
        {{.text = row.category},
         {.text = pair_text(row.found), .tone = agrees(row) ? Tone::good : Tone::bad},
         {.text = row.expected ? pair_text(*row.expected) : "-"},
         {.text = std::to_string(row.train)}});
  page.sections.push_back(
      {.title = "counts",
       .paragraphs = {set.root.string(),
                      std::to_string(v.files) + " files, " + std::to_string(v.masks) + " masks, " +
                          std::to_string(v.bytes) + " bytes; fingerprint " + v.fingerprint,
                      entry.general ? "A general layout: no counts are expected."
                      : v.known_edition
                          ? "All counts are those of the literature."
                          : "UNKNOWN EDITION: the counts are not those of the literature."},
       .table = counts});
  if (v.masks > 0) {
    std::string values = "Masks hold";
    for (const auto& [value, masks] : v.mask_values) values += " " + std::to_string(value);
    page.sections.back().paragraphs.push_back(values + "; whatever is not 0 is anomalous.");
  }
  if (!v.findings.empty() || !set.warnings.empty()) {
    reports::Table table{.columns = {{.title = "level"},
                                     {.title = "count", .align = Align::right},
                                     {.title = "what"},
                                     {.title = "for example", .may_shorten = true}}};
    for (const Finding& finding : v.findings)
      table.rows.push_back(
          {{.text = name_of(finding.level),
            .tone = finding.level == Finding::Level::error ? Tone::bad : Tone::muted},
           {.text = std::to_string(finding.count)},
           {.text = finding.what},
           {.text = finding.where.empty() ? "" : finding.where.front()}});
    for (const std::string& warning : set.warnings)
      table.rows.push_back(
          {{.text = "reader", .tone = Tone::muted}, {.text = ""}, {.text = warning}, {.text = ""}});
    page.sections.push_back({.title = "findings", .table = table});
  }
  return page;
}

int verify(const VerifyCommand& options, const Context& context) {
  const std::size_t colon = options.name.find(':');
  const DatasetEntry entry = dataset_named(options.name.substr(0, colon));
  std::string variant = colon == std::string::npos ? "" : options.name.substr(colon + 1);
  if (variant.empty() && !entry.variants.empty()) variant = entry.variants.front();
  if (!variant.empty() && std::ranges::find(entry.variants, variant) == entry.variants.end()) {
    std::string message = entry.name + ": no variant '" + printable(variant, 40) + "'; it has";
    for (const std::string& known : entry.variants) message += " " + known;
    throw Error(Kind::usage, message);
  }
  const auto codec = imaging::make_codec();
  const Dataset set = entry.load({.root = options.data_root, .variant = variant, .codec = codec});
  ProgressLine line(context.terminal.err_is_tty, options.quiet);
  std::mutex one_at_a_time;
  const Verification found = datasets::verify(
      entry, set, variant, *codec, options.threads > 0 ? options.threads : available_threads(),
      [&](std::int64_t done, std::int64_t of) {
        const std::lock_guard hold(one_at_a_time);
        line.show("reading", done, of, 0, "");
      });
  line.finish();
  print(options.json
            ? json_of(entry, variant, set, found)
                      .dump(1, ' ', false, Json::error_handler_t::replace) +
                  "\n"
            : reports::render(page_of(entry, variant, set, found), reports::Format::terminal,
                              render_options(context.terminal)));
  return found.sound() ? 0 : static_cast<int>(Kind::data);
}

}  // namespace

void add_data(Command& program, Context& context) {
  Command data = program.add("data", "look at data sets");
  Command command = data.add("verify",
                             "counts, unreadable pictures, masks that do not fit, copies; exit 4 "
                             "when samples cannot be scored");
  auto options = std::make_shared<VerifyCommand>();
  command
      .word("name", options->name,
            "data set, as in `looktwice list datasets`; elpv:all for a variant",
            Command::Need::required)
      .option("data_root", options->data_root,
              "folder of the data set, or the folder that holds it; default: here")
      .option("threads", options->threads, "0: one per processor")
      .flag("json", options->json, "as JSON")
      .flag("quiet", options->quiet, "no progress");
  command.action([=, &context] { return verify(*options, context); });
}

}  // namespace looktwice::cli
