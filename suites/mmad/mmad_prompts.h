// The prompts of MMAD's query scripts and of OmniAD, byte for byte (protocols.md 3.3, 8.2).
// Not here: what is done to pictures, decoding, reading of answers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suites/mmad/letters.h"

namespace looktwice::suites {

enum class MmadPrompt { gpt4o, gpt4o_mini, internvl, qwen, llava, omniad };

// How one script asks.
struct MmadPromptSet {
  MmadPrompt prompt = MmadPrompt::gpt4o;
  const char* name = "";  // "gpt4o_mini"
  OfficialReading reading = {};
  int max_new_tokens = 128;  // as the script; decoding itself is greedy
  // Pictures go out fitted into 512 x 512 as JPEG; false: as they are, for the model's own
  // processor.
  bool fitted_pictures = false;
};
std::span<const MmadPromptSet> mmad_prompt_sets();
std::optional<MmadPromptSet> mmad_prompt_set(std::string_view name);

// A question as a prompt shows it.
struct ShownQuestion {
  int number = 1;  // in its conversation, from 1
  std::string text = {};
  std::span<const Option> options = {};
};

struct PromptRequest {
  int templates = 0;
  std::span<const ShownQuestion> questions =
      {};                                  // the last one is asked; those before it are shown
  std::string_view domain_knowledge = {};  // empty: none is given
  bool blind = false;                      // no pictures
};

std::string mmad_system_text(MmadPrompt prompt);  // empty: none
std::vector<QuestionPart> mmad_prompt(MmadPrompt prompt, const PromptRequest& request);

// The parts as one text; pictures as "<reference N>" (from 1) and "<image>".
std::string joined_prompt(std::span<const QuestionPart> parts);

}  // namespace looktwice::suites
