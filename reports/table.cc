#include "reports/table.h"

#include <array>
#include <charconv>
#include <cmath>

#include "harness/core/error.h"
#include "reports/formats.h"

namespace looktwice::reports {
namespace {

constexpr std::array<std::pair<std::string_view, Format>, 6> kFormats = {
    {{"terminal", Format::terminal},
     {"markdown", Format::markdown},
     {"csv", Format::csv},
     {"json", Format::json},
     {"latex", Format::latex},
     {"html", Format::html}}};

template <class What>
std::string rendered(const What& what, Format format, const RenderOptions& options) {
  switch (format) {
    case Format::terminal:
      return terminal(what, options);
    case Format::markdown:
      return markdown(what);
    case Format::csv:
      return csv(what);
    case Format::json:
      return json(what);
    case Format::latex:
      return latex(what);
    case Format::html:
      return html(what);
  }
  return {};
}

void check(const Table& table) {
  for (const std::vector<Cell>& row : table.rows)
    LOOKTWICE_CHECK(row.size() == table.columns.size());
}

}  // namespace

Notes::Notes(const Table& table) {
  for (const std::vector<Cell>& row : table.rows)
    for (const Cell& cell : row)
      if (!cell.note.empty() &&
          numbers_.emplace(cell.note, static_cast<int>(texts_.size()) + 1).second)
        texts_.push_back(cell.note);
}

std::optional<Format> format_named(std::string_view name) {
  for (const auto& [known, format] : kFormats)
    if (name == known) return format;
  return {};
}

std::string format_names() {
  std::string names;
  for (const auto& [name, format] : kFormats) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

std::string render(const Table& table, Format format, const RenderOptions& options) {
  check(table);
  return rendered(table, format, options);
}

std::string render(const Page& page, Format format, const RenderOptions& options) {
  for (const Section& section : page.sections)
    if (section.table) check(*section.table);
  return rendered(page, format, options);
}

std::string fixed(std::optional<double> value, int digits) {
  if (!value || !std::isfinite(*value)) return "-";
  std::array<char, 400> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), *value,
                                 std::chars_format::fixed, digits);
  std::string out(text.data(), end.ptr);
  if (out.find_first_not_of("-0.") == std::string::npos && out.starts_with('-')) out.erase(0, 1);
  return out;
}

std::string significant(double value) {
  std::array<char, 40> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 4);
  return {text.data(), end.ptr};
}

}  // namespace looktwice::reports
