// Sentence embeddings as sentence-transformers gives them, from a folder as it writes them:
// WordPiece, BERT or MPNet, pooling, and what follows it. Texts of like length are computed
// together, without padding, and a text that comes twice is computed once.
// Not here: what embeddings are compared for. Source: Reimers and Gurevych 2019.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "harness/core/token_encoder.h"

namespace looktwice::minilm {

struct EncoderOptions {
  std::string device = "cpu", dtype = "fp32";
  int threads = 1;
  // Tokens that are computed together, at least one text; more cost memory, fewer time.
  std::int64_t batch_tokens = 8192;
};

class SentenceEncoder {
 public:
  // Throws Kind::model, naming the file and the field, for what it cannot do as the folder asks.
  explicit SentenceEncoder(const std::filesystem::path& folder, const EncoderOptions& options = {});
  ~SentenceEncoder();
  SentenceEncoder(SentenceEncoder&&) noexcept;

  // One embedding of size() numbers per text; any bytes, cut at most_tokens().
  std::vector<std::vector<float>> encode(std::span<const std::string> texts) const;
  // The states of a text's tokens after so many layers (-1: all), [tokens][hidden()], [CLS] and
  // [SEP] among them, those not `counted`. Cut at most_states(), as bert_score cuts.
  std::vector<TokenStates> token_states(std::span<const std::string> texts, int layers = -1) const;

  std::int64_t size() const;
  std::int64_t hidden() const;
  int layers() const;
  std::size_t most_tokens() const;
  // What tokenizer_config.json calls model_max_length, within what the model has places for.
  std::size_t most_states() const;
  // SHA-256 of the weights: with the folder's name, what embeddings depend on.
  const std::string& hash() const;

 private:
  struct Parts;
  std::unique_ptr<const Parts> parts_;
};

}  // namespace looktwice::minilm
