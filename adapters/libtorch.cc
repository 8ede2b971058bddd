#include "adapters/libtorch.h"

namespace looktwice::adapters {

std::string libtorch_version() {
  return LOOKTWICE_TORCH_VERSION;
}

}  // namespace looktwice::adapters
