// The two formats for machines: numbers unrounded, notes in full.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "harness/core/text.h"
#include "reports/escape.h"
#include "reports/formats.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;

std::string shortest(double value) {
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

bool any_aside(const Table& table, std::size_t column) {
  for (const std::vector<Cell>& row : table.rows)
    if (!row[column].aside.empty()) return true;
  return false;
}

const std::string& key_of(const Column& column) {
  return column.key.empty() ? column.title : column.key;
}

// Two columns of one name would be one field.
std::vector<std::string> distinct_keys(const Table& table) {
  std::vector<std::string> keys;
  for (const Column& column : table.columns) {
    std::string key = key_of(column);
    for (int n = 2; std::find(keys.begin(), keys.end(), key) != keys.end(); ++n)
      key = key_of(column) + " " + std::to_string(n);
    keys.push_back(std::move(key));
  }
  return keys;
}

Json object_of(const Table& table) {
  Json json = {{"title", table.title}, {"columns", Json::array()}, {"rows", Json::array()}};
  const std::vector<std::string> keys = distinct_keys(table);
  for (std::size_t c = 0; c < keys.size(); ++c)
    json["columns"].push_back({{"key", keys[c]}, {"title", table.columns[c].title}});
  for (const std::vector<Cell>& row : table.rows) {
    Json object = Json::object();
    for (std::size_t c = 0; c < row.size(); ++c) {
      const Cell& cell = row[c];
      Json value = cell.text;
      if (cell.number) value = std::isfinite(*cell.number) ? Json(*cell.number) : Json(nullptr);
      if (!cell.aside.empty() || !cell.note.empty()) {
        value = {{"value", value}};
        if (!cell.aside.empty()) value["aside"] = cell.aside;
        if (!cell.note.empty()) value["note"] = cell.note;
      }
      object[keys[c]] = std::move(value);
    }
    json["rows"].push_back(std::move(object));
  }
  json["footnotes"] = table.footnotes;
  return json;
}

// ASCII only: what is invisible in a terminal or an editor stays visible as \uXXXX.
std::string dumped(const Json& json) {
  return without_commands(
             json.dump(1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace)) +
         "\n";
}

}  // namespace

std::string csv(const Table& table) {
  constexpr const char* kLineEnd = "\r\n";  // RFC 4180
  std::string out;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    if (c) out += ',';
    out += csv_field(key_of(table.columns[c]));
    if (any_aside(table, c)) out.append(",").append(csv_field(key_of(table.columns[c]) + " aside"));
  }
  out += kLineEnd;
  for (const std::vector<Cell>& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c) out += ',';
      out += row[c].number && std::isfinite(*row[c].number) ? shortest(*row[c].number)
                                                            : csv_field(row[c].text);
      if (any_aside(table, c)) out.append(",").append(csv_field(row[c].aside));
    }
    out += kLineEnd;
  }
  return out;
}

std::string csv(const Page& page) {
  std::string out;
  for (const Section& section : page.sections) {
    if (!section.table) continue;
    if (!out.empty()) out += "\r\n";
    out += csv(*section.table);
  }
  return out;
}

std::string json(const Table& table) {
  return dumped(object_of(table));
}

std::string json(const Page& page) {
  Json json = {{"title", page.title}, {"sections", Json::array()}};
  for (const Section& section : page.sections) {
    Json object = {{"title", section.title}, {"paragraphs", section.paragraphs}};
    if (section.table) object["table"] = object_of(*section.table);
    if (!section.command.empty()) object["command"] = section.command;
    json["sections"].push_back(std::move(object));
  }
  return dumped(json);
}

}  // namespace looktwice::reports
