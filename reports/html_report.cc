#include "reports/html_report.h"

#include <algorithm>

#include "harness/core/text.h"
#include "reports/chart.h"
#include "reports/headline.h"
#include "reports/html_template.h"
#include "reports/leaderboard.h"
#include "reports/outcome_scan.h"
#include "reports/picture.h"
#include "reports/report.h"

namespace looktwice::reports {
namespace {

Data truth(bool value) {
  return Data(value ? Data::type::bool_true : Data::type::bool_false);
}

Data object() {
  return Data(Data::type::object);
}

Data chart_data(const Chart& chart) {
  Data data = object(), shapes(Data::type::list), dots(Data::type::list), words(Data::type::list);
  for (const Chart::Shape& shape : chart.shapes) {
    Data item = object();
    item.set("style", shape.style);
    item.set("path", shape.path);
    shapes.push_back(item);
  }
  for (const Chart::Dot& dot : chart.dots) {
    Data item = object();
    item.set("style", dot.style);
    item.set("x", fixed(dot.x, 2));
    item.set("y", fixed(dot.y, 2));
    item.set("radius", fixed(dot.radius, 2));
    dots.push_back(item);
  }
  for (const Chart::Word& word : chart.words) {
    Data item = object();
    item.set("style", word.style);
    item.set("x", fixed(word.x, 2));
    item.set("y", fixed(word.y, 2));
    item.set("text", text_data(word.text));
    words.push_back(item);
  }
  data.set("chart_title", text_data(chart.title));
  data.set("description", text_data(chart.description));
  data.set("width", std::to_string(chart.width));
  data.set("height", std::to_string(chart.height));
  data.set("shapes", shapes);
  data.set("dots", dots);
  data.set("words", words);
  return data;
}

void add_chart(Data& list, const std::optional<Chart>& chart) {
  if (chart) list.push_back(chart_data(*chart));
}

Data sections_data(const std::vector<Section>& sections) {
  Data list(Data::type::list);
  for (const Section& section : sections) list.push_back(section_data(section));
  return list;
}

std::optional<double> headline_threshold(const store::Summary& summary,
                                         const store::TaskSummary& task,
                                         const std::string& scorer) {
  std::optional<double> category;
  for (const store::Row& row : summary.rows) {
    if (row.task != task.task || row.scorer != scorer || row.metric != "f1_max") continue;
    if (row.group == "pooled") return row.threshold;
    if (row.group != "macro") category = row.threshold;
  }
  return category;
}

// What the page shows large: the headline by one scorer, and the other's where it differs.
Data stat_data(const store::Summary& summary, const store::TaskSummary& task) {
  Data data = object();
  const store::Row* row = headline_row(summary, task, "official");
  if (!row) row = headline_row(summary, task, "corrected");
  const Unit unit = metric_unit(task.headline);
  data.set("metric", metric_title(task.headline));
  if (!row || !row->value) {
    data.set("value", "-");
    data.set("unit", absent());
    data.set("range", text_data(row ? row->reason : ""));
    return data;
  }
  const int digits = printed_digits(unit);
  data.set("value", fixed(printed_value(row->metric, *row->value), digits));
  data.set("unit", unit == Unit::percent ? Data("%") : absent());
  std::string range;
  if (row->interval)
    range = fixed(printed_value(row->metric, row->interval->low), digits) + "–" +
            fixed(printed_value(row->metric, row->interval->high), digits) + " (" +
            fixed(100 * row->interval->level, 0) + " % confidence, " +
            interval_title(row->interval->method) + ")";
  data.set("range", text_data(range));
  return data;
}

Data counts_data(const store::TaskSummary& task) {
  Data list(Data::type::list);
  const auto add = [&](const std::string& name, std::int64_t count, bool is_bad) {
    Data item = object();
    item.set("count_name", text_data(name));
    item.set("count", std::to_string(count));
    item.set("tone", is_bad && count > 0 ? "bad" : "plain");
    list.push_back(item);
  };
  const store::Counts& n = task.counts;
  add("samples", n.samples, false);
  add("answered", n.answered, false);
  add("refused", n.refused, true);
  add("failed", n.failed, true);
  if (n.missing > 0) add("not asked yet", n.missing, true);
  for (const auto& [scorer, count] : n.unscored) add("unscored (" + scorer + ")", count, true);
  return list;
}

class Gallery {
 public:
  Gallery(const RunView& run, const store::TaskSummary& task, const TaskScan& scan,
          const ImageCodec& codec, const HtmlOptions& options)
      : scan_(scan), codec_(codec) {
    const std::filesystem::path root = root_of(run, task, options);
    for (const Outcome& outcome : scan.likest_anomalous)
      anomalous_.push_back(sample_picture(outcome, root, run.folder, codec, options.side));
    for (const Outcome& outcome : scan.likest_normal)
      normal_.push_back(sample_picture(outcome, root, run.folder, codec, options.side));
    // One scale for all maps of the task, so that they can be compared.
    for (const auto* pictures : {&anomalous_, &normal_})
      for (const SamplePicture& shown : *pictures) {
        if (!shown.map) continue;
        low_ = has_maps_ ? std::min(low_, shown.low) : shown.low;
        high_ = has_maps_ ? std::max(high_, shown.high) : shown.high;
        has_maps_ = true;
      }
  }

