#include "harness/store/profile_file.h"

#include "harness/store/json.h"

namespace looktwice::store {
namespace {

// One list of the fields for both ways: `field(name, member)`.
template <class Facts, class Visit>
void visit_pass(Facts& pass, Visit field) {
  field("start_ns", pass.start_ns);
  field("duration_ns", pass.duration_ns);
  field("requests", pass.requests);
  field("failed", pass.failed);
  field("refused", pass.refused);
  field("other_answers", pass.other_answers);
  field("mhz", pass.mhz);
}

template <class Facts, class Visit>
void visit_machine(Facts& machine, Visit field) {
  field("processors", machine.processors);
  field("busy_others", machine.busy_others);
  field("busy_own", machine.busy_own);
  field("stolen", machine.stolen);
  field("load_before", machine.load_before);
  field("throttled", machine.throttled);
  field("hottest", machine.hottest);
  field("clock_ns", machine.clock_ns);
  field("about", machine.about);
}

template <class Facts, class Visit>
void visit_profile(Facts& profile, Visit field) {
  field("run", profile.run);
  field("model", profile.model);
  field("label", profile.label);
  field("version", profile.version);
  field("commit", profile.commit);
  field("started", profile.started);
  field("model_args", profile.model_args);
  field("model_facts", profile.model_facts);
  field("options", profile.options);
  field("tasks", profile.tasks);
  field("requests", profile.requests);
  field("answers", profile.answers);
  field("at_once", profile.at_once);
  field("least_requests", profile.least_requests);
  field("least_seconds", profile.least_seconds);
  field("most_others", profile.most_others);
  field("stopped", profile.stopped);
}

// Writes fields into a JSON object; what is not there becomes null.
struct Writer {
  Json& json;
  template <class Type>
  void operator()(const char* name, const Type& value) const {
    json[name] = value;
  }
  template <class Type>
  void operator()(const char* name, const std::optional<Type>& value) const {
    json[name] = value ? Json(*value) : Json(nullptr);
  }
};

struct Reader {
  const Fields& fields;
  template <class Type>
  void operator()(const char* name, Type& value) const {
    fields.read(name, value);
  }
};

Json json_of(const PassFacts& pass) {
  Json json;
  visit_pass(pass, Writer{json});
  return json;
}

}  // namespace

std::string json_of(const Profile& profile) {
  Json json = {{"schema", 1}, {"kind", "profile"}};
  visit_profile(profile, Writer{json});
  json["warm_up"] = json_of(profile.warm_up);
  json["passes"] = Json::array();
  for (const PassFacts& pass : profile.passes) json["passes"].push_back(json_of(pass));
  json["machine"] = Json::object();
  visit_machine(profile.machine, Writer{json["machine"]});
  return pretty(json);
}

Profile read_profile(const std::filesystem::path& file) {
  const Json json = read_json_file(file, "profile");
  const Fields fields(json, printable(file.string()));
  Profile profile;
  visit_profile(profile, Reader{fields});
  visit_pass(profile.warm_up, Reader{fields.object("warm_up")});
  fields.each("passes",
              [&](const Fields& pass) { visit_pass(profile.passes.emplace_back(), Reader{pass}); });
  visit_machine(profile.machine, Reader{fields.object("machine")});
  return profile;
}

}  // namespace looktwice::store
