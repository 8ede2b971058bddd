// The page of a comparison, with pictures of the samples that only one of two runs gets right.
#include <algorithm>

#include "reports/compare.h"
#include "reports/html_template.h"
#include "reports/picture.h"

namespace looktwice::reports {
namespace {

Data object() {
  return Data(Data::type::object);
}

std::filesystem::path root_of(const RunView& run, const Outcome& outcome) {
  for (const store::TaskManifest& task : run.manifest.tasks) {
    const std::string full = task.task + (task.variant.empty() ? "" : ":" + task.variant);
    if (outcome.task == task.task || outcome.task == full) return task.root;
  }
  return {};
}

// The pictures of some flips: the sample once, and each run's map over it, every run on its own
// scale.
class Gallery {
 public:
  Gallery(const Comparison& comparison, const Comparison::Flips& flips,
          std::span<const RunView> runs, const ImageCodec& codec, const CompareHtmlOptions& options)
      : comparison_(comparison), flips_(flips), codec_(codec), options_(options) {
    for (const auto* list : {&flips.lost_samples, &flips.won_samples}) {
      std::vector<Pair>& pairs = list == &flips.lost_samples ? lost_ : won_;
      for (std::size_t i = 0; i < shown(*list); ++i) {
        const Comparison::Flip& flip = (*list)[i];
        pairs.push_back({picture(flip.first, runs[0]), picture(flip.second, runs[flips.other])});
        widen(scales_[0], pairs.back().first);
        widen(scales_[1], pairs.back().second);
      }
    }
  }

  void add_to(Data& galleries) const {
    add(galleries, flips_.lost_samples, lost_, flips_.lost, 0, flips_.other);
    add(galleries, flips_.won_samples, won_, flips_.won, flips_.other, 0);
  }

 private:
  struct Pair {
    SamplePicture first = {}, second = {};
  };
  struct Scale {
    bool any = false;
    float low = 0, high = 0;
  };

  std::size_t shown(const std::vector<Comparison::Flip>& list) const {
    return std::min(list.size(), static_cast<std::size_t>(std::max(0, options_.pictures)));
  }
  SamplePicture picture(const Outcome& outcome, const RunView& run) const {
    return sample_picture(outcome, root_of(run, outcome), run.folder, codec_, options_.side);
  }
  static void widen(Scale& scale, const SamplePicture& shown) {
    if (!shown.map) return;
    scale.low = scale.any ? std::min(scale.low, shown.low) : shown.low;
    scale.high = scale.any ? std::max(scale.high, shown.high) : shown.high;
    scale.any = true;
  }

  void add(Data& galleries, const std::vector<Comparison::Flip>& list,
           const std::vector<Pair>& pairs, std::int64_t all, std::size_t right,
           std::size_t wrong) const {
    if (pairs.empty()) return;
    Data gallery = object(), items(Data::type::list);
    for (std::size_t i = 0; i < pairs.size(); ++i) items.push_back(item(list[i], pairs[i]));
    const std::string &name = comparison_.runs[right].name, &other = comparison_.runs[wrong].name;
    gallery.set("gallery_title",
                text_data(flips_.task + ": right by " + name + ", wrong by " + other));
    gallery.set("explanation", text_data("The clearest " + std::to_string(pairs.size()) + " of " +
                                         std::to_string(all) + ". Rule: " + flips_.rule + "."));
    gallery.set("items", items);
    galleries.push_back(gallery);
  }

  void add_image(Data& pictures, const Image& image, const std::string& alt) const {
    Data entry = object();
    entry.set("url", data_url(codec_, image));
    entry.set("alt", text_data(alt));
    entry.set("pixels_wide", std::to_string(image.width));
    entry.set("pixels_high", std::to_string(image.height));
    pictures.push_back(entry);
  }

  Data item(const Comparison::Flip& flip, const Pair& pair) const {
    Data data = object(), pictures(Data::type::list), runs(Data::type::list);
    const SamplePicture& best = pair.first.picture ? pair.first : pair.second;
    if (best.picture) add_image(pictures, *best.picture, "Picture of " + flip.first.sample);
    const bool known = flip.first.anomalous.has_value();
    for (const bool first : {true, false}) {
      const SamplePicture& shown = first ? pair.first : pair.second;
      const Scale& scale = scales_[first ? 0 : 1];
      const std::string& name = comparison_.runs[first ? 0 : flips_.other].name;
      if (shown.picture && shown.map)
        add_image(pictures, overlaid(*shown.picture, *shown.map, scale.low, scale.high),
                  "The same under the anomaly map of " + name);
      Data run = object();
      const bool says = first ? flip.first_says : flip.second_says;
      const auto& score = first ? flip.first_score : flip.second_score;
      std::string text = known ? (says ? "anomalous" : "normal") : (says ? "right" : "wrong");
      if (score) text += ", score " + significant(*score);
      run.set("name", text_data(name));
      run.set("says", text_data(text));
      run.set("said", text_data(first ? flip.first.text : flip.second.text, 240));
      runs.push_back(run);
    }
    std::string truth = known ? (*flip.first.anomalous ? "anomalous" : "normal") : "no truth";
    if (known && *flip.first.anomalous && !flip.first.defect.empty())
      truth += ": " + flip.first.defect;
    data.set("sample", text_data(flip.first.sample));
    data.set("category", text_data(flip.first.category));
    data.set("truth", text_data(truth));
    data.set("pictures", pictures);
    data.set("problem", best.picture ? absent() : text_data(best.problem));
    data.set("runs", runs);
    return data;
  }

  const Comparison& comparison_;
  const Comparison::Flips& flips_;
  const ImageCodec& codec_;
  const CompareHtmlOptions& options_;
  std::vector<Pair> lost_, won_;
  Scale scales_[2];
};

}  // namespace

std::string html_comparison(const Comparison& comparison, std::span<const RunView> runs,
                            const ImageCodec& codec, const CompareHtmlOptions& options) {
  Page text = page_of(comparison);
  std::vector<std::string> states;
  for (const Comparison::Run& run : comparison.runs)
    if (!run.state.empty()) states.push_back(run.name + ": " + run.state);
  // The head's first paragraphs are these states; the page shows them as warnings instead.
  auto& head = text.sections.front().paragraphs;
  head.erase(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(states.size()));
  Data page = object(), sections(Data::type::list), galleries(Data::type::list);
  for (const Section& section : text.sections) sections.push_back(section_data(section));
  for (const Comparison::Flips& flips : comparison.flips)
    Gallery(comparison, flips, runs, codec, options).add_to(galleries);
  page.set("title", text_data(text.title));
  page.set("states", list_of(states));
  page.set("sections", sections);
  page.set("galleries", galleries);
  return filled("compare.html", page);
}

}  // namespace looktwice::reports
