#include "suites/datasets/meta.h"

#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "harness/core/table.h"
#include "harness/core/text.h"

namespace looktwice::datasets {
namespace {

using Type = JsonValue::Type;

// One record and the words for what is wrong with it.
class Record {
 public:
  Record(const JsonValue& value, const std::string& file) : value_(value), file_(file) {
    expect(value, Type::object, "a record");
  }

  // Empty: not there, or null.
  std::string text(const std::string& field) const {
    const JsonValue* found = value_.find(field);
    if (!found || found->type == Type::null) return {};
    expect(*found, Type::text, "'" + field + "'");
    return found->text;
  }

  bool anomalous() const {
    const JsonValue* found = value_.find("anomaly");
    if (!found) refuse_at(file_, value_.place, "'anomaly' is missing");
    if (found->text == "1" || found->text == "true") return true;
    if (found->text == "0" || found->text == "false") return false;
    refuse_at(file_, found->place,
              "'anomaly' must be 0 or 1, not '" + printable(found->text, 80) + "'");
  }

  Refuse refusal(const std::string& field) const {
    const JsonValue* found = value_.find(field);
    const Place place = found ? found->place : value_.place;
    return [this, place, field](const std::string& why) {
      refuse_at(file_, place, "'" + field + "': " + why);
    };
  }

  void expect(const JsonValue& value, Type type, const std::string& what) const {
    if (value.type != type)
      refuse_at(file_, value.place,
                what + " must be " + name_of(type) + ", not " + name_of(value.type));
  }

 private:
  const JsonValue& value_;
  const std::string& file_;
};

void add_record(Gathering& gathering, const Record& record, const std::string& folder_class) {
  const std::string image =
      gathering.listed_file(record.text("img_path"), record.refusal("img_path"));
  const std::string mask = record.text("mask_path");
  std::string category = record.text("cls_name");
  if (category.empty()) category = folder_class;
  if (category != folder_class)
    gathering.note("records under a class that is not their cls_name", image);
  const bool anomalous = record.anomalous();
  std::string defect = record.text("specie_name");
  if (defect.empty()) defect = anomalous ? "anomalous" : "good";
  Sample& sample = gathering.add(image, category, anomalous, defect);
  if (mask.empty()) return;
  sample.truth.has_mask = true;
  sample.truth.masks.push_back(
      gathering.path(gathering.listed_file(mask, record.refusal("mask_path"))));
  if (!anomalous) gathering.note("normal images with a mask file", image);
}

// Calls with (class, record) for each record of one part.
template <class Act>
void for_each_record(const JsonValue& part, const std::string& file, const Act& act) {
  if (part.type != Type::object)
    refuse_at(file, part.place,
              std::string("an object of classes was expected, this is ") + name_of(part.type));
  for (const auto& [name, records] : part.members) {
    if (records.type != Type::array)
      refuse_at(file, records.place, "class '" + printable(name) + "' must be an array of records");
    for (const JsonValue& record : records.items) act(name, Record(record, file));
  }
}

}  // namespace

void add_meta_json(Gathering& gathering, const std::string& file) {
  const std::string shown = gathering.path(file).string();
  const JsonValue root = parsed_json(text_of_file(gathering.path(file)), shown);
  const JsonValue* test = root.find("test");
  if (!test) refuse_at(shown, root.place, "an object with 'test' was expected");
  for_each_record(*test, shown, [&](const std::string& name, const Record& record) {
    add_record(gathering, record, name);
  });
  gathering.settle_masks();
  if (const JsonValue* train = root.find("train"))
    for_each_record(*train, shown, [&](const std::string& name, const Record& record) {
      if (record.anomalous()) return;
      gathering.add_train(
          name, gathering.listed_file(record.text("img_path"), record.refusal("img_path")));
    });
}

DatasetEntry meta_dataset() {
  return {.name = "meta",
          .title = "meta.json",
          .summary = "any folder with a meta.json of AnomalyCLIP or AdaCLIP",
          .has_masks = true,
          .general = true,
          .expected = [](const std::string&) { return std::map<std::string, ExpectedCount>(); },
          .load =
              [](const DatasetRequest& request) {
                chosen_variant("meta", {}, request.variant);
                const bool is_file = std::filesystem::is_regular_file(request.root);
                Gathering gathering(is_file ? request.root.parent_path()
                                            : found_root(request.root, {.title = "meta.json",
                                                                        .layout = "a meta.json",
                                                                        .fits = [](const auto&) {
                                                                          return false;
                                                                        }}));
                add_meta_json(gathering, is_file ? request.root.filename().string() : "meta.json");
                return gathering.finished();
              }};
}

}  // namespace looktwice::datasets
