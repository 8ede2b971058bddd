#include "harness/run/contamination.h"

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>

#include "harness/core/error.h"

namespace looktwice::run {
namespace {

// FNV-1a, 64 bits, and a last mix so that near texts lie far apart.
std::uint64_t hash_of(std::string_view word) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : word) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  hash ^= hash >> 32;
  hash *= 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

// Letters, digits and what is not ASCII, in lower case; 0: no part of a word.
char word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  const bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || byte >= 0x80;
  return part ? c : '\0';
}

std::vector<std::uint64_t> words_of(std::string_view text) {
  std::vector<std::uint64_t> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(hash_of(word));
    word.clear();
  };
  for (const char c : text)
    if (const char byte = word_byte(c))
      word += byte;
    else
      end_word();
  end_word();
  return words;
}

}  // namespace

std::vector<std::uint64_t> word_grams(std::string_view text, int n) {
  const std::vector<std::uint64_t> words = words_of(text);
  std::vector<std::uint64_t> grams;
  if (n <= 0) return grams;
  const auto length = static_cast<std::size_t>(n);
  for (std::size_t i = 0; i + length <= words.size(); ++i) {
    std::uint64_t gram = length;
    for (std::size_t k = 0; k < length; ++k)
      gram = (std::rotl(gram, 23) ^ words[i + k]) * 0x9e3779b97f4a7c15;
    grams.push_back(gram ^ (gram >> 31));
  }
  std::ranges::sort(grams);
  grams.erase(std::unique(grams.begin(), grams.end()), grams.end());
  return grams;
}

std::string sample_text(const Sample& sample) {
  std::string text;
  const auto add = [&](const std::string& more) {
    if (!text.empty()) text += '\n';
    text += more;
  };
  for (std::size_t i = 0; i < sample.questions.size(); ++i) {
    const SetQuestion& question = sample.questions[i];
    add(question.text);
    // Of several questions that are shown together the last one is asked.
    const std::vector<std::string>& answers = sample.truth.answers;
    const std::size_t at = answers.size() == 1 ? sample.questions.size() - 1 : i;
    if (at == i && !answers.empty())
      for (const Option& option : question.options)
        if (option.letter == answers[std::min(i, answers.size() - 1)]) add(option.text);
    if (i < sample.truth.references.size()) add(sample.truth.references[i]);
  }
  return text;
}

struct Contamination::State {
  ContaminationRule rule = {};
  std::vector<PictureHashes> pictures = {};
  std::vector<Overlap> found = {};
  std::unordered_map<std::string, std::vector<std::size_t>> by_file = {};
  // Different hashes once each, with their samples.
  std::vector<std::uint64_t> hashes = {};
  std::vector<std::vector<std::size_t>> of_hash = {};
  // All n-grams of all samples, sorted, each once; which of them the training texts have; and
  // those of each sample, as places in that list.
  std::vector<std::uint64_t> grams = {};
  std::vector<bool> seen = {};
  std::vector<std::uint32_t> places = {};
  std::vector<std::size_t> ends = {};
};

Contamination::Contamination(std::span<const Sample> samples,
                             std::span<const PictureHashes> pictures, ContaminationRule rule)
    : state_(std::make_unique<State>()) {
  LOOKTWICE_CHECK(samples.size() == pictures.size());
  State& state = *state_;
  state.rule = rule;
  state.found.resize(samples.size());
  std::map<std::uint64_t, std::vector<std::size_t>> of_hash;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!pictures[i].sha256.empty()) state.by_file[pictures[i].sha256].push_back(i);
    if (pictures[i].phash && rule.hamming >= 0) of_hash[*pictures[i].phash].push_back(i);
    const std::vector<std::uint64_t> grams = word_grams(sample_text(samples[i]), rule.words);
    state.grams.insert(state.grams.end(), grams.begin(), grams.end());
    if (state.grams.size() > (std::size_t{1} << 22)) {  // the same texts come again and again
      std::ranges::sort(state.grams);
      state.grams.erase(std::unique(state.grams.begin(), state.grams.end()), state.grams.end());
    }
  }
  for (auto& [hash, which] : of_hash) {
    state.hashes.push_back(hash);
    state.of_hash.push_back(std::move(which));
  }
  std::ranges::sort(state.grams);
  state.grams.erase(std::unique(state.grams.begin(), state.grams.end()), state.grams.end());
  state.seen.resize(state.grams.size());
  for (const Sample& sample : samples) {
    for (const std::uint64_t gram : word_grams(sample_text(sample), rule.words))
      state.places.push_back(static_cast<std::uint32_t>(
          std::ranges::lower_bound(state.grams, gram) - state.grams.begin()));
    state.ends.push_back(state.places.size());
  }
}

Contamination::Contamination(Contamination&&) noexcept = default;
Contamination::~Contamination() = default;

void Contamination::see(const TrainingItem& item) {
  State& state = *state_;
  if (const auto same = state.by_file.find(item.sha256);
      !item.sha256.empty() && same != state.by_file.end())
    for (const std::size_t i : same->second) {
      Overlap& overlap = state.found[i];
      if (!overlap.same_file) overlap.with = item.name;  // before one that only looks the same
      overlap.same_file = true;
    }
  if (item.phash)
    for (std::size_t h = 0; h < state.hashes.size(); ++h) {
      const int bits = std::popcount(state.hashes[h] ^ *item.phash);
      if (bits > state.rule.hamming) continue;
      for (const std::size_t i : state.of_hash[h]) {
        Overlap& overlap = state.found[i];
        if (!overlap.same_file && bits < overlap.bits) overlap.with = item.name;
        overlap.looks_same = true;
        overlap.bits = std::min(overlap.bits, bits);
      }
    }
  if (item.text.empty() || state.grams.empty()) return;
  for (const std::uint64_t gram : word_grams(item.text, state.rule.words)) {
    const auto at = std::ranges::lower_bound(state.grams, gram);
    if (at != state.grams.end() && *at == gram)
      state.seen[static_cast<std::size_t>(at - state.grams.begin())] = true;
  }
}

std::vector<Overlap> Contamination::overlaps() const {
  const State& state = *state_;
  std::vector<Overlap> all = state.found;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t end = state.ends[i];
    std::size_t known = 0;
    for (std::size_t p = begin; p < end; ++p) known += state.seen[state.places[p]];
    if (end > begin) {
      all[i].share = static_cast<double>(known) / static_cast<double>(end - begin);
      all[i].same_words = all[i].share >= state.rule.share && known > 0;
    }
    begin = end;
  }
  return all;
}

}  // namespace looktwice::run
