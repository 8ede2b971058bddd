#include "adapters/nn/weights/torch_file.h"

#include <zip.h>

#include <map>

#include "adapters/nn/weights/unpickle.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::weights {
namespace {

constexpr std::size_t kMostPickle = std::size_t{2} << 20;

using Member = std::shared_ptr<const std::vector<std::byte>>;

class Archive {
 public:
  Archive(std::span<const std::byte> file, const std::string& name) : file_(file), name_(name) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
    if (source) zip_ = zip_open_from_source(source, ZIP_RDONLY, &error);
    const std::string why = zip_ ? "" : zip_error_strerror(&error);
    if (!zip_ && source) zip_source_free(source);
    zip_error_fini(&error);
    if (!zip_) refuse(why);
    // "<folder>/data.pkl"; the folder is whatever the file was once called.
    for (zip_int64_t i = 0; i < zip_get_num_entries(zip_, 0); ++i) {
      const char* raw = zip_get_name(zip_, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
      const std::string member = raw ? raw : "";
      const std::size_t slash = member.find('/');
      if (slash != std::string::npos && member.substr(slash) == "/data.pkl")
        folder_ = member.substr(0, slash + 1);
    }
    if (folder_.empty()) refuse("a zip file without data.pkl, so not one of torch.save");
  }
  ~Archive() {
    if (zip_) zip_discard(zip_);
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(Kind::model, name_ + ": " + why);
  }

  bool has(const std::string& member) const {
    return zip_name_locate(zip_, (folder_ + member).c_str(), ZIP_FL_ENC_RAW) >= 0;
  }

  // libzip compares the checksum at the end.
  Member bytes(const std::string& member, std::size_t most) const {
    const std::string shown = "member '" + printable(member) + "'";
    zip_stat_t facts;
    zip_stat_init(&facts);
    if (zip_stat(zip_, (folder_ + member).c_str(), ZIP_FL_ENC_RAW, &facts) != 0 ||
        !(facts.valid & ZIP_STAT_SIZE) || !(facts.valid & ZIP_STAT_COMP_METHOD))
      refuse(shown + " is not there");
    if (facts.comp_method != ZIP_CM_STORE)
      refuse(shown + " is compressed; torch.save stores as is");
    if (facts.size > most || facts.size > file_.size())
      refuse(shown + " has " + std::to_string(facts.size) + " bytes, more than " +
             std::to_string(std::min(most, file_.size())));
    const auto close = [](zip_file_t* opened) { zip_fclose(opened); };
    const std::unique_ptr<zip_file_t, decltype(close)> opened(zip_fopen_index(zip_, facts.index, 0),
                                                              close);
    if (!opened) refuse(shown + ": " + zip_strerror(zip_));
    auto read = std::make_shared<std::vector<std::byte>>(facts.size);
    std::size_t done = 0;
    for (;;) {
      std::byte more{};
      const bool full = done == read->size();
      const zip_int64_t got = zip_fread(opened.get(), full ? &more : read->data() + done,
                                        full ? 1 : read->size() - done);
      if (got < 0) refuse(shown + ": " + zip_file_strerror(opened.get()));
      if (got == 0) break;
      if (full) refuse(shown + " is longer than its entry says");
      done += static_cast<std::size_t>(got);
    }
    if (done != read->size()) refuse(shown + " is shorter than its entry says");
    return read;
  }

 private:
  const std::span<const std::byte> file_;
  const std::string& name_;
  zip_t* zip_ = nullptr;
  std::string folder_;
};

// Rows one after another; the stride of an axis of one number says nothing.
bool in_row_order(const PickledTensor& tensor) {
  std::int64_t expected = 1;
  for (std::size_t axis = tensor.shape.size(); axis-- > 0;) {
    if (tensor.shape[axis] != 1 && tensor.stride[axis] != expected) return false;
    expected *= tensor.shape[axis];
  }
  return true;
}

}  // namespace

TorchFile torch_file(std::span<const std::byte> file, const std::string& name) {
  const Archive archive(file, name);
  if (archive.has("byteorder")) {
    const Member order = archive.bytes("byteorder", 16);
    if (std::string(reinterpret_cast<const char*>(order->data()), order->size()) != "little")
      archive.refuse("written on a big-endian machine");
  }
  const Member pickle = archive.bytes("data.pkl", kMostPickle);
  TorchFile read;
  std::map<std::string, Member> storages;
  std::size_t held = 0;  // bytes of all of them
  for (const PickledTensor& tensor : unpickled(*pickle, name)) {
    const auto refuse = [&](const std::string& why) {
      archive.refuse("tensor '" + printable(tensor.name) + "': " + why);
    };
    const auto bytes = bytes_of(tensor.type, tensor.shape);
    const auto size = static_cast<std::int64_t>(bytes_of(tensor.type));
    std::int64_t offset = 0;
    if (!bytes || tensor.shape.size() != tensor.stride.size() || tensor.offset < 0 ||
        __builtin_mul_overflow(tensor.offset, size, &offset))
      refuse("the shape " + text_of(tensor.shape) + " makes no sense");
    if (*bytes > 0 && !in_row_order(tensor))
      refuse("not in row order; save it after .contiguous()");
    Member& storage = storages[tensor.storage];
    if (!storage) {
      // Entries may name the same bytes of the file again and again; storages may not.
      storage = archive.bytes("data/" + tensor.storage, file.size() - held);
      held += storage->size();
      read.storages.push_back(storage);
    }
    const auto start = static_cast<std::size_t>(offset);
    if (start > storage->size() || *bytes > storage->size() - start)
      refuse("needs " + std::to_string(*bytes) + " bytes from byte " + std::to_string(offset) +
             " of a storage of " + std::to_string(storage->size()));
    read.tensors[tensor.name] = {.type = tensor.type,
                                 .shape = tensor.shape,
                                 .bytes = std::span(*storage).subspan(start, *bytes)};
  }
  return read;
}

}  // namespace looktwice::weights
