#include "adapters/imaging/jpeg_write.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include "harness/core/error.h"

namespace looktwice::imaging {
namespace {

struct Failure {
  jpeg_error_mgr manager = {};
  std::jmp_buf back = {};
  char message[JMSG_LENGTH_MAX] = {};
};

[[noreturn]] void leave(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  info->err->format_message(info, failure->message);
  std::longjmp(failure->back, 1);
}

void say_nothing(j_common_ptr) {}

struct Output {
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
};

// No object with a destructor lives between setjmp and longjmp. False: failure.message tells why.
bool write(const Image& image, int quality, jpeg_compress_struct& info, Failure& failure,
           Output& output) {
  info.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = leave;
  failure.manager.output_message = say_nothing;
  if (setjmp(failure.back) != 0) return false;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &output.bytes, &output.size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = image.channels;
  info.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  const std::size_t stride =
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPROW>(image.pixels.data() + info.next_scanline * stride);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

}  // namespace

std::vector<std::byte> jpeg_of(const Image& image, int quality) {
  LOOKTWICE_CHECK(image.channels == 1 || image.channels == 3);
  LOOKTWICE_CHECK(quality >= 1 && quality <= 100);
  LOOKTWICE_CHECK(image.pixels.size() == static_cast<std::size_t>(image.width) *
                                             static_cast<std::size_t>(image.height) *
                                             static_cast<std::size_t>(image.channels));
  jpeg_compress_struct info{};
  Failure failure;
  Output output;
  const bool good = write(image, quality, info, failure, output);
  jpeg_destroy_compress(&info);
  std::vector<std::byte> file;
  if (good) {
    const auto* first = reinterpret_cast<const std::byte*>(output.bytes);
    file.assign(first, first + output.size);
  }
  std::free(output.bytes);
  if (!good) throw Error(Kind::data, std::string("JPEG: cannot be written: ") + failure.message);
  return file;
}

}  // namespace looktwice::imaging
