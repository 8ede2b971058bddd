#include "harness/store/summary.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "harness/core/error.h"
#include "harness/store/manifest.h"
#include "harness/store/run_folder.h"

namespace looktwice::store {
namespace {

namespace fs = std::filesystem;

struct File {
  const fs::path path =
      fs::temp_directory_path() / ("looktwice_summary_" + std::to_string(::getpid()));
  ~File() { fs::remove(path); }
};

TEST(Summary, ComesBackAsItWas) {
  Summary summary{.run = "0123", .model = "echo", .label = "\"Echo\" <b>"};
  summary.tasks.push_back(
      {.task = "zsad.elpv", .dataset = "ELPV", .partial = true, .limited = "3 of 9 samples"});
  summary.tasks[0].counts = {
      .samples = 9, .answered = 7, .failed = 2, .unscored = {{"official", 1}}};
  summary.tasks[0].disagreements = {"a", "b"};
  summary.rows.push_back({.task = "zsad.elpv",
                          .scorer = "official",
                          .metric = "auroc",
                          .group = "macro",
                          .value = 1.0 / 3,
                          .interval = Interval{0.1, 0.5, 0.95, "delong"},
                          .threshold = 0.25,
                          .used = 7,
                          .skipped = 2});
  summary.rows.push_back({.task = "zsad.elpv",
                          .scorer = "official",
                          .metric = "f1",
                          .group = "macro",
                          .reason = "one class"});
  const File file;
  write_whole(file.path, json_of(summary));
  const Summary back = read_summary(file.path);
  EXPECT_EQ(json_of(back), json_of(summary));
  EXPECT_EQ(back.rows[0].value, 1.0 / 3);
  EXPECT_FALSE(back.rows[1].value);
  EXPECT_EQ(back.rows[1].reason, "one class");
}

TEST(Summary, AMissingFieldIsNamedWithItsPlace) {
  const File file;
  write_whole(
      file.path,
      R"({"schema":1,"kind":"summary","run":"r","model":"m","label":"l","tasks":[{"task":"t"}],"rows":[]})");
  try {
    read_summary(file.path);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("tasks[0]: field 'dataset' is missing"),
              std::string::npos)
        << error.what();
  }
}

TEST(Summary, AnotherSchemaIsRefused) {
  const File file;
  for (const char* text :
       {R"({"schema":2,"kind":"summary"})", R"({"schema":1,"kind":"run"})", "[]", "{", ""}) {
    write_whole(file.path, text);
    EXPECT_THROW(read_summary(file.path), Error) << text;
  }
}

TEST(Manifest, ComesBackAsItWas) {
  Manifest manifest{.run = "r", .version = "1", .commit = "c", .model = "m", .label = "l"};
  manifest.model_args_used = {{"a", "1"}};
  manifest.tasks = {{.task = "zsad.elpv", .root = "/data/elpv", .samples = 5, .warnings = {"w"}}};
  manifest.complete = true;
  const File file;
  write_whole(file.path, json_of(manifest));
  EXPECT_EQ(json_of(read_manifest(file.path)), json_of(manifest));
}

}  // namespace
}  // namespace looktwice::store
