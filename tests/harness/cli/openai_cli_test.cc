// The program with a remote model: exit codes, going on, the cache, money, and a key that is
// nowhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "tests/harness/cli/unit.h"
#include "tests/suites/mmad/miniature_mmad.h"
#include "tests/support/files.h"
#include "tests/support/web_server.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;

constexpr const char* kCanary = "sk-canary/8c41+d0f7e92b";
// The same in base64 (each way it can stand in one) and escaped for a URL.
constexpr const char* kForms[] = {"sk-canary/8c41+d0f7e92b", "c2stY2FuYXJ5LzhjNDErZDBmN2U5Mm",
                                  "rLWNhbmFyeS84YzQxK2QwZjdlOTJi", "zay1jYW5hcnkvOGM0MStkMGY3ZTkyY",
                                  "sk-canary%2F8c41%2Bd0f7e92b"};

const Unit& unit() {
  static const Unit one;
  return one;
}

Command command(const std::string& name, const std::string& url,
                const std::vector<std::string>& more = {}, const std::string& args = {}) {
  std::vector<std::string> words = {
      "run",
      "--model",
      "openai",
      "--model_args",
      "model=test-model,max_wait=0.02,max_tries=2,max_connections=4,base_url=" + url + args,
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
  made.environment["OPENAI_API_KEY"] = kCanary;
  made.environment["XDG_CACHE_HOME"] = (unit().root() / ("cache_" + name)).string();
  for (const char* proxy : {"http_proxy", "https_proxy", "all_proxy"}) made.environment[proxy] = "";
  return made;
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

WebServer::Script always(const std::string& bytes) {
  return [bytes](const Heard&, Line& line) { line.send(bytes); };
}

TEST(OpenAiCli, RunsAndTheSecondTimeAnswersComeFromTheCache) {
  WebServer server(always(response(200, completion("Yes, a scratch."))));
  const Finished first = finished(command("cached", server.url()));
  EXPECT_EQ(first.code, 0) << first.err;
  const std::size_t asked = server.heard().size();
  EXPECT_EQ(asked, 40u);
  const auto before = unit().results("cached");
  fs::remove_all(unit().run("cached"));
  const Finished second = finished(command("cached", server.url()));
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(server.heard().size(), asked) << "no question was paid twice";
  EXPECT_EQ(unit().results("cached"), before) << "replayed to the byte";
  fs::remove_all(unit().run("cached"));
  EXPECT_EQ(finished(command("cached", server.url(), {"--cache", "off"})).code, 0);
  EXPECT_EQ(server.heard().size(), 2 * asked);
  EXPECT_EQ(finished(command("cached2", server.url(), {"--cache", "sometimes"})).code, 2);
}

TEST(OpenAiCli, FailedRequestsLeaveTheRunIncompleteAndItGoesOn) {
  std::atomic<bool> broken = true;
  WebServer server([&](const Heard& request, Line& line) {
    const bool fails = broken && request.number % 5 == 0;
    line.send(fails ? response(400, R"({"error":"not this time"})")
                    : response(200, completion("No")));
  });
  const Finished first = finished(command("incomplete", server.url()));
  EXPECT_EQ(first.code, 3) << first.err;
  broken = false;
  const std::size_t before = server.heard().size();
  // Another number of connections is still the same run.
  const Finished second = finished(command("incomplete", server.url(), {}, ",give_up=9"));
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(server.heard().size() - before, 8u) << "only what had failed";
}

TEST(OpenAiCli, AWrongKeyIsAnErrorOfTheModelAndTheRunGoesOn) {
  std::atomic<bool> wrong = true;
  WebServer server([&](const Heard&, Line& line) {
    line.send(wrong ? response(401, R"({"error":{"message":"Incorrect API key provided"}})")
                    : response(200, completion("No")));
  });
  const Finished first = finished(command("key", server.url()));
  EXPECT_EQ(first.code, 5) << first.err;
  EXPECT_NE(first.err.find("OPENAI_API_KEY"), std::string::npos) << first.err;
  EXPECT_LE(server.heard().size(), 4u);
  wrong = false;
  EXPECT_EQ(finished(command("key", server.url())).code, 0);
}

TEST(OpenAiCli, MoneyHasABoundAndTheRunGoesOnWithMore) {
  WebServer server(always(response(200, completion("No"))));
  // 10 tokens in and 5 out: $0.0105 an answer; a try may cost 4096 tokens of answer: $4.1.
  const std::string prices = ",price_input=1000,price_output=100";
  const Finished first = finished(command("money", server.url(), {"--max_cost", "50.8"}, prices));
  EXPECT_EQ(first.code, 3) << first.err;
  EXPECT_NE(first.err.find("--max_cost"), std::string::npos) << first.err;
  EXPECT_LT(server.heard().size(), 40u);
  const auto manifest = test::bytes_of(unit().run("money") / "run.json");
  const std::string text(reinterpret_cast<const char*>(manifest.data()), manifest.size());
  EXPECT_NE(text.find("cost_usd"), std::string::npos) << text;
  const Finished second = finished(command("money", server.url(), {}, prices));
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(server.heard().size(), 40u);
}

TEST(OpenAiCli, TheKeyIsInNoByteButItsHeader) {
  const std::string key = kCanary;
  const std::string coded = kForms[1];
  const std::string spoken = "Your key " + key + ", " + coded + "==, " + kForms[4] + ".";
  const std::vector<std::string> answers = {
      response(200, completion(spoken)),
      response(200, completion("Yes", key)),
      response(200, R"({"choices":[{"message":{"content":null,"refusal":")" + spoken +
                        R"("},"finish_reason":"stop"}]})"),
      response(200, "<html>" + spoken),
      response(200, R"({"error":{"message":")" + spoken + R"("}})"),
      response(400, R"({"error":{"message":")" + spoken + R"("}})"),
      response(403, spoken),
      response(500, spoken),
      response(429, spoken, "Retry-After: 0\r\n"),
      response(400, R"({"error":{"code":"content_filter","message":")" + spoken + R"("}})"),
      response(200, R"({"system_fingerprint":")" + key +
                        R"(","choices":[{"message":{"content":"Yes"},"finish_reason":")" + key +
                        R"("}]})"),
      "HTTP/1.1 200 " + key + "\r\nContent-Length: 100\r\n\r\n" + spoken};
  std::string out;
  std::string bodies;
  const auto run = [&](const std::string& name, WebServer& server,
                       const std::vector<std::string>& more) {
    const Finished one = finished(command(name, server.url(), more));
    out += one.out + one.err + everything_below(unit().run(name)) +
           everything_below(unit().root() / ("cache_" + name));
    for (const Heard& heard : server.heard()) {
      bodies += heard.body + heard.target;
      std::string head = heard.head;
      const std::size_t at = head.find(key);
      ASSERT_NE(at, std::string::npos);
      bodies += head.erase(at, key.size());
    }
  };
  {
    WebServer mixed([&](const Heard& request, Line& line) {
      line.send(answers[static_cast<std::size_t>(request.number) % answers.size()]);
      if (static_cast<std::size_t>(request.number) % answers.size() == answers.size() - 1)
        line.reset();
    });
    run("canary_mixed", mixed, {});
  }
  int number = 0;
  for (const std::string& ends :
       {response(401, spoken), response(404, spoken),
        response(307, "", "Location: https://evil/?k=" + key + "\r\n"),
        response(429,
                 R"({"error":{"code":"insufficient_quota","message":")" + spoken + R"("}})")}) {
    WebServer server(always(ends));
    run("canary_" + std::to_string(number++), server, {});
  }
  {
    WebServer server(always(response(500, spoken)));
    run("canary_json", server, {"--json", "--fail_on_error", "0"});
  }
  Command report = looktwice({"report", unit().run("canary_mixed").string(), "--format", "html"});
  report.environment["OPENAI_API_KEY"] = key;
  const Finished reported = finished(report);
  Command doctor = looktwice({"doctor"});
  doctor.environment["OPENAI_API_KEY"] = key;
  const Finished told = finished(doctor);
  out += reported.out + reported.err + told.out + told.err;
  EXPECT_NE(told.out.find("OPENAI_API_KEY"), std::string::npos);
  EXPECT_GT(out.size(), 10'000u);
  for (const char* form : kForms) {
    EXPECT_EQ(out.find(form), std::string::npos)
        << form << ": " << out.substr(std::max<std::size_t>(200, out.find(form)) - 200, 400);
    EXPECT_EQ(bodies.find(form), std::string::npos) << form;
  }
}

