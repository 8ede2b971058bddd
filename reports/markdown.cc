// GitHub-flavoured Markdown.
#include <string>

#include "harness/core/text.h"
#include "reports/escape.h"
#include "reports/formats.h"

namespace looktwice::reports {
namespace {

std::string marked(const Cell& cell, const Notes& notes) {
  std::string text = markdown_text(cell.text);
  if (cell.tone == Tone::strong && !text.empty()) text = "**" + text + "**";
  if (const int number = notes.number_of(cell.note))
    text += "<sup>" + std::to_string(number) + "</sup>";
  if (!cell.aside.empty()) text += " " + markdown_text(cell.aside);
  return text;
}

std::string fence_around(const std::string& code) {
  std::string fence = "```";
  while (code.find(fence) != std::string::npos) fence += '`';
  return fence + "sh\n" + code + "\n" + fence + "\n";
}

}  // namespace

std::string markdown(const Table& table) {
  const Notes notes(table);
  std::string out;
  if (!table.title.empty()) out += "**" + markdown_text(table.title) + "**\n\n";
  if (!table.columns.empty()) {
    out += "|";
    for (const Column& column : table.columns) out += " " + markdown_text(column.title) + " |";
    out += "\n|";
    for (const Column& column : table.columns)
      out += column.align == Align::right ? " ---: |" : " :--- |";
    out += "\n";
    for (const std::vector<Cell>& row : table.rows) {
      out += "|";
      for (const Cell& cell : row) out += " " + marked(cell, notes) + " |";
      out += "\n";
    }
  }
  if (!notes.texts().empty() || !table.footnotes.empty()) out += "\n";
  for (std::size_t i = 0; i < notes.texts().size(); ++i)
    out += "- <sup>" + std::to_string(i + 1) + "</sup> " + markdown_text(notes.texts()[i]) + "\n";
  for (const std::string& note : table.footnotes) out += "- " + markdown_text(note) + "\n";
  return out;
}

std::string markdown(const Page& page) {
  std::string out;
  if (!page.title.empty()) out += "# " + markdown_text(page.title) + "\n";
  for (const Section& section : page.sections) {
    if (!section.title.empty()) out += "\n## " + markdown_text(section.title) + "\n";
    for (const std::string& paragraph : section.paragraphs)
      out += "\n" + markdown_text(paragraph) + "\n";
    if (section.table) out += "\n" + markdown(*section.table);
    if (!section.command.empty())
      out += "\n" + fence_around(printable(section.command, section.command.size() * 8));
  }
  return out;
}

}  // namespace looktwice::reports
