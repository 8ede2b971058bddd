#include "harness/store/json.h"

#include "harness/store/run_folder.h"

namespace looktwice::store {

Json read_json_file(const std::filesystem::path& file, const char* kind) {
  const std::string name = printable(file.string());
  Json json;
  try {
    json = Json::parse(read_text(file));
  } catch (const nlohmann::json::exception& error) {
    throw Error(Kind::data, name + ": no JSON: " + printable(error.what(), 160));
  }
  const Fields fields(json, name);
  int schema = 0;
  std::string found;
  fields.read("schema", schema);
  fields.read("kind", found);
  if (schema != 1 || found != kind)
    throw Error(Kind::data, name + ": expected " + kind + " of schema 1, found " +
                                printable(found, 40) + " of schema " + std::to_string(schema));
  return json;
}

std::string pretty(const Json& json) {
  return json.dump(1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace looktwice::store