// A user's message as the golden files of the prompts write it.
std::string as_golden(const std::string& body) {
  const auto json = nlohmann::json::parse(body);
  EXPECT_EQ(json.at("messages").size(), 1u);
  std::string text;
  int pictures = 0;
  const auto& content = json.at("messages")[0].at("content");
  if (content.is_string()) return content.get<std::string>();
  for (const auto& part : content) pictures += part.at("type") == "image_url";
  for (const auto& part : content) {
    if (part.at("type") == "text") {
      text += part.at("text").get<std::string>();
      continue;
    }
    const std::string url = part.at("image_url").at("url");
    EXPECT_TRUE(url.starts_with("data:image/")) << url.substr(0, 40);
    // References come before the picture in all these prompts.
    text += --pictures == 0 ? "<image>" : "<reference 1>";
  }
  return text;
}

TEST(OpenAiCli, PromptsOfMmadGoOutByteForByte) {
  const MmadFolder data;
  const auto codec = imaging::make_codec();
  for (const auto& entry : fs::recursive_directory_iterator(data.root())) {
    if (entry.path().extension() != ".png") continue;
    Image picture{.width = 8, .height = 6, .channels = 3};
    picture.pixels.assign(8 * 6 * 3, 90);
    const auto bytes = codec->encode_png(picture);
    std::ofstream(entry.path(), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  WebServer server(always(response(200, completion("A"))));
  for (const std::string set : {"gpt4o", "qwen", "llava"})
    for (const std::string shots : {"0", "1"}) {
      if (shots == "0" && set != "gpt4o") continue;
      const std::size_t before = server.heard().size();
      const std::string name = "mmad_" + set + shots;
      Command asking = command(name, server.url(), {"--num_fewshot", shots});
      std::ranges::replace(asking.arguments, std::string("zsad.folder"), "mmad:" + set);
      std::ranges::replace(asking.arguments, (unit().root() / "data").string(),
                           data.root().string());
      const Finished one = finished(asking);
      EXPECT_EQ(one.code, 0) << one.err;
      const auto file =
          test::bytes_of(LOOKTWICE_TEST_DATA "/mmad/prompts/" + set + "_" + shots + "shot.txt");
      const std::string golden(reinterpret_cast<const char*>(file.data()), file.size());
      int found = 0;
      const std::vector<Heard> heard = server.heard();
      for (std::size_t i = before; i < heard.size(); ++i) {
        found += as_golden(heard[i].body) == golden;
        if (set.starts_with("gpt4o")) {
          EXPECT_NE(heard[i].body.find(R"("detail":"low")"), std::string::npos);
        }
      }
      EXPECT_GE(found, 1) << name << ": no request is the golden prompt; the last was\n"
                          << as_golden(heard.back().body);
    }
}

TEST(OpenAiCli, DecodingThatWouldNotBeSentIsRefused) {
  WebServer server(always(response(200, completion("No"))));
  for (const auto& [arguments, named] : std::vector<std::pair<std::string, std::string>>{
           {",temperature=3", "temperature must be from 0 to 2"},
           {",top_p=0", "top_p must be above 0"},
           {",temperature=1,omit=temperature", "temperature is set but would not be sent"},
           {",seed=1,omit=\"top_p,seed\"", "seed is set but would not be sent"}}) {
    const Finished one = finished(command("unsent", server.url(), {}, arguments));
    EXPECT_EQ(one.code, 2) << arguments;
    EXPECT_NE(one.err.find(named), std::string::npos) << one.err;
  }
}

TEST(OpenAiCli, NoOptionTakesAKey) {
  WebServer server(always(response(200, completion("No"))));
  for (const char* name : {"key", "api_key", "token"}) {
    const Finished one = finished(
        command("argv", server.url(), {}, std::string(",") + name + "=sk-on-the-command-line"));
    EXPECT_EQ(one.code, 2);
    EXPECT_EQ((one.out + one.err).find("sk-on-the-command-line"), std::string::npos) << one.err;
  }
}

}  // namespace
}  // namespace looktwice
