// The words that all parts share: what a data set holds, what an adapter is asked, what it replies,
// what came of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/image.h"

namespace looktwice {

// From how many found pixels on a defect of area A counts as found (MVTec LOCO): int(threshold * A)
// if relative, else min(threshold, A).
struct Saturation {
  double threshold = 1;
  bool relative = true;
};

// What is known about a sample and hidden from every adapter.
struct Truth {
  std::optional<bool> anomalous = {};
  std::vector<std::filesystem::path> masks = {};  // merged by OR; empty: none, or a normal image
  // By the value of a mask's pixels. Where it is there, each mask file is one defect; null: the set
  // knows masks only.
  std::shared_ptr<const std::map<int, Saturation>> saturation = {};
  bool has_mask = false;    // normal images of a set with masks: true with an empty list (all zero)
  std::string defect = {};  // folder or type name, for tables
  std::string answer = {};  // option letter
  std::vector<std::string> references = {};  // reference texts, one per question
};

struct Sample {
  std::string id = {};  // unique in its task: the path relative to the data set, '/' separated
  std::string category = {};  // class of the object ("bottle"), the unit of macro averages
  ImageFile image = {};
  std::vector<ImageFile> references = {};  // normal pictures shown beside it (few-shot)
  Truth truth = {};
};

struct Option {
  std::string letter = {}, text = {};
};

// One question and its answer, earlier in the same dialogue.
struct Turn {
  std::string question = {}, answer = {};
};

// What a reply should hold. An adapter gives what it can; a missing part is not an error by itself.
struct Wanted {
  bool score = false, map = false, text = false, embedding = false;
};

struct Decoding {
  int max_new_tokens = 4096;
  double temperature = 0;  // 0 = greedy
  double top_p = 1;
  std::uint64_t seed = 0;
  std::vector<std::string> stop = {};
};

// What a suite asks about one sample. The runner makes a Request of it.
struct Question {
  std::string system = {};
  std::string text = {};
  std::vector<Option> options = {};
  Wanted wanted = {};
  Decoding decoding = {};
};

// What an adapter sees. No truth, no path: a leak would not compile.
struct Request {
  std::string key = {};       // unique in the run; neutral (a hash)
  std::string category = {};  // class of the object, never the defect
  Picture image = {};
  std::vector<Picture> references =
      {};  // normal pictures, the same order for every sample of a category
  std::vector<Turn> dialogue = {};
  Question question = {};
};

// Pixel-wise anomaly scores at the model's own resolution. values[height][width]; any finite value,
// larger = more anomalous.
struct AnomalyMap {
  int width = 0, height = 0;
  std::vector<float> values = {};
};

enum class Status { answered, refused, failed };

struct Usage {
  std::int64_t input_tokens = 0, output_tokens = 0;
};

// One timed part of answering ("preprocess", "vision", ...); steady clock.
struct Span {
  std::string name = {};
  std::int64_t start_ns = 0, duration_ns = 0;
};

struct Prediction {
  std::string key = {};
  Status status = Status::answered;
  std::string text = {};
  std::optional<double> score = {};  // larger = more anomalous; any finite value
  std::optional<AnomalyMap> map = {};
  Usage usage = {};
  std::vector<Span> spans = {};  // to timing.jsonl, never to predictions.jsonl
  std::string error = {};        // why it failed or was refused
};

// One scorer's reading of a sample's answers ("official": the published rule, quirks included;
// "corrected": the sound one).
struct Mark {
  std::string scorer = {};
  std::optional<double> score = {};
  std::optional<bool> decision = {};  // anomalous or not, as generated
  std::map<std::string, double> values = {};
  std::string unscored_because = {};  // answered, but no answer in it
};

// What came of one sample. failed, refused, unscored and undefined are four different states, none
// of them 0.
struct Outcome {
  std::string task = {};  // filled in by the runner, as are image and map
  std::string sample = {};
  std::string category = {};
  Status status = Status::answered;
  std::string error = {};
  std::optional<bool> anomalous = {};  // the truth
  std::string defect = {};
  std::string image = {};  // relative to the folder of the data set
  std::optional<Region> region = {};
  std::string map = {};   // file in the run folder, empty: none
  std::string text = {};  // the answers, one per line, as generated (hostile text)
  std::vector<Mark> marks = {};
};

const char* name_of(Status status);  // "answered", "refused", "failed"
std::optional<Status> status_named(std::string_view name);

}  // namespace looktwice
