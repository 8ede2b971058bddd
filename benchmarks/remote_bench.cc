// Requests per second of the remote adapter, and the processor time they take:
// remote_bench URL REQUESTS CONNECTIONS [BYTES OF THE PICTURE] [FOLDER]. With a folder the whole
// harness answers: the journal in it, each paid answer synced to the disk, and the cache of
// answers; without one, the adapter alone. Prints one line of JSON.
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "adapters/catalogue.h"
#include "adapters/imaging/codec.h"
#include "harness/run/predict.h"

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
    if (prediction.status != Status::answered) last_error = prediction.error;
    (prediction.status == Status::answered ? answered : failed) += 1;
  }

  std::atomic<std::int64_t> answered = 0, failed = 0;
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

// One question about each of many samples, for the whole harness.
class OneQuestion final : public Suite {
 public:
  explicit OneQuestion(bool blind) : blind_(blind) {}
  Loaded load(const Loading&) const override { return {}; }
  std::optional<Question> ask(const Sample& sample, std::span<const Turn> turns) const override {
    if (!turns.empty()) return {};
    return Question{.text = "Sample " + sample.id + ": is there a defect?",
                    .blind = blind_,
                    .wanted = {.text = true}};
  }
  Outcome mark(const Sample&, std::span<const Prediction>) const override { return {}; }
  Plan plan() const override { return {}; }

 private:
  bool blind_;
};

run::Task many_samples(std::int64_t count, const std::filesystem::path& picture,
                       const std::filesystem::path& folder) {
  run::Task task{
      .name = "bench", .suite = std::make_unique<OneQuestion>(picture.empty()), .root = folder};
  for (std::int64_t i = 0; i < count; ++i) {
    Sample sample{.id = std::to_string(i), .category = "bench"};
    if (!picture.empty()) {
      // A name of its own for each, so that each is coded.
      sample.image.path = folder / (sample.id + ".png");
      std::filesystem::create_hard_link(picture, sample.image.path);
    }
    task.samples.push_back(std::move(sample));
  }
  task.samples_in_set = count;
  return task;
}

struct Count {
  std::int64_t answered = 0, failed = 0;
  std::string last_error = {};
};

int bench(const std::vector<std::string>& words) {
  const std::int64_t count = std::atoll(words[2].c_str());
  const std::size_t bytes = words.size() > 4 ? std::stoul(words[4]) : 0;
  const std::filesystem::path folder = words.size() > 5 ? words[5] : "";
  const auto codec = imaging::make_codec();
  const std::filesystem::path picture = bytes > 0 ? noise_picture(bytes, *codec) : "";
  Setting setting;
  if (!folder.empty())
    setting.cache = {.mode = AnswerCache::Mode::write, .file = folder / "answers.sqlite"};
  for (const AdapterEntry& entry : adapters::adapter_catalogue()) {
    if (entry.name != "openai") continue;
    const auto adapter = entry.make(
        {{"model", "mock"}, {"base_url", words[1]}, {"max_connections", words[3]}}, setting);
    Many warm(500, picture, codec);
    adapter->serve(warm, warm);
    std::optional<run::Task> task;
    if (!folder.empty()) {
      std::filesystem::create_directories(folder / "data");
      task = many_samples(count, picture, folder / "data");
    }
    Count found;
    const auto start = std::chrono::steady_clock::now();
    const double before = processor_seconds();
    if (task) {
      const store::RunFolder run_folder = store::RunFolder::locked(folder / "run");
      const run::PredictResult result =
          run::predict({&*task, 1}, *adapter, codec, run_folder, "0123456789abcdef", {});
      found = {.answered = result.progress.done - result.progress.failed,
               .failed = result.progress.failed};
    } else {
      Many many(count, picture, codec);
      adapter->serve(many, many);
      found = {many.answered, many.failed, many.last_error};
    }
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double processor = processor_seconds() - before;
    std::printf(
        "{\"answered\":%lld,\"failed\":%lld,\"seconds\":%.3f,\"per_second\":%.0f,"
        "\"processor_seconds\":%.3f,\"cores\":%.3f,\"per_core_second\":%.0f}\n",
        static_cast<long long>(found.answered), static_cast<long long>(found.failed), wall,
        static_cast<double>(count) / wall, processor, processor / wall,
        static_cast<double>(count) / processor);
    if (found.failed > 0) std::fprintf(stderr, "%s\n", found.last_error.c_str());
    return found.failed == 0 && found.answered == count ? 0 : 1;
  }
  return 1;
}

}  // namespace
}  // namespace looktwice

int main(int count, char** words) {
  if (count < 4) {
    std::fprintf(stderr, "remote_bench URL REQUESTS CONNECTIONS [PICTURE BYTES] [FOLDER]\n");
    return 2;
  }
  return looktwice::bench({words, words + count});
}
