// looktwice audit: whether printed numbers can be true.
#include <filesystem>

#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/core/error.h"
#include "reports/audit_published.h"

namespace looktwice::cli {
namespace {

struct PublishedCommand {
  std::filesystem::path table = {};
  std::string dataset = {}, format = "terminal";
  bool json = false;
};

int audit_published(const PublishedCommand& options, const Context& context) {
  if (options.table.empty() && !options.dataset.empty())
    throw Error(Kind::usage, "--dataset is for a table of your own: --table FILE");
  const reports::Format format = options.json ? reports::Format::json : format_of(options.format);
  const reports::Audit audit = options.table.empty()
                                   ? reports::audit_published()
                                   : reports::audit_table(options.table, options.dataset);
  print(reports::render(audit, format, render_options(context.terminal)));
  return options.table.empty() || audit.findings.empty() ? 0 : static_cast<int>(Kind::gate);
}

}  // namespace

void add_audit(Command& program, Context& context) {
  Command audit = program.add("audit", "look twice at numbers and data");
  Command command = audit.add(
      "published",
      "pairs of F1 and accuracy that no confusion matrix has, means that are none; in the papers' "
      "tables, or in your own (then exit 1 when one fails)");
  auto options = std::make_shared<PublishedCommand>();
  command
      .option("table", options->table,
              "CSV, JSON or JSON Lines with category, f1, accuracy in percent; default: the papers")
      .option("dataset", options->dataset, "its counts of images: mvtec, visa, loco, goodsad ...")
      .option("format", options->format, reports::format_names())
      .flag("json", options->json, "the same as --format json");
  command.action([=, &context] { return audit_published(*options, context); });
  add_contamination(audit, context);
}

}  // namespace looktwice::cli
