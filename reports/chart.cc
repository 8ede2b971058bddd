#include "reports/chart.h"

#include <algorithm>
#include <cmath>

#include "reports/table.h"

namespace looktwice::reports {
namespace {

constexpr double kPixel = 0.25;  // of a chart's own units; what is closer cannot be told apart

std::string number(double value) {
  std::string text = fixed(value, 2);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string line_path(std::span<const Point> points) {
  std::string path;
  for (const Point& point : points)
    path += (path.empty() ? "M" : "L") + number(point.x) + " " + number(point.y);
  return path;
}

std::string segment(double x1, double y1, double x2, double y2) {
  const Point ends[] = {{x1, y1}, {x2, y2}};
  return line_path(ends);
}

// A plot with axes; x and y are given in the units of the data.
class Plot {
 public:
  Plot(int width, int height, double left, double bottom) : left_(left) {
    chart_.width = width;
    chart_.height = height;
    right_ = width - 12;
    top_ = 20;
    bottom_ = height - bottom;
  }

  void scale(double x_low, double x_high, double y_low, double y_high) {
    x_low_ = x_low, x_high_ = x_high, y_low_ = y_low, y_high_ = y_high;
  }
  double x(double value) const {
    return left_ + (right_ - left_) * ((value - x_low_) / (x_high_ - x_low_));
  }
  double y(double value) const {
    return bottom_ - (bottom_ - top_) * ((value - y_low_) / (y_high_ - y_low_));
  }

  void shape(const std::string& style, std::string path) {
    chart_.shapes.push_back({style, std::move(path)});
  }
  void dot(const std::string& style, double px, double py, double radius) {
    chart_.dots.push_back({style, px, py, radius});
  }
  void word(const std::string& style, double px, double py, const std::string& text) {
    chart_.words.push_back({style, px, py, text});
  }
  void grid_x(double value, const std::string& label) {
    shape("grid", segment(x(value), top_, x(value), bottom_));
    word("tick middle", x(value), bottom_ + 14, label);
  }
  void grid_y(double value, const std::string& label) {
    shape("grid", segment(left_, y(value), right_, y(value)));
    word("tick end", left_ - 5, y(value) + 4, label);
  }
  void name_axes(const std::string& below, const std::string& above) {
    word("axis middle", (left_ + right_) / 2, chart_.height - 4, below);
    word("axis start", 2, 9, above);
  }
  void base_line() { shape("base", segment(left_, bottom_, right_, bottom_)); }

  double left() const { return left_; }
  double right() const { return right_; }
  double top() const { return top_; }
  double bottom() const { return bottom_; }
  Chart& chart() { return chart_; }

 private:
  Chart chart_;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
  double x_low_ = 0, x_high_ = 1, y_low_ = 0, y_high_ = 1;
};

Plot unit_square() {
  Plot plot(340, 320, 34, 34);
  for (const double at : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    const std::string label = fixed(100 * at, 0);
    plot.grid_x(at, label);
    plot.grid_y(at, label);
  }
  return plot;
}

std::vector<Point> placed(const Plot& plot, std::span<const Point> line) {
  std::vector<Point> points;
  points.reserve(line.size());
  for (const Point& point : line) points.push_back({plot.x(point.x), plot.y(point.y)});
  return thinned(points, kPixel);
}

std::string percent(double share) {
  return fixed(100 * share, 0) + " %";
}

// The height of a step-free curve at x, for the description.
double height_at(std::span<const Point> curve, double x) {
  for (std::size_t i = 1; i < curve.size(); ++i)
    if (curve[i].x >= x) {
      const Point &a = curve[i - 1], &b = curve[i];
      return b.x > a.x ? a.y + (b.y - a.y) * (x - a.x) / (b.x - a.x) : b.y;
    }
  return 1;
}

// A round step that divides the range into 3 to 7 parts.
double round_step(double range) {
  const double power = std::pow(10, std::floor(std::log10(range / 3)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0})
    if (range / (factor * power) <= 7) return factor * power;
  return 10 * power;
}

std::vector<double> round_ticks(double low, double high) {
  std::vector<double> ticks;
  if (!(high > low) || !std::isfinite(high - low)) return {low};
  const double step = round_step(high - low);
  for (double tick = std::ceil(low / step) * step; tick <= high && ticks.size() < 12; tick += step)
    ticks.push_back(std::abs(tick) < step * 1e-9 ? 0 : tick);
  return ticks;
}

// All bins of a class as one area with one outline.
std::string bars(const Plot& plot, const Histogram& bins, const std::vector<std::int64_t>& counts,
                 double total) {
  std::string path = "M" + number(plot.left()) + " " + number(plot.bottom());
  for (std::size_t i = 0; i < counts.size(); ++i)
    path += "V" + number(plot.y(static_cast<double>(counts[i]) / total)) + "H" +
            number(plot.x(bins.low + static_cast<double>(i + 1) * bins.width));
  return path + "V" + number(plot.bottom()) + "Z";
}

// At most `letters` of a name, for a label that has no other room.
std::string label_of(const std::string& name, std::size_t letters) {
  if (name.size() <= letters) return name;
  std::size_t end = letters;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end) + "…";
}

}  // namespace

std::optional<Chart> roc_chart(const std::vector<ScoredSample>& scores) {
  const std::vector<Point> curve = roc_curve(scores);
  if (curve.empty()) return {};
  Plot plot = unit_square();
  plot.shape("guide", segment(plot.x(0), plot.y(0), plot.x(1), plot.y(1)));
  plot.shape("curve", line_path(placed(plot, curve)));
  plot.name_axes("false alarms, % of the normal", "found, % of the anomalous");
  plot.chart().title = "ROC curve";
  plot.chart().description =
      "ROC curve. Found at 1 % false alarms: " + percent(height_at(curve, 0.01)) +
      ", at 10 %: " + percent(height_at(curve, 0.1)) +
      ", at 50 %: " + percent(height_at(curve, 0.5)) + ".";
  return std::move(plot.chart());
}

std::optional<Chart> precision_recall_chart(const std::vector<ScoredSample>& scores) {
  const std::vector<Point> curve = precision_recall_curve(scores);
  const auto anomalous = static_cast<double>(std::count_if(
      scores.begin(), scores.end(), [](const ScoredSample& sample) { return sample.anomalous; }));
  if (curve.empty() || anomalous == static_cast<double>(scores.size())) return {};
  const double share = anomalous / static_cast<double>(scores.size());
  Plot plot = unit_square();
  plot.shape("guide", segment(plot.x(0), plot.y(share), plot.x(1), plot.y(share)));
  plot.shape("curve", line_path(placed(plot, curve)));
  plot.name_axes("recall, %", "precision, %");
  plot.chart().title = "Precision and recall";
  plot.chart().description =
      "Precision-recall curve. Precision at 10 % recall: " + percent(height_at(curve, 0.1)) +
      ", at 50 %: " + percent(height_at(curve, 0.5)) +
      ", at 90 %: " + percent(height_at(curve, 0.9)) + ". The share of anomalous samples is " +
      percent(share) + ".";
  return std::move(plot.chart());
}

std::optional<Chart> score_chart(std::span<const ScoredSample> scores,
                                 std::optional<double> threshold,
                                 const std::string& threshold_name) {
  const Histogram bins = histogram(scores, 40);
  if (bins.normal.empty()) return {};
  double normal = 0, anomalous = 0, highest = 0;
  for (const ScoredSample& sample : scores) ++(sample.anomalous ? anomalous : normal);
  for (std::size_t i = 0; i < bins.normal.size(); ++i) {
    if (normal > 0) highest = std::max(highest, static_cast<double>(bins.normal[i]) / normal);
    if (anomalous > 0)
      highest = std::max(highest, static_cast<double>(bins.anomalous[i]) / anomalous);
  }
  const double low = bins.low, high = bins.low + 40 * bins.width;
  Plot plot(340, 320, 34, 34);
  plot.scale(low, high, 0, highest * 1.12);
  for (const double tick : round_ticks(0, highest * 1.12)) plot.grid_y(tick, number(100 * tick));
  for (const double tick : round_ticks(low, high))
    plot.word("tick middle", plot.x(tick), plot.bottom() + 14, significant(tick));
  if (normal > 0) plot.shape("normal", bars(plot, bins, bins.normal, normal));
  if (anomalous > 0) plot.shape("anomalous", bars(plot, bins, bins.anomalous, anomalous));
  plot.base_line();
  if (threshold && *threshold >= low && *threshold <= high) {
    const double at = plot.x(*threshold);
    plot.shape("mark", segment(at, plot.top() + 4, at, plot.bottom()));
    const bool on_right = at < (plot.left() + plot.right()) / 2;
    plot.word(on_right ? "tick start" : "tick end", at + (on_right ? 4 : -4), plot.top() + 12,
              threshold_name);
  }
  std::string axis = "score";
  if (bins.open_low || bins.open_high) axis += " (outliers in the end bins)";
  plot.name_axes(axis, "% of the samples of a class");
  plot.chart().title = "Scores by class";
  plot.chart().description = "Histogram of the scores of " + number(normal) + " normal and " +
                             number(anomalous) + " anomalous samples between " + significant(low) +
                             " and " + significant(high) + ".";
  return std::move(plot.chart());
}

std::optional<Chart> ranking_chart(const Leaderboard& board, std::size_t column) {
  constexpr double kRow = 23, kNames = 190;
  std::vector<const Leaderboard::Row*> rows;
  double low = 1e300, high = -1e300;
  for (const Leaderboard::Row& row : board.rows) {
    const auto& place = row.places[column];
    if (!place || !place->value) continue;
    rows.push_back(&row);
    low = std::min(low, place->interval ? place->interval->low : *place->value);
    high = std::max(high, place->interval ? place->interval->high : *place->value);
  }
  if (rows.size() < 2) return {};
  const double margin = std::max((high - low) * 0.08, 1.0);
  Plot plot(440, static_cast<int>(kRow * static_cast<double>(rows.size())) + 56, kNames, 36);
  plot.scale(low - margin, high + margin, 0, 1);
  for (const double tick : round_ticks(low - margin, high + margin))
    plot.grid_x(tick, number(tick));
  std::string order;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Leaderboard::Place& place = *rows[i]->places[column];
    const double py = plot.top() + kRow * (static_cast<double>(i) + 0.5);
    const std::string kind = rows[i]->published ? "theirs" : "ours";
    if (place.interval)
      plot.shape("range",
                 segment(plot.x(place.interval->low), py, plot.x(place.interval->high), py));
    plot.dot(kind, plot.x(*place.value), py, rows[i]->published ? 3.5 : 5);
    plot.word(kind + " end", kNames - 8, py + 4, label_of(rows[i]->model, 28));
    order += (order.empty() ? "" : ", ") + rows[i]->model + " " + fixed(place.value, place.digits);
  }
  const Leaderboard::Column& about = board.columns[column];
  plot.word("axis middle", (plot.left() + plot.right()) / 2, plot.chart().height - 4,
            metric_title(about.metric) + (about.unit == Unit::percent ? ", %" : ", points"));
  plot.chart().title = about.title + " beside published results";
  plot.chart().description = metric_title(about.metric) + " on " + about.title + ": " + order + ".";
  return std::move(plot.chart());
}

}  // namespace looktwice::reports