  // threshold: what counts as a false alarm or a miss.
  Data data(std::optional<double> threshold) const {
    Data list(Data::type::list);
    add(list, "Normal, but looks anomalous to the model",
        "Normal samples of the highest score, highest first.", scan_.likest_anomalous, anomalous_,
        [&](double score) {
          return !threshold || score >= *threshold ? "" : "still below the threshold";
        });
    add(list, "Anomalous, but looks normal to the model",
        "Anomalous samples of the lowest score, lowest first.", scan_.likest_normal, normal_,
        [&](double score) {
          return !threshold || score < *threshold ? "" : "still above the threshold";
        });
    return list;
  }
  Data legend() const {
    if (!has_maps_) return absent();
    Data data = object();
    data.set("low", significant(low_));
    data.set("high", significant(high_));
    return data;
  }

 private:
  static std::filesystem::path root_of(const RunView& run, const store::TaskSummary& task,
                                       const HtmlOptions& options) {
    if (!options.data_root.empty()) return options.data_root;
    for (const store::TaskManifest& entry : run.manifest.tasks) {
      const std::string full = entry.task + (entry.variant.empty() ? "" : ":" + entry.variant);
      if (full == task.task || entry.task == task.task) return entry.root;
    }
    return {};
  }

  template <class Verdict>
  void add(Data& list, const std::string& title, const std::string& explanation,
           const std::vector<Outcome>& outcomes, const std::vector<SamplePicture>& pictures,
           Verdict verdict) const {
    if (outcomes.empty()) return;
    Data group = object(), items(Data::type::list);
    for (std::size_t i = 0; i < outcomes.size(); ++i)
      items.push_back(
          item(outcomes[i], pictures[i], verdict(score_by(outcomes[i], scan_.scorer).value_or(0))));
    group.set("gallery_title", title);
    group.set("explanation", explanation);
    group.set("items", items);
    list.push_back(group);
  }

  Data item(const Outcome& outcome, const SamplePicture& shown, const std::string& verdict) const {
    Data data = object();
    const std::string name = outcome.sample;
    const std::string kind = outcome.anomalous.value_or(false) ? "anomalous" : "normal";
    data.set("sample", text_data(name));
    data.set("score", significant(score_by(outcome, scan_.scorer).value_or(0)));
    data.set("defect", text_data(outcome.defect == "good" ? "" : outcome.defect));
    data.set("category", text_data(scan_.categories.size() > 1 ? outcome.category : ""));
    data.set("verdict", text_data(verdict));
    data.set("said", text_data(outcome.text, 240));
    data.set("problem", text_data(shown.problem));
    data.set("picture", absent());
    data.set("map", absent());
    if (shown.picture) {
      Data picture = object();
      picture.set("url", data_url(codec_, *shown.picture));
      picture.set("alt", text_data("Picture of the " + kind + " sample " + name));
      picture.set("pixels_wide", std::to_string(shown.picture->width));
      picture.set("pixels_high", std::to_string(shown.picture->height));
      data.set("picture", picture);
      if (shown.map) {
        const Image image = overlaid(*shown.picture, *shown.map, low_, high_);
        Data map = object();
        map.set("url", data_url(codec_, image));
        map.set("alt", text_data("The same under the model's anomaly map, values " +
                                 significant(shown.low) + " to " + significant(shown.high)));
        map.set("pixels_wide", std::to_string(image.width));
        map.set("pixels_high", std::to_string(image.height));
        data.set("map", map);
      }
    }
    return data;
  }

