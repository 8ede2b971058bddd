#include "metrics/pixel/joint_threshold.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <utility>

#include "metrics/pixel/ordered_bits.h"
#include "metrics/stats/sum.h"

namespace looktwice::metrics {
namespace {

constexpr int kSteps = 1000;                    // of the grid
constexpr std::size_t kLeading = 1 << 16;       // ranges of the first pass of an exact search
constexpr int kFineBits = 16, kCoarseBits = 8;  // leading bits of these; with little memory
constexpr std::size_t kChildren = 256;          // into which a later pass divides a range
constexpr std::size_t kNodeBytes = 64 << 20;    // of counters in a later pass, per thread

[[noreturn]] void refuse(std::string_view id, const std::string& why) {
  throw std::invalid_argument(std::string(id) + ": " + why);
}

std::uint64_t at_least(const std::vector<std::uint32_t>& ascending, std::uint64_t key) {
  return static_cast<std::uint64_t>(
      ascending.end() - std::lower_bound(ascending.begin(), ascending.end(), key,
                                         [](std::uint32_t a, std::uint64_t b) { return a < b; }));
}

Confusion confusion(std::uint64_t tp, std::uint64_t fp, std::uint64_t positives,
                    std::uint64_t negatives) {
  const auto whole = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  return {whole(tp), whole(fp), whole(positives - tp), whole(negatives - fp)};
}

}  // namespace

struct JointThreshold::Tally {
  std::vector<std::array<std::uint64_t, 2>> called = {};  // pixels, per category
  explicit Tally(std::size_t categories) : called(categories) {}
};

struct JointThreshold::Search {
  // Of all categories, ascending by name.
  std::vector<std::string> names = {};
  std::vector<std::array<std::uint64_t, 2>> pixels = {};
  std::vector<std::array<std::vector<std::uint32_t>, 2>> maxima = {};  // ascending

  // Grid: thresholds[k] is candidate k, floats[k] the smallest float that is not below it.
  std::vector<double> thresholds = {};
  std::vector<float> floats = {};
  double per_score = 0;  // candidates per unit of score

  // Exact: a range of scores that share their `bits` leading key bits.
  struct Node {
    std::uint32_t first = 0;  // its lowest key
    int bits = 16;
    double bound = 0;  // no threshold in the range can reach more
    Tally above = Tally(0);
  };
  std::vector<Node> open = {};     // may hold the best
  std::vector<Node> counted = {};  // of these, the ones whose parts are being counted; slot = index
  std::vector<int> shifts = {};    // by slot: where the 8 bits that tell its parts begin
  // By the 16 leading bits: a slot, kNone, or kDeeper - index into `deeper`, which holds a slot or
  // kNone by the next 8 bits.
  static constexpr std::int32_t kNone = -1, kDeeper = -2;
  std::vector<std::int32_t> slots = {};
  std::vector<std::array<std::int32_t, kChildren>> deeper = {};
  double reached = -1;  // some threshold reaches this
  double best = -1;     // the largest among single scores so far
  std::uint32_t best_key = 0;
  Tally best_called = Tally(0);

  enum class Goal { both, pixels, pictures };
  bool pooled = false;
  Goal goal = Goal::both;

