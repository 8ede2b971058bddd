// The adapter against a real server on the loopback that does everything wrong: faults E1 to E5 and
// F1 of the catalogue.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "adapters/catalogue.h"
#include "harness/core/error.h"
#include "tests/support/pictures.h"
#include "tests/support/queues.h"
#include "tests/support/refusal.h"
#include "tests/support/soak.h"
#include "tests/support/web_server.h"

namespace looktwice::adapters {
namespace {

using namespace looktwice::testing;

constexpr const char* kCanary = "sk-canary-4f9a2b7c1d";

class OpenAiFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                             "OPENAI_BASE_URL", "SSL_CERT_FILE"})
      ::unsetenv(name);
    ::setenv("OPENAI_API_KEY", kCanary, 1);
  }
  void TearDown() override { ::unsetenv("OPENAI_API_KEY"); }

  std::vector<Request> requests(int count) {
    std::vector<Request> made;
    for (int i = 0; i < count; ++i) {
      Request request{.key = "key-" + std::to_string(i)};
      request.image = Picture("p.ppm", {.path = ramp_picture(folder_, "p.ppm", 16, 16, 0)}, codec_);
      request.question.text = "Question " + std::to_string(i);
      request.question.wanted.text = true;
      made.push_back(std::move(request));
    }
    return made;
  }

  // Short waits: no test here waits for more than a fraction of a second unless it must.
  static std::unique_ptr<Adapter> adapter(const std::string& url, Arguments more = {},
                                          const Setting& setting = {}) {
    Arguments all{{"model", "test-model"}, {"base_url", url},        {"max_wait", "0.02"},
                  {"max_tries", "3"},      {"connect_timeout", "5"}, {"first_byte_timeout", "20"},
                  {"idle_timeout", "20"},  {"total_timeout", "30"}};
    for (const auto& [name, value] : more) all[name] = value;
    for (const AdapterEntry& entry : adapter_catalogue())
      if (entry.name == "openai") return entry.make(all, setting);
    throw std::runtime_error("no adapter openai");
  }

  std::map<std::string, Prediction> answers(const std::string& url, int count = 1,
                                            const Arguments& more = {}) {
    ListDesk desk(requests(count));
    adapter(url, more)->serve(desk, desk);
    return desk.by_key();
  }

  Prediction answer(const std::string& url, const Arguments& more = {}) {
    return answers(url, 1, more).at("key-0");
  }

  TemporaryFolder folder_;
  std::shared_ptr<const ImageCodec> codec_ = std::make_shared<NetpbmCodec>();
};

WebServer::Script always(const std::string& bytes) {
  return [bytes](const Heard&, Line& line) { line.send(bytes); };
}

// The first `bad` requests go to one script, the others get an answer.
WebServer::Script then_good(int bad, WebServer::Script script) {
  return [bad, script = std::move(script)](const Heard& request, Line& line) {
    if (request.number < bad)
      script(request, line);
    else
      line.send(response(200, completion("Yes")));
  };
}

TEST_F(OpenAiFaults, AQuestionAndItsPictureArriveAndTheKeyOnlyInItsHeader) {
  WebServer server(always(response(200, completion("Yes"))));
  const auto got = answers(server.url(), 30, {{"max_connections", "4"}});
  ASSERT_EQ(got.size(), 30u);
  for (const auto& [key, prediction] : got) EXPECT_EQ(prediction.text, "Yes") << prediction.error;
  EXPECT_LE(server.connections(), 4) << "connections are kept";
  for (const Heard& heard : server.heard()) {
    EXPECT_EQ(heard.method, "POST");
    EXPECT_EQ(heard.target, "/v1/chat/completions");
    EXPECT_EQ(heard.header("Authorization"), std::string("Bearer ") + kCanary);
    EXPECT_EQ(heard.header("Content-Type"), "application/json");
    EXPECT_EQ(heard.body.find(kCanary), std::string::npos);
    EXPECT_EQ(heard.head.find(kCanary, heard.head.find(kCanary) + 1), std::string::npos);
    const auto json = nlohmann::json::parse(heard.body);
    const std::string url = json.at("messages")[0].at("content")[0].at("image_url").at("url");
    EXPECT_TRUE(url.starts_with("data:image/png;base64,iVBOR")) << url.substr(0, 40);
  }
}