  const TaskScan& scan_;
  const ImageCodec& codec_;
  std::vector<SamplePicture> anomalous_, normal_;
  bool has_maps_ = false;
  float low_ = 0, high_ = 0;
};

std::string reading(const TaskScan& scan, const store::TaskSummary& task) {
  std::string text = "Scores of " + std::to_string(scan.scores.size()) + " samples";
  if (scan.categories.size() > 1)
    text += " of " + std::to_string(scan.categories.size()) +
            " categories together; the curves rank them all in one line";
  text += ", " + scan.scorer + " scorer.";
  if (scan.scores_are_decisions)
    text +=
        " The model gave decisions, not scores: the area under the ROC curve is then a balanced "
        "accuracy.";
  if (static_cast<std::int64_t>(scan.scores.size()) < task.counts.samples)
    text += " " +
            std::to_string(task.counts.samples - static_cast<std::int64_t>(scan.scores.size())) +
            " samples have no score and are in no chart.";
  return text;
}

Data task_data(const RunView& run, std::size_t place, const TaskScan& scan, const ImageCodec& codec,
               const HtmlOptions& options) {
  const store::TaskSummary& task = run.summary.tasks[place];
  Data data = object();
  data.set("anchor", "task-" + std::to_string(place + 1));
  data.set("task", text_data(task.task));
  data.set("dataset", text_data(task.dataset));
  data.set("variant", text_data(task.variant));
  data.set("partial", task.partial ? text_data("PARTIAL: " + task.limited) : absent());
  data.set("stat", stat_data(run.summary, task));
  data.set("by_scorer", text_data(headline_text(run.summary, task) + "."));
  data.set("counts", counts_data(task));
  data.set("fingerprint", text_data(task.fingerprint.substr(0, 16)));

  const std::optional<double> threshold = headline_threshold(run.summary, task, scan.scorer);
  Data charts(Data::type::list);
  add_chart(charts, roc_chart(scan.scores));
  add_chart(charts, precision_recall_chart(scan.scores));
  add_chart(charts, score_chart(scan.scores, threshold, "F1-max"));
  data.set("has_charts", truth(charts.is_non_empty_list()));
  data.set("charts", charts);
  data.set("reading", scan.scores.empty() ? absent() : text_data(reading(scan, task)));

  RunView only = run;
  only.summary.tasks = {task};
  const Leaderboard board = leaderboard({&only, 1});
  const auto ranking = board.columns.empty() ? std::nullopt : ranking_chart(board, 0);
  data.set("ranking", ranking ? chart_data(*ranking) : absent());
  data.set("ranking_source", absent());
  for (const Leaderboard::Row& row : board.rows)
    if (row.published && board.notes.empty()) data.set("ranking_source", text_data(row.source));
  data.set("ranking_notes", list_of(board.notes));

  data.set("metrics", sections_data(metric_sections(run.summary, task)));
  const Gallery gallery(run, task, scan, codec, options);
  data.set("galleries", gallery.data(threshold));
  data.set("legend", gallery.legend());
  data.set("samples", sections_data(sample_sections(task, scan, options.listed)));
  return data;
}

}  // namespace

std::string html_report(const RunView& run, const ImageCodec& codec, const HtmlOptions& options) {
  const OutcomeScan scan = scan_outcomes(run, {.listed = options.listed, .worst = options.worst});
  Data page = object(), tasks(Data::type::list);
  for (std::size_t i = 0; i < run.summary.tasks.size(); ++i)
    tasks.push_back(task_data(run, i, scan.tasks[i], codec, options));
  page.set("title", text_data(model_name(run)));
  page.set("run", text_data(run.manifest.run));
  page.set("version", text_data(run.manifest.version));
  page.set("finished", text_data(run.manifest.finished));
  page.set("partial_run", truth(run.manifest.partial));
  std::string flags;
  for (const std::string& flag : run.summary.flags) flags += (flags.empty() ? "" : "; ") + flag;
  page.set("flags", flags.empty() ? absent() : text_data("FLAG: " + flags + "."));
  page.set("several", truth(run.summary.tasks.size() > 1));
  page.set("no_outcomes", truth(!scan.has_outcomes));
  page.set("tasks", tasks);
  page.set("environment", section_data(environment_section(run)));
  return filled("run.html", page);
}

}  // namespace looktwice::reports
