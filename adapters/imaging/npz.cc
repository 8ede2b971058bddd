#include "adapters/imaging/npz.h"

#include <zip.h>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::imaging {
namespace {

constexpr std::size_t kMaxMember = std::size_t{256} << 20;

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Kind::data, "npz: " + why);
}

std::string reason(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

struct CloseMember {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};

}  // namespace

struct NpzFile::Archive {
  zip_t* zip = nullptr;
  ~Archive() {
    if (zip) zip_discard(zip);
  }
};

NpzFile::NpzFile(const std::filesystem::path& path) : archive_(std::make_unique<Archive>()) {
  if (!std::filesystem::is_regular_file(path)) refuse("not a regular file");
  int code = 0;
  archive_->zip = zip_open(path.c_str(), ZIP_RDONLY, &code);
  if (!archive_->zip) refuse(reason(code));
  list();
}

NpzFile::NpzFile(std::span<const std::byte> file) : archive_(std::make_unique<Archive>()) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
  if (source) archive_->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
  const std::string why = archive_->zip ? "" : zip_error_strerror(&error);
  if (!archive_->zip && source) zip_source_free(source);
  zip_error_fini(&error);
  if (!archive_->zip) refuse(why);
  list();
}

NpzFile::~NpzFile() = default;
NpzFile::NpzFile(NpzFile&&) noexcept = default;

void NpzFile::list() {
  const zip_int64_t count = zip_get_num_entries(archive_->zip, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* raw = zip_get_name(archive_->zip, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    const std::string name = raw ? raw : "";
    if (!name.ends_with(".npy")) continue;
    names_.push_back(name.substr(0, name.size() - 4));
    places_.push_back(static_cast<std::size_t>(i));
  }
}

NumberArray NpzFile::array(std::size_t number) const {
  if (number >= names_.size()) refuse("holds no array number " + std::to_string(number));
  const std::string name = printable(names_[number]);
  const zip_uint64_t place = places_[number];
  zip_stat_t status;
  zip_stat_init(&status);
  if (zip_stat_index(archive_->zip, place, 0, &status) != 0 || !(status.valid & ZIP_STAT_SIZE))
    refuse("the entry of '" + name + "' is damaged");
  if (status.size > kMaxMember)
    refuse("'" + name + "' has " + std::to_string(status.size) +
           " bytes unpacked, more than the limit of " + std::to_string(kMaxMember));
  const std::unique_ptr<zip_file_t, CloseMember> member(zip_fopen_index(archive_->zip, place, 0));
  if (!member) refuse("'" + name + "': " + zip_strerror(archive_->zip));

  // Grown as the bytes come: the size in the archive may lie. Read to the end, where the checksum
  // is compared.
  std::vector<std::byte> bytes;
  for (;;) {
    constexpr std::size_t kStep = std::size_t{1} << 18;
    const std::size_t done = bytes.size();
    if (done > kMaxMember) refuse("'" + name + "' unpacks to more than its size");
    bytes.resize(done + kStep);
    const zip_int64_t got = zip_fread(member.get(), bytes.data() + done, kStep);
    if (got < 0) refuse("'" + name + "': " + zip_file_strerror(member.get()));
    bytes.resize(done + static_cast<std::size_t>(got));
    if (got == 0) break;
  }
  return npy_array(bytes);
}

}  // namespace looktwice::imaging
