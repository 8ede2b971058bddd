// PNG: the chunk walk of png_chunks.h, then zlib data, row filters and samples.
// Not libpng: it refuses files that Pillow takes (wrong checksum in the data) and takes files that
// Pillow refuses, while the protocols are defined by Pillow, whose PNG reader is such a walk over
// zlib too.

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>

#include "adapters/imaging/png_chunks.h"
#include "adapters/imaging/png_filter.h"
#include "adapters/imaging/raster.h"

namespace looktwice::imaging {
namespace {

// One of the seven interlace passes, or the whole picture.
struct Pass {
  int first_column = 0, first_row = 0, column_step = 1, row_step = 1;
};
constexpr Pass kWhole = {};
constexpr Pass kAdam7[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                           {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

int count(int size, int first, int step) {
  return size > first ? (size - first + step - 1) / step : 0;
}

std::size_t row_bytes(const PngHeader& header, int columns) {
  return (std::size_t(columns) * std::size_t(header.samples() * header.bits) + 7) / 8;
}

std::size_t pixel_bytes(const PngHeader& header) {
  return std::size_t(std::max(1, header.samples() * header.bits / 8));
}

bool is_wide_grey(const PngHeader& header) {
  return header.bits == 16 && (header.colour == 0 || header.colour == 4);
}

int channels_of(const PngHeader& header, Use use) {
  if (use == Use::values && is_wide_grey(header)) return 2;
  return header.colour == 2 || header.colour == 6 ? 3 : 1;
}

std::uint8_t narrow(const std::uint8_t* sample, bool saturate) {
  return saturate && sample[0] != 0 ? std::uint8_t{255} : sample[saturate ? 1 : 0];
}

// Samples of one unfiltered row of a pass into the picture.
void store_row(const PngHeader& header, Use use, const std::uint8_t* row, const Pass& pass,
               int columns, int y, Raster& raster) {
  const int channels = raster.channels;
  std::uint8_t* out =
      &raster.pixels[(std::size_t(y) * std::size_t(raster.width) + std::size_t(pass.first_column)) *
                     std::size_t(channels)];
  const int step = pass.column_step * channels;
  if (header.bits < 8) {
    const unsigned mask = (1u << header.bits) - 1;
    const unsigned scale =
        header.colour == 0 ? 255 / mask : 1;  // grey is stretched, an index is not
    for (int x = 0; x < columns; ++x, out += step) {
      const int bit = x * header.bits;
      *out = static_cast<std::uint8_t>(
          (unsigned{row[bit / 8]} >> (8 - header.bits - bit % 8) & mask) * scale);
    }
    return;
  }
  const int samples = header.samples();
  if (header.bits == 8) {
    if (samples == channels && pass.column_step == 1) {
      std::copy_n(row, columns * channels, out);
      return;
    }
    for (int x = 0; x < columns; ++x, row += samples, out += step)
      for (int c = 0; c < channels; ++c) out[c] = row[c];
    return;
  }
  if (use == Use::values && is_wide_grey(header)) {
    for (int x = 0; x < columns; ++x, row += 2 * samples, out += step)
      out[0] = row[0], out[1] = row[1];
    return;
  }
  const bool saturate = header.colour == 0 || use == Use::mask;
  for (int x = 0; x < columns; ++x, row += 2 * samples, out += step)
    for (int c = 0; c < channels; ++c) out[c] = narrow(row + 2 * c, saturate);
}

[[noreturn]] void refuse_filter() {
  refuse("PNG: a row has an unknown filter");
}

// Kept from picture to picture: fresh pages cost as much as unpacking into them. On a shelf for all
// threads, not thread_local: where memory is short, glibc ends the process when it cannot note down
// the destructor of a thread's variable.
struct Scratch {
  std::vector<std::uint8_t> rows = {}, joined = {};
  std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> inflater = {
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor};
};

class BorrowedScratch {
 public:
  BorrowedScratch() {
    Shelf& kept = shelf();
    const std::scoped_lock lock(kept.mutex);
    if (kept.idle.empty()) {
      kept.idle.reserve(++kept.made);  // so that giving back needs no memory
      scratch_ = std::make_unique<Scratch>();
    } else {
      scratch_ = std::move(kept.idle.back());
      kept.idle.pop_back();
    }
  }
  ~BorrowedScratch() {
    Shelf& kept = shelf();
    const std::scoped_lock lock(kept.mutex);
    kept.idle.push_back(std::move(scratch_));
  }
  BorrowedScratch(const BorrowedScratch&) = delete;
  BorrowedScratch& operator=(const BorrowedScratch&) = delete;
  Scratch* operator->() { return scratch_.get(); }

 private:
  struct Shelf {
    std::mutex mutex;
    std::vector<std::unique_ptr<Scratch>> idle = {};
    std::size_t made = 0;
  };
  static Shelf& shelf() {
    static Shelf kept;
    return kept;
  }

  std::unique_ptr<Scratch> scratch_ = {};
};

// The whole stream at once, where it is whole, of the right length and small enough to hold twice.
// Otherwise nothing, and the slow way decides. Gives the index of the last data chunk that was
// needed.
std::optional<std::size_t> decode_at_once(const PngChunks& chunks, Use use, Raster& raster) {
  constexpr std::size_t kMost = std::size_t{96} << 20, kMostKept = std::size_t{8} << 20;
  const PngHeader& header = chunks.header;
  const std::size_t size = row_bytes(header, raster.width);
  if (header.interlaced || (size + 1) > kMost / std::size_t(raster.height)) return {};

  BorrowedScratch kept;
  std::vector<std::uint8_t> large_rows, large_joined;
  const std::size_t total = (size + 1) * std::size_t(raster.height);
  std::vector<std::uint8_t>& rows = total <= kMostKept ? kept->rows : large_rows;
  std::vector<std::uint8_t>& joined = total <= kMostKept ? kept->joined : large_joined;
  if (rows.size() < total) rows.resize(total);
  Bytes packed = chunks.data.front();
  if (chunks.data.size() > 1) {
    joined.clear();
    for (const Bytes piece : chunks.data) {
      if (joined.size() + piece.size() > 2 * total + kMostKept)
        return {};  // far more than the picture needs
      joined.insert(joined.end(), piece.begin(), piece.end());
    }
    packed = joined;
  }
  std::size_t used = 0;
  if (!kept->inflater ||
      libdeflate_zlib_decompress_ex(kept->inflater.get(), packed.data(), packed.size(), rows.data(),
                                    total, &used, nullptr) != LIBDEFLATE_SUCCESS)
    return {};

  const bool direct = header.bits == 8 && header.samples() == raster.channels;
  const std::unique_ptr<std::uint8_t[]> wide(
      direct ? nullptr : new std::uint8_t[size * std::size_t(raster.height)]);
  std::uint8_t* out = direct ? raster.pixels.data() : wide.get();
  if (!unfilter_rows(rows.data(), raster.height, size, pixel_bytes(header), out)) refuse_filter();
  for (int y = 0; y < raster.height && !direct; ++y)
    store_row(header, use, out + size * std::size_t(y), kWhole, raster.width, y, raster);
  std::size_t last = 0;
  for (std::size_t seen = chunks.data[0].size(); seen < used; seen += chunks.data[++last].size()) {
  }
  return last;
}

// Row by row, for interlaced, very large and damaged pictures; the rules of what is still accepted
// are Pillow's: rows must all come, whatever follows them is not looked at; a stream that ends with
// a whole row leaves the rest black.
class RowReader {
 public:
  RowReader(const PngHeader& header, Use use, Raster& raster)
      : header_(header), use_(use), raster_(raster) {
    if (inflateInit(&stream_) != Z_OK) refuse("out of memory");
    row_.resize(row_bytes(header, raster.width) + 1);
    above_.resize(row_.size());
    begin_pass(0);
  }
  ~RowReader() { inflateEnd(&stream_); }
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  // True when the picture is complete.
  bool feed(Bytes packed) {
    stream_.next_in = const_cast<Bytef*>(packed.data());
    stream_.avail_in = static_cast<uInt>(packed.size());
    while (stream_.avail_in > 0) {
      const std::size_t size = row_bytes(header_, columns_) + 1;
      stream_.next_out = row_.data() + filled_;
      stream_.avail_out = static_cast<uInt>(size - filled_);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status < 0 || status == Z_NEED_DICT) refuse("PNG: the packed image data are damaged");
      filled_ = size - stream_.avail_out;
      if (filled_ < size) return false;
      filled_ = 0;
      take_row(size - 1);
      if (done_ || status == Z_STREAM_END) return true;
    }
    return false;
  }

 private:
  const Pass& pass() const { return header_.interlaced ? kAdam7[pass_] : kWhole; }

  // The first pass at or after `pass` that has any pixels.
  void begin_pass(int number) {
    for (pass_ = number; pass_ < (header_.interlaced ? 7 : 1); ++pass_) {
      columns_ = count(raster_.width, pass().first_column, pass().column_step);
      y_ = pass().first_row;
      if (columns_ > 0 && y_ < raster_.height) {
        std::fill(above_.begin(), above_.end(), std::uint8_t{0});
        return;
      }
    }
    done_ = true;
  }

  void take_row(std::size_t size) {
    std::uint8_t* row = row_.data() + 1;
    if (!unfilter(row_[0], row, above_.data() + 1, row, size, pixel_bytes(header_)))
      refuse_filter();
    store_row(header_, use_, row, pass(), columns_, y_, raster_);
    std::swap(row_, above_);
    y_ += pass().row_step;
    if (y_ >= raster_.height) begin_pass(pass_ + 1);
  }

  const PngHeader& header_;
  const Use use_;
  Raster& raster_;
  z_stream stream_ = {};
  std::vector<std::uint8_t> row_ = {}, above_ = {};
  std::size_t filled_ = 0;
  int pass_ = 0, columns_ = 0, y_ = 0;
  bool done_ = false;
};

// A picture that its data cannot fill is refused before its memory is taken. Deflate packs 1,032 to
// 1 at most.
void check_plausible(const PngChunks& chunks) {
  std::uint64_t packed = 0;
  for (const Bytes piece : chunks.data) packed += piece.size();
  const std::uint64_t needed = (std::uint64_t{chunks.header.width} *
                                std::uint64_t(chunks.header.samples() * chunks.header.bits) / 8) *
                               chunks.header.height;
  constexpr std::uint64_t kSmall = std::uint64_t{16} << 20;
  if (needed > kSmall && needed > packed * 1032)
    refuse("PNG: the data end before the picture does");
}

}  // namespace

ImageInfo png_info(Bytes file, const Limits& limits) {
  const PngHeader header = png_chunks(file).header;
  check_size(header.width, header.height, limits);
  return {.width = static_cast<int>(header.width),
          .height = static_cast<int>(header.height),
          .channels = header.samples(),
          .bits = header.bits,
          .format = "png",
          .exif_orientation = header.orientation};
}

Raster decode_png(Bytes file, const Limits& limits, Use use) {
  const PngChunks chunks = png_chunks(file);
  const PngHeader& header = chunks.header;
  check_size(header.width, header.height, limits);
  check_plausible(chunks);
  Raster raster = blank_raster(static_cast<int>(header.width), static_cast<int>(header.height),
                               channels_of(header, use));
  raster.indexed = header.colour == 3;
  std::copy_n(header.palette.begin(), header.palette.size() / 3 * 3, raster.palette.begin());

  std::optional<std::size_t> last = decode_at_once(chunks, use, raster);
  if (!last) {
    std::fill(raster.pixels.begin(), raster.pixels.end(), std::uint8_t{0});
    RowReader rows(header, use, raster);
    for (std::size_t i = 0; i < chunks.data.size() && !last; ++i)
      if (rows.feed(chunks.data[i])) last = i;
    if (!last) refuse("PNG: the data end before the picture does");
  }
  check_png_tail(file, *last);
  return raster;
}

}  // namespace looktwice::imaging
