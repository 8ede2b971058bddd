// A request as Qwen2.5-VL's chat template writes it: ChatML, pictures in their places, "Picture N:
// " before each where asked for. The template itself is the published one, not the checkpoint's
// Jinja. Not here: tokens of pictures, what a suite asks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "adapters/nn/prompt.h"
#include "adapters/tokenizers/qwen.h"
#include "harness/core/sample.h"

namespace looktwice::omniad {

// Pictures of a request by number: its references, then the picture itself.
inline constexpr int kNoPicture = -1;

struct ChatPart {
  std::string text = {};     // control tokens included
  int picture = kNoPicture;  // else this part is a picture, without text
};

struct ChatOptions {
  bool number_pictures = false;  // the template's add_vision_id
  // How OmniAD was trained, where the suite leaves it open: options as "A: text", and a sentence
  // behind normal pictures.
  bool omniad = false;
};

// Text before, between and after the pictures. Where the question has parts, these are the turn;
// else references, the picture and the text follow each other in the first turn.
std::vector<ChatPart> chat_parts(const Request& request, const ChatOptions& options);

// id_of: the negative id of a picture of the request.
nn::PromptIds prompt_ids(const tokenizers::QwenTokenizer& tokenizer,
                         std::span<const ChatPart> parts,
                         const std::function<std::int32_t(int picture)>& id_of);

}  // namespace looktwice::omniad
