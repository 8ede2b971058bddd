// F1: a canary key over more than sixty ways to fail. It, its base64 in each of three places and
// its URL form are in no byte of stdout, stderr, run folder, cache, reports, other programs' argv
// and environment, and the process that holds it writes no core.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>

#include "tests/harness/cli/unit.h"
#include "tests/support/files.h"
#include "tests/support/web_server.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;

constexpr const char* kKey = "sk-canary/8c41+d0f7e92b";
constexpr const char* kForms[] = {"sk-canary/8c41+d0f7e92b", "c2stY2FuYXJ5LzhjNDErZDBmN2U5Mm",
                                  "rLWNhbmFyeS84YzQxK2QwZjdlOTJi", "zay1jYW5hcnkvOGM0MStkMGY3ZTkyY",
                                  "sk-canary%2F8c41%2Bd0f7e92b"};

const Unit& unit() {
  static const Unit one;
  return one;
}

// What a server says that has read its headers and likes to quote: plain, in base64 behind none,
// one and two other bytes, escaped for a URL.
std::string spoken() {
  return std::string("Your key ") + kKey +
         ", c2stY2FuYXJ5LzhjNDErZDBmN2U5MmI=, eHNrLWNhbmFyeS84YzQxK2QwZjdlOTJi, "
         "eHhzay1jYW5hcnkvOGM0MStkMGY3ZTkyYg==, " +
         kForms[4] + ".";
}

std::string everything_below(const fs::path& folder) {
  std::string all;
  if (!fs::exists(folder)) return all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    all += entry.path().string() + "\n";
    if (!entry.is_regular_file()) continue;
    const auto bytes = test::bytes_of(entry.path());
    all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return all;
}

void expect_no_key(const std::string& bytes, const std::string& where) {
  for (const char* form : kForms) {
    const std::size_t at = bytes.find(form);
    EXPECT_EQ(at, std::string::npos)
        << form << " in " << where << ": "
        << bytes.substr(at < 200 || at == bytes.npos ? 0 : at - 200, 400);
  }
}

std::string choice(const std::string& json) {
  return R"({"model":"test-model","choices":[)" + json + "]}";
}

// Everything that can come back for one question without ending the run.
std::vector<std::string> replies() {
  const std::string key = kKey, said = spoken();
  std::vector<std::string> all;
  for (const int status : {400, 403, 406, 408, 409, 410, 413, 415, 422, 425, 429, 451, 500, 501,
                           502, 503, 504, 507, 529})
    all.push_back(
        response(status, R"({"error":{"message":")" + said + R"("}})", "Retry-After: 0\r\n"));
  for (const std::string& body :
       {said, R"({"error":")" + said + R"("})", R"({"detail":")" + said + R"("})",
        R"({"message":")" + said + R"("})",
        R"({"error":{"code":"content_filter","message":")" + said + R"("}})",
        R"({"error":{"code":")" + key + R"(","type":")" + key + R"(","message":"m"}})"})
    all.push_back(response(400, body));
  for (
      const std::string& body :
      {"<html>" + said, "{\"choices\":" + said, R"({"error":{"message":")" + said + R"("}})",
       R"({"choices":[],"note":")" + said + R"("})", R"({"choices":null,"note":")" + said + R"("})",
       R"({"choices":[")" + said + R"("]})", choice(R"({"message":")" + said + R"("})"),
       choice(R"({"message":{"content":5,"note":")" + said + R"("}})"),
       choice(R"({"message":{"content":")" + said + R"("},"finish_reason":"stop"})"),
       choice(R"({"message":{"content":[{"type":"text","text":")" + said +
              R"("}]},"finish_reason":"stop"})"),
       choice(R"({"message":{"content":")" + said + R"("},"finish_reason":"length"})"),
       choice(R"({"message":{"content":")" + said + R"("},"finish_reason":"content_filter"})"),
       choice(R"({"message":{"content":null,"refusal":")" + said + R"("},"finish_reason":"stop"})"),
       choice(R"({"message":{"content":null,"tool_calls":[{"function":{"arguments":")" + said +
              R"("}}]},"finish_reason":"tool_calls"})"),
       choice(R"({"message":{"content":"Yes"},"finish_reason":")" + key + R"("})"),
       R"({"model":")" + key +
           R"(","choices":[{"message":{"content":"Yes"},"finish_reason":"stop"}]})",
       R"({"system_fingerprint":")" + key +
           R"(","choices":[{"message":{"content":"Yes"},"finish_reason":"stop"}]})",
       choice(
           R"({"message":{"content":"Yes"},"finish_reason":"stop","logprobs":{"content":[{"token":")" +
           key + R"(","logprob":-0.1,"top_logprobs":[{"token":")" + key +
           R"(","logprob":-0.1}]}]}})")})
    all.push_back(response(200, body));
  all.push_back("HTTP/1.1 200 " + key + "\r\nContent-Length: 1000\r\n\r\n" + said);  // cut
  all.push_back("HTTP/1.1 400 " + key + "\r\nContent-Length: 0\r\n\r\n");
  all.push_back(response(400, "{}", "X-Key: " + key + "\r\nRetry-After: " + key + "\r\n", key));
  all.push_back(response(429, "{}", "Retry-After: " + key + "\r\n"));
  all.push_back(response(308, "", "Location: /v1/" + std::string(kForms[4]) + "\r\n"));
  all.push_back("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + key + "\r\n" + said);
  all.push_back(response(200, said, "Content-Encoding: gzip\r\n"));
  all.push_back("SSH-2.0-" + key + "\r\n");
  const std::string stream = "text/event-stream";
  all.push_back(response(200, "data: {\"error\":{\"message\":\"" + said + "\"}}\n\n", {}, stream));
  all.push_back(response(200, "data: " + said + "\n\n", {}, stream));
  all.push_back(response(
      200, "data: " + choice(R"({"delta":{"content":")" + said + R"("}})") + "\n\n", {}, stream));
  all.push_back(response(200,
                         "data: " + choice(R"({"delta":{"content":")" + said + R"("}})") +
                             "\n\ndata: " + choice(R"({"delta":{},"finish_reason":"stop"})") +
                             "\n\ndata: [DONE]\n\n",
                         {}, stream));
  return all;
}

