// Gives every request the same score and looks at nothing: what remains is the cost of the harness.
// All images tie, so a sound AUROC of it is exactly 0.5.
#include "harness/core/adapter.h"

namespace looktwice::adapters {
namespace {

struct Options {
  double score = 0;

  void visit(auto&& option) { option("score", score, "score of every image"); }
};

class Null final : public Adapter {
 public:
  explicit Null(Options options) : options_(options) {}

  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::vector<Prediction> replies(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      replies[i].key = batch[i].key;
      replies[i].score = options_.score;
    }
    return replies;
  }

 private:
  Options options_;
};

}  // namespace

AdapterEntry null_adapter() {
  return entry<Null, Options>("null", "one constant score, no decoding: the cost of the harness");
}

}  // namespace looktwice::adapters
