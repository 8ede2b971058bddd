#include "harness/cli/formats.h"

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/store/disk.h"
#include "harness/store/run_folder.h"

namespace looktwice::cli {

reports::Format format_of(const std::string& name) {
  if (const auto format = reports::format_named(name)) return *format;
  throw Error(Kind::usage,
              "--format=" + printable(name, 40) + ": expected " + reports::format_names());
}

reports::RenderOptions render_options(const Terminal& terminal) {
  return {.width = terminal.out_is_tty ? terminal.width : 0, .colour = terminal.colour};
}

void write_formats(const std::filesystem::path& folder, const std::string& name,
                   const std::function<std::string(reports::Format)>& text) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) store::disk_failure(folder, "create the folder", failed.value());
  for (const auto& [suffix, format] : {std::pair{".md", reports::Format::markdown},
                                       {".csv", reports::Format::csv},
                                       {".json", reports::Format::json},
                                       {".tex", reports::Format::latex},
                                       {".html", reports::Format::html}})
    store::write_whole(folder / (name + suffix), text(format));
}

}  // namespace looktwice::cli
