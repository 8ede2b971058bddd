// Answers with what was recorded elsewhere, so that an existing model is scored without being
// rewritten. Not here: which formats (records.h, map_files.h) and how names are matched
// (name_index.h).
#include <algorithm>
#include <cstring>

#include "adapters/predictions/map_files.h"
#include "adapters/predictions/records.h"
#include "harness/core/adapter.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path path = {};
  fs::path answers = {};
  fs::path maps = {};
  std::string id = {}, score = {}, text = {}, question = {}, turn = {};
  std::string map_score = "none";

  void visit(auto&& option) {
    option("path", path,
           "scores or answers: .csv, .tsv, .json, .jsonl, or the folder of another run");
    option("answers", answers, "a second such file, for texts, when `path` holds scores");
    option("maps", maps,
           "folder of .npy, .npz, .tiff, .png maps named as the samples, or one .npz");
    option("id", id, "column that names the sample; empty: the usual names are tried");
    option("score", score, "column of the anomaly score, larger = more anomalous; empty: guessed");
    option("text", text, "column of the answer; empty: guessed");
    option("question", question,
           "column of the question, where a sample has several; empty: guessed");
    option("turn", turn,
           "column of the question's number, from 0, where a sample has several; empty: guessed");
    option("map_score", map_score,
           "none, max or mean: the score made of the map where no score is recorded");
  }
};

class Predictions final : public Adapter {
 public:
  Predictions(const Options& options, Setting setting)
      : options_(options), setting_(std::move(setting)) {
    if (options.path.empty() && options.maps.empty())
      throw Error(Kind::usage, "model predictions: path= or maps= is missing: what was recorded?");
    if (options.map_score != "none" && options.map_score != "max" && options.map_score != "mean")
      throw Error(Kind::usage,
                  "map_score=" + printable(options.map_score) + ": expected none, max or mean");
    if (options.map_score != "none" && options.maps.empty())
      throw Error(Kind::usage, "map_score=" + options.map_score + " needs maps=");
    const RecordColumns columns{options.id, options.score, options.text, options.question,
                                options.turn};
    if (!options.path.empty()) scores_.emplace(options.path, columns);
    // Column names are for `path`; those of a second file are guessed.
    if (!options.answers.empty()) answers_.emplace(options.answers, RecordColumns{});
    if (!options.maps.empty()) maps_.emplace(options.maps);
    for (const std::string& sample : setting_.samples) {
      if (scores_) scores_->expect(sample);
      if (answers_) answers_->expect(sample);
      if (maps_) maps_->expect(sample);
    }
  }

  // Maps may be large: one at a time.
  void serve(Inbox& inbox, Outbox& outbox) override { serve_in_batches(*this, 1, inbox, outbox); }

  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::vector<Prediction> replies;
    for (const Request& request : batch) replies.push_back(reply_to(request));
    return replies;
  }

  std::map<std::string, std::string> facts() const override {
    std::map<std::string, std::string> all;
    if (scores_) all = scores_->facts();
    if (answers_)
      for (const auto& [name, value] : answers_->facts()) all[name + "_of_answers"] = value;
    if (maps_) all.merge(maps_->facts());
    return all;
  }

 private:
  Prediction reply_to(const Request& request) {
    const std::string sample = setting_.sample_of(request.key);
    Prediction reply{.key = request.key};
    bool said = false;
    if (scores_ && !take(*scores_, request, sample, reply, said)) return reply;
    if (answers_ && !take(*answers_, request, sample, reply, said)) return reply;
    if (maps_ && (request.question.wanted.map || options_.map_score != "none")) {
      reply.map = maps_->find(sample);
      if (!reply.map)
        return failed(request, "no map for '" + printable(sample) + "' under " + maps_->source());
      if (!reply.score && options_.map_score != "none") reply.score = score_of(*reply.map);
    }
    if (!reply.score && !said && !reply.map)
      return failed(request, "nothing is recorded for '" + printable(sample) + "'");
    return reply;
  }

  // What one file knows of the request goes into the reply; said: it holds a text. false: the reply
  // is complete, since it failed or was refused.
  bool take(Records& records, const Request& request, const std::string& sample, Prediction& reply,
            bool& said) {
    const Record* record = records.find(request.key, sample, static_cast<std::size_t>(request.turn),
                                        request.question.text);
    if (!record) {
      reply = failed(request, "no record for '" + printable(sample) + "' in " + records.file());
      return false;
    }
    if (!record->flaw.empty()) {
      reply = failed(request, record->flaw + " ('" + printable(sample) + "')");
      return false;
    }
    if (record->status != Status::answered) {
      reply = {.key = request.key, .status = record->status, .error = record->error};
      return false;
    }
    if (record->score) reply.score = record->score;
    if (!record->text.empty()) reply.text = record->text;
    said = said || record->has_text || !record->text.empty();
    if (request.question.wanted.map && !maps_ && !record->map.file.empty())
      reply.map = map_of_run(records.run_folder(), record->map);
    return true;
  }

  static AnomalyMap map_of_run(const fs::path& folder, const StoredMap& stored) {
    // A journal may come from anywhere: nothing but maps/NAME is opened, and no link is followed
    // out of it.
    const fs::path name = fs::path(stored.file).filename();
    const fs::path file = folder / "maps" / name;
    if (stored.file != "maps/" + name.string() || name == ".." || fs::is_symlink(file))
      throw Error(Kind::data, "the record names the map '" + printable(stored.file) +
                                  "', expected maps/NAME.npy");
    const std::vector<std::byte> bytes = file_bytes(file);
    if (crc32c({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) != stored.crc)
      throw Error(Kind::data,
                  printable(file.string()) + ": not the map that was recorded (checksum)");
    return anomaly_map(npy_array(bytes));
  }

  double score_of(const AnomalyMap& map) const {
    if (options_.map_score == "max") return *std::ranges::max_element(map.values);
    double sum = 0;
    for (const float value : map.values) sum += static_cast<double>(value);
    return sum / static_cast<double>(map.values.size());
  }

  static Prediction failed(const Request& request, std::string why) {
    return {.key = request.key, .status = Status::failed, .error = std::move(why)};
  }

  const Options options_;
  const Setting setting_;
  std::optional<Records> scores_, answers_;
  std::optional<MapFiles> maps_;
};

}  // namespace

AdapterEntry predictions_adapter() {
  AdapterEntry made =
      entry<Predictions, Options>("predictions", "scores, answers and maps recorded elsewhere");
  made.recorded = true;
  return made;
}

}  // namespace looktwice::adapters