  // The mean over categories, or of all together, of the F1 of either pixels or pictures.
  template <class ConfusionOf>
  std::optional<double> mean_f1(ConfusionOf&& confusion_of) const {
    Confusion all;
    Sum sum;
    int count = 0;
    for (std::size_t c = 0; c < names.size(); ++c) {
      const Confusion own = confusion_of(c);
      all += own;
      // Whether F1 is defined depends on the truth as soon as anything is called; a category
      // without anomalies has no say.
      if (own.positives() == 0) continue;
      sum += *own.f1();
      ++count;
    }
    if (pooled) return all.positives() == 0 ? std::nullopt : all.f1();
    if (count == 0) return {};
    return sum.value() / count;
  }
  // tp and fp: keys from which pictures are called; the same but for bounds.
  std::optional<double> pictures_f1(std::uint64_t tp_from, std::uint64_t fp_from) const {
    return mean_f1([&](std::size_t c) {
      return confusion(at_least(maxima[c][1], tp_from), at_least(maxima[c][0], fp_from),
                       maxima[c][1].size(), maxima[c][0].size());
    });
  }
  std::optional<double> pixels_f1(const Tally& tp, const Tally& fp) const {
    return mean_f1([&](std::size_t c) {
      return confusion(tp.called[c][1], fp.called[c][0], pixels[c][1], pixels[c][0]);
    });
  }
  double value(std::optional<double> a, std::optional<double> b) const {
    if (goal == Goal::pixels) return a.value_or(0);
    if (goal == Goal::pictures) return b.value_or(0);
    const double x = a.value_or(0), y = b.value_or(0);
    return x + y > 0 ? 2 * x * y / (x + y) : 0;
  }
  double value_from(std::uint32_t key, const Tally& called) const {
    return value(pixels_f1(called, called), pictures_f1(key, key));
  }
  void look_at(Node node, const Tally& called, std::uint32_t last);
};

JointThreshold::JointThreshold(const JointOptions& options)
    : options_(options), search_(std::make_shared<Search>()) {
  search_->pooled = options.pooled;
  search_->goal =
      options.search == ThresholdSearch::separate ? Search::Goal::pixels : Search::Goal::both;
}
JointThreshold::JointThreshold(JointThreshold&&) noexcept = default;
JointThreshold& JointThreshold::operator=(JointThreshold&&) noexcept = default;
JointThreshold::~JointThreshold() = default;

void JointThreshold::begin_pass(int pass) {
  pass_ = pass;
  ended_ = false;
  pictures_now_ = pixels_now_ = 0;
}

JointThreshold::Category& JointThreshold::category_named(std::string_view name) {
  auto found = categories_.find(name);
  if (found == categories_.end()) found = categories_.try_emplace(std::string(name)).first;
  return found->second;
}

void JointThreshold::add(std::string_view id, std::string_view category, bool anomalous,
                         std::span<const float> map, std::span<const std::uint8_t> mask) {
  if (pass_ < 0 || ended_) throw std::logic_error("begin_pass first");
  if (map.empty()) refuse(id, "a map without a score");
  if (!mask.empty() && mask.size() != map.size()) refuse(id, "map and mask differ in size");
  Category& own = category_named(category);
  ++pictures_now_;
  pixels_now_ += static_cast<std::int64_t>(map.size());
  if (pass_ == 0) {
    float lowest = map[0], highest = map[0];
    for (const float score : map) {
      if (!is_finite(score)) refuse(id, "the map holds NaN or infinity");
      lowest = std::min(lowest, score);
      highest = std::max(highest, score);
    }
    lowest_ = std::min(lowest_.value_or(lowest), lowest);
    highest_ = std::max(highest_.value_or(highest), highest);
    own.maxima[anomalous].push_back(pixel_key(highest));
    const auto normal = mask.empty() ? static_cast<std::int64_t>(map.size())
                                     : static_cast<std::int64_t>(std::ranges::count(mask, 0));
    own.pixels[0] += static_cast<std::uint64_t>(normal);
    own.pixels[1] += map.size() - static_cast<std::size_t>(normal);
  }
  switch (options_.search) {
    case ThresholdSearch::given:
      return count_given(own, map, mask);
    case ThresholdSearch::grid:
      if (pass_ == 1) count_grid(own, map, mask);
      return;
    case ThresholdSearch::exact:
    case ThresholdSearch::separate:
      return pass_ == 0 ? count_leading(own, map, mask) : count_nodes(own, map, mask);
  }
}

void JointThreshold::count_given(Category& category, std::span<const float> map,
                                 std::span<const std::uint8_t> mask) const {
  for (auto& bins : category.bins) bins.resize(1);
  for (std::size_t i = 0; i < map.size(); ++i)
    category.bins[!mask.empty() && mask[i] != 0][0] +=
        static_cast<double>(map[i]) >= options_.threshold;
}

void JointThreshold::count_grid(Category& category, std::span<const float> map,
                                std::span<const std::uint8_t> mask) const {
  for (auto& bins : category.bins) bins.resize(kSteps + 1);
  const Search& search = *search_;
  for (std::size_t i = 0; i < map.size(); ++i) {
    const double place =
        (static_cast<double>(map[i]) - static_cast<double>(*lowest_)) * search.per_score;
    // At most one off by rounding, and then set right.
    auto k = static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(kSteps)));
    while (k < kSteps && map[i] >= search.floats[k + 1]) ++k;
    while (k > 0 && map[i] < search.floats[k]) --k;
    ++category.bins[!mask.empty() && mask[i] != 0][k];
  }
}

