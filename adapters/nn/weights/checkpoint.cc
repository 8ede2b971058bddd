#include "adapters/nn/weights/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>

#include "adapters/nn/weights/mapped_file.h"
#include "adapters/nn/weights/torch_file.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/image.h"
#include "harness/core/json_value.h"
#include "harness/core/path.h"
#include "harness/core/text.h"

namespace looktwice::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostIndex = std::uintmax_t{64} << 20;

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw Error(Kind::model, path.string() + ": " + why);
}

// Tensor -> shard, as the index says.
std::map<std::string, std::string> shards_of(const fs::path& index) {
  try {
    const std::vector<std::byte> bytes = file_bytes(index, kMostIndex);
    const JsonValue whole =
        parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, index.string(), 8);
    const JsonValue* map = whole.find("weight_map");
    if (!map || map->type != JsonValue::Type::object || map->members.empty())
      refuse(index, "weight_map is missing or empty");
    std::map<std::string, std::string> shards;
    for (const auto& [tensor, shard] : map->members) {
      // A shard lies beside its index.
      if (shard.type != JsonValue::Type::text || shard.text.empty() || shard.text[0] == '.' ||
          shard.text.find('/') != std::string::npos || shard.text.find('\0') != std::string::npos)
        refuse(index, "tensor '" + printable(tensor) + "': '" + printable(shard.text) +
                          "' is no file name");
      shards[tensor] = shard.text;
    }
    return shards;
  } catch (const Error& error) {
    throw Error(Kind::model, error.what());
  }
}

}  // namespace

struct Checkpoint::Held {
  std::vector<std::unique_ptr<MappedFile>> mapped;
  std::vector<TorchFile> torch_files;
};

Checkpoint Checkpoint::of_folder(const fs::path& folder) {
  for (const char* name : {"model.safetensors.index.json", "model.safetensors"})
    if (is_there(folder / name)) return of_file(folder / name);
  refuse(folder, "neither model.safetensors nor model.safetensors.index.json is there");
}

Checkpoint Checkpoint::of_file(const fs::path& file) {
  Checkpoint made;
  made.held_ = std::make_shared<Held>();
  if (file.extension() != ".json") {
    made.add(file);
    return made;
  }
  const auto shards = shards_of(file);
  std::set<std::string> names;
  for (const auto& [tensor, shard] : shards) names.insert(shard);
  for (const std::string& name : names) {
    const std::size_t before = made.tensors_.size();
    Checkpoint shard;
    shard.held_ = std::make_shared<Held>();
    shard.add(file.parent_path() / name);
    const std::size_t added = shard.tensors_.size();
    made.tensors_.merge(shard.tensors_);
    if (made.tensors_.size() != before + added)
      refuse(file, "tensor '" + printable(shard.tensors_.begin()->first) + "' is in " + name +
                       " and in a shard before it");
    std::ranges::move(shard.held_->mapped, std::back_inserter(made.held_->mapped));
    std::ranges::move(shard.held_->torch_files, std::back_inserter(made.held_->torch_files));
    std::ranges::move(shard.files_, std::back_inserter(made.files_));
  }
  std::string lacks;
  for (const auto& [tensor, shard] : shards)
    if (!made.tensors_.contains(tensor) && lacks.size() < 1000)
      lacks += (lacks.empty() ? "" : ", ") + printable(tensor) + " (" + printable(shard) + ")";
  if (!lacks.empty()) refuse(file, "named but not in the shards: " + lacks);
  return made;
}

void Checkpoint::add(const fs::path& file) {
  auto mapped = std::make_unique<MappedFile>(file);
  const std::span<const std::byte> bytes = mapped->bytes();
  constexpr std::string_view kZip = "PK\3\4";
  // A pickle of protocol 2 to 5: what torch.save wrote before PyTorch 1.6.
  if (bytes.size() > 1 && bytes[0] == std::byte{0x80} && bytes[1] >= std::byte{2} &&
      bytes[1] <= std::byte{5} && file.extension() != ".safetensors")
    refuse(file,
           "a bare pickle, as torch.save wrote before PyTorch 1.6; if you trust the file, load and "
           "save it with a current PyTorch, or as safetensors");
  if (bytes.size() >= kZip.size() && std::memcmp(bytes.data(), kZip.data(), kZip.size()) == 0) {
    held_->torch_files.push_back(torch_file(bytes, file.string()));
    tensors_ = held_->torch_files.back().tensors;
  } else {
    tensors_ = safetensors(bytes, file.string());
  }
  held_->mapped.push_back(std::move(mapped));
  files_.push_back(file);
}

const TensorBytes* Checkpoint::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

std::string Checkpoint::hash() const {
  std::vector<fs::path> files = files_;
  std::ranges::sort(files);
  if (files.size() == 1) return sha256_of_file(files.front());
  std::string hashes;
  for (const fs::path& file : files) hashes += sha256_of_file(file) + '\n';
  return sha256(hashes);
}

}  // namespace looktwice::weights
