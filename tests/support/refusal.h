// The message of the Error that an action throws; empty when it throws none.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/core/error.h"

namespace looktwice::testing {

template <class Action>
std::string refusal(Kind kind, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "";
}

// Whether the text holds all of these words.
inline bool names_all(const std::string& text, const std::vector<std::string>& words) {
  for (const std::string& word : words)
    if (text.find(word) == std::string::npos) return false;
  return true;
}

}  // namespace looktwice::testing
