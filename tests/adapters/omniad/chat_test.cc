// Where pictures and words go in a prompt.
#include "adapters/omniad/chat.h"

#include <gtest/gtest.h>

namespace looktwice::omniad {
namespace {

std::string joined(const Request& request, const ChatOptions& options = {}) {
  std::string text;
  for (const ChatPart& part : chat_parts(request, options))
    text += part.picture == kNoPicture ? part.text : "[" + std::to_string(part.picture) + "]";
  return text;
}

const std::string kBegin =
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n";
const std::string kEnd = "<|im_end|>\n<|im_start|>assistant\n";

std::string shown(int picture) {
  return "<|vision_start|>[" + std::to_string(picture) + "]<|vision_end|>";
}

Request request(int references, const std::string& text) {
  Request made;
  const auto picture = [](int i) { return Picture(std::to_string(i) + ".png", {}, nullptr); };
  for (int i = 0; i < references; ++i) made.references.push_back(picture(i));
  made.image = picture(references);
  made.question.text = text;
  return made;
}

TEST(OmniAdChat, PicturesComeBeforeTheWords) {
  EXPECT_EQ(joined(request(0, "Why?")), kBegin + shown(0) + "Why?" + kEnd);
  EXPECT_EQ(joined(request(2, "Why?")), kBegin + shown(0) + shown(1) + shown(2) + "Why?" + kEnd);
}

TEST(OmniAdChat, OmniAdIsToldWhatANormalPictureIs) {
  EXPECT_EQ(joined(request(1, "Why?"), {.omniad = true}),
            kBegin + shown(0) + " This is an image of a normal object." + shown(1) + "Why?" + kEnd);
}

TEST(OmniAdChat, OptionsFollowAsEachModeWritesThem) {
  Request asked = request(0, "Which?");
  asked.question.options = {{"A", "Hole"}, {"B", "None"}};
  EXPECT_EQ(joined(asked), kBegin + shown(0) + "Which?\nA. Hole\nB. None" + kEnd);
  EXPECT_EQ(joined(asked, {.omniad = true}), kBegin + shown(0) + "Which?\nA: Hole\nB: None" + kEnd);
}

TEST(OmniAdChat, PartsAreTheTurnInTheirOrderAndOptionsAreInThem) {
  Request asked = request(1, "not this");
  asked.question.options = {{"A", "Hole"}};
  asked.question.parts = {{.text = "Query: "},
                          {.kind = QuestionPart::Kind::image},
                          {.text = " against "},
                          {.kind = QuestionPart::Kind::reference, .reference = 0},
                          {.text = "."}};
  EXPECT_EQ(joined(asked, {.omniad = true}),
            kBegin + "Query: " + shown(1) + " against " + shown(0) + "." + kEnd);
  EXPECT_EQ(
      joined(asked, {.number_pictures = true}),
      kBegin + "Query: Picture 1: " + shown(1) + " against Picture 2: " + shown(0) + "." + kEnd);
  asked.question.parts.push_back({.kind = QuestionPart::Kind::reference, .reference = 7});
  EXPECT_EQ(joined(asked), kBegin + "Query: " + shown(1) + " against " + shown(0) + "." + kEnd);
}

TEST(OmniAdChat, TheFirstTurnKeepsThePicturesAndAnEmptyAnswerIsATurn) {
  Request asked = request(1, "And now?");
  asked.dialogue = {{.question = "First?", .answer = "Yes."}, {.question = "Second?"}};
  asked.question.system = "Be brief.";
  EXPECT_EQ(joined(asked), "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n" +
                               shown(0) + shown(1) + "First?" + kEnd +
                               "Yes.<|im_end|>\n<|im_start|>user\nSecond?" + kEnd +
                               "<|im_end|>\n<|im_start|>user\nAnd now?" + kEnd);
}

TEST(OmniAdChat, BlindAndTextAloneShowNothing) {
  Request asked = request(1, "Guess.");
  asked.question.blind = true;
  EXPECT_EQ(joined(asked), kBegin + "Guess." + kEnd);
  Request text;
  text.question.text = "Only words.";
  EXPECT_EQ(joined(text), kBegin + "Only words." + kEnd);
}

}  // namespace
}  // namespace looktwice::omniad
