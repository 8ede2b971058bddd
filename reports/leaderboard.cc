#include "reports/leaderboard.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "harness/core/dataset.h"
#include "reports/headline.h"
#include "reports/published.h"
#include "reports/training.h"

namespace looktwice::reports {
namespace {

using Column = Leaderboard::Column;
using Place = Leaderboard::Place;

auto identity(const Column& c) {
  return std::tie(c.task, c.variant, c.fingerprint, c.scorer, c.metric, c.group, c.published);
}

// The scorer asked for; otherwise the published rule where the task has it, so that papers can be
// compared.
std::string scorer_for(const store::Summary& summary, const store::TaskSummary& task,
                       const LeaderboardOptions& options) {
  if (!options.scorer.empty()) return options.scorer;
  std::string first;
  for (const store::Row& row : summary.rows) {
    if (row.task != task.task || row.metric != task.headline) continue;
    if (row.scorer == "official") return row.scorer;
    if (first.empty()) first = row.scorer;
  }
  return first;
}

// "zsad.elpv:all" and "zsad.elpv" with the variant "all" are one column.
std::string base_name(const std::string& task) {
  return task.substr(0, task.find(':'));
}

// Why a run gets no place in the column of a task; empty: it does.
std::string reason_against(const RunView& run, const store::TaskSummary& task,
                           const std::string& scorer, const store::Row* row) {
  const store::Counts& n = task.counts;
  if (task.partial || run.manifest.partial || !task.limited.empty())
    return task.limited.empty() ? "partial (--limit)" : "partial: " + task.limited;
  if (n.missing > 0)
    return "incomplete: " + std::to_string(n.missing) + " of " + std::to_string(n.samples) +
           " samples have no answer yet; run it again to resume";
  if (n.failed > 0 && !tolerates_failures(run.manifest))
    return std::to_string(n.failed) + " of " + std::to_string(n.samples) +
           " samples failed; run it again to ask them anew, or say --fail_on_error";
  // Tolerated failures leave a run incomplete for ever; they keep their place, counted.
  if (run.manifest.finished.empty() || (!run.manifest.complete && n.failed == 0))
    return "incomplete: the run was not finished; run it again to resume";
  if (n.answered + n.refused + n.failed != n.samples)
    return "its counts do not add up to " + std::to_string(n.samples) + " samples";
  if (scorer.empty()) return "no value of its headline " + task.headline;
  if (!row) return "no value by the scorer '" + scorer + "'";
  if (!row->value) return "no value: " + (row->reason.empty() ? "no reason given" : row->reason);
  return {};
}

Place place_of(const RunView& run, const store::TaskSummary& task, const store::Row& row) {
  Place place{.interval = row.interval};
  if (row.value)
    place.value = printed_value(row.metric, *row.value);
  else
    place.note = row.reason;
  place.used = samples_used(run.summary, row);
  place.counts = task.counts;
  place.digits = printed_digits(metric_unit(row.metric));
  if (const auto found = task.counts.unscored.find(row.scorer); found != task.counts.unscored.end())
    place.unscored = found->second;
  if (place.interval) {
    place.interval->low = printed_value(row.metric, place.interval->low);
    place.interval->high = printed_value(row.metric, place.interval->high);
  }
  const auto say = [&](const std::string& text) {
    place.note += (place.note.empty() ? "" : " ") + text;
  };
  for (const std::string& flag : run.summary.flags) say("Flag: " + flag + ".");
  if (const std::string seen = training_note(run.manifest, task.dataset); !seen.empty())
    say("Training: " + seen);
  for (const store::TaskManifest& loaded : run.manifest.tasks)
    for (const std::string& warning : loaded.warnings)
      if (loaded.fingerprint == task.fingerprint && warning.find(kUnknownEdition) != warning.npos)
        say("Data: " + warning + ".");
  const CategoryCount categories = categories_in(run.summary, row);
  if (row.value && row.group == "macro" && categories.with_value < categories.all)
    say("Mean over " + std::to_string(categories.with_value) + " of " +
        std::to_string(categories.all) + " categories; the others have no value.");
  const std::int64_t left_out = task.counts.failed + task.counts.refused + place.unscored;
  if (left_out > 0 && row.value)
    say(std::to_string(left_out) + " of " + std::to_string(task.counts.samples) +
        " samples failed, were refused or could not be scored" +
        (place.used + left_out <= task.counts.samples ? "; the value is over the others." : "."));
  return place;
}

class Builder {
 public:
  Builder(Leaderboard& board, const LeaderboardOptions& options)
      : board_(board), options_(options) {}

