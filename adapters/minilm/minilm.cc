// A sentence encoder as an adapter, for `looktwice embed`: a text in, its embedding out, or two
// texts in and the states of their tokens out. Not here: pictures and questions; an encoder answers
// none.
#include <filesystem>

#include "adapters/minilm/sentence_encoder.h"
#include "adapters/minilm/weights_folder.h"
#include "harness/core/adapter.h"
#include "harness/core/error.h"
#include "harness/core/token_encoder.h"

namespace looktwice::adapters {
namespace {

constexpr int kBatch = 256;  // texts, sorted by length among themselves

struct Options {
  std::filesystem::path path = {};
  std::string dtype = "fp32";
  int batch_tokens = 8192;
  int layer = -1;

  void visit(auto&& option) {
    option("path", path,
           "folder of a sentence-transformers model (BERT or MPNet); default: all-MiniLM-L6-v2 of "
           "`./scripts/setup sbert`");
    option("dtype", dtype, "fp32, bf16 or fp16");
    option("batch_tokens", batch_tokens, "tokens computed together, 1-1000000");
    option("layer", layer, "layers behind which BERTScore compares tokens; -1: all");
  }
};

std::filesystem::path folder_of(const Options& options) {
  if (!options.path.empty()) return options.path;
  if (const auto found = minilm::weights_folder()) return *found;
  throw Error(Kind::model,
              "model minilm: all-MiniLM-L6-v2 is not here; `./scripts/setup sbert` fetches it, or "
              "path=DIR names another sentence-transformers folder");
}

class MiniLm final : public Adapter, public TokenEncoder {
 public:
  MiniLm(const Options& options, const Setting& setting)
      : folder_(folder_of(options)),
        batch_size_(setting.batch_size > 0 ? setting.batch_size : kBatch),
        encoder_(folder_, {.device = setting.device,
                           .dtype = options.dtype,
                           .threads = setting.threads,
                           .batch_tokens = checked(options.batch_tokens)}),
        layer_(options.layer) {
    if (layer_ < -1 || layer_ > encoder_.layers())
      throw Error(Kind::usage, "model minilm: layer must be -1, or 0 to " +
                                   std::to_string(encoder_.layers()) + " of this model");
  }

  void serve(Inbox& inbox, Outbox& outbox) override {
    serve_in_batches(*this, batch_size_, inbox, outbox);
  }

  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::vector<Prediction> all;
    std::vector<std::string> texts;
    for (const Request& request : batch) {
      Prediction prediction{.key = request.key};
      if (request.question.wanted.embedding) {
        texts.push_back(request.question.text);
      } else {
        prediction.status = Status::failed;
        prediction.error = "minilm gives embeddings of texts (`looktwice embed`), no answers";
      }
      all.push_back(std::move(prediction));
    }
    std::vector<std::vector<float>> found = encoder_.encode(texts);
    auto next = found.begin();
    for (Prediction& prediction : all)
      if (prediction.status == Status::answered) prediction.embedding = std::move(*next++);
    return all;
  }

  std::vector<TokenStates> token_states(std::span<const std::string> texts) const override {
    return encoder_.token_states(texts, layer_);
  }

  std::map<std::string, std::string> facts() const override {
    const auto name = folder_.filename() == "model" ? folder_.parent_path() : folder_;
    return {{"weights", encoder_.hash()},
            {"encoder", name.filename().string()},
            {"dimensions", std::to_string(encoder_.size())},
            {"most_tokens", std::to_string(encoder_.most_tokens())}};
  }

 private:
  static int checked(int batch_tokens) {
    if (batch_tokens < 1 || batch_tokens > 1000000)
      throw Error(Kind::usage, "model minilm: batch_tokens must be 1 to 1000000");
    return batch_tokens;
  }

  std::filesystem::path folder_;
  int batch_size_;
  minilm::SentenceEncoder encoder_;
  int layer_;
};

}  // namespace

AdapterEntry minilm_adapter() {
  return entry<MiniLm, Options>("minilm", "sentence encoder (SBERT), for `looktwice embed`");
}

}  // namespace looktwice::adapters
