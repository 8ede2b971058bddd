// Tables for a terminal: columns as wide as their text; too narrow a terminal first shortens the
// columns that allow it, then shows each row as a block of its own, so that no number is ever cut.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "reports/display_width.h"
#include "reports/escape.h"
#include "reports/formats.h"

namespace looktwice::reports {
namespace {

constexpr int kShortest = 10;

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

std::string padding(int width) {
  return std::string(static_cast<std::size_t>(std::max(width, 0)), ' ');
}

class Pen {
 public:
  explicit Pen(const RenderOptions& options) : options_(options) {}

  std::string styled(const std::string& text, const char* code) const {
    return options_.colour && !text.empty() ? "\x1b[" + std::string(code) + "m" + text + "\x1b[0m"
                                            : text;
  }
  std::string toned(const std::string& text, Tone tone) const {
    switch (tone) {
      case Tone::plain:
        return text;
      case Tone::strong:
        return styled(text, "1");
      case Tone::muted:
        return styled(text, "2");
      case Tone::good:
        return styled(text, "32");
      case Tone::bad:
        return styled(text, "31");
    }
    return text;
  }
  std::string head(const std::string& text) const { return styled(text, "1"); }
  std::string faint(const std::string& text) const { return styled(text, "2"); }
  std::string rule(int width) const { return faint(repeated(options_.unicode ? "─" : "-", width)); }
  const char* ellipsis() const { return options_.unicode ? "…" : "..."; }

  // Text of our own or foreign, fit for this terminal.
  std::string text(std::string_view any) const {
    std::string out = terminal_text(any);
    if (options_.unicode) return out;
    std::string ascii;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out.compare(i, 3, "–") == 0) {
        ascii += '-';
        i += 2;
      } else {
        ascii += out[i];
      }
    }
    return ascii;
  }

  std::string mark(int number) const {
    if (number == 0) return {};
    if (!options_.unicode) return "[" + std::to_string(number) + "]";
    static constexpr const char* kDigits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    std::string out;
    for (const char c : std::to_string(number)) out += kDigits[c - '0'];
    return out;
  }

 private:
  const RenderOptions& options_;
};

struct Part {  // a cell as it will be printed
  std::string text = {}, mark = {}, aside = {};
  Tone tone = Tone::plain;
};

struct Widths {  // of a column
  int text = 0, mark = 0, aside = 0, title = 0;
  int cell() const { return text + mark + (aside > 0 ? aside + 1 : 0); }
  int all() const { return std::max(cell(), title); }
};

// Words of a paragraph over as many lines as it takes.
std::string wrapped(const std::string& text, int width, int indent) {
  if (width <= 0) return padding(indent) + text + "\n";
  std::string out, line = padding(indent);
  int used = indent;
  bool empty = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, space - at);
    const int word_width = display_width(word);
    if (!empty && used + 1 + word_width > width) {
      out += line + "\n";
      line = padding(indent);
      used = indent;
      empty = true;
    }
    if (!empty) line += ' ', ++used;
    line += word;
    used += word_width;
    empty = false;
    at = space + 1;
  }
  return out + line + "\n";
}