Command command(const std::string& name, const std::string& url,
                const std::vector<std::string>& more = {}, const std::string& args = {}) {
  std::vector<std::string> words = {
      "run",
      "--model",
      "openai",
      "--model_args",
      "model=test-model,max_wait=0.01,max_tries=2,max_connections=4,give_up=0,base_url=" + url +
          args,
      "--tasks",
      "zsad.folder",
      "--data_root",
      (unit().root() / "data").string(),
      "--output_path",
      unit().run(name).string(),
      "--resamples",
      "0",
      "--threads",
      "1"};
  words.insert(words.end(), more.begin(), more.end());
  Command made = looktwice(words);
  made.environment = {{"OPENAI_API_KEY", kKey},
                      {"XDG_CACHE_HOME", (unit().root() / ("cache_" + name)).string()}};
  for (const char* proxy : {"http_proxy", "https_proxy", "all_proxy"}) made.environment[proxy] = "";
  return made;
}

void expect_no_trace(const std::string& name, const WebServer& server, const Finished& ended) {
  expect_no_key(ended.out + ended.err, name + ": what it printed");
  expect_no_key(everything_below(unit().run(name)), name + ": the run folder");
  expect_no_key(everything_below(unit().root() / ("cache_" + name)), name + ": the cache");
  for (const Heard& heard : server.heard()) {
    std::string sent = heard.head;
    const std::string line = std::string("Authorization: Bearer ") + kKey + "\r\n";
    const std::size_t at = sent.find(line);
    ASSERT_NE(at, std::string::npos) << sent;
    expect_no_key(sent.erase(at, line.size()) + heard.body, name + ": the request");
  }
}

TEST(KeyLeak, NoReplyBringsTheKeyIntoAnyFile) {
  const std::vector<std::string> all = replies();
  ASSERT_GE(all.size(), 55u);
  std::mutex mutex;
  std::set<std::size_t> used;
  for (const std::string mode : {"", ",stream=true,top_logprobs=3"}) {
    WebServer server([&](const Heard& heard, Line& line) {
      const std::size_t which =
          (static_cast<std::size_t>(heard.number) + (mode.empty() ? 0 : 25)) % all.size();
      {
        const std::lock_guard hold(mutex);
        used.insert(which);
      }
      line.send(all[which]);
      if (which % 2 == 0)
        line.close();
      else
        line.reset();
    });
    const std::string name = mode.empty() ? "whole" : "streamed";
    const Finished ended = finished(command(name, server.url(), {}, mode));
    EXPECT_TRUE(ended.code == 3 || ended.code == 5) << ended.err;
    expect_no_trace(name, server, ended);
  }
  EXPECT_EQ(used.size(), all.size()) << "each of them was said";
  const std::string run = unit().run("whole").string();
  const std::vector<std::vector<std::string>> reports = {{"report", run, "--format", "html"},
                                                         {"report", run, "--format", "markdown"},
                                                         {"report", run, "--format", "json"},
                                                         {"leaderboard", run, "--format", "csv"},
                                                         {"leaderboard", run},
                                                         {"doctor"},
                                                         {"list", "models"}};
  for (const auto& words : reports) {
    Command told = looktwice(words);
    told.environment["OPENAI_API_KEY"] = kKey;
    const Finished one = finished(told);
    expect_no_key(one.out + one.err, words[0]);
  }
}

