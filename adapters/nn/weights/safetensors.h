// The safetensors format: 8 bytes header length, JSON header, tensors one after another.
// Checked before anything is used: header of at most 16 MiB (real ones: 0.3), each name once, known
// types, whole sizes, ranges that are those of the shape and follow each other without a hole or an
// overlap from the first byte to the last, numbers at multiples of their size in the file. Not
// here: writing. Source: huggingface/safetensors, README "Format"; its own reader allows 100 MB of
// header.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

#include "adapters/nn/weights/tensor_bytes.h"

namespace looktwice::weights {

using Tensors = std::map<std::string, TensorBytes>;

// The tensors point into `file`. `name` begins every message; throws Kind::model.
Tensors safetensors(std::span<const std::byte> file, const std::string& name);

}  // namespace looktwice::weights
