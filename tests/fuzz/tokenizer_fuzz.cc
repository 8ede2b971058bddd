// Any bytes through both tokenizers: nothing but ids in range, and what Qwen's gives spells the
// text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "adapters/tokenizers/normal_forms.h"
#include "adapters/tokenizers/qwen.h"
#include "adapters/tokenizers/wordpiece.h"
#include "harness/core/text.h"
#include "tests/adapters/tokenizers/small_tokenizer.h"

using namespace looktwice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const tokenizers::QwenTokenizer qwen([] {
    tokenizers::TokenizerFiles files = test::small_tokenizer({{"i", "n"},
                                                              {" ", "a"},
                                                              {"e", "r"},
                                                              {"t", "h"},
                                                              {"th", "e"},
                                                              {" ", " "},
                                                              {"\n", "\n"},
                                                              {"\xE2", "\x80"},
                                                              {"a", "a"},
                                                              {"aa", "aa"}});
    files.nfc = false;
    return files;
  }());
  static const tokenizers::WordPiece bert("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##a\nthe\n##e\nb\n!\n",
                                          {}, "vocab.txt");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto ids = qwen.encode(text);
  if (qwen.decode(ids) != valid_utf8(text)) std::abort();
  for (const std::int32_t id : bert.encode(text, 64))
    if (id < 0 || id >= bert.size()) std::abort();
  const std::string once = tokenizers::nfc(valid_utf8(text));
  if (tokenizers::nfc(once) != once) std::abort();
  return 0;
}