void JointThreshold::count_leading(Category& category, std::span<const float> map,
                                   std::span<const std::uint8_t> mask) const {
  const int bits = first_bits();
  for (auto& bins : category.bins) bins.resize(std::size_t{1} << bits);
  for (std::size_t i = 0; i < map.size(); ++i)
    ++category.bins[!mask.empty() && mask[i] != 0][pixel_key(map[i]) >> (32 - bits)];
}

// Every thread counts for itself, and then all go into one.
std::size_t JointThreshold::bytes_of_a_part() const {
  if (options_.memory <= 0) return kNodeBytes;
  return std::min(kNodeBytes, static_cast<std::size_t>(options_.memory / (options_.threads + 1)));
}

// How many categories there are is not known yet: 64 of them fit where all of kNodeBytes is there.
int JointThreshold::first_bits() const {
  return bytes_of_a_part() < kNodeBytes ? kCoarseBits : kFineBits;
}

void JointThreshold::count_nodes(Category& category, std::span<const float> map,
                                 std::span<const std::uint8_t> mask) const {
  const Search& search = *search_;
  for (auto& bins : category.bins) bins.resize(search.counted.size() * kChildren);
  for (std::size_t i = 0; i < map.size(); ++i) {
    const std::uint32_t key = pixel_key(map[i]);
    std::int32_t slot = search.slots[key >> 16];
    if (slot == Search::kNone) continue;
    if (slot <= Search::kDeeper) {
      slot = search.deeper[static_cast<std::size_t>(Search::kDeeper - slot)][key >> 8 & 255];
      if (slot == Search::kNone) continue;
    }
    const auto own = static_cast<std::size_t>(slot);
    const std::uint32_t child = key >> search.shifts[own] & 255;
    ++category.bins[!mask.empty() && mask[i] != 0][own * kChildren + child];
  }
}

JointThreshold JointThreshold::clone_empty() const {
  JointThreshold part(options_);
  part.search_ = search_;
  part.pass_ = pass_;
  part.lowest_ = pass_ == 0 ? std::nullopt : lowest_;
  part.highest_ = pass_ == 0 ? std::nullopt : highest_;
  return part;
}

void JointThreshold::merge(const JointThreshold& part) {
  if (part.pass_ != pass_) throw std::logic_error("the part belongs to another pass");
  pictures_now_ += part.pictures_now_;
  pixels_now_ += part.pixels_now_;
  if (part.lowest_) {
    lowest_ = std::min(lowest_.value_or(*part.lowest_), *part.lowest_);
    highest_ = std::max(highest_.value_or(*part.highest_), *part.highest_);
  }
  for (const auto& [name, from] : part.categories_) {
    Category& to = category_named(name);
    for (const int label : {0, 1}) {
      to.pixels[label] += from.pixels[label];
      to.maxima[label].insert(to.maxima[label].end(), from.maxima[label].begin(),
                              from.maxima[label].end());
      to.bins[label].resize(std::max(to.bins[label].size(), from.bins[label].size()));
      for (std::size_t i = 0; i < from.bins[label].size(); ++i)
        to.bins[label][i] += from.bins[label][i];
    }
  }
}

void JointThreshold::end_pass() {
  ended_ = true;
  if (pass_ == 0) {
    pictures_ = pictures_now_;
    pixels_ = pixels_now_;
    settle_first_pass();
    return;
  }
  // A run that is stopped: half the pixels would give a wrong threshold.
  whole_ = whole_ && pictures_now_ == pictures_ && pixels_now_ == pixels_;
  if (!whole_) {
    passes_ = pass_ + 1;
    return;
  }
  if (options_.search == ThresholdSearch::grid)
    choose_from_grid();
  else
    refine_nodes();
  for (auto& [name, category] : categories_)
    for (auto& bins : category.bins) bins.clear();
}

