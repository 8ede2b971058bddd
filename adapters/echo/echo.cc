// Answers every request with one fixed reply: measures the harness, not a model.
// Not here: pictures; nothing is opened or decoded.
#include "harness/core/adapter.h"

namespace looktwice::adapters {
namespace {

struct Options {
  std::string reply = "yes";

  void visit(auto&& option) {
    option("reply", reply, "text of every answer");  // parsed, printed, logged from here
  }
};

class Echo final : public Adapter {
 public:
  explicit Echo(Options options) : options_(std::move(options)) {}

  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::vector<Prediction> replies;
    for (const Request& request : batch)
      replies.push_back({.key = request.key, .text = options_.reply});
    return replies;
  }

 private:
  Options options_;
};

}  // namespace

AdapterEntry echo_adapter() {
  return entry<Echo, Options>("echo", "one fixed reply");
}

}  // namespace looktwice::adapters
