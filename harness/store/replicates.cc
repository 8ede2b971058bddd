#include "harness/store/replicates.h"

#include <array>
#include <charconv>

#include "harness/store/json.h"

namespace looktwice::store {

std::string json_of(const Replicates& replicates) {
  const Json head = {{"task", replicates.task},
                     {"scorer", replicates.scorer},
                     {"metric", replicates.metric},
                     {"group", replicates.group},
                     {"value", replicates.value},
                     {"seed", std::to_string(replicates.seed)},
                     {"tag", std::to_string(replicates.tag)},
                     {"widening", replicates.widening},
                     {"degrees", replicates.degrees}};
  std::string line = head.dump();
  line.back() = ',';
  line += "\"deviations\":[";
  for (const float deviation : replicates.deviations) {
    std::array<char, 32> digits;
    const auto [end, error] =
        std::to_chars(digits.data(), digits.data() + digits.size(), deviation);
    line.append(digits.data(), end).append(",");
  }
  if (line.back() == ',') line.pop_back();
  return line + "]}";
}

Replicates replicates_of(std::string_view object) {
  const Json json = Json::parse(object, nullptr, /*allow_exceptions=*/false);
  const Fields fields(json, "replicates.jsonl");
  Replicates replicates;
  fields.read("task", replicates.task);
  fields.read("scorer", replicates.scorer);
  fields.read("metric", replicates.metric);
  fields.read("group", replicates.group);
  fields.read("value", replicates.value);
  const auto read_whole = [&](const char* name, std::uint64_t& number) {
    std::string text;
    fields.read(name, text);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
      throw Error(Kind::data, std::string("replicates.jsonl: field '") + name + "': no number");
  };
  read_whole("seed", replicates.seed);
  read_whole("tag", replicates.tag);
  fields.read("widening", replicates.widening);
  fields.read("degrees", replicates.degrees);
  fields.read("deviations", replicates.deviations);
  return replicates;
}

}  // namespace looktwice::store
