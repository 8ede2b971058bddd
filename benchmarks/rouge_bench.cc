// ROUGE of pairs of texts from a file, beside the peers of benchmarks/rouge.sh: median seconds.
//   rouge_bench PAIRS.tsv REPETITIONS     a line: reference, tab, candidate
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "metrics/text/rouge.h"

namespace {

using looktwice::metrics::Rouge;
using looktwice::metrics::RougeScorer;

struct Pair {
  std::string reference, candidate;
};

double median_seconds(const std::vector<Pair>& pairs, bool stem, int repetitions, double& sum) {
  RougeScorer scorer(stem);
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    sum = 0;
    for (const Pair& pair : pairs) sum += scorer.score(Rouge::l, pair.reference, pair.candidate).f;
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: rouge_bench PAIRS.tsv REPETITIONS\n", stderr);
    return 2;
  }
  std::ifstream in(argv[1]);
  std::vector<Pair> pairs;
  for (std::string line; std::getline(in, line);) {
    const std::size_t tab = line.find('\t');
    pairs.push_back({line.substr(0, tab), line.substr(tab + 1)});
  }
  double plain_sum = 0, stem_sum = 0;
  const double plain = median_seconds(pairs, false, std::atoi(argv[2]), plain_sum);
  const double stem = median_seconds(pairs, true, std::atoi(argv[2]), stem_sum);
  std::printf("{\"plain\": %.6f, \"stem\": %.6f, \"plain_sum\": %.17g, \"stem_sum\": %.17g}\n",
              plain, stem, plain_sum, stem_sum);
}
