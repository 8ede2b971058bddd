#include "suites/mmad/mmad_verify.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "harness/core/hash.h"
#include "harness/core/text.h"

namespace looktwice::suites {
namespace {

using datasets::Finding;
using Level = Finding::Level;

constexpr std::size_t kColumns = 8;
constexpr std::array<const char*, kColumns> kColumnNames = {"normal",
                                                            "abnormal",
                                                            "Defect Classification",
                                                            "Defect Localization",
                                                            "Defect Description",
                                                            "Defect Analysis",
                                                            "Object Classification",
                                                            "Object Analysis"};
// published/mmad_question_counts.json.
constexpr std::int64_t kExpected[4][kColumns] = {
    {465, 1226, 1205, 1193, 1213, 1205, 464, 1367},
    {573, 992, 982, 982, 974, 954, 544, 1623},
    {943, 1198, 1190, 1197, 1190, 1163, 935, 2806},
    {1269, 1631, 1311, 1506, 1333, 1460, 1211, 3367},
};

class Verifier {
 public:
  explicit Verifier(const MmadSet& set) : set_(set) {}

  MmadVerification verified() {
    count();
    look_at_records();
    look_at_pictures();
    for (auto& [key, finding] : findings_) {
      std::ranges::sort(finding.where);
      if (finding.where.size() > datasets::kMostExamples)
        finding.where.resize(datasets::kMostExamples);
      result_.findings.push_back(std::move(finding));
    }
    return std::move(result_);
  }

 private:
  void add(Level level, const std::string& what, const std::string& where) {
    Finding& finding = findings_[{level, what}];
    finding.level = level;
    finding.what = what;
    ++finding.count;
    finding.where.push_back(printable(where, 1000));
  }

  void count() {
    std::int64_t found[4][kColumns] = {};
    for (const MmadImage& image : set_.images) {
      const auto source = std::ranges::find(kMmadSources, image.source) - kMmadSources.begin();
      if (source == 4 || image.copy > 0) continue;
      for (const MmadQuestion& question : image.questions) {
        ++result_.questions;
        if (question.subtask < 0) continue;
        const int column = question.subtask == 0 ? (image.normal ? 0 : 1) : question.subtask + 1;
        ++found[source][column];
      }
    }
    result_.images = static_cast<std::int64_t>(set_.images.size());
    result_.known_edition = result_.images == kMmadImages && result_.questions == kMmadQuestions;
    for (std::size_t source = 0; source < 4; ++source)
      for (std::size_t column = 0; column < kColumns; ++column) {
        result_.counts.push_back({kMmadSources[source], kColumnNames[column], found[source][column],
                                  kExpected[source][column]});
        result_.known_edition =
            result_.known_edition && found[source][column] == kExpected[source][column];
      }
  }

  void look_at_records() {
    for (const MmadImage& image : set_.images) {
      if (!image.flaw.empty())
        add(Level::error, "records that cannot be used", image.key + ": " + image.flaw);
      if (!image.template_flaw.empty())
        add(Level::warning, "records without usable templates",
            image.key + ": " + image.template_flaw);
      int detections = 0;
      for (const MmadQuestion& question : image.questions) {
        if (!question.flaw.empty())
          add(Level::error, "questions that cannot be asked", image.key + ": " + question.flaw);
        detections += question.subtask == 0;
      }
      if (detections > 1) add(Level::warning, "images with several detection questions", image.key);
      if (image.normal && !image.mask.empty())
        add(Level::warning, "normal images with a mask", image.key);
      if (!image.normal && image.mask.empty() && image.flaw.empty())
        add(Level::note, "anomalous images without a mask", image.key);
    }
    for (const std::string& note : set_.notes) add(Level::warning, note, "");
  }

  // Reads every picture once. One edition of the data has pictures of one category in the folder of
  // another (metal_nut), which equal files show.
  void look_at_pictures() {
    Sha256 sum;
    sum.add(sha256_of_file(set_.root / "mmad.json"));
    std::map<std::string, std::vector<const MmadImage*>> by_content;
    for (const MmadImage& image : set_.images) {
      if (image.image.empty()) continue;
      const std::string hash = sha256_of_file(set_.root / image.image);
      sum.add(hash);
      by_content[hash].push_back(&image);
    }
    result_.fingerprint = sum.hex();
    for (const auto& [hash, images] : by_content) {
      std::set<std::string> places;
      std::string names;
      for (const MmadImage* image : images) {
        places.insert(image->source + "/" + image->category);
        names += (names.empty() ? "" : " = ") + image->key;
      }
      if (places.size() > 1)
        add(Level::warning, "pictures that lie in several categories", names);
      else if (images.size() > 1)
        add(Level::note, "equal pictures under several names", names);
    }
  }

  const MmadSet& set_;
  MmadVerification result_;
  std::map<std::pair<Level, std::string>, Finding> findings_;
};

}  // namespace

bool MmadVerification::sound() const {
  return std::ranges::none_of(findings,
                              [](const Finding& finding) { return finding.level == Level::error; });
}

MmadVerification verify_mmad(const MmadSet& set) {
  return Verifier(set).verified();
}

}  // namespace looktwice::suites
