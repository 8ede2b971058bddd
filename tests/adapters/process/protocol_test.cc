#include "adapters/process/protocol.h"

#include <gtest/gtest.h>

#include "adapters/process/child.h"
#include "harness/core/json_value.h"
#include "tests/support/refusal.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::names_all;

std::string protocol_error(const std::string& line) {
  try {
    reply_of(line);
  } catch (const ProtocolError& error) {
    return error.what();
  }
  return "";
}

TEST(LineBuffer, CutsLinesWhereverTheBytesBreak) {
  const std::string stream = "one\n\ntwo\r\nthree";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    LineBuffer buffer(100);
    std::vector<std::string> lines;
    for (const std::string& part : {stream.substr(0, cut), stream.substr(cut)}) {
      buffer.add(part);
      while (const auto line = buffer.next()) lines.push_back(*line);
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two"})) << cut;
    EXPECT_EQ(buffer.rest(), "three");
    EXPECT_FALSE(buffer.overlong());
  }
}

TEST(LineBuffer, StopsAtALineThatIsTooLong) {
  LineBuffer whole(5);
  whole.add("12345\n123456\n1\n");
  EXPECT_EQ(whole.next(), "12345");
  EXPECT_EQ(whole.next(), std::nullopt);
  EXPECT_TRUE(whole.overlong());
  EXPECT_EQ(whole.next(), std::nullopt);
  LineBuffer open(5);
  open.add("123456");
  EXPECT_EQ(open.next(), std::nullopt);
  EXPECT_TRUE(open.overlong());
}

TEST(Protocol, RequestsHoldWhatIsAskedAndNoMore) {
  Request request{.key = "k", .category = "bottle", .dialogue = {{"Q0", "A0"}}};
  request.question = {.system = "Be brief.",
                      .text = "Which?\n\"quoted\"",
                      .options = {{"A", "crack"}, {"B", "none"}},
                      .wanted = {.map = true, .text = true},
                      .decoding = {.max_new_tokens = 7, .seed = 9, .stop = {"\n"}}};
  const std::string line = request_line(request, {.image = "/t/a.png", .references = {"/t/b.png"}});
  EXPECT_EQ(
      line,
      R"({"id":"k","category":"bottle","image":"/t/a.png","references":["/t/b.png"],"system":"Be brief.",)"
      R"("question":"Which?\n\"quoted\"","options":[{"letter":"A","text":"crack"},{"letter":"B","text":"none"}],)"
      R"("dialogue":[{"question":"Q0","answer":"A0"}],"wanted":["map","text"],)"
      R"("decoding":{"max_new_tokens":7,"temperature":0.0,"top_p":1.0,"seed":9,"stop":["\n"]}})");
  EXPECT_EQ(request_line({.key = "k", .question = {.wanted = {.score = true}}}, {.image = "i"}),
            R"({"id":"k","category":"","image":"i","question":"","wanted":["score"]})");
}

TEST(Protocol, PartsGoOutInTheirExactOrder) {
  using Part = QuestionPart::Kind;
  Request request{.key = "k"};
  request.dialogue = {
      {.question = "Q0", .answer = "A0", .parts = {{.text = "Q0"}, {.kind = Part::image}}}};
  request.question = {.text = "Compare with:?",
                      .parts = {{.text = "Compare "},
                                {.kind = Part::image},
                                {.text = "with:"},
                                {.kind = Part::reference, .reference = 1},
                                {.text = "?"}},
                      .wanted = {.score = true}};
  EXPECT_EQ(
      request_line(request, {.image = "i", .references = {"r0", "r1"}}),
      R"({"id":"k","category":"","image":"i","references":["r0","r1"],"question":"Compare with:?",)"
      R"("parts":[{"type":"text","text":"Compare "},{"type":"image"},{"type":"text","text":"with:"},)"
      R"({"type":"reference","number":1},{"type":"text","text":"?"}],)"
      R"("dialogue":[{"question":"Q0","answer":"A0","parts":[{"type":"text","text":"Q0"},{"type":"image"}]}],)"
      R"("wanted":["score"]})");
}

