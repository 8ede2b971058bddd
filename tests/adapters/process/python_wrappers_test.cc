// The wrappers of scripts/adapters, run on fakes of torch, transformers and anomalib
// (tests/adapters/process/fakes).
#include <cmath>
#include <cstdlib>

#include "tests/adapters/process/process_fixture.h"

namespace looktwice::adapters {
namespace {

class PythonWrappers : public ProcessTest {
 protected:
  void SetUp() override {
    ProcessTest::SetUp();
    ::setenv("PYTHONPATH", LOOKTWICE_SOURCE_DIR "/tests/adapters/process/fakes", 1);
    ::setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    requests_.resize(2);
  }
  void TearDown() override {
    ::unsetenv("PYTHONPATH");
    ::unsetenv("PYTHONDONTWRITEBYTECODE");
  }
  // python: with flags.
  std::map<std::string, Prediction> answers_of(const std::string& wrapper,
                                               const std::string& flags = "") {
    return answers_to_command("'" LOOKTWICE_PYTHON "' " + flags +
                                  " '" LOOKTWICE_SOURCE_DIR "/scripts/adapters/" + wrapper,
                              {});
  }
};

TEST_F(PythonWrappers, AnomalibGivesRawScoresAndMaps) {
  const auto found = answers_of("anomalib_adapter.py' model.pt");
  ASSERT_EQ(found.size(), 2u) << error_;
  const Prediction& reply = found.at("key-1");
  EXPECT_EQ(reply.score, 47) << reply.error;
  ASSERT_TRUE(reply.map);
  EXPECT_EQ(reply.map->values, (std::vector<float>{1, 2, 3, 4, 5, 47}));
  EXPECT_EQ(adapter_->facts().at("program"), "anomalib TorchInferencer");
  EXPECT_EQ(adapter_->facts().at("program_version"), "2.fake");
  EXPECT_EQ(adapter_->facts().at("normalized"), "false");
}

TEST_F(PythonWrappers, AnomalibKeepsItsScaleWhenAsked) {
  EXPECT_NEAR(*answers_of("anomalib_adapter.py' model.pt --normalized").at("key-0").score, 0.047,
              1e-12);
}

TEST_F(PythonWrappers, AnomalibTakesTheScoreFromTheMapWhenThereIsNoOther) {
  const Prediction reply = answers_of("anomalib_adapter.py' model.xml --device cpu").at("key-0");
  EXPECT_EQ(reply.score, 0.5) << reply.error;
  EXPECT_EQ(reply.map->width, 2);
  EXPECT_EQ(reply.map->height, 1);
}

TEST_F(PythonWrappers, AnomalibSendsNoMapThatIsNotWanted) {
  for (Request& request : requests_) request.question.wanted = {.score = true};
  EXPECT_FALSE(answers_of("anomalib_adapter.py' model.pt").at("key-0").map);
}

TEST_F(PythonWrappers, ChatModelsAnswerAndScoreByLogOdds) {
  requests_[1].references = {requests_[0].image};
  requests_[1].dialogue = {{"What is it?", "A bottle."}};
  requests_[1].question.system = "Be brief.";
  requests_[1].question.decoding = {
      .max_new_tokens = 9, .temperature = 0.5, .top_p = 0.9, .seed = 4, .stop = {"\n"}};
  const auto found = answers_of("huggingface_adapter.py' some/model");
  ASSERT_EQ(found.size(), 2u) << error_;
  EXPECT_NEAR(found.at("key-0").score.value_or(0), 1.5, 1e-12) << found.at("key-0").error;
  EXPECT_EQ(found.at("key-0").text,
            "user:<47 bytes>|user:Is it broken? [('do_sample', False), ('max_new_tokens', 4096)]");
  EXPECT_EQ(found.at("key-0").usage.input_tokens, 3);
  EXPECT_EQ(found.at("key-0").usage.output_tokens, 2);
  EXPECT_EQ(found.at("key-1").text,
            "system:Be brief.|user:<47 bytes>|user:<47 bytes>|user:What is it?|assistant:A "
            "bottle.|user:Is it broken? "
            "[('do_sample', True), ('max_new_tokens', 9), ('stop_strings', ['\\n']), "
            "('temperature', 0.5), ('top_p', 0.9)]");
  EXPECT_EQ(adapter_->facts().at("weights"), "c0ffee");
  EXPECT_EQ(adapter_->facts().at("program_version"), "transformers 5.0.fake");
}

TEST_F(PythonWrappers, ChatModelsSeeThePartsInTheirOrder) {
  using Part = QuestionPart::Kind;
  for (Request& request : requests_) request.question.wanted = {.text = true};
  requests_[0].question.parts = {{.text = "Normal: "},
                                 {.kind = Part::reference},
                                 {.text = "Tested: "},
                                 {.kind = Part::image},
                                 {.text = "Which?"}};
  requests_[0].references = {requests_[1].image};
  requests_[1].dialogue = {
      {.question = "a", .answer = "b", .parts = {{.text = "a"}, {.kind = Part::image}}}};
  const auto found = answers_of("huggingface_adapter.py' some/model");
  ASSERT_EQ(found.size(), 2u) << error_;
  EXPECT_TRUE(found.at("key-0").text.starts_with(
      "user:Normal: |user:<47 bytes>|user:Tested: |user:<47 bytes>|user:Which? ["))
      << found.at("key-0").text << found.at("key-0").error;
  EXPECT_TRUE(
      found.at("key-1").text.starts_with("user:a|user:<47 bytes>|assistant:b|user:Is it broken? ["))
      << found.at("key-1").text << found.at("key-1").error;
}

TEST_F(PythonWrappers, ClassifiersScoreByLogOdds) {
  EXPECT_NEAR(answers_of("huggingface_adapter.py' some/model --classifier broken")
                  .at("key-0")
                  .score.value_or(0),
              2.5, 1e-12);
  answers_of("huggingface_adapter.py' some/model --classifier cracked");
  EXPECT_TRUE(names_all(error_, {"no label 'cracked'", "broken, good"})) << error_;
}

TEST_F(PythonWrappers, SayWhatToInstall) {
  // -E and -S: neither the fakes nor what this machine has.
  answers_of("anomalib_adapter.py' model.pt", "-E -S");
  EXPECT_TRUE(names_all(error_, {"cannot import anomalib", "pip install"})) << error_;
  answers_of("huggingface_adapter.py' some/model", "-E -S");
  EXPECT_TRUE(names_all(error_, {"cannot import torch", "pip install"})) << error_;
}

}  // namespace
}  // namespace looktwice::adapters
