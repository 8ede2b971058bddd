#include "adapters/omniad/chat.h"

namespace looktwice::omniad {
namespace {

constexpr const char* kSystem = "You are a helpful assistant.";
constexpr const char* kNormal = " This is an image of a normal object.";

class Writer {
 public:
  explicit Writer(bool number_pictures) : number_pictures_(number_pictures) {}

  void add(const std::string& text) { parts_.back().text += text; }
  void add_picture(int picture) {
    ++count_;
    if (number_pictures_) add("Picture " + std::to_string(count_) + ": ");
    add("<|vision_start|>");
    parts_.push_back({.picture = picture});
    parts_.push_back({.text = "<|vision_end|>"});
  }
  std::vector<ChatPart> parts() && { return std::move(parts_); }

 private:
  bool number_pictures_;
  int count_ = 0;
  std::vector<ChatPart> parts_ = {{}};
};

bool shows(const Question& question) {
  for (const QuestionPart& part : question.parts)
    if (part.kind != QuestionPart::Kind::text) return true;
  return false;
}

}  // namespace

std::vector<ChatPart> chat_parts(const Request& request, const ChatOptions& options) {
  const Question& question = request.question;
  const int references = static_cast<int>(request.references.size());
  Writer writer(options.number_pictures);
  writer.add("<|im_start|>system\n" + (question.system.empty() ? kSystem : question.system) +
             "<|im_end|>\n");
  const auto show_all = [&] {
    if (question.blind || shows(question)) return;
    for (int i = 0; i < references; ++i) writer.add_picture(i);
    if (references > 0 && options.omniad) writer.add(kNormal);
    if (!request.image.empty()) writer.add_picture(references);
  };
  for (std::size_t i = 0; i < request.dialogue.size(); ++i) {
    writer.add("<|im_start|>user\n");
    if (i == 0) show_all();
    writer.add(request.dialogue[i].question + "<|im_end|>\n<|im_start|>assistant\n" +
               request.dialogue[i].answer + "<|im_end|>\n");
  }
  writer.add("<|im_start|>user\n");
  if (request.dialogue.empty()) show_all();
  for (const QuestionPart& part : question.parts) switch (part.kind) {
      case QuestionPart::Kind::text:
        writer.add(part.text);
        break;
      case QuestionPart::Kind::reference:
        if (part.reference >= 0 && part.reference < references) writer.add_picture(part.reference);
        break;
      case QuestionPart::Kind::image:
        if (!request.image.empty()) writer.add_picture(references);
        break;
    }
  if (question.parts.empty()) {
    writer.add(question.text);
    for (const Option& option : question.options)
      writer.add("\n" + option.letter + (options.omniad ? ": " : ". ") + option.text);
  }
  writer.add("<|im_end|>\n<|im_start|>assistant\n");
  return std::move(writer).parts();
}

nn::PromptIds prompt_ids(const tokenizers::QwenTokenizer& tokenizer,
                         std::span<const ChatPart> parts,
                         const std::function<std::int32_t(int picture)>& id_of) {
  nn::PromptIds ids;
  // A picture stands between two added tokens, at which the tokenizer splits anyway.
  for (const ChatPart& part : parts)
    if (part.picture == kNoPicture)
      tokenizer.append_ids(part.text, ids);
    else
      ids.push_back(id_of(part.picture));
  return ids;
}

}  // namespace looktwice::omniad