TEST_F(OpenAiFaults, AzureGetsItsKeyInItsOwnHeader) {
  WebServer server(always(response(200, completion("Yes", "gpt-4o-2024-08-06"))));
  const Prediction one = answer(server.url(), {{"api_version", "2024-10-21"}, {"model", "my-gpt"}});
  EXPECT_EQ(one.text, "Yes");
  EXPECT_FALSE(one.facts.contains("asked_model")) << "a deployment has a name of its own";
  const Heard heard = server.heard().at(0);
  EXPECT_EQ(heard.target, "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21");
  EXPECT_EQ(heard.header("api-key"), kCanary);
  EXPECT_EQ(heard.header("Authorization"), "");
}

TEST_F(OpenAiFaults, PassingStatesAreTriedAgain) {
  for (const int status : {408, 409, 425, 429, 500, 502, 503, 504, 529})
    for (const char* wait : {"", "Retry-After: 0\r\n", "Retry-After: -5\r\n",
                             "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                             "Retry-After: 999999\r\n", "retry-after-ms: 1\r\n"}) {
      WebServer server(
          then_good(2, always(response(status, R"({"error":{"message":"busy"}})", wait))));
      const Prediction one = answer(server.url());
      EXPECT_EQ(one.status, Status::answered) << status << " " << wait << one.error;
      EXPECT_EQ(server.heard().size(), 3u);
      EXPECT_EQ(one.facts.at("tries"), "3");
    }
}

TEST_F(OpenAiFaults, LastingStatesAreNot) {
  for (const int status : {400, 403, 413, 415, 422}) {
    WebServer server(always(response(status, R"({"error":{"message":"no such thing"}})")));
    const Prediction one = answer(server.url());
    EXPECT_EQ(one.status, Status::failed);
    EXPECT_TRUE(names_all(one.error, {std::to_string(status), "no such thing"})) << one.error;
    EXPECT_EQ(server.heard().size(), 1u);
  }
}

TEST_F(OpenAiFaults, ResponsesCutAnywhereAreNeverAnswers) {
  const std::string whole = response(200, completion("Yes, and a long explanation of it"));
  const std::size_t step = soak() ? 1 : 13;
  int cuts = 0;
  for (std::size_t cut = 0; cut < whole.size(); cut += step, ++cuts) {
    WebServer server(then_good(1, [&](const Heard&, Line& line) {
      line.send(std::string_view(whole).substr(0, cut));
      if (cut % 2 == 0)
        line.reset();
      else
        line.close();
    }));
    const Prediction one = answer(server.url());
    ASSERT_EQ(one.status, Status::answered) << "cut at " << cut << ": " << one.error;
    ASSERT_EQ(one.text, "Yes") << "cut at " << cut;
  }
  EXPECT_GT(cuts, 20);
}

std::string chunked(const std::string& body, std::size_t piece) {
  std::string out =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  char size[24];
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const std::string part = body.substr(at, piece);
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    out += size + part + "\r\n";
  }
  return out + "0\r\n\r\n";
}

std::string stream_of(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces)
    text +=
        R"(data: {"model":"test-model","choices":[{"delta":{"content":")" + piece + "\"}}]}\n\n";
  text +=
      "data: "
      "{\"model\":\"test-model\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
  text += "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2}}\n\n";
  return text + "data: [DONE]\n\n";
}

TEST_F(OpenAiFaults, StreamsOfAnyPiecesAreWhole) {
  const std::string body = stream_of({"Ja", ", ein Ri\xc3\x9f", " \xf0\x9f\x94\x8d"});
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64}, body.size()}) {
    WebServer server(always(chunked(body, piece)));
    const Prediction one = answer(server.url(), {{"stream", "true"}});
    EXPECT_EQ(one.text, "Ja, ein Ri\xc3\x9f \xf0\x9f\x94\x8d") << one.error;
    EXPECT_EQ(one.usage.output_tokens, 2);
    bool has_first_token = false;
    for (const Span& span : one.spans)
      has_first_token = has_first_token || span.name == "first_token";
    EXPECT_TRUE(has_first_token);
  }
  EXPECT_TRUE(true);
}

