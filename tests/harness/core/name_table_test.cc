#include "harness/core/name_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/json_value.h"

namespace looktwice {
namespace {

TEST(NameTable, FindsEachNameAtItsPlaceAndNoOther) {
  std::vector<std::string> names = {""};  // of every length, and alike but for one byte
  for (std::size_t i = 0; i < 3000; ++i) {
    names.push_back(std::string(i % 40, 'a') + std::to_string(i));
    names.push_back(std::to_string(i) + std::string(i % 40, '\0') + "b");
  }
  const auto name_at = [&](std::uint32_t place) -> std::string_view { return names[place]; };
  for (const std::size_t reserved : {std::size_t{0}, names.size()}) {
    NameTable table(reserved);
    for (std::uint32_t place = 0; place < names.size(); ++place)
      ASSERT_EQ(table.add(names[place], place, name_at), std::nullopt) << names[place];
    for (std::uint32_t place = 0; place < names.size(); ++place) {
      ASSERT_EQ(table.find(names[place], name_at), std::optional(place)) << names[place];
      ASSERT_EQ(table.add(names[place], 1, name_at), std::optional(place)) << "the first stays";
    }
    EXPECT_EQ(table.find("c", name_at), std::nullopt);
  }
  EXPECT_EQ(NameTable().find("", name_at), std::nullopt);
}

// Around the number of names from which on a table knows them.
TEST(NameTable, AnObjectOfAnyNumberOfNamesRefusesOneThatStandsTwice) {
  for (const int names : {1, 2, 7, 8, 9, 10, 17, 1000})
    for (const int twice : {0, names / 2, names - 1}) {
      std::string text = "{";
      for (int i = 0; i < names; ++i)
        text += "\"n" + std::to_string(i) + "\": {\"n0\": [{\"n0\": 1}]},\n";
      const std::string well = text + "\"other\": 2}";
      EXPECT_EQ(parsed_json(well, "x.json").members.size(), static_cast<std::size_t>(names) + 1);
      const std::string name = "n" + std::to_string(twice);
      const std::string wrong = text + "\"" + name + "\": 2}";
      EXPECT_EQ(parsed_json(wrong, "x.json", 64, 1, NameTwice::kept).members.size(),
                static_cast<std::size_t>(names) + 1);
      try {
        parsed_json(wrong, "x.json");
        ADD_FAILURE() << wrong;
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()), "x.json: line " + std::to_string(names + 1) +
                                                 ", column 1: '" + name +
                                                 "' stands twice in this object");
      }
    }
}

}  // namespace
}  // namespace looktwice