class Grid {
 public:
  Grid(const Table& table, const Pen& pen) : table_(table), pen_(pen), notes_(table) {
    widths_.resize(table.columns.size());
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      titles_.push_back(pen.text(table.columns[c].title));
      widths_[c].title = display_width(titles_[c]);
    }
    for (const std::vector<Cell>& row : table.rows) {
      std::vector<Part>& parts = rows_.emplace_back();
      for (std::size_t c = 0; c < row.size(); ++c) {
        const Cell& cell = row[c];
        parts.push_back({pen.text(cell.text), pen.mark(notes_.number_of(cell.note)),
                         pen.text(cell.aside), cell.tone});
        widths_[c].text = std::max(widths_[c].text, display_width(parts.back().text));
        widths_[c].mark = std::max(widths_[c].mark, display_width(parts.back().mark));
        widths_[c].aside = std::max(widths_[c].aside, display_width(parts.back().aside));
      }
    }
  }

  // False: no way to fit without cutting a number.
  bool fit(int width) {
    return width <= 0 || fit_shortening(width, 2 * kShortest) || squeeze(width);
  }

  std::string lines() const {
    std::string out, head;
    for (std::size_t c = 0; c < titles_.size(); ++c) {
      const std::string title = shortened(titles_[c], widths_[c].all(), pen_.ellipsis());
      const int left = table_.columns[c].align == Align::right
                           ? std::max(widths_[c].all() - widths_[c].cell() + widths_[c].text -
                                          display_width(title),
                                      0)
                           : 0;
      const int right = widths_[c].all() - left - display_width(title);
      head += padding(c == 0 ? 1 : gap_) + padding(left) + pen_.head(title) + padding(right);
    }
    out += stripped(head) + "\n " + pen_.rule(total() - 1) + "\n";
    for (const std::vector<Part>& row : rows_) {
      std::string line;
      for (std::size_t c = 0; c < row.size(); ++c)
        line += padding(c == 0 ? 1 : gap_) + padded(row[c], c);
      out += stripped(line) + "\n";
    }
    return out;
  }

  // Each row as a block: one line per column.
  std::string blocks(int width) const {
    std::string out;
    int title_width = 0;
    for (const Widths& w : widths_) title_width = std::max(title_width, w.title);
    title_width = std::min(title_width, std::max(width / 3, kShortest));
    for (const std::vector<Part>& row : rows_) {
      out += " " + pen_.rule(std::max(width - 1, 10)) + "\n";
      for (std::size_t c = 0; c < row.size(); ++c) {
        if (row[c].text.empty() || row[c].text == "-") continue;
        const std::string title = shortened(titles_[c], title_width, pen_.ellipsis());
        out += " " + pen_.faint(title) + padding(title_width - display_width(title) + 2) +
               block_value(row[c], c, width, title_width + 3) + "\n";
      }
    }
    return out;
  }

  std::string footnotes(int width) const {
    std::string out;
    for (std::size_t i = 0; i < notes_.texts().size(); ++i)
      out += wrapped(pen_.mark(static_cast<int>(i) + 1) + " " + pen_.text(notes_.texts()[i]), width,
                     1);
    for (const std::string& note : table_.footnotes) out += wrapped(pen_.text(note), width, 1);
    return out;
  }

 private:
  bool squeeze(int width) {
    gap_ = 1;
    return fit_shortening(width, kShortest);
  }

  bool fit_shortening(int width, int shortest) {
    for (int excess = total() - width; excess > 0; excess = total() - width) {
      Widths* widest = nullptr;
      for (std::size_t c = 0; c < widths_.size(); ++c)
        if (table_.columns[c].may_shorten && widths_[c].all() > shortest &&
            (!widest || widths_[c].all() > widest->all()))
          widest = &widths_[c];
      if (!widest) return false;
      const int target = std::max(shortest, widest->all() - excess);
      widest->title = std::min(widest->title, target);
      widest->text = std::max(std::min(widest->text, target - (widest->cell() - widest->text)), 1);
      if (widest->all() > target) return false;
    }
    return true;
  }

  // The text of a cell behind its title: names lose their end, anything else goes on below.
  std::string block_value(const Part& part, std::size_t c, int width, int indent) const {
    const int room = width - indent - display_width(part.mark);
    if (display_width(part.text) > room) {
      if (table_.columns[c].may_shorten)
        return shortened(part.text, room, pen_.ellipsis()) + pen_.faint(part.mark);
      const std::string lines = wrapped(part.text + part.mark, width, indent);
      return lines.substr(static_cast<std::size_t>(indent), lines.size() - indent - 1);
    }
    std::string value = pen_.toned(part.text, part.tone) + pen_.faint(part.mark);
    if (!part.aside.empty()) value += " " + pen_.faint(part.aside);
    return value;
  }

  int total() const {
    int width = 1 - gap_;
    for (const Widths& w : widths_) width += w.all() + gap_;
    return width;
  }

  std::string padded(const Part& part, std::size_t c) const {
    const Widths& w = widths_[c];
    const std::string text = shortened(part.text, w.text, pen_.ellipsis());
    const int spare = w.text - display_width(text);
    std::string out;
    // A title wider than the column leaves room: numbers stay under its right end, text under its
    // left.
    const int extra = w.all() - w.cell();
    const bool right = table_.columns[c].align == Align::right;
    if (right) out += padding(extra + spare);
    out += pen_.toned(text, part.tone) + pen_.faint(part.mark);
    if (!right && w.aside == 0)
      return out + padding(extra + spare + w.mark - display_width(part.mark));
    if (!right) out += padding(spare);
    out += padding(w.mark - display_width(part.mark));
    if (w.aside > 0) {
      out += ' ';
      out += pen_.faint(part.aside);
      out += padding(w.aside - display_width(part.aside));
    }
    if (!right) out += padding(extra);
    return out;
  }

  static std::string stripped(std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    return line;
  }

  const Table& table_;
  const Pen& pen_;
  Notes notes_;
  std::vector<std::string> titles_;
  std::vector<std::vector<Part>> rows_;
  std::vector<Widths> widths_;
  int gap_ = 2;
};

}  // namespace

std::string terminal(const Table& table, const RenderOptions& options) {
  const Pen pen(options);
  Grid grid(table, pen);
  std::string out;
  if (!table.title.empty()) out += wrapped(pen.text(table.title), options.width, 1) + "\n";
  if (!table.columns.empty())
    out += grid.fit(options.width) ? grid.lines() : grid.blocks(options.width);
  const std::string notes = grid.footnotes(options.width);
  if (!notes.empty()) out += "\n" + notes;
  return out;
}

std::string terminal(const Page& page, const RenderOptions& options) {
  const Pen pen(options);
  std::string out;
  if (!page.title.empty()) out += " " + pen.head(pen.text(page.title)) + "\n";
  for (const Section& section : page.sections) {
    if (!out.empty()) out += "\n";
    if (!section.title.empty()) out += " " + pen.head(pen.text(section.title)) + "\n";
    for (const std::string& paragraph : section.paragraphs)
      out += wrapped(pen.text(paragraph), options.width, 1);
    if (section.table) {
      if (!section.paragraphs.empty()) out += "\n";
      out += terminal(*section.table, options);
    }
    if (!section.command.empty())
      out += (section.table ? "\n   " : "   ") + terminal_text(section.command) + "\n";
  }
  return out;
}

}  // namespace looktwice::reports
