// sbert_run FOLDER TEXTS THREADS REPEATS DTYPE [BATCH_TOKENS [OUT]]: embeddings of the lines of
// TEXTS by the encoder in FOLDER; one line of JSON for benchmarks/peers/sbert.py. OUT: the numbers,
// fp32.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "adapters/minilm/sentence_encoder.h"

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "sbert_run FOLDER TEXTS THREADS REPEATS DTYPE [BATCH_TOKENS [OUT]]\n");
    return 2;
  }
  std::vector<std::string> texts;
  std::ifstream in(argv[2]);
  for (std::string line; std::getline(in, line);) texts.push_back(line);
  looktwice::minilm::EncoderOptions options{.dtype = argv[5], .threads = std::atoi(argv[3])};
  if (argc > 6) options.batch_tokens = std::atoi(argv[6]);
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const auto loading = Clock::now();
  const looktwice::minilm::SentenceEncoder encoder(argv[1], options);
  std::printf("{\"load\": %.4f, \"seconds\": [", since(loading));
  double sum = 0;
  for (int i = 0; i < std::atoi(argv[4]); ++i) {
    const auto start = Clock::now();
    const auto found = encoder.encode(texts);
    std::printf("%s%.4f", i ? ", " : "", since(start));
    sum = 0;
    for (const std::vector<float>& row : found) sum += static_cast<double>(row.front());
    if (i > 0 || argc <= 7) continue;
    std::ofstream out(argv[7], std::ios::binary);
    for (const std::vector<float>& row : found)
      out.write(reinterpret_cast<const char*>(row.data()),
                static_cast<std::streamsize>(row.size() * sizeof(float)));
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("], \"sum\": %.9f, \"peak_mb\": %ld}\n", sum, usage.ru_maxrss / 1024);
}