TEST(KeyLeak, NoEndOfARunTellsTheKey) {
  const std::string key = kKey, said = spoken();
  const std::pair<const char*, std::string> ends[] = {
      {"401", response(401, said)},
      {"402", response(402, said)},
      {"404", response(404, said)},
      {"405", response(405, said)},
      {"quota",
       response(429, R"({"error":{"code":"insufficient_quota","message":")" + said + R"("}})")},
      {"elsewhere", response(307, "", "Location: https://evil.invalid/?k=" + key + "\r\n")},
      {"redirect", response(302, "", "Location: /" + key + "\r\n")}};
  for (const auto& [name, bytes] : ends) {
    WebServer server([&](const Heard&, Line& line) { line.send(bytes); });
    const std::string folder = std::string("ends_") + name;
    const Finished ended = finished(command(folder, server.url(), {"--limit", "2"}));
    EXPECT_EQ(ended.code, 5) << name << ended.err;
    expect_no_trace(folder, server, ended);
  }
  // A certificate that nobody signed: the key is not even sent.
  TemporaryFolder authority;
  WebServer secret([](const Heard&, Line& line) { line.send(response(200, completion("Yes"))); },
                   Authority(authority.path()).certificate("127.0.0.1"));
  std::string url = secret.url();
  const Finished refused = finished(command("ends_tls", url, {"--limit", "2"}));
  EXPECT_EQ(refused.code, 5) << refused.err;
  EXPECT_TRUE(secret.heard().empty());
  expect_no_trace("ends_tls", secret, refused);
  // Mistakes on the command line with a key in the environment, and in the URL.
  for (const std::string& wrong :
       {std::string("http://user:") + kForms[4] + "@127.0.0.1:1", std::string("nonsense://")}) {
    const Finished usage = finished(command("usage", wrong, {"--limit", "2"}));
    EXPECT_EQ(usage.code, 2) << usage.err;
    expect_no_key(usage.out + usage.err, "a wrong base_url");
  }
  const Finished option =
      finished(command("usage", "http://127.0.0.1:1", {"--limit", "2"}, ",detail=none"));
  EXPECT_EQ(option.code, 2);
  expect_no_key(option.out + option.err, "a wrong option");
}

// The process whose words hold `marker`, in /proc; what its file says.
std::string of_process(const std::string& marker, const char* file) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream words(entry.path() / "cmdline", std::ios::binary);
    const std::string all{std::istreambuf_iterator<char>(words), {}};
    if (all.find(marker) == all.npos || all.find("looktwice") == all.npos) continue;
    if (std::string(file) == "cmdline") return all;
    std::ifstream in(entry.path() / file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  return {};
}

TEST(KeyLeak, TheProcessShowsNoKeyInItsWordsAndWritesNoCore) {
  std::mutex mutex;
  std::string words, limits;
  const std::string marker = unit().run("alive").string();
  WebServer server([&](const Heard&, Line& line) {
    {
      const std::lock_guard hold(mutex);
      if (words.empty()) words = of_process(marker, "cmdline");
      if (limits.empty()) limits = of_process(marker, "limits");
    }
    line.send(response(200, completion("Yes")));
  });
  const Finished ended = finished(command("alive", server.url(), {"--limit", "4"}));
  EXPECT_EQ(ended.code, 0) << ended.err;
  if (words.empty()) GTEST_SKIP() << "no /proc that shows other processes";
  expect_no_key(words, "argv");
  if (const std::size_t at = limits.find("Max core file size"); at != limits.npos) {
    std::istringstream line(limits.substr(at + 18));
    std::string soft;
    line >> soft;
    EXPECT_EQ(soft, "0");
  }
}

TEST(KeyLeak, ProgramsThatAreStartedDoNotGetTheKey) {
  Command made = command("child", "http://127.0.0.1:1", {"--limit", "1"});
  std::ranges::replace(made.arguments, std::string("openai"), std::string("process"));
  made.arguments[5] =
      R"(command="sh -c 'read hello; env >&2; echo seen by a child >&2; exit 3'",start_timeout=10)";
  const Finished ended = finished(made);
  EXPECT_EQ(ended.code, 5) << ended.err;
  EXPECT_NE(ended.err.find("HOME="), std::string::npos)
      << "its environment is shown: " << ended.err;
  expect_no_key(ended.out + ended.err + everything_below(unit().run("child")), "a child");
}

}  // namespace
}  // namespace looktwice