void JointThreshold::settle_first_pass() {
  Search& search = *search_;
  std::uint64_t anomalous_pixels = 0, anomalous_pictures = 0;
  for (auto& [name, category] : categories_) {
    search.names.push_back(name);
    search.pixels.push_back(category.pixels);
    for (auto& maxima : category.maxima) std::ranges::sort(maxima);
    search.maxima.push_back(category.maxima);
    anomalous_pixels += category.pixels[1];
    anomalous_pictures += category.maxima[1].size();
  }
  if (pictures_ == 0)
    why_not_ = "no anomaly map with a mask";
  else if (options_.search != ThresholdSearch::given && anomalous_pixels == 0)
    why_not_ = "no anomalous pixel";
  else if (options_.search != ThresholdSearch::given && anomalous_pictures == 0)
    why_not_ = "no anomalous picture";
  if (!why_not_.empty()) return;
  if (options_.search == ThresholdSearch::given) {
    Tally called(search.names.size());
    std::size_t c = 0;
    for (const auto& [name, category] : categories_) {
      for (const std::size_t label : {0, 1}) called.called[c][label] = category.bins[label][0];
      ++c;
    }
    return finish(options_.threshold, options_.threshold, called);
  }
  if (options_.search == ThresholdSearch::grid) {
    const auto lowest = static_cast<double>(*lowest_), highest = static_cast<double>(*highest_);
    const double range = highest - lowest;
    search.per_score = range > 0 ? kSteps / range : 0;
    for (int k = 0; k <= kSteps; ++k) {
      const double threshold = k == kSteps ? highest : lowest + range * k / kSteps;
      search.thresholds.push_back(threshold);
      search.floats.push_back(smallest_float_from(threshold));
    }
    passes_ = 2;
  } else {
    bound_leading();
  }
  for (auto& [name, category] : categories_)
    for (auto& bins : category.bins) bins.clear();
}

void JointThreshold::choose_from_grid() {
  const Search& search = *search_;
  // A flat data set has one score, which every candidate calls anomalous: the lowest is taken.
  std::vector<Tally> called(kSteps + 1, Tally(search.names.size()));
  std::size_t c = 0;
  for (const auto& [name, category] : categories_) {
    for (const std::size_t label : {0, 1}) {
      std::uint64_t sum = 0;
      for (std::size_t k = kSteps + 1; k-- > 0;) {
        sum += category.bins[label][k];
        called[k].called[c][label] = sum;
      }
    }
    ++c;
  }
  std::size_t best = 0;
  double most = -1;
  for (std::size_t k = 0; k <= kSteps; ++k) {
    const double value = search.value_from(pixel_key(search.floats[k]), called[k]);
    if (value > most) {
      most = value;
      best = k;
    }
  }
  finish(search.thresholds[best], search.thresholds[best], called[best]);
}

// Takes in a range whose pixels and those above it are `called`; `last` is its highest key.
void JointThreshold::Search::look_at(Node node, const Tally& called, std::uint32_t last) {
  const double at_bottom = value_from(node.first, called);
  reached = std::max(reached, at_bottom);
  if (node.bits == 32) {
    if (at_bottom > best || (at_bottom == best && node.first < best_key)) {
      best = at_bottom;
      best_key = node.first;
      best_called = called;
    }
    return;
  }
  node.bound =
      value(pixels_f1(called, node.above), pictures_f1(node.first, std::uint64_t{last} + 1));
  // Rounding may put the bound a little below what is reached.
  if (node.bound >= reached * (1 - 1e-12)) open.push_back(std::move(node));
}

void JointThreshold::bound_leading() {
  Search& search = *search_;
  Tally above(search.names.size());
  const int bits = first_bits();
  for (std::size_t leading = std::size_t{1} << bits; leading-- > 0;) {
    Tally called = above;
    std::uint64_t own = 0;
    std::size_t c = 0;
    for (const auto& [name, category] : categories_) {
      for (const std::size_t label : {0, 1}) {
        const std::uint64_t here = category.bins[label][leading];
        called.called[c][label] += here;
        own += here;
      }
      ++c;
    }
    if (own == 0) continue;
    const auto first = static_cast<std::uint32_t>(leading << (32 - bits));
    search.look_at({.first = first, .bits = bits, .above = above}, called,
                   first | ((std::uint32_t{1} << (32 - bits)) - 1));
    above = std::move(called);
  }
  plan_next_pass();
}

void JointThreshold::refine_nodes() {
  Search& search = *search_;
  const std::vector<Search::Node> counted = std::move(search.counted);
  search.counted.clear();
  for (std::size_t slot = 0; slot < counted.size(); ++slot) {
    const Search::Node& node = counted[slot];
    const int shift = 32 - node.bits - 8;
    Tally above = node.above;
    for (std::size_t child = kChildren; child-- > 0;) {
      Tally called = above;
      std::uint64_t own = 0;
      std::size_t c = 0;
      for (const auto& [name, category] : categories_) {
        for (const std::size_t label : {0, 1}) {
          const std::uint64_t here = category.bins[label][slot * kChildren + child];
          called.called[c][label] += here;
          own += here;
        }
        ++c;
      }
      if (own == 0) continue;
      const std::uint32_t first = node.first | static_cast<std::uint32_t>(child) << shift;
      search.look_at({.first = first, .bits = node.bits + 8, .above = above}, called,
                     first | ((std::uint32_t{1} << shift) - 1));
      above = std::move(called);
    }
  }
  plan_next_pass();
}

