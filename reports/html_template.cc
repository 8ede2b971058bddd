#include "reports/html_template.h"

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "reports/embedded.h"
#include "reports/escape.h"
#include "reports/formats.h"

namespace looktwice::reports {
namespace {

namespace mustache = kainjow::mustache;

std::string embedded_template(const std::string& name) {
  for (const EmbeddedFile& file : template_files())
    if (file.name == name) return std::string(file.bytes);
  throw Error(Kind::internal, "no template " + name);
}

const char* name_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "plain";
    case Tone::strong:
      return "strong";
    case Tone::muted:
      return "muted";
    case Tone::good:
      return "good";
    case Tone::bad:
      return "bad";
  }
  return "plain";
}

// The column that names its row for a screen reader.
std::size_t heading_column(const Table& table) {
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    if (table.columns[c].align == Align::left) return c;
  return 0;
}

}  // namespace

std::string filled(const std::string& template_name, Data values) {
  for (const char* part :
       {"style.css", "table.html", "section.html", "subsection.html", "chart.html"})
    values.set(part, Data(mustache::partial([part] { return embedded_template(part); })));
  mustache::mustache page(embedded_template(template_name));
  LOOKTWICE_CHECK(page.is_valid());
  return page.render(values);
}

Data absent() {
  return Data(Data::type::bool_false);
}

Data text_data(std::string_view text, std::size_t max_bytes) {
  return text.empty() ? absent() : Data(terminal_text(text, max_bytes));
}

Data list_of(const std::vector<std::string>& texts) {
  Data list(Data::type::list);
  for (const std::string& text : texts) {
    Data item(Data::type::object);
    item.set("line", text_data(text, 4000));
    list.push_back(item);
  }
  return list;
}

Data table_data(const Table& table) {
  const Notes notes(table);
  const std::size_t heading = heading_column(table);
  Data data(Data::type::object), columns(Data::type::list), rows(Data::type::list),
      numbered(Data::type::list);
  for (const Column& column : table.columns) {
    Data head(Data::type::object);
    head.set("column", text_data(column.title));
    head.set("align", column.align == Align::right ? "right" : "left");
    columns.push_back(head);
  }
  for (const std::vector<Cell>& row : table.rows) {
    Data cells(Data::type::list);
    for (std::size_t c = 0; c < row.size(); ++c) {
      Data cell(Data::type::object);
      cell.set("text", text_data(row[c].text));
      cell.set("aside", text_data(row[c].aside));
      cell.set("tone", name_of(row[c].tone));
      cell.set("align", table.columns[c].align == Align::right ? "right" : "left");
      cell.set("heading", Data(c == heading ? Data::type::bool_true : Data::type::bool_false));
      const int mark = notes.number_of(row[c].note);
      cell.set("mark", mark ? Data(std::to_string(mark)) : absent());
      cells.push_back(cell);
    }
    Data line(Data::type::object);
    line.set("cells", cells);
    rows.push_back(line);
  }
  for (std::size_t i = 0; i < notes.texts().size(); ++i) {
    Data note(Data::type::object);
    note.set("mark", std::to_string(i + 1));
    note.set("line", text_data(notes.texts()[i], 4000));
    numbered.push_back(note);
  }
  const bool any_note = !notes.texts().empty() || !table.footnotes.empty();
  data.set("caption", text_data(table.title));
  data.set("columns", columns);
  data.set("rows", rows);
  data.set("any_note", Data(any_note ? Data::type::bool_true : Data::type::bool_false));
  data.set("numbered", numbered);
  data.set("footnotes", list_of(table.footnotes));
  return data;
}

Data section_data(const Section& section) {
  Data data(Data::type::object);
  data.set("heading", text_data(section.title));
  data.set("paragraphs", list_of(section.paragraphs));
  data.set("table", section.table ? table_data(*section.table) : absent());
  data.set("command", text_data(section.command, 8000));
  return data;
}

std::string html(const Table& table) {
  return filled("table.html", table_data(table));
}

std::string html(const Page& page) {
  Data data(Data::type::object), sections(Data::type::list);
  for (const Section& section : page.sections) sections.push_back(section_data(section));
  data.set("title", text_data(page.title));
  data.set("sections", sections);
  return filled("page.html", data);
}

}  // namespace looktwice::reports
