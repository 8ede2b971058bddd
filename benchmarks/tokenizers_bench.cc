// Tokenises a file of texts, beside the peers of benchmarks/peers/tokenizer_peers.py: median CPU
// seconds.
//   tokenizers_bench qwen|wordpiece FOLDER TEXTS REPETITIONS
// TEXTS: a file of texts, a byte 0 after or between them. REPETITIONS 0: prints the ids, a line per
// text.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/tokenizers/qwen.h"
#include "adapters/tokenizers/wordpiece.h"

namespace {

// Of this process: the peers are single-threaded too, and other users of the machine do not count.
double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

struct Count {
  std::uint64_t ids = 0,
                hash = 14695981039346656037u;  // FNV-1a over the ids: the peers make the same
  void add(const std::vector<std::int32_t>& more) {
    ids += more.size();
    for (const std::int32_t id : more)
      hash = (hash ^ static_cast<std::uint32_t>(id)) * 1099511628211u;
  }
};

template <class Encode>
void measure(double load, const std::vector<std::string_view>& texts, int repetitions,
             Encode encode) {
  if (repetitions == 0) {
    for (const std::string_view text : texts) {
      for (const std::int32_t id : encode(text)) std::printf("%d ", id);
      std::printf("\n");
    }
    return;
  }
  std::vector<double> seconds;
  Count count;
  for (const std::string_view text : texts) count.add(encode(text));
  for (int i = 0; i < repetitions; ++i) {
    const double start = cpu_seconds();
    std::size_t ids = 0;
    for (const std::string_view text : texts) ids += encode(text).size();
    seconds.push_back(cpu_seconds() - start);
    if (ids != count.ids) std::abort();
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("{\"load\": %.6f, \"encode\": %.6f, \"ids\": %llu, \"hash\": \"%016llx\"}\n", load,
              seconds[seconds.size() / 2], static_cast<unsigned long long>(count.ids),
              static_cast<unsigned long long>(count.hash));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: tokenizers_bench qwen|wordpiece FOLDER TEXTS REPETITIONS\n", stderr);
    return 2;
  }
  std::ifstream in(argv[3], std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string_view> texts;
  for (std::string_view rest = all; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    texts.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const int repetitions = std::atoi(argv[4]);
  const double start = cpu_seconds();
  if (std::string_view(argv[1]) == "qwen") {
    const looktwice::tokenizers::QwenTokenizer tokenizer{std::filesystem::path(argv[2])};
    measure(cpu_seconds() - start, texts, repetitions,
            [&](std::string_view text) { return tokenizer.encode(text); });
  } else {
    const looktwice::tokenizers::WordPiece tokenizer{std::filesystem::path(argv[2])};
    measure(cpu_seconds() - start, texts, repetitions,
            [&](std::string_view text) { return tokenizer.encode(text); });
  }
}
