// Version 1 of what LookTwice and a program say to each other: one JSON object a line, UTF-8.
// docs/adapters.md is the text for people. Not here: pipes (child.h), pictures as files
// (picture_folder.h).
#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/adapter.h"

namespace looktwice::adapters {

inline constexpr int kProtocolVersion = 1;
// Longest line that a program may write. Larger maps go through files.
inline constexpr std::size_t kLongestLine = std::size_t{4} << 20;

// The program does not keep to the protocol: what it says next cannot be trusted. The message shows
// the line, made printable.
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// First line to the program.
std::string greeting(const Setting& setting, const std::string& folder);

// First line from it.
struct Hello {
  std::string name = {}, version = {};
  int window = 1;                         // requests that it wants to hold at once
  std::vector<std::string> accepts = {};  // suffixes of pictures (".png"); empty: all
  std::map<std::string, std::string> facts = {};
};
Hello hello_of(std::string_view line);

// The files of one request, as the program may open them.
struct RequestFiles {
  std::string image = {};
  std::vector<std::string> references = {};
};
std::string request_line(const Request& request, const RequestFiles& files);

struct Reply {
  bool heartbeat = false;      // "I am alive", nothing else
  Prediction prediction = {};  // key: the id; map: when it came in the line
  std::string map_file = {};   // relative to the folder, or absolute; not yet checked
  // What is wrong with this answer alone ("score is 'NaN', expected a finite number"): the request
  // fails, the program goes on.
  std::string flaw = {};
};
Reply reply_of(std::string_view line);

}  // namespace looktwice::adapters
