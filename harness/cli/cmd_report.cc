// looktwice report: one run in full, on the terminal and as files, with one offline HTML page.
#include "adapters/imaging/codec.h"
#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/store/disk.h"
#include "reports/escape.h"
#include "reports/html_report.h"
#include "reports/report.h"

namespace looktwice::cli {
namespace {

struct ReportCommand {
  std::filesystem::path run = {}, output_path = {};
  std::string format = "terminal";
  int listed = 20;
  bool json = false;
};

int report(const ReportCommand& options, const Context& context) {
  const reports::Format shown = options.json ? reports::Format::json : format_of(options.format);
  const reports::RunView view = reports::run_view(options.run);
  const reports::RunReport full = reports::report(view, options.listed);
  const std::filesystem::path folder =
      options.output_path.empty() ? options.run / "report" : options.output_path;
  write_formats(folder, "report", [&](reports::Format format) {
    return format == reports::Format::html ? reports::html_report(view, *imaging::make_codec())
                                           : reports::render(full, format);
  });
  print(reports::render(full, shown, render_options(context.terminal)));
  if (shown == reports::Format::terminal)
    print("\nWritten: " + reports::terminal_text((folder / "report.html").string()) +
          ", .md, .csv, .json, .tex\n");
  return 0;
}

}  // namespace

std::string run_report(const store::RunFolder& folder, const Terminal& terminal) {
  const reports::RunView view = reports::run_view(folder.path());
  reports::Page page{.title = view.summary.label};
  for (const store::TaskSummary& task : view.summary.tasks) {
    reports::Section section{.title = task.task};
    if (task.partial)
      section.paragraphs.push_back("PARTIAL: " + task.limited + "; not for leaderboards");
    for (const std::string& flag : view.summary.flags)
      section.paragraphs.push_back("FLAG: " + flag);
    section.paragraphs.push_back(reports::headline_text(view.summary, task));
    section.paragraphs.push_back(reports::counts_text(task));
    page.sections.push_back(std::move(section));
  }
  const std::string path = folder.path().string();
  page.sections.push_back({.title = "Next", .command = "looktwice report " + path});
  return reports::render(page, reports::Format::terminal, render_options(terminal));
}

void add_report(Command& program, Context& context) {
  Command command = program.add(
      "report", "one run in full; also writes RUN/report/report.html, .md, .csv, .json and .tex");
  auto options = std::make_shared<ReportCommand>();
  command.word("run", options->run, "run folder", Command::Need::required)
      .option("format", options->format, "of what is printed: " + reports::format_names())
      .option("output_path", options->output_path, "folder of the files; default: RUN/report")
      .option("listed", options->listed,
              "how many failed, refused, unscored and disputed samples are named")
      .flag("json", options->json, "the same as --format json");
  command.action([=, &context] { return report(*options, context); });
}

}  // namespace looktwice::cli
