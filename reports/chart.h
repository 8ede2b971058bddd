// Charts as shapes in a picture of fixed size: lines, areas, dots and words, each with the name of
// a style. Turned into SVG by a template, coloured by the style sheet, so that light and dark pages
// need one chart only.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reports/curves.h"
#include "reports/leaderboard.h"

namespace looktwice::reports {

struct Chart {
  struct Shape {  // a path of SVG: M, L, H, V, Z and numbers
    std::string style = {}, path = {};
  };
  struct Dot {
    std::string style = {};
    double x = 0, y = 0, radius = 0;
  };
  struct Word {
    std::string style = {};  // ends in "start", "middle" or "end": where the text is held
    double x = 0, y = 0;
    std::string text = {};
  };
  int width = 0, height = 0;
  std::string title = {},
              description = {};  // description: the same in words, for who cannot see it
  std::vector<Shape> shapes = {};
  std::vector<Dot> dots = {};
  std::vector<Word> words = {};
};

// Nothing when there is nothing to draw: one class only, no scores.
std::optional<Chart> roc_chart(const std::vector<ScoredSample>& scores);
std::optional<Chart> precision_recall_chart(const std::vector<ScoredSample>& scores);
// threshold: a score to mark, with its name ("F1-max").
std::optional<Chart> score_chart(std::span<const ScoredSample> scores,
                                 std::optional<double> threshold,
                                 const std::string& threshold_name);
// The values of one column of a leaderboard in order, ours marked, with their intervals.
std::optional<Chart> ranking_chart(const Leaderboard& board, std::size_t column);

}  // namespace looktwice::reports
