#include "adapters/imaging/tiff_file.h"

#include <cstring>
#include <mutex>

#include "adapters/imaging/raster.h"

namespace looktwice::imaging {
namespace {

tmsize_t read_source(thandle_t handle, void* to, tmsize_t size) {
  TiffSource& source = *static_cast<TiffSource*>(handle);
  if (size <= 0) return 0;
  const Bytes found = part(source.file, source.at, static_cast<std::size_t>(size));
  if (!found.empty()) std::memcpy(to, found.data(), found.size());
  source.at += found.size();
  return static_cast<tmsize_t>(found.size());
}

tmsize_t write_source(thandle_t, void*, tmsize_t) {
  return 0;
}

toff_t seek_source(thandle_t handle, toff_t offset, int whence) {
  TiffSource& source = *static_cast<TiffSource*>(handle);
  source.at = whence == SEEK_SET   ? offset
              : whence == SEEK_CUR ? source.at + offset
                                   : source.file.size() + offset;
  return source.at;
}

int close_source(thandle_t) {
  return 0;
}
toff_t source_size(thandle_t handle) {
  return static_cast<TiffSource*>(handle)->file.size();
}

int map_source(thandle_t handle, void** base, toff_t* size) {
  TiffSource& source = *static_cast<TiffSource*>(handle);
  *base = const_cast<std::uint8_t*>(source.file.data());
  *size = source.file.size();
  return 1;
}

void unmap_source(thandle_t, void*, toff_t) {}

}  // namespace

Tiff open_tiff(TiffSource& source) {
  static std::once_flag quiet;
  std::call_once(quiet, [] {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
  });
  Tiff tiff(TIFFClientOpen("picture", "rC", &source, read_source, write_source, seek_source,
                           close_source, source_size, map_source, unmap_source),
            TIFFClose);
  if (!tiff) refuse("TIFF: the header or its first directory is damaged");
  return tiff;
}

}  // namespace looktwice::imaging
