// JPEG through libjpeg-turbo with its default (accurate) transform and upsampling, driven as Pillow
// drives it: all bytes are there at once and the end of the file is an error. EXIF is noted, not
// applied.

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>

#include <jpeglib.h>

#include "adapters/imaging/raster.h"

namespace looktwice::imaging {
namespace {

enum Marker : unsigned {
  kStartOfScan = 0xda,
  kQuantization = 0xdb,
  kComment = 0xfe,
};

struct Frame {
  int width = 0, height = 0, bits = 0, components = 0;
  int orientation = 1;
  bool arithmetic = false;
};

bool is_frame(unsigned marker) {
  return (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) ||
         marker == 0xde;
}

bool has_segment(unsigned marker) {
  const bool stands_alone =
      marker == 0xc8 || (marker >= 0xd0 && marker <= 0xd9) || (marker >= 0xf0 && marker <= 0xfd);
  return !stands_alone;
}

void take_frame(Bytes segment, unsigned marker, Frame& frame) {
  if (segment.size() < 6) refuse("JPEG: the frame header is too short");
  frame.bits = segment[0];
  frame.height = static_cast<int>(be16(segment, 1));
  frame.width = static_cast<int>(be16(segment, 3));
  frame.components = segment[5];
  frame.arithmetic = marker >= 0xc9 && marker != 0xde;
  if (frame.bits != 8)
    refuse("JPEG: " + std::to_string(frame.bits) + " bits a sample; only 8 are read");
  if (frame.components != 1 && frame.components != 3 && frame.components != 4)
    refuse("JPEG: " + std::to_string(frame.components) + " components");
  if ((segment.size() - 6) % 3 != 0) refuse("JPEG: the frame header is cut off");
}

void check_quantization(Bytes segment) {
  while (!segment.empty()) {
    const std::size_t size = 1 + 64 * (segment[0] / 16 == 0 ? 1 : 2);
    if (segment.size() < size) refuse("JPEG: a quantization table is cut off");
    segment = segment.subspan(size);
  }
}

// The markers up to the first scan, as Pillow reads them when it opens a file.
Frame frame_of(Bytes file) {
  Frame frame;
  Bytes exif;
  for (std::size_t at = 2;;) {
    while (at < file.size() && file[at] != 0xff) ++at;  // junk between segments
    while (at < file.size() && file[at] == 0xff) ++at;
    if (at >= file.size()) refuse("JPEG: the file ends before the first scan");
    const unsigned marker = file[at++];
    if (marker == 0) continue;
    if (marker < 0xc0) refuse("JPEG: no marker where one must be");
    if (!has_segment(marker)) continue;
    const std::size_t length = be16(file, at);
    if (at + 2 > file.size()) refuse("JPEG: the file ends before the first scan");
    const Bytes segment = length > 2 ? part(file, at + 2, length - 2) : Bytes{};
    if (length > 2 && segment.size() < length - 2)
      refuse("JPEG: the file ends before the first scan");
    at += 2 + segment.size();

    if (is_frame(marker)) take_frame(segment, marker, frame);
    if (marker == kQuantization) check_quantization(segment);
    if (marker == 0xe1 && exif.empty() && segment.size() > 6 &&
        std::memcmp(segment.data(), "Exif\0\0", 6) == 0)
      exif = segment.subspan(6);
    if (marker == kStartOfScan) break;
  }
  if (frame.components == 0) refuse("JPEG: no frame header before the first scan");
  frame.orientation = exif_orientation(exif);
  return frame;
}

// The shortest code of a block of 8 x 8 is one bit, so a file that claims more blocks than it has
// bits is a bomb.
void check_plausible(const Frame& frame, std::size_t bytes) {
  constexpr std::int64_t kSmall = 1 << 24;
  const std::int64_t pixels = std::int64_t{frame.width} * frame.height;
  if (!frame.arithmetic && pixels > kSmall && pixels / 64 > 8 * static_cast<std::int64_t>(bytes))
    refuse("JPEG: the data end before the picture does");
}

struct Decoder {
  jpeg_decompress_struct jpeg = {};
  jpeg_error_mgr errors = {};
  jpeg_source_mgr source = {};
  jpeg_progress_mgr progress = {};
  std::jmp_buf on_error = {};
  char message[JMSG_LENGTH_MAX] = {};
  int max_scans = 0;
};

Decoder& decoder_of(j_common_ptr jpeg) {
  return *static_cast<Decoder*>(jpeg->client_data);
}

void on_error(j_common_ptr jpeg) {
  Decoder& decoder = decoder_of(jpeg);
  (*jpeg->err->format_message)(jpeg, decoder.message);
  std::longjmp(decoder.on_error, 1);
}

void no_output(j_common_ptr) {}
void no_message(j_common_ptr, int) {}
void no_source(j_decompress_ptr) {}
boolean no_more_input(j_decompress_ptr) {
  return FALSE;
}

void skip_input(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  const std::size_t skipped = std::min(static_cast<std::size_t>(count), jpeg->src->bytes_in_buffer);
  jpeg->src->next_input_byte += skipped;
  jpeg->src->bytes_in_buffer -= skipped;
}

// A thousand scans cost a thousand passes over the picture.
void on_progress(j_common_ptr jpeg) {
  Decoder& decoder = decoder_of(jpeg);
  if (decoder.jpeg.input_scan_number <= decoder.max_scans) return;
  std::snprintf(decoder.message, sizeof decoder.message, "more than %d scans", decoder.max_scans);
  std::longjmp(decoder.on_error, 1);
}

// Rows of 1, 3 or 4 samples into pixels[height][width][samples]; nullptr, or what went wrong. No
// object with a destructor may live here: libjpeg comes back by longjmp.
const char* read_rows(Decoder& decoder, Bytes file, int components, std::uint8_t* pixels,
                      std::size_t row_size, int height) {
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  jpeg.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = on_error;
  decoder.errors.output_message = no_output;
  decoder.errors.emit_message = no_message;
  jpeg.client_data = &decoder;
  if (setjmp(decoder.on_error) != 0) return decoder.message;

  jpeg_create_decompress(&jpeg);
  decoder.source.init_source = no_source;
  decoder.source.fill_input_buffer = no_more_input;
  decoder.source.skip_input_data = skip_input;
  decoder.source.resync_to_restart = jpeg_resync_to_restart;
  decoder.source.term_source = no_source;
  decoder.source.next_input_byte = file.data();
  decoder.source.bytes_in_buffer = file.size();
  jpeg.src = &decoder.source;
  decoder.progress.progress_monitor = on_progress;
  jpeg.progress = &decoder.progress;

  int found = 0;
  do found = jpeg_read_header(&jpeg, FALSE);
  while (found == JPEG_HEADER_TABLES_ONLY);
  if (found == JPEG_SUSPENDED) return "the file is cut off";
  jpeg.out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  if (!jpeg_start_decompress(&jpeg)) return "the file is cut off";
  if (int(jpeg.output_height) != height ||
      std::size_t{jpeg.output_width} * std::size_t(components) != row_size)
    return "two frame headers that differ";
  for (int y = 0; y < height; ++y) {
    JSAMPROW row = pixels + row_size * std::size_t(y);
    if (jpeg_read_scanlines(&jpeg, &row, 1) != 1) return "the file is cut off";
  }
  // Reads on to the end mark. As in Pillow, a senseless marker on the way is an error, a missing
  // end mark is not.
  jpeg_finish_decompress(&jpeg);
  return nullptr;
}

}  // namespace

ImageInfo jpeg_info(Bytes file, const Limits& limits) {
  const Frame frame = frame_of(file);
  check_size(frame.width, frame.height, limits);
  return {.width = frame.width,
          .height = frame.height,
          .channels = frame.components,
          .bits = frame.bits,
          .format = "jpeg",
          .exif_orientation = frame.orientation};
}

Raster decode_jpeg(Bytes file, const Limits& limits) {
  const Frame frame = frame_of(file);
  check_size(frame.width, frame.height, limits);
  check_plausible(frame, file.size());
  const std::size_t row_size = std::size_t(frame.width) * std::size_t(frame.components);
  Raster raster = blank_raster(frame.width, frame.height, frame.components);
  Decoder decoder;
  decoder.max_scans = limits.max_jpeg_scans;
  const char* problem =
      read_rows(decoder, file, frame.components, raster.pixels.data(), row_size, frame.height);
  const std::string why = problem ? std::string("JPEG: ") + problem : "";
  jpeg_destroy_decompress(&decoder.jpeg);
  if (problem) refuse(why);
  if (frame.components == 4) {
    // Adobe's convention, which Pillow takes for granted: 255 means no ink.
    for (std::uint8_t& ink : raster.pixels) ink = static_cast<std::uint8_t>(255 - ink);
    // In place, from the front: three bytes are written where four were read.
    rgb_from_cmyk(raster.pixels.data(), raster.pixels.data(), frame.width * frame.height);
    raster.channels = 3;
    raster.pixels.resize(raster.pixels.size() / 4 * 3);
  }
  return raster;
}

}  // namespace looktwice::imaging
