// run.json: how a run came about; enough to do it again and to see whether two runs may be
// compared.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace looktwice::store {

// How a flag begins that says that a model was shown what it is asked.
inline constexpr const char* kTruthShown = "ground truth shown to the model";

struct TaskManifest {
  std::string task = {}, variant = {};
  std::filesystem::path root = {};  // folder of the data set; images of outcomes are relative to it
  std::string fingerprint = {};     // SHA-256 over ids, truths and contents of the pictures
  std::string references = {};  // the same of the normal pictures shown beside them; empty: none
  std::int64_t samples = 0;
  std::vector<std::string> warnings = {};
};

struct Manifest {
  std::string run = {};  // identity: SHA-256 prefix of everything that decides the answers
  std::string version = {}, commit = {};
  std::string model = {}, label = {};
  std::map<std::string, std::string> model_args_asked = {}, model_args_used = {}, model_facts = {};
  std::map<std::string, std::string> options_asked = {}, options_used = {};
  std::vector<TaskManifest> tasks = {};
  std::map<std::string, std::string> host = {};  // system, machine, vector_code, threads
  std::string started = {}, finished = {};       // UTC, RFC 3339; finished empty: not yet
  // Who judged the answers, by id: model, its options and facts, prompt, decoding.
  std::map<std::string, std::map<std::string, std::string>> judges = {};
  // Who gave the answers embeddings, by id: model, its options and facts.
  std::map<std::string, std::map<std::string, std::string>> encoders = {};
  std::vector<std::string> trained_on = {};  // data sets, as the user says
  // What every table must say of this run: "ground truth shown to the model: ...".
  std::vector<std::string> flags = {};
  std::int64_t dropped_records = 0;  // torn or foreign journal records cut so far
  bool complete = false, partial = false;
};

std::string json_of(const Manifest& manifest);
Manifest read_manifest(const std::filesystem::path& file);  // Kind::data names file and field

}  // namespace looktwice::store
