// looktwice data verify: what a data set folder holds, against what it should hold.
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
#include "suites/mmad/mmad_verify.h"

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

Json json_of(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings)
    list.push_back({{"level", name_of(finding.level)},
                    {"what", finding.what},
                    {"count", finding.count},
                    {"where", finding.where}});
  return list;
}

reports::Table table_of(const std::vector<Finding>& findings) {
  reports::Table table{.columns = {{.title = "level"},
                                   {.title = "count", .align = reports::Align::right},
                                   {.title = "what"},
                                   {.title = "for example", .may_shorten = true}}};
  for (const Finding& finding : findings)
    table.rows.push_back({{.text = name_of(finding.level),
                           .tone = finding.level == Finding::Level::error ? reports::Tone::bad
                                                                          : reports::Tone::muted},
                          {.text = std::to_string(finding.count)},
                          {.text = finding.what},
                          {.text = finding.where.empty() ? "" : finding.where.front()}});
  return table;
}

// MMAD is questions about pictures of four sets: other counts matter than classes and labels.
int verify_mmad(const VerifyCommand& options, const Context& context) {
  const suites::MmadSet set = suites::mmad_set(options.data_root);
  const suites::MmadVerification v = suites::verify_mmad(set);
  if (options.json) {
    Json counts = Json::array();
    for (const suites::MmadCount& count : v.counts)
      counts.push_back({{"source", count.source},
                        {"column", count.column},
                        {"found", count.found},
                        {"expected", count.expected}});
    const Json json = {{"dataset", "mmad"},
                       {"root", set.root.string()},
                       {"fingerprint", v.fingerprint},
                       {"known_edition", v.known_edition},
                       {"sound", v.sound()},
                       {"images", v.images},
                       {"questions", v.questions},
                       {"counts", std::move(counts)},
                       {"findings", json_of(v.findings)}};
    print(json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    reports::Table counts{.columns = {{.title = "source"}}};
    for (std::size_t i = 0; i < v.counts.size(); ++i) {
      const suites::MmadCount& count = v.counts[i];
      if (counts.rows.empty() || counts.rows.back()[0].text != count.source)
        counts.rows.push_back({{.text = count.source}});
      if (counts.rows.size() == 1)
        counts.columns.push_back({.title = count.column, .align = reports::Align::right});
      const bool same = count.found == count.expected;
      counts.rows.back().push_back(
          {.text = std::to_string(count.found) +
                   (same ? "" : " (" + std::to_string(count.expected) + ")"),
           .tone = same ? reports::Tone::good : reports::Tone::bad});
    }
    reports::Page page{.title = "MMAD"};
    page.sections.push_back(
        {.title = "questions",
         .paragraphs = {set.root.string(),
                        std::to_string(v.images) + " images, " + std::to_string(v.questions) +
                            " questions; fingerprint " + v.fingerprint,
                        v.known_edition
                            ? "All counts are the published ones."
                            : "UNKNOWN EDITION: published are 8366 images, 39672 questions; "
                              "published counts that differ stand in parentheses."},
         .table = std::move(counts)});
    if (!v.findings.empty())
      page.sections.push_back({.title = "findings", .table = table_of(v.findings)});
    print(reports::render(page, reports::Format::terminal, render_options(context.terminal)));
  }
  return v.sound() ? 0 : static_cast<int>(Kind::data);
}

int verify(const VerifyCommand& options, const Context& context) {
  if (options.name == "mmad") return verify_mmad(options, context);
  const auto [entry, variant] = dataset_with_variant(options.name);
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
            "data set, as in `looktwice list datasets`; elpv:all for a variant; or mmad",
            Command::Need::required)
      .option("data_root", options->data_root,
              "folder of the data set, or the folder that holds it; default: here")
      .option("threads", options->threads, "0: one per processor")
      .flag("json", options->json, "as JSON")
      .flag("quiet", options->quiet, "no progress");
  command.action([=, &context] { return verify(*options, context); });
  add_masks(data, context);
}

}  // namespace looktwice::cli
