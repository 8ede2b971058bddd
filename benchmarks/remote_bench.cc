// Requests per second of the remote adapter, and the processor time they take:
// remote_bench URL REQUESTS CONNECTIONS [BYTES OF THE PICTURE] [CACHE FILE]. Prints one line of
// JSON.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "adapters/catalogue.h"
#include "adapters/imaging/codec.h"

namespace looktwice {
namespace {

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// Requests that differ in their text; pictures that differ in their name, so that each is coded.
class Many final : public Inbox, public Outbox {
 public:
  Many(std::int64_t count, std::filesystem::path picture, std::shared_ptr<const ImageCodec> codec)
      : count_(count), picture_(std::move(picture)), codec_(std::move(codec)) {}

  std::vector<Request> take(int most) override { return try_take(most); }
  std::vector<Request> try_take(int most) override {
    std::vector<Request> batch;
    for (; most > 0 && given_ < count_; --most, ++given_) {
      const std::string number = std::to_string(given_);
      Request request{.key = number, .category = "bench"};
      if (!picture_.empty()) request.image = Picture(number + ".png", {.path = picture_}, codec_);
      request.question.text = "Question " + number + ": is there a defect?";
      request.question.wanted.text = true;
      batch.push_back(std::move(request));
    }
    return batch;
  }
  bool over() const override { return answered + failed == count_; }
  void push(Prediction prediction) override {
    (prediction.status == Status::answered ? answered : failed) += 1;
    if (prediction.status != Status::answered) last_error = prediction.error;
  }

  std::int64_t answered = 0, failed = 0;
  std::string last_error;

 private:
  const std::int64_t count_;
  const std::filesystem::path picture_;
  const std::shared_ptr<const ImageCodec> codec_;
  std::int64_t given_ = 0;
};

// A PNG of about so many bytes: noise does not pack.
std::filesystem::path noise_picture(std::size_t bytes, const ImageCodec& codec) {
  Image image{.width = 256, .height = static_cast<int>(bytes / 768), .channels = 3};
  std::uint32_t state = 1;
  for (int i = 0; i < image.width * image.height * 3; ++i)
    image.pixels.push_back(
        static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24));
  const auto file = codec.encode_png(image);
  const auto path = std::filesystem::temp_directory_path() / "looktwice_remote_bench.png";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  return path;
}

int bench(const std::vector<std::string>& words) {
  const std::int64_t count = std::atoll(words[2].c_str());
  const std::size_t bytes = words.size() > 4 ? std::stoul(words[4]) : 0;
  const auto codec = imaging::make_codec();
  const std::filesystem::path picture = bytes > 0 ? noise_picture(bytes, *codec) : "";
  Setting setting;
  if (words.size() > 5) setting.cache = {.mode = AnswerCache::Mode::write, .file = words[5]};
  for (const AdapterEntry& entry : adapters::adapter_catalogue()) {
    if (entry.name != "openai") continue;
    const auto adapter = entry.make(
        {{"model", "mock"}, {"base_url", words[1]}, {"max_connections", words[3]}}, setting);
    Many warm(500, picture, codec);
    adapter->serve(warm, warm);
    Many many(count, picture, codec);
    const auto start = std::chrono::steady_clock::now();
    const double before = processor_seconds();
    adapter->serve(many, many);
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double processor = processor_seconds() - before;
    std::printf(
        "{\"answered\":%lld,\"failed\":%lld,\"seconds\":%.3f,\"per_second\":%.0f,"
        "\"processor_seconds\":%.3f,\"cores\":%.3f,\"per_core_second\":%.0f}\n",
        static_cast<long long>(many.answered), static_cast<long long>(many.failed), wall,
        static_cast<double>(count) / wall, processor, processor / wall,
        static_cast<double>(count) / processor);
    if (many.failed > 0) std::fprintf(stderr, "%s\n", many.last_error.c_str());
    return many.failed == 0 ? 0 : 1;
  }
  return 1;
}

}  // namespace
}  // namespace looktwice

int main(int count, char** words) {
  if (count < 4) {
    std::fprintf(stderr, "remote_bench URL REQUESTS CONNECTIONS [PICTURE BYTES] [CACHE FILE]\n");
    return 2;
  }
  return looktwice::bench({words, words + count});
}
