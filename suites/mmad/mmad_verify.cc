#include "suites/mmad/mmad_verify.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "harness/core/hash.h"
#include "harness/core/text.h"
#include "suites/datasets/layout.h"

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

constexpr const char* kMoved = "pictures of ";
constexpr std::size_t kMostMoved = 200;

// "DS-MVTec/pill/image/good/000.png" -> "DS-MVTec/pill"
std::string place_of(const std::string& path) {
  const std::size_t first = path.find('/');
  const std::size_t second = first == path.npos ? first : path.find('/', first + 1);
  return path.substr(0, second);
}

class Verifier {
 public:
  explicit Verifier(const MmadSet& set) : set_(set) {}

  MmadVerification verified() {
    count();
    look_at_records();
    look_at_pictures();
    for (auto& [key, finding] : findings_) {
      std::ranges::sort(finding.where);
      // Of an edition's moved pictures (22 in one that is about) each is named.
      const bool moved = finding.what.starts_with(kMoved);
      const std::size_t most = moved ? kMostMoved : datasets::kMostExamples;
      if (finding.where.size() > most) finding.where.resize(most);
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

  // Reads every picture once. One edition of the data has 22 pictures of metal_nut in the folder of
  // another category: equal files show it, or, where they were moved and not copied, records whose
  // picture is missing beside pictures that no record names, and records with templates of another
  // category.
  void look_at_pictures() {
    Sha256 sum;
    sum.add(sha256_of_file(set_.root / "mmad.json"));
    std::map<std::string, std::vector<std::string>> by_content;
    std::set<std::string> named;
    for (const MmadImage& image : set_.images) {
      if (image.image.empty()) continue;
      const std::string hash = sha256_of_file(set_.root / image.image);
      sum.add(hash);
      if (named.insert(image.image).second) by_content[hash].push_back(image.image);
    }
    result_.fingerprint = sum.hex();
    const std::vector<std::string> strays = pictures_without_a_record(named);
    for (const std::string& stray : strays)
      by_content[sha256_of_file(set_.root / stray)].push_back(stray);
    std::set<std::string> found;  // strays whose own place is known
    for (const auto& [hash, files] : by_content) {
      std::set<std::string> places;
      std::string names;
      for (const std::string& file : files) {
        places.insert(place_of(file));
        names += (names.empty() ? "" : " = ") + file;
      }
      if (places.size() > 1)
        add_moved(files, named, names, found);
      else if (files.size() > 1)
        add(Level::note, "equal pictures under several names", names);
    }
    look_for_moved(strays, found);
  }

  // files: equal, in several categories. Where one has a record and another has none, the second
  // lies in a foreign folder.
  void add_moved(const std::vector<std::string>& files, const std::set<std::string>& named,
                 const std::string& names, std::set<std::string>& found) {
    bool told = false;
    for (const std::string& own : files)
      for (const std::string& foreign : files) {
        if (!named.contains(own) || named.contains(foreign) || place_of(own) == place_of(foreign))
          continue;
        add(Level::warning, kMoved + place_of(own) + " that lie under " + place_of(foreign),
            foreign + " = " + own);
        found.insert(foreign);
        told = true;
      }
    if (!told) add(Level::warning, "pictures that lie in several categories", names);
  }

  // Records without their picture, and pictures without a record elsewhere under the same name.
  void look_for_moved(const std::vector<std::string>& strays, const std::set<std::string>& found) {
    std::map<std::string, std::vector<std::string>> by_name;
    for (const std::string& stray : strays)
      if (!found.contains(stray)) by_name[stray.substr(stray.rfind('/') + 1)].push_back(stray);
    std::set<std::string> explained = found;
    for (const MmadImage& image : set_.images) {
      if (!image.image.empty() || image.source.empty()) continue;
      const auto same = by_name.find(image.key.substr(image.key.rfind('/') + 1));
      if (same == by_name.end()) continue;
      for (const std::string& stray : same->second) {
        if (place_of(stray) == place_of(image.key) || !stray.starts_with(image.source + "/"))
          continue;
        add(Level::warning, kMoved + place_of(image.key) + " that lie under " + place_of(stray),
            stray + " may be " + image.key);
        explained.insert(stray);
      }
    }
    for (const std::string& stray : strays)
      if (!explained.contains(stray)) add(Level::note, "pictures that no record names", stray);
    for (const MmadImage& image : set_.images)
      for (const std::string& other : image.random_templates) {
        const std::string place = place_of(other);
        const std::string category = place.substr(place.find('/') + 1);
        if (category == image.category) continue;
        add(Level::warning,
            kMoved + category + " that lie under " + image.source + "/" + image.category,
            image.key + ": its template is " + other);
        break;
      }
  }

  // Test pictures on the disk that mmad.json does not know.
  std::vector<std::string> pictures_without_a_record(const std::set<std::string>& named) const {
    namespace fs = std::filesystem;
    std::vector<std::string> strays;
    for (const char* source : kMmadSources) {
      const char* part = std::string(source) == "DS-MVTec" ? "image" : "test";
      std::error_code failed;
      for (const auto& category : fs::directory_iterator(set_.root / source, failed))
        for (auto at = fs::recursive_directory_iterator(category.path() / part, failed);
             at != fs::recursive_directory_iterator(); at.increment(failed)) {
          const std::string name = at->path().filename().string();
          if (!at->is_regular_file(failed) || !datasets::is_image_name(name) ||
              datasets::is_clutter_name(name))
            continue;
          std::string relative = at->path().lexically_relative(set_.root).generic_string();
          if (!named.contains(relative)) strays.push_back(std::move(relative));
        }
    }
    std::ranges::sort(strays);
    return strays;
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