  void add(const RunView& run) {
    std::string folder = run.folder.string();
    if (!run.manifest.run.empty() && !seen_.insert(run.manifest.run).second) {
      board_.refused.push_back({model_name(run), folder, "", "the same run as another folder"});
      return;
    }
    Leaderboard::Row row{.model = model_name(run),
                         .shots = shots(run),
                         .run = run.manifest.run,
                         .folder = folder,
                         .flags = run.summary.flags};
    for (const store::TaskSummary& task : run.summary.tasks) {
      const std::string scorer = scorer_for(run.summary, task, options_);
      const store::Row* value = headline_row(run.summary, task, scorer);
      const std::string reason = reason_against(run, task, scorer, value);
      if (!reason.empty()) {
        board_.refused.push_back({row.model, folder, task.task, reason});
        continue;
      }
      add_value(run, task, *value, row);
      for (const std::string& metric : task.columns)
        if (const store::Row* more = overall_row(run.summary, task.task, metric, scorer))
          add_value(run, task, *more, row);
    }
    if (run.summary.tasks.empty())
      board_.refused.push_back({row.model, folder, "", "no task in its summary"});
    if (!row.places.empty()) board_.rows.push_back(std::move(row));
  }

  void finish() {
    for (Leaderboard::Row& row : board_.rows) row.places.resize(board_.columns.size());
    name_columns();
    if (options_.published) add_published();
    add_mean();
    rank();
  }

 private:
  // A value that was not computed is an empty place, and says why.
  void add_value(const RunView& run, const store::TaskSummary& task, const store::Row& value,
                 Leaderboard::Row& row) {
    const std::size_t column = column_of(task, value);
    row.places.resize(std::max(row.places.size(), column + 1));
    row.places[column] = place_of(run, task, value);
    add_corrected(run, task, value, *row.places[column]);
  }

  std::size_t column_of(const store::TaskSummary& task, const store::Row& row) {
    Column column{.task = base_name(task.task),
                  .dataset = task.dataset,
                  .variant = task.variant,
                  .fingerprint = task.fingerprint,
                  .scorer = row.scorer,
                  .metric = row.metric,
                  .group = row.group,
                  .published = task.published,
                  .unit = metric_unit(row.metric),
                  .higher_is_better = row.higher_is_better};
    for (std::size_t c = 0; c < board_.columns.size(); ++c)
      if (identity(board_.columns[c]) == identity(column)) return c;
    if (const auto found = task.published_columns.find(row.metric);
        found != task.published_columns.end())
      column.published_column = found->second;
    board_.columns.push_back(std::move(column));
    return board_.columns.size() - 1;
  }

  // Both scorers are always said: where the sound rule gives another number, the cell's note has
  // it.
  static void add_corrected(const RunView& run, const store::TaskSummary& task,
                            const store::Row& shown, Place& place) {
    const char* other = shown.scorer == "official" ? "corrected" : "official";
    const store::Row* row = overall_row(run.summary, task.task, shown.metric, other);
    if (!row || row->value == shown.value) return;
    std::string text = std::string("By the ") + other + " rule: ";
    if (row->value)
      text += fixed(printed_value(row->metric, *row->value), place.digits);
    else
      text += "no value (" + row->reason + ")";
    place.note += (place.note.empty() ? "" : " ") + text + ".";
  }

