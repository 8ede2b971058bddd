#include "harness/core/image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice {
namespace {

struct Descriptor {
  int value = -1;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

std::vector<std::byte> file_bytes(const std::filesystem::path& path, std::uintmax_t max_bytes) {
  const auto refuse = [&](const std::string& why) {
    throw Error(Kind::data, printable(path.string()) + ": " + why);
  };
  // A file that is there and cannot be read is the disk's fault.
  const auto unreadable = [&] {
    throw Error(Kind::disk, printable(path.string()) + ": cannot be read: " + std::strerror(errno));
  };
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  Descriptor file;
  do file.value = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (file.value < 0 && errno == EINTR);
  if (file.value < 0 && errno == EIO) unreadable();
  if (file.value < 0) refuse(std::strerror(errno));
  struct stat status {};
  if (::fstat(file.value, &status) != 0) refuse(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) refuse("not a regular file");
  const auto size = static_cast<std::uintmax_t>(status.st_size);
  if (size > max_bytes)
    refuse("has " + std::to_string(size) + " bytes, more than the limit of " +
           std::to_string(max_bytes));
  std::vector<std::byte> bytes(size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.value, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) unreadable();
    if (got == 0) break;  // it shrank meanwhile
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Image crop(const Image& image, Region region) {
  const int left = std::clamp(region.x, 0, image.width);
  const int top = std::clamp(region.y, 0, image.height);
  const int right = std::clamp(region.x + region.width, left, image.width);
  const int bottom = std::clamp(region.y + region.height, top, image.height);
  Image part{.width = right - left, .height = bottom - top, .channels = image.channels};
  const auto row = static_cast<std::size_t>(part.width) * part.channels;
  part.pixels.resize(row * part.height);
  for (int y = 0; y < part.height; ++y) {
    const auto from = (static_cast<std::size_t>(top + y) * image.width + left) * image.channels;
    std::copy_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(from), row,
                part.pixels.begin() + static_cast<std::ptrdiff_t>(row * y));
  }
  return part;
}

Image prepared(Image image, const PictureRule& rule, const ImageCodec& codec) {
  const int most = rule.longest_side;
  if (most <= 0 || std::max(image.width, image.height) <= most) return image;
  const auto scaled = [&](int side, int longest) {
    return std::max(1, static_cast<int>(static_cast<std::int64_t>(most) * side / longest));
  };
  if (image.width > image.height)
    return codec.resized(image, most, scaled(image.height, image.width));
  return codec.resized(image, scaled(image.width, image.height), most);
}

Picture::Picture(std::string name, ImageFile file, std::shared_ptr<const ImageCodec> codec,
                 PictureRule rule, std::shared_ptr<const PictureChange> change)
    : name_(std::move(name)),
      file_(std::move(file)),
      rule_(rule),
      codec_(std::move(codec)),
      change_(std::move(change)) {}

std::vector<std::byte> Picture::bytes() const {
  if (file_.path.empty()) throw Error(Kind::data, "the question has no picture");
  if (!file_.region && rule_.longest_side <= 0 && !change_) return file_bytes(file_.path);
  return codec_->encode_png(decode());
}

Image Picture::decode() const {
  if (file_.path.empty()) throw Error(Kind::data, "the question has no picture");
  const auto bytes = file_bytes(file_.path);
  Image image = codec_->decode(bytes);
  if (file_.region) image = crop(image, *file_.region);
  if (change_) image = change_->changed(std::move(image));
  return prepared(std::move(image), rule_, *codec_);
}

}  // namespace looktwice