TEST_F(OpenAiFaults, StreamsCutAnywhereAreTriedAgainOrWhole) {
  const std::string bytes = chunked(stream_of({"Ja", ", ein Ri\xc3\x9f"}), 50);
  const std::size_t step = soak() ? 1 : 17;
  for (std::size_t cut = 0; cut < bytes.size(); cut += step) {
    WebServer server([&](const Heard& request, Line& line) {
      if (request.number > 0) {
        line.send(bytes);
        return;
      }
      line.send(std::string_view(bytes).substr(0, cut));
      line.close();
    });
    const Prediction one = answer(server.url(), {{"stream", "true"}});
    ASSERT_EQ(one.text, "Ja, ein Ri\xc3\x9f") << "cut at " << cut << ": " << one.error;
  }
}

TEST_F(OpenAiFaults, AStreamThatIsHeldOpenBehindItsEndIsWhole) {
  WebServer server([](const Heard&, Line& line) {
    line.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + stream_of({"Yes"}));
    line.hold();
  });
  EXPECT_EQ(answer(server.url(), {{"stream", "true"}, {"idle_timeout", "0.1"}}).text, "Yes");
}

TEST_F(OpenAiFaults, EveryWaitHasItsEnd) {
  const struct {
    const char* name;
    WebServer::Script script;
    Arguments options;
    const char* word;
  } cases[] = {
      {"no answer",
       [](const Heard&, Line& line) { line.hold(); },
       {{"first_byte_timeout", "0.1"}},
       "no answer within 0.1"},
      {"half a header",
       [](const Heard&, Line& line) {
         line.send("HTTP/1.1 200 OK\r\nContent-Le");
         line.hold();
       },
       {{"first_byte_timeout", "0.1"}, {"idle_timeout", "0.1"}},
       "0.1"},
      {"half a body",
       [](const Heard&, Line& line) {
         const std::string all = response(200, completion("Yes"));
         line.send(all.substr(0, all.size() - 20));
         line.hold();
       },
       {{"idle_timeout", "0.1"}},
       "stopped for 0.1"},
      {"a byte now and then",
       [](const Heard&, Line& line) {
         line.send(
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n");
         for (int i = 0; i < 200; ++i) {
           line.send(" ");
           std::this_thread::sleep_for(std::chrono::milliseconds(10));
         }
         line.hold();
       },
       {{"total_timeout", "0.3"}},
       "no whole answer within 0.3"}};
  for (const auto& each : cases) {
    WebServer server(each.script);
    Arguments options = each.options;
    options["max_tries"] = "2";
    const Prediction one = answer(server.url(), options);
    EXPECT_EQ(one.status, Status::failed) << each.name;
    EXPECT_TRUE(names_all(one.error, {each.word, "2 tries"})) << each.name << ": " << one.error;
  }
}

TEST_F(OpenAiFaults, NobodyThere) {
  int port = 0;
  { port = WebServer(always("")).port(); }  // free again
  const Prediction one = answer("http://127.0.0.1:" + std::to_string(port));
  EXPECT_EQ(one.status, Status::failed);
  EXPECT_TRUE(names_all(one.error, {"network", "3 tries"})) << one.error;
  const Prediction nameless = answer("http://no..such.invalid", {{"connect_timeout", "2"}});
  EXPECT_EQ(nameless.status, Status::failed) << nameless.error;
}

TEST_F(OpenAiFaults, LengthsAndChunksThatLie) {
  const std::string body = completion("Yes");
  const auto with_length = [&](std::size_t length) {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(length) + "\r\n\r\n" + body;
  };
  const struct {
    const char* name;
    std::string bytes;
  } cases[] = {{"more promised", with_length(body.size() + 10)},
               {"chunk without its end",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" + body},
               {"chunk size of letters",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + body},
               {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" +
                                     body.substr(0, 5) + "\r\n"},
               {"no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n"},
               {"huge header", "HTTP/1.1 200 OK\r\nX: " + std::string(90'000, 'a') + "\r\n\r\n{}"},
               {"gzip that is none",
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"}};
  for (const auto& each : cases) {
    WebServer server([&](const Heard&, Line& line) {
      line.send(each.bytes);
      line.close();
    });
    const Prediction one = answer(server.url(), {{"max_tries", "2"}});
    EXPECT_EQ(one.status, Status::failed) << each.name;
    EXPECT_FALSE(one.error.empty());
    EXPECT_TRUE(one.text.empty()) << each.name;
  }
  // Fewer promised: JSON that is cut off.
  WebServer fewer(always(with_length(body.size() - 10)));
  EXPECT_TRUE(names_all(answer(fewer.url()).error, {"no JSON"}));
}

std::string gzipped(std::size_t zeros) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  std::string block(1 << 20, ' '), out(1 << 20, '\0');
  std::string packed;
  for (std::size_t done = 0; done <= zeros; done += block.size()) {
    stream.next_in = reinterpret_cast<Bytef*>(block.data());
    stream.avail_in = static_cast<uInt>(block.size());
    const int flush = done + block.size() > zeros ? Z_FINISH : Z_NO_FLUSH;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      deflate(&stream, flush);
      packed.append(out, 0, out.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return packed;
}

TEST_F(OpenAiFaults, BodiesHaveABound) {
  const std::string bomb = gzipped(std::size_t{64} << 20);
  ASSERT_LT(bomb.size(), 1u << 20);
  WebServer server(always(response(200, bomb, "Content-Encoding: gzip\r\n")));
  const Prediction one = answer(server.url(), {{"max_body", "1"}});
  EXPECT_EQ(one.status, Status::failed);
  EXPECT_TRUE(names_all(one.error, {"larger than 1048576 bytes"})) << one.error;
  EXPECT_EQ(server.heard().size(), 1u) << "it would be as large the next time";

  WebServer endless([](const Heard&, Line& line) {
    line.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
    const std::string block(1 << 16, ' ');
    for (int i = 0; i < 1600; ++i) line.send(block);  // 100 MB
    line.close();
  });
  EXPECT_TRUE(names_all(answer(endless.url(), {{"max_body", "1"}}).error, {"larger than"}));
}

TEST_F(OpenAiFaults, GzipIsUnpacked) {
  std::string packed;
  {
    const std::string body = completion("Yes");
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
    packed.resize(body.size() + 100);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    stream.avail_in = static_cast<uInt>(body.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
  }
  WebServer server(always(response(200, packed, "Content-Encoding: gzip\r\n")));
  EXPECT_EQ(answer(server.url()).text, "Yes");
}

TEST_F(OpenAiFaults, TlsIsCheckedInEveryPart) {
  const Authority authority(folder_.path());
  const Arguments trusting{{"ca_file", authority.file().string()}};
  WebServer good(always(response(200, completion("Yes"))), authority.certificate("127.0.0.1"));
  EXPECT_EQ(answer(good.url(), trusting).text, "Yes");

  const auto refused = [&](WebServer& server, const Arguments& options, const std::string& host) {
    ListDesk desk(requests(3));
    const auto model = adapter(server.url(host), options);
    const std::string why = refusal(Kind::model, [&] { model->serve(desk, desk); });
    EXPECT_TRUE(desk.kept().empty());
    EXPECT_TRUE(server.heard().empty()) << "nothing was sent";
    return why;
  };
  const auto script = always(response(200, completion("Yes")));
  WebServer expired(script, authority.certificate("127.0.0.1", -10, -5));
  EXPECT_TRUE(names_all(refused(expired, trusting, "127.0.0.1"), {"expired"}));
  WebServer early(script, authority.certificate("127.0.0.1", 5, 10));
  EXPECT_NE(refused(early, trusting, "127.0.0.1"), "");
  WebServer other(script, authority.certificate("other.example"));
  EXPECT_NE(refused(other, trusting, "127.0.0.1"), "");
  WebServer unknown(script, authority.certificate("127.0.0.1", -1, 2));
  EXPECT_NE(refused(unknown, {}, "127.0.0.1"), "") << "an authority that nobody trusts";
  WebServer alone(script, authority.self_signed("127.0.0.1"));
  EXPECT_TRUE(names_all(refused(alone, trusting, "127.0.0.1"), {"certificate"}));
}

TEST_F(OpenAiFaults, TheKeyNeverFollowsARedirectToAnotherHost) {
  WebServer thief(always(response(200, completion("thanks"))));
  for (const int status : {301, 302, 303, 307, 308}) {
    WebServer server([&](const Heard&, Line& line) {
      line.send(
          response(status, "", "Location: " + thief.url("localhost") + "/v1/chat/completions\r\n"));
    });
    ListDesk desk(requests(2));
    const auto model = adapter(server.url());
    const std::string why = refusal(Kind::model, [&] { model->serve(desk, desk); });
    EXPECT_TRUE(names_all(why, {std::to_string(status), "localhost"})) << why;
  }
  EXPECT_TRUE(thief.heard().empty());
  EXPECT_EQ(thief.connections(), 0);
}

TEST_F(OpenAiFaults, ARedirectFromHttpsToHttpIsRefused) {
  const Authority authority(folder_.path());
  WebServer plain(always(response(200, completion("thanks"))));
  for (const std::string& target : {plain.url() + "/v1/chat/completions", std::string()}) {
    std::string location = target;
    WebServer server(
        [&](const Heard&, Line& line) {
          line.send(response(307, "", "Location: " + location + "\r\n"));
        },
        authority.certificate("127.0.0.1"));
    // The same host and port, but in the clear.
    if (location.empty())
      location = "http://127.0.0.1:" + std::to_string(server.port()) + "/v1/chat/completions";
    ListDesk desk(requests(1));
    const auto model = adapter(server.url(), {{"ca_file", authority.file().string()}});
    const std::string why = refusal(Kind::model, [&] { model->serve(desk, desk); });
    EXPECT_TRUE(names_all(why, {"307", "http://"})) << why;
    EXPECT_EQ(server.heard().size(), 1u);
  }
  EXPECT_EQ(plain.connections(), 0);
}

TEST_F(OpenAiFaults, ProxiesOfTheEnvironmentAreObeyedAndSoIsNoProxy) {
  WebServer proxy(always(response(200, completion("through the proxy"))));
  WebServer server(always(response(200, completion("direct"))));
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  EXPECT_EQ(answer("http://far.example").text, "through the proxy");
  ::setenv("no_proxy", "127.0.0.1", 1);
  EXPECT_EQ(answer(server.url()).text, "direct");
  ::unsetenv("no_proxy");
  ::unsetenv("http_proxy");
  EXPECT_EQ(answer(server.url()).text, "direct");
  EXPECT_EQ(proxy.heard().size(), 1u);
}

TEST_F(OpenAiFaults, AProxyIsUsedAndMayNotHoldAPasswordInArgv) {
  WebServer proxy(always(response(200, completion("through the proxy"))));
  // Plain http through a proxy is asked with the whole URL. No key goes that way unless it is
  // named.
  const Prediction one = answer("http://far.example", {{"proxy", proxy.url()}});
  EXPECT_EQ(one.text, "through the proxy");
  EXPECT_EQ(proxy.heard().at(0).target, "http://far.example/v1/chat/completions");
  EXPECT_EQ(proxy.heard().at(0).header("Authorization"), "") << "plain http to a far host";
  EXPECT_NE(refusal(Kind::usage,
                    [&] {
                      adapter("http://x", {{"proxy", "http://u:p@host:1"}});
                    }),
            "");
}

TEST_F(OpenAiFaults, AProxyOfHttpsCarriesBytesItCannotRead) {
  const Authority authority(folder_.path());
  const Arguments trusting{{"ca_file", authority.file().string()}};
  WebServer server(always(response(200, completion("Yes"))), authority.certificate("far.example"));
  WebServer proxy([&](const Heard&, Line& line) {
    line.send("HTTP/1.1 200 Connection established\r\n\r\n");
    line.tunnel(server.port());
  });
  ::setenv("https_proxy", proxy.url().c_str(), 1);
  EXPECT_EQ(answer("https://far.example", trusting).text, "Yes");
  ::unsetenv("https_proxy");
  Arguments named = trusting;
  named["proxy"] = proxy.url();
  EXPECT_EQ(answer("https://far.example", named).text, "Yes");
  ASSERT_EQ(proxy.heard().size(), 2u);
  for (const Heard& heard : proxy.heard()) {
    EXPECT_EQ(heard.method, "CONNECT");
    EXPECT_EQ(heard.target, "far.example:443");
    EXPECT_EQ(heard.head.find(kCanary), std::string::npos) << "the key is for the server alone";
  }
  for (const Heard& heard : server.heard())
    EXPECT_EQ(heard.header("Authorization"), std::string("Bearer ") + kCanary);

  // Whoever answers in the server's place has no certificate of its name.
  WebServer impostor(always(response(200, completion("No"))), authority.certificate("127.0.0.1"));
  WebServer lying([&](const Heard&, Line& line) {
    line.send("HTTP/1.1 200 Connection established\r\n\r\n");
    line.tunnel(impostor.port());
  });
  named["proxy"] = lying.url();
  ListDesk desk(requests(1));
  const auto model = adapter("https://far.example", named);
  EXPECT_NE(refusal(Kind::model, [&] { model->serve(desk, desk); }), "");
  EXPECT_TRUE(impostor.heard().empty());

  WebServer strict(always(response(407, "no", "Proxy-Authenticate: Basic\r\n")));
  named["proxy"] = strict.url();
  const Prediction kept_out = answer("https://far.example", named);
  EXPECT_EQ(kept_out.status, Status::failed);
  EXPECT_TRUE(names_all(kept_out.error, {"407"})) << kept_out.error;
  for (const WebServer* bad : {&lying, &strict})
    for (const Heard& heard : bad->heard()) EXPECT_EQ(heard.head.find(kCanary), std::string::npos);
}

TEST_F(OpenAiFaults, WrongContentIsNoAnswer) {
  const struct {
    const char *type, *body;
  } cases[] = {{"text/html", "<html><body>Sign in to the hotel</body></html>"},
               {"application/json", "{\"choices\":"},
               {"application/json", "{}"},
               {"application/json", R"({"choices":[]})"},
               {"application/json", R"({"choices":[{"message":{"content":7}}]})"},
               {"application/json", R"({"error":{"message":"with state 200"}})"},
               {"application/json", "null"},
               {"application/json", ""}};
  for (const auto& each : cases) {
    WebServer server(always(response(200, each.body, "", each.type)));
    const Prediction one = answer(server.url());
    EXPECT_EQ(one.status, Status::failed) << each.body;
    EXPECT_NE(one.error.find("HTTP 200, but"), std::string::npos) << one.error;
  }
}

TEST_F(OpenAiFaults, OptionsThatMakeNoSenseAreRefusedBeforeAnything) {
  for (const auto& [name, value] : {std::pair("max_connections", "0"),
                                    {"max_connections", "1000"},
                                    {"max_tries", "0"},
                                    {"detail", "huge"},
                                    {"score", "x"},
                                    {"length_field", "tokens"},
                                    {"idle_timeout", "-1"},
                                    {"jpeg_quality", "101"},
                                    {"key_env", "NO_SUCH_VARIABLE_HERE"},
                                    {"key_file", "/no/such"},
                                    {"base_url", "ftp://x"},
                                    {"price_input", "1"},
                                    {"ca_file", "/no/such"},
                                    {"organization", "a\r\nX-Evil: 1"},
                                    {"prices", "/no/such.csv"},
                                    {"fields", "/no/such.json"}})
    EXPECT_THROW(adapter("http://127.0.0.1:1", {{name, value}}), Error) << name;
  EXPECT_NE(refusal(Kind::usage, [&] { adapter("http://x", {{"model", ""}}); }), "");
  EXPECT_NE(refusal(Kind::usage, [&] { adapter("http://x", {}, {.max_cost = 1}); }), "")
      << "a bound on money needs a price";
}

TEST_F(OpenAiFaults, ManyRequestsAndFaultsAtOnceEndAllRight) {
  WebServer server([](const Heard& request, Line& line) {
    switch (request.number % 7) {
      case 2:
        line.send(response(429, "{}", "Retry-After: 0\r\n"));
        break;
      case 4:
        line.reset();
        break;
      case 5:
        line.close();
        break;
      default:
        line.send(response(200, completion("Yes")));
    }
  });
  const auto got = answers(server.url(), 200, {{"max_connections", "16"}, {"max_tries", "20"}});
  ASSERT_EQ(got.size(), 200u);
  for (const auto& [key, prediction] : got)
    EXPECT_EQ(prediction.status, Status::answered) << prediction.error;
}

}  // namespace
}  // namespace looktwice::adapters
