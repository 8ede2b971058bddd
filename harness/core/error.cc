#include "harness/core/error.h"

namespace looktwice {

void check_failed(const char* condition, const char* file, int line) {
  throw Error(Kind::internal, std::string("internal: ") + condition + " does not hold at " + file +
                                  ":" + std::to_string(line) + "; please report this");
}

}  // namespace looktwice
