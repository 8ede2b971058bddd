#include "suites/mmad/mmad_prompts.h"

#include <algorithm>
#include <array>

namespace looktwice::suites {
namespace {

using Take = OfficialReading::Take;
using Parts = std::vector<QuestionPart>;

constexpr std::array kSets = {
    MmadPromptSet{MmadPrompt::gpt4o, "gpt4o", {Take::last, false}, 200, true},
    MmadPromptSet{MmadPrompt::gpt4o_mini, "gpt4o_mini", {Take::last, false}, 600, true},
    MmadPromptSet{MmadPrompt::internvl, "internvl", {Take::last, true}, 128, false},
    MmadPromptSet{MmadPrompt::qwen, "qwen", {Take::last, true}, 128, false},
    MmadPromptSet{MmadPrompt::llava, "llava", {Take::first, true}, 64, true},
    MmadPromptSet{MmadPrompt::omniad, "omniad", {Take::last, true}, 1024, false},
};

constexpr const char* kInspector =
    "\nYou are an industrial inspector who checks products by images. You should judge whether "
    "there is a defect in the query image and answer the questions about it.\n"
    "Answer with the option's letter from the given choices directly";

// OmniAD, table 1 of the paper.
constexpr const char* kOmniadSystem =
    "You are a special assistant for analysis image. The user asks a question, and you answer with "
    "the option's letter from the given choices directly. Firstly, you should detect anomalies in "
    "patches within <seg>/</seg> tags. Then think about the reasoning process in the mind and then "
    "provide the user with the answer. The reasoning process and answer are enclosed within "
    "<think> /</think> and <answer> /</answer> tags, respectively, i.e., <seg>segmentation results "
    "here</seg><think> reasoning process here</think><answer> answer letter here</answer>";

std::string local_instruction() {
  return std::string(kInspector) + ".\n";
}

std::string gpt4o_instruction() {
  return std::string(kInspector) +
         "!\n\nFinally, you should output a list of answer, such as:\n"
         "1. Answer: B.\n2. Answer: B.\n3. Answer: A.\n...\n";
}

// Silent in the sources but for the texts themselves: this sentence is ours.
std::string knowledge(const PromptRequest& request) {
  if (request.domain_knowledge.empty()) return {};
  return "Following is the domain knowledge about the object: \n" +
         std::string(request.domain_knowledge) + "\n";
}

std::string options_text(std::span<const Option> options, const char* after_letter) {
  std::string text;
  for (const Option& option : options) text += option.letter + after_letter + option.text + "\n";
  return text;
}

std::string questions_text(const PromptRequest& request, bool numbered) {
  std::string text;
  for (const ShownQuestion& question : request.questions) {
    text += numbered ? "Question " + std::to_string(question.number) + ": " : "Question: ";
    text += question.text + " \n" + options_text(question.options, ". ") + "\n";
  }
  return text;
}

void add_text(Parts& parts, std::string text) {
  if (!text.empty()) parts.push_back({.text = std::move(text)});
}

void add_references(Parts& parts, const PromptRequest& request) {
  for (int i = 0; i < request.templates; ++i)
    parts.push_back({.kind = QuestionPart::Kind::reference, .reference = i});
}

void add_image(Parts& parts) {
  parts.push_back({.kind = QuestionPart::Kind::image});
}

// One message: the pictures, then one text.
Parts gpt(const PromptRequest& request, std::string instruction) {
  Parts parts;
  add_references(parts, request);
  add_image(parts);
  std::string text = std::move(instruction) + knowledge(request);
  if (request.templates > 0)
    text += "The first " + std::to_string(request.templates) +
            " image is the normal sample, which can be used as a template to compare.";
  // The missing separator is in the original.
  text += "The last image is the query imageFollowing is the question list: \n";
  add_text(parts, text + questions_text(request, false));
  return parts;
}

// The same pieces for InternVL, as one text around the pictures, and for Qwen, as parts of their
// own.
Parts local(const PromptRequest& request) {
  Parts parts;
  add_text(parts, local_instruction());
  add_text(parts, knowledge(request));
  if (request.templates > 0) {
    add_text(parts, "Following is/are " + std::to_string(request.templates) +
                        " image of normal sample, which can be used as a template to compare the "
                        "image being queried.");
    add_references(parts, request);
  }
  add_text(parts, "Following is the query image: ");
  add_image(parts);
  add_text(parts,
           "Following is the question list. Answer with the option's letter from the given choices "
           "directly: ");
  add_text(parts, questions_text(request, true));
  return parts;
}

Parts llava(const PromptRequest& request) {
  Parts parts;
  add_text(parts, local_instruction() + knowledge(request));
  if (request.templates > 0) {
    add_text(parts,
             "Following is " + std::to_string(request.templates) + " image of normal sample:");
    add_references(parts, request);
  }
  add_text(parts, "Test image: ");
  add_image(parts);
  add_text(parts, "Following is new question list: " + questions_text(request, true));
  return parts;
}

Parts omniad(const PromptRequest& request) {
  Parts parts;
  if (request.templates > 0) {
    add_references(parts, request);
    add_text(parts, " This is an image of a normal object.");
  }
  add_image(parts);
  std::string text = knowledge(request);
  for (const ShownQuestion& question : request.questions)
    text += question.text + "\n" + options_text(question.options, ": ");
  add_text(parts, std::move(text));
  return parts;
}

// Texts with no picture between them become one.
Parts merged(Parts parts) {
  Parts result;
  for (QuestionPart& part : parts)
    if (part.kind == QuestionPart::Kind::text && !result.empty() &&
        result.back().kind == QuestionPart::Kind::text)
      result.back().text += part.text;
    else
      result.push_back(std::move(part));
  return result;
}

}  // namespace

std::span<const MmadPromptSet> mmad_prompt_sets() {
  return kSets;
}

std::optional<MmadPromptSet> mmad_prompt_set(std::string_view name) {
  const auto found = std::ranges::find(kSets, name, &MmadPromptSet::name);
  if (found == kSets.end()) return {};
  return *found;
}

std::string mmad_system_text(MmadPrompt prompt) {
  return prompt == MmadPrompt::omniad ? kOmniadSystem : "";
}

std::vector<QuestionPart> mmad_prompt(MmadPrompt prompt, const PromptRequest& request) {
  const auto made = [&] {
    switch (prompt) {
      case MmadPrompt::gpt4o:
        return gpt(request, gpt4o_instruction());
      case MmadPrompt::gpt4o_mini:
        return gpt(request, local_instruction());
      case MmadPrompt::internvl:
        return merged(local(request));
      case MmadPrompt::qwen:
        return local(request);
      case MmadPrompt::llava:
        return llava(request);
      case MmadPrompt::omniad:
        return omniad(request);
    }
    return Parts{};
  };
  Parts parts = made();
  if (request.blind) {
    std::erase_if(parts,
                  [](const QuestionPart& part) { return part.kind != QuestionPart::Kind::text; });
    if (prompt != MmadPrompt::qwen) parts = merged(std::move(parts));
  }
  return parts;
}

std::string joined_prompt(std::span<const QuestionPart> parts) {
  std::string text;
  for (const QuestionPart& part : parts) switch (part.kind) {
      case QuestionPart::Kind::text:
        text += part.text;
        break;
      case QuestionPart::Kind::reference:
        text += "<reference " + std::to_string(part.reference + 1) + ">";
        break;
      case QuestionPart::Kind::image:
        text += "<image>";
        break;
    }
  return text;
}

}  // namespace looktwice::suites
