// The words around a picture, as Anomaly-OneVision's code puts them: ChatML of Qwen 1.5.
// Not here: picture tokens (picture_tokens.h), questions (suites).
// Source: llava/conversation.py:85-95 and 443-452, mm_utils.py:341-360.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "adapters/tokenizers/qwen.h"
#include "harness/core/sample.h"

namespace looktwice::anomaly_ov {

inline constexpr std::int32_t kPicture = -200;  // stands for all tokens of one picture

// The text before, between and after the pictures, which are attached to the first question, each
// followed by a line end: pictures + 1 parts. An earlier answer that is empty leaves its turn open,
// as in the official code. system empty: "You are a helpful assistant."
std::vector<std::string> prompt_parts(const std::string& system, std::span<const Turn> dialogue,
                                      const std::string& question, std::size_t pictures = 1);

// Each part on its own through the tokenizer, kPicture between two.
std::vector<std::int32_t> prompt_ids(const tokenizers::QwenTokenizer& tokenizer,
                                     std::span<const std::string> parts);

}  // namespace looktwice::anomaly_ov
