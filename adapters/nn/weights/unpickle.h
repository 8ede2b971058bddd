// The pickle of a state_dict, read as data: which tensor lies where in which storage. Internal to
// adapters/nn/weights. Opcodes: those that torch.save writes (protocol 2), and their protocol 4
// forms. Source: CPython Lib/pickletools.py.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "adapters/nn/weights/tensor_bytes.h"

namespace looktwice::weights {

struct PickledTensor {
  std::string name = {};
  std::string storage = {};  // name of the member "data/<storage>"
  NumberType type = {};
  std::int64_t storage_size = 0, offset = 0;  // in numbers
  Shape shape = {}, stride = {};
};

// `name` begins every message; throws Kind::model.
std::vector<PickledTensor> unpickled(std::span<const std::byte> pickle, const std::string& name);

}  // namespace looktwice::weights