void JointThreshold::plan_next_pass() {
  Search& search = *search_;
  std::erase_if(search.open, [&](const Search::Node& node) {
    return node.bound < search.reached * (1 - 1e-12);
  });
  if (search.open.empty()) {
    const float threshold = from_pixel_key(search.best_key);
    double of_pictures = static_cast<double>(threshold);
    if (options_.search == ThresholdSearch::separate) {
      double most = -1;
      search.goal = Search::Goal::pictures;
      std::vector<std::uint32_t> candidates;
      for (const auto& maxima : search.maxima)
        for (const auto& own : maxima) candidates.insert(candidates.end(), own.begin(), own.end());
      std::ranges::sort(candidates);
      for (const std::uint32_t key : candidates) {
        const double value = search.value({}, search.pictures_f1(key, key));
        if (value <= most) continue;
        most = value;
        of_pictures = static_cast<double>(from_pixel_key(key));
      }
    }
    const Tally called = search.best_called;
    return finish(static_cast<double>(threshold), of_pictures, called);
  }
  // The most promising first: what they reach may close the others.
  std::ranges::sort(search.open, [](const auto& a, const auto& b) {
    return a.bound != b.bound ? a.bound > b.bound : a.first < b.first;
  });
  const std::size_t most = std::max<std::size_t>(
      1, bytes_of_a_part() / (search.names.size() * 2 * kChildren * sizeof(std::uint64_t)));
  const std::size_t taken = std::min(most, search.open.size());
  search.counted.assign(
      std::make_move_iterator(search.open.begin()),
      std::make_move_iterator(search.open.begin() + static_cast<std::ptrdiff_t>(taken)));
  search.open.erase(search.open.begin(), search.open.begin() + static_cast<std::ptrdiff_t>(taken));
  search.slots.assign(kLeading, Search::kNone);
  search.deeper.clear();
  search.shifts.clear();
  for (std::size_t slot = 0; slot < search.counted.size(); ++slot) {
    const Search::Node& node = search.counted[slot];
    search.shifts.push_back(32 - node.bits - 8);
    const std::size_t leading = node.first >> 16;
    if (node.bits <= kFineBits) {
      std::fill_n(search.slots.begin() + static_cast<std::ptrdiff_t>(leading),
                  std::size_t{1} << (kFineBits - node.bits), static_cast<std::int32_t>(slot));
      continue;
    }
    std::int32_t& entry = search.slots[leading];
    if (entry == Search::kNone) {
      entry = Search::kDeeper - static_cast<std::int32_t>(search.deeper.size());
      search.deeper.emplace_back().fill(Search::kNone);
    }
    search.deeper[static_cast<std::size_t>(Search::kDeeper - entry)][node.first >> 8 & 255] =
        static_cast<std::int32_t>(slot);
  }
  passes_ = pass_ + 2;
}

void JointThreshold::finish(double pixel_threshold, double picture_threshold, const Tally& called) {
  const Search& search = *search_;
  JointResult result{.lowest = *lowest_,
                     .highest = *highest_,
                     .pixel_threshold = pixel_threshold,
                     .picture_threshold = picture_threshold};
  const auto from = [&](const std::vector<std::uint32_t>& maxima) {
    return static_cast<std::uint64_t>(std::ranges::count_if(maxima, [&](std::uint32_t key) {
      return static_cast<double>(from_pixel_key(key)) >= picture_threshold;
    }));
  };
  for (std::size_t c = 0; c < search.names.size(); ++c)
    result.categories[search.names[c]] = {
        .pixels = confusion(called.called[c][1], called.called[c][0], search.pixels[c][1],
                            search.pixels[c][0]),
        .pictures = confusion(from(search.maxima[c][1]), from(search.maxima[c][0]),
                              search.maxima[c][1].size(), search.maxima[c][0].size())};
  result_ = std::move(result);
  passes_ = pass_ + 1;
}

std::optional<JointResult> JointThreshold::result() const {
  if (!complete()) throw std::logic_error("not all passes showed all pixels of the first");
  return result_;
}

}  // namespace looktwice::metrics