TEST(Protocol, RequestsStayOneLineOfUtf8WhateverTheyHold) {
  Request request{.key = "k", .question = {.text = std::string("a\nb\r\xFF\0\xE2\x80\xA8", 9)}};
  const std::string line = request_line(request, {.image = "i"});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\0'), std::string::npos);
  EXPECT_NO_THROW(parsed_json(line, "line"));
}

TEST(Protocol, ReadsAHandshake) {
  const Hello hello = hello_of(
      R"({"looktwice":1,"name":"m","version":"2","window":8,"accepts":["PNG",".jpg"],"facts":{"weights":"ab","n":3},"more":[]})");
  EXPECT_EQ(hello.name, "m");
  EXPECT_EQ(hello.version, "2");
  EXPECT_EQ(hello.window, 8);
  EXPECT_EQ(hello.accepts, (std::vector<std::string>{".png", ".jpg"}));
  EXPECT_EQ(hello.facts.at("weights"), "ab");
  EXPECT_EQ(hello.facts.at("n"), "3");
}

TEST(Protocol, ReadsAnswers) {
  const Reply reply = reply_of(
      R"({"id":"k","score":-1.5e-3,"text":"a\u00e9\nNaN","map":[[1,2,3],[4,5,6]],"usage":{"input_tokens":1,"output_tokens":2}})");
  EXPECT_EQ(reply.flaw, "");
  EXPECT_EQ(reply.prediction.key, "k");
  EXPECT_EQ(reply.prediction.score, -1.5e-3);
  EXPECT_EQ(reply.prediction.text, "a\u00e9\nNaN");
  ASSERT_TRUE(reply.prediction.map);
  EXPECT_EQ(reply.prediction.map->width, 3);
  EXPECT_EQ(reply.prediction.map->height, 2);
  EXPECT_EQ(reply.prediction.map->values[5], 6);
  EXPECT_EQ(reply.prediction.usage.output_tokens, 2);
  EXPECT_EQ(reply_of(R"({"id":"k","map":"m.npy"})").map_file, "m.npy");
  EXPECT_EQ(reply_of(R"({"id":"k","text":""})").flaw, "") << "a model may say nothing";
  EXPECT_EQ(reply_of(R"({"id":"k","status":"refused"})").prediction.status, Status::refused);
  EXPECT_TRUE(reply_of(R"({"heartbeat":true})").heartbeat);
}

TEST(Protocol, KeepsNanInsideTexts) {
  EXPECT_EQ(reply_of(R"({"id":"k","text":"NaN \"NaN\" -Infinity","score":1})").prediction.text,
            "NaN \"NaN\" -Infinity");
  EXPECT_TRUE(names_all(reply_of(R"({"id":"k","score":NaN})").flaw, {"'NaN'", "finite"}));
  EXPECT_TRUE(names_all(reply_of(R"({"id":"k","score":-Infinity})").flaw, {"'-Infinity'"}));
}

TEST(Protocol, ShowsHostileLinesEscaped) {
  const std::string why = protocol_error("\x1b[2J\xE2\x80\xAE<script>");
  EXPECT_EQ(why.find('\x1b'), std::string::npos);
  EXPECT_TRUE(names_all(why, {"\\x1B", "\\u{202E}", "<script>"})) << why;
  EXPECT_LT(protocol_error(std::string(1000000, 'x')).size(), 1000u);
}

TEST(Protocol, GreetsWithItsVersionAndFolder) {
  EXPECT_EQ(greeting({.threads = 2, .seed = 5, .device = "cuda:0"}, "/tmp/x"),
            R"({"looktwice":1,"folder":"/tmp/x","seed":5,"device":"cuda:0","threads":2})");
}

}  // namespace
}  // namespace looktwice::adapters
