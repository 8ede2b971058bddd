// looktwice bench compare from end to end.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/harness/cli/unit.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;

// Five repetitions of one benchmark, `scale` times 10 microseconds and more.
fs::path stored(const fs::path& file, double scale, const std::string& host = "box",
                const std::string& name = "ltfm/cpu/fp32") {
  std::ofstream out(file);
  out << R"({"context": {"host_name": ")" << host << R"(", "num_cpus": 2}, "benchmarks": [)";
  for (int i = 0; i < 5; ++i)
    out << (i ? "," : "") << R"({"name": ")" << name << R"(", "run_type": "iteration",)"
        << R"("real_time": )" << scale * (10 + i * 0.1) << R"(, "cpu_time": )"
        << scale * (10 + i * 0.1) << R"(, "time_unit": "us"})";
  out << "]}";
  return file;
}

class BenchCommand : public ::testing::Test {
 protected:
  Finished compared(const fs::path& a, const fs::path& b, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"bench", "compare", a.string(), b.string()};
    words.insert(words.end(), more.begin(), more.end());
    return finished(looktwice(words));
  }
  TemporaryFolder folder_;
  const fs::path slow_ = stored(folder_.path() / "slow.json", 2),
                 fast_ = stored(folder_.path() / "fast.json", 1);
};

TEST_F(BenchCommand, TellsWhatBecameFaster) {
  const Finished done = compared(slow_, fast_, {"--output_path", (folder_.path() / "o").string()});
  EXPECT_EQ(done.code, 0) << done.err;
  for (const char* part : {"ltfm/cpu/fp32", "faster", "0.500", "Mann-Whitney", "0.0079"})
    EXPECT_NE(done.out.find(part), std::string::npos) << part << "\n" << done.out;
  for (const char* name : {"bench.md", "bench.csv", "bench.json", "bench.tex", "bench.html"})
    EXPECT_TRUE(fs::exists(folder_.path() / "o" / name)) << name;
  const auto said = nlohmann::json::parse(compared(slow_, fast_, {"--json"}).out);
  EXPECT_EQ(said["benchmarks"][0]["verdict"], "faster");
}

TEST_F(BenchCommand, HasAnExitCodeForEachEnd) {
  EXPECT_EQ(compared(fast_, slow_).code, 0);
  EXPECT_EQ(compared(fast_, slow_, {"--fail_on_slower"}).code, 1);
  EXPECT_EQ(compared(slow_, fast_, {"--fail_on_slower"}).code, 0);
  EXPECT_EQ(compared(slow_, fast_, {"--time", "never"}).code, 2);
  EXPECT_EQ(compared(slow_, fast_, {"--level", "3"}).code, 2);
  EXPECT_EQ(finished(looktwice({"bench", "compare", slow_.string()})).code, 2);
  EXPECT_EQ(finished(looktwice({"bench"})).code, 2);
  const fs::path other = stored(folder_.path() / "other.json", 1, "elsewhere");
  EXPECT_EQ(compared(slow_, other).code, 2);
  EXPECT_EQ(compared(slow_, other, {"--any_machine"}).code, 0);
  const fs::path bad = folder_.path() / "bad.json";
  std::ofstream(bad) << "{\"schema\": 1}";
  const Finished refused = compared(slow_, bad);
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.err.find("bad.json: line 1, column 1: no output of Google Benchmark"),
            std::string::npos)
      << refused.err;
  EXPECT_EQ(compared(slow_, folder_.path() / "missing.json").code, 4);
  // Another benchmark in one file alone: shown, and not the whole.
  const fs::path more = folder_.path() / "more.json";
  std::ifstream in(slow_);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  text.insert(text.size() - 2,
              R"(,{"name": "topk", "real_time": 1, "cpu_time": 1, "time_unit": "ns"})");
  std::ofstream(more) << text;
  EXPECT_EQ(compared(more, fast_).code, 3);
}

}  // namespace
}  // namespace looktwice
