#include "adapters/nn/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "harness/core/error.h"

namespace looktwice::weights {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& why) {
    throw Error(Kind::model, path.string() + ": " + why);
  };
  // Not blocking: a FIFO would wait for its writer.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) refuse(std::strerror(errno));
  struct stat facts {};
  const bool known = ::fstat(file, &facts) == 0;
  const auto size = static_cast<std::size_t>(facts.st_size);
  void* first = MAP_FAILED;
  const bool regular = known && S_ISREG(facts.st_mode);
  if (regular && size > 0) first = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  const int error = errno;
  ::close(file);
  if (!regular) refuse("not a regular file");
  if (size == 0) refuse("empty");
  if (first == MAP_FAILED) refuse(std::strerror(error));
  bytes_ = {static_cast<const std::byte*>(first), size};
}

MappedFile::~MappedFile() {
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace looktwice::weights
