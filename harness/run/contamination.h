// Which samples of a task a model may have seen in training: equal files, pictures that look the
// same, words that stand in the training texts too. Memory goes with the task, not with the
// training list, which is shown item by item. Not here: hashing pictures, reading lists.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/run/task.h"
#include "harness/run/training_list.h"

namespace looktwice::run {

struct ContaminationRule {
  int hamming = 4;     // most bits in which perceptual hashes differ; negative: not compared
  int words = 8;       // of an n-gram; 0: texts are not compared
  double share = 0.8;  // of a sample's n-grams that stand in the training texts
};

// What is known of a test picture; the same for all samples that show it.
struct PictureHashes {
  std::string sha256 = {};
  std::optional<std::uint64_t> phash = {};
};

struct Overlap {
  bool same_file = false, looks_same = false, same_words = false;
  int bits = 64;          // the smallest distance of perceptual hashes, within the rule
  double share = 0;       // of n-grams found
  std::string with = {};  // the first training item that fits, by file, by looks; else empty
  bool any() const { return same_file || looks_same || same_words; }
};

// What a sample says: its questions, each with the right option or the reference behind it.
std::string sample_text(const Sample& sample);

// Words: runs of letters and digits (ASCII in lower case, all bytes from 0x80 on are letters).
// Hashes of all runs of n words, sorted, each once; a shorter text has none.
std::vector<std::uint64_t> word_grams(std::string_view text, int n);

class Contamination {
 public:
  // samples[i] has pictures[i].
  Contamination(std::span<const Sample> samples, std::span<const PictureHashes> pictures,
                ContaminationRule rule);
  Contamination(Contamination&& other) noexcept;
  ~Contamination();
  void see(const TrainingItem& item);
  std::vector<Overlap> overlaps() const;  // one per sample

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace looktwice::run
