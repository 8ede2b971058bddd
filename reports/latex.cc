// LaTeX tables in the manner of booktabs; \usepackage{booktabs} and UTF-8 are all they need.
#include <string>

#include "reports/escape.h"
#include "reports/formats.h"

namespace looktwice::reports {
namespace {

std::string marked(const Cell& cell, const Notes& notes) {
  std::string text = latex_text(cell.text);
  if (cell.tone == Tone::strong && !text.empty()) text = "\\textbf{" + text + "}";
  if (const int number = notes.number_of(cell.note))
    text += "\\textsuperscript{" + std::to_string(number) + "}";
  if (!cell.aside.empty()) text += " {\\footnotesize " + latex_text(cell.aside) + "}";
  return text;
}

}  // namespace

std::string latex(const Table& table) {
  const Notes notes(table);
  std::string out = "\\begin{table}\n\\centering\n";
  if (!table.title.empty()) out += "\\caption{" + latex_text(table.title) + "}\n";
  if (!table.columns.empty()) {
    out += "\\begin{tabular}{";
    for (const Column& column : table.columns) out += column.align == Align::right ? 'r' : 'l';
    out += "}\n\\toprule\n";
    for (std::size_t c = 0; c < table.columns.size(); ++c)
      out += (c ? " & " : "") + latex_text(table.columns[c].title);
    out += " \\\\\n\\midrule\n";
    for (const std::vector<Cell>& row : table.rows) {
      for (std::size_t c = 0; c < row.size(); ++c) out += (c ? " & " : "") + marked(row[c], notes);
      out += " \\\\\n";
    }
    out += "\\bottomrule\n\\end{tabular}\n";
  }
  if (!notes.texts().empty() || !table.footnotes.empty()) out += "\n\\par\\footnotesize\n";
  for (std::size_t i = 0; i < notes.texts().size(); ++i)
    out += "\\textsuperscript{" + std::to_string(i + 1) + "} " + latex_text(notes.texts()[i]) +
           "\\par\n";
  for (const std::string& note : table.footnotes) out += latex_text(note) + "\\par\n";
  return out + "\\end{table}\n";
}

std::string latex(const Page& page) {
  std::string out;
  if (!page.title.empty()) out += "\\section*{" + latex_text(page.title) + "}\n";
  for (const Section& section : page.sections) {
    if (!section.title.empty()) out += "\n\\subsection*{" + latex_text(section.title) + "}\n";
    for (const std::string& paragraph : section.paragraphs)
      out += "\n" + latex_text(paragraph) + "\n";
    if (section.table) out += "\n" + latex(*section.table);
    if (!section.command.empty())
      out += "\n\\par\\noindent\\texttt{" + latex_text(section.command) + "}\n";
  }
  return out;
}

}  // namespace looktwice::reports