  // Titles that tell every column from every other.
  void name_columns() {
    std::vector<Column>& columns = board_.columns;
    // Several metrics of one data set are called by the metric alone.
    const bool one_dataset = std::all_of(columns.begin(), columns.end(), [&](const Column& one) {
      return one.dataset == columns[0].dataset;
    });
    for (Column& column : columns) {
      const bool by_metric =
          one_dataset && std::any_of(columns.begin(), columns.end(), [&](const Column& other) {
            return other.metric != column.metric;
          });
      column.title = by_metric                ? metric_title(column.metric)
                     : column.dataset.empty() ? column.task
                                              : column.dataset;
      bool variant = false, data = false, scorer = false, metric = false, group = false,
           task = false;
      for (const Column& other : columns) {
        if (&other == &column || (by_metric && other.metric != column.metric)) continue;
        metric |= other.metric != column.metric;
        const bool alike = other.dataset == column.dataset;
        if (!alike) continue;
        task |= other.task != column.task;
        if (other.task != column.task) continue;
        variant |= other.variant != column.variant;
        data |= other.fingerprint != column.fingerprint;
        scorer |= other.scorer != column.scorer;
        group |= other.group != column.group;
      }
      std::string more;
      const auto say = [&](bool differs, const std::string& text) {
        if (differs) more += (more.empty() ? "" : ", ") + (text.empty() ? "-" : text);
      };
      say(task, column.task);
      say(metric, metric_title(column.metric));
      say(variant, column.variant);
      say(data, "data " + column.fingerprint.substr(0, 8));
      say(scorer, column.scorer);
      say(group, column.group);
      if (data)
        note("There are several editions of the data of " + column.task +
             "; their values do not compare.");
      if (variant)
        note("There are several variants of " + column.task + "; their values do not compare.");
      if (!more.empty()) column.title += " (" + more + ")";
    }
  }

  void add_published() {
    // A paper's row over several of our columns is one row: same table, same method, same shots.
    std::map<std::tuple<std::string, std::string, std::string, int, std::size_t>, std::size_t> rows;
    for (std::size_t c = 0; c < board_.columns.size(); ++c) {
      const Column& column = board_.columns[c];
      if (column.published.empty()) continue;
      const std::string& name =
          column.published_column.empty() ? column.dataset : column.published_column;
      const auto found = published_column(column.published, name, column.metric);
      if (!found || found->unit != column.unit) continue;
      for (const std::string& text : found->notes) note(found->source + ": " + text);
      std::map<std::string, std::size_t> times;  // methods printed twice stay two rows
      for (const PublishedValue& value : found->values) {
        const int value_shots = value.shots.value_or(-1);
        const std::size_t time =
            times[value.method + "/" + value.params + "/" + std::to_string(value_shots)]++;
        const auto [at, is_new] = rows.try_emplace(
            {column.published, value.method, value.params, value_shots, time}, board_.rows.size());
        if (is_new) {
          Leaderboard::Row row{.model = value.method,
                               .shots = value.shots,
                               .published = true,
                               .source = found->source};
          if (!value.params.empty()) row.model += " " + value.params;
          row.places.resize(board_.columns.size());
          board_.rows.push_back(std::move(row));
        }
        if (!value.value) continue;
        std::string note = value.note;
        if (const std::string seen = training_note_of_paper(value.method, column.dataset);
            !seen.empty())
          note += (note.empty() ? "" : " ") + ("Training: " + seen);
        board_.rows[at->second].places[c] = Place{.value = value.value,
                                                  .digits = found->digits,
                                                  .doubtful = value.doubtful,
                                                  .inferred = value.inferred,
                                                  .note = std::move(note)};
      }
    }
    std::erase_if(board_.rows, [](const Leaderboard::Row& row) {
      return std::none_of(row.places.begin(), row.places.end(),
                          [](const auto& place) { return place.has_value(); });
    });
  }

