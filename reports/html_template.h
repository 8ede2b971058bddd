// Fills the templates of reports/templates. Mustache escapes every value ({{x}}); the unescaped
// form ({{{x}}}, {{&x}}) is not used in any of them, and a test reads them to make sure. Private to
// reports/.
#pragma once

#include <kainjow/mustache.hpp>
#include <string>
#include <string_view>

#include "reports/table.h"

namespace looktwice::reports {

using Data = kainjow::mustache::data;

// The page of that name with its parts (partials) in reach.
std::string filled(const std::string& template_name, Data values);

// Foreign text for a page: one line, hidden characters visible, cut at max_bytes. Absent when
// empty, so {{#x}}...{{/x}} leaves it out.
Data text_data(std::string_view text, std::size_t max_bytes = 2000);
Data table_data(const Table& table);
Data section_data(const Section& section);
Data list_of(const std::vector<std::string>& texts);
Data absent();

}  // namespace looktwice::reports
