#include "adapters/anomaly_ov/prompt.h"

namespace looktwice::anomaly_ov {

std::vector<std::string> prompt_parts(const std::string& system, std::span<const Turn> dialogue,
                                      const std::string& question, std::size_t pictures) {
  std::vector<std::string> parts{"<|im_start|>system\n" +
                                 (system.empty() ? "You are a helpful assistant." : system) +
                                 "<|im_end|>\n"};
  const auto ask = [&](const std::string& text, bool first) {
    parts.back() += "<|im_start|>user\n";
    for (std::size_t i = 0; first && i < pictures; ++i) parts.emplace_back("\n");
    parts.back() += text + "<|im_end|>\n";
  };
  for (std::size_t i = 0; i < dialogue.size(); ++i) {
    ask(dialogue[i].question, i == 0);
    parts.back() += "<|im_start|>assistant\n";
    // `if message:` in the official code; an empty answer is written like one still to come.
    if (!dialogue[i].answer.empty()) parts.back() += dialogue[i].answer + "<|im_end|>\n";
  }
  ask(question, dialogue.empty());
  parts.back() += "<|im_start|>assistant\n";
  return parts;
}

std::vector<std::int32_t> prompt_ids(const tokenizers::QwenTokenizer& tokenizer,
                                     std::span<const std::string> parts) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) ids.push_back(kPicture);
    tokenizer.append_ids(parts[i], ids);
  }
  return ids;
}

}  // namespace looktwice::anomaly_ov