  // One kind of number over distinct data sets can be averaged; anything else cannot.
  bool has_mean() const {
    const std::vector<Column>& columns = board_.columns;
    if (columns.size() < 2) return false;
    std::set<std::string> datasets;
    for (const Column& column : columns) {
      datasets.insert(column.dataset);
      if (column.metric != columns[0].metric || column.published != columns[0].published ||
          column.scorer != columns[0].scorer)
        return false;
    }
    return datasets.size() == columns.size();
  }

  void add_mean() {
    if (!has_mean()) return;
    const std::string& table = board_.columns[0].published;
    const bool whole = !table.empty() && covers(table);
    board_.mean_title = whole ? "Average" : "Mean of " + std::to_string(board_.columns.size());
    for (Leaderboard::Row& row : board_.rows) {
      double sum = 0;
      bool all = true;
      for (const auto& place : row.places) {
        all = all && place && place->value;
        if (all) sum += *place->value;
      }
      if (all) row.mean = Place{.value = sum / static_cast<double>(row.places.size())};
    }
    if (whole) print_published_average(table);
  }

  // Do our columns hold all data sets of the paper's average?
  bool covers(const std::string& table) const {
    std::set<std::string> ours;
    for (const Column& column : board_.columns) ours.insert(column.dataset);
    bool has_average = false;
    for (const std::string& name : published_columns(table)) {
      const std::string head = name.substr(0, name.find('.'));
      if (head == "Average")
        has_average = true;
      else if (!ours.contains(head))
        return false;
    }
    return has_average;
  }

  // A paper's own average stands as printed, also where it is not the mean of its columns.
  void print_published_average(const std::string& table) {
    const auto average = published_column(table, "Average", board_.columns[0].metric);
    if (!average) return;
    for (Leaderboard::Row& row : board_.rows) {
      if (!row.published) continue;
      for (const PublishedValue& value : average->values) {
        const std::string name = value.method + (value.params.empty() ? "" : " " + value.params);
        if (name == row.model && value.shots == row.shots && value.value)
          row.mean = Place{.value = value.value, .digits = average->digits, .note = value.note};
      }
    }
  }

  void rank() {
    if (board_.columns.empty()) return;
    const bool by_mean = !board_.mean_title.empty();
    const double sign = board_.columns[0].higher_is_better ? 1 : -1;
    const auto key = [&](const Leaderboard::Row& row) -> std::optional<double> {
      const std::optional<Place>& place = by_mean ? row.mean : row.places[0];
      if (!place || !place->value) return {};
      return sign * *place->value;
    };
    std::stable_sort(board_.rows.begin(), board_.rows.end(), [&](const auto& a, const auto& b) {
      const auto left = key(a), right = key(b);
      if (left.has_value() != right.has_value()) return left.has_value();
      if (left && *left != *right) return *left > *right;
      return a.model < b.model;
    });
    std::optional<double> last;
    int rank = 0, place = 0;
    for (Leaderboard::Row& row : board_.rows) {
      const auto value = key(row);
      if (!value) break;
      if (saw_truth(row)) continue;
      ++place;
      if (!last || *value != *last) rank = place;
      last = value;
      row.rank = rank;
    }
  }

  static bool saw_truth(const Leaderboard::Row& row) {
    return std::any_of(row.flags.begin(), row.flags.end(), [](const std::string& flag) {
      return flag.starts_with(store::kTruthShown);
    });
  }

  void note(const std::string& text) {
    if (std::find(board_.notes.begin(), board_.notes.end(), text) == board_.notes.end())
      board_.notes.push_back(text);
  }

  Leaderboard& board_;
  const LeaderboardOptions& options_;
  std::set<std::string> seen_;
};

}  // namespace

Leaderboard leaderboard(std::span<const RunView> runs, const LeaderboardOptions& options) {
  Leaderboard board;
  Builder builder(board, options);
  for (const RunView& run : runs) builder.add(run);
  builder.finish();
  return board;
}

}  // namespace looktwice::reports
