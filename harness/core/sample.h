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
  // One per question about the sample; empty: the questions need none.
  std::vector<std::string> answers = {};     // option letters
  std::vector<std::string> references = {};  // what a good answer says
  // What control scorers answer: "majority" -> "B".
  std::map<std::string, std::string> controls = {};
};

struct Option {
  std::string letter = {}, text = {};
};

// A question that the data set words itself, without what is right.
struct SetQuestion {
  std::string group = {};  // questions that are averaged together: "low_level"
  std::string text = {};
  std::vector<Option> options = {};
};

struct Sample {
  std::string id = {};  // unique in its task: the path relative to the data set, '/' separated
  std::string category = {};  // class of the object ("bottle")
  // Of a set made of several, the one it comes from: then this is the unit of macro averages
  // instead of the category.
  std::string source = {};
  ImageFile image = {};                     // no path: a sample of texts alone
  std::vector<ImageFile> references = {};   // normal pictures shown beside it (few-shot)
  std::vector<SetQuestion> questions = {};  // in the order of Truth::answers and references
  std::string background = {};              // told before the questions (domain knowledge)
  // Why nothing can be asked about it: its record in the data set is wrong. It counts as failed.
  std::string flaw = {};
  Truth truth = {};
};

// A piece of a user's turn: text, a reference picture, or the picture itself.
struct QuestionPart {
  enum class Kind { text, reference, image };
  Kind kind = Kind::text;
  std::string text = {};
  int reference = 0;  // number of the picture in Request::references
};

// One question and its answer, earlier in the same dialogue.
struct Turn {
  std::string question = {}, answer = {};
  std::vector<QuestionPart> parts = {};  // of the question, where it had any
};

// What a reply should hold. An adapter gives what it can; a missing part is not an error by itself.
struct Wanted {
  bool score = false, map = false, text = false, embedding = false;
  // The text stands in for a score that is missing: who gives a score need not write.
  bool text_for_score = false;
};

struct Decoding {
  int max_new_tokens = 4096;
  double temperature = 0;  // 0 = greedy
  double top_p = 1;
  std::uint64_t seed = 0;
  std::vector<std::string> stop = {};
};

// How pictures travel to a model behind a server. Models in the process have processors of their
// own. A file that fits and has the right format is sent as it is.
struct PictureForm {
  enum class Scaling { bicubic, area };  // Pillow's, OpenCV's
  int side = 1024;                       // fits into side x side, the aspect kept; 0: any size
  bool enlarge = false;                  // small ones are made as large as fits
  Scaling scaling = Scaling::bicubic;
  bool turn = false;        // by the EXIF orientation, as OpenCV's imread does and Pillow does not
  int jpeg_quality = 0;     // 0: as PNG, or the file's own format where nothing was scaled
  std::string detail = {};  // "low", "high", "auto"; empty: left to the server
};

// What a suite asks about one sample. The runner makes a Request of it.
struct Question {
  std::string system = {};
  std::string text = {};
  // The turn in its exact order, where the protocol sets it: pictures stand where the pieces say
  // and nowhere else; `text` is then what the pieces say. An adapter that cannot interleave shows
  // references, picture and text in this order, as it does where there are no parts.
  std::vector<QuestionPart> parts = {};
  bool blind = false;  // asked without any picture
  std::vector<Option> options = {};
  Wanted wanted = {};
  Decoding decoding = {};
  PictureRule pictures = {};
  PictureForm sent = {};
  // Asked without the dialogue so far; when it is refused, the sample's other questions are asked
  // all the same.
  bool alone = false;
};

// What an adapter sees. No truth, no path: a leak would not compile.
struct Request {
  std::string key = {};       // unique in the run; neutral (a hash)
  std::string category = {};  // class of the object, never the defect
  Picture image = {};         // empty(): the question is about texts alone
  std::vector<Picture> references =
      {};  // normal pictures, the same order for every sample of a category
  std::vector<Turn> dialogue = {};
  int turn = 0;  // number of the question among those about its sample, from 0
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
  std::vector<float> embedding = {};  // of the question's text
  // About this answer, where a server tells: "model" as it calls itself, "fingerprint", "finish"
  // (why it ended early).
  std::map<std::string, std::string> facts = {};
  // Option letter -> probability among the options, where a model tells it.
  std::map<std::string, double> likelihoods = {};
  Usage usage = {};
  std::vector<Span> spans = {};  // to timing.jsonl, never to predictions.jsonl
  std::string error = {};        // why it failed or was refused
  bool paid = false;             // synced to the disk at once; never written down
};

// One question of a sample, what was answered and what a good answer says.
struct Answer {
  std::string group = {};     // questions that are averaged together: "low_level"
  std::string question = {};  // as asked
  std::string text = {};      // as generated (hostile text)
  std::string reference = {};
};

// One scorer's reading of one answer.
struct AnswerMark {
  // By measure (metrics/measure.h): the suite's own ("choice"), and, added by the runner,
  // "rouge_l", "sbert", "gpt_score". What is not there was not computed; it is never 0.
  std::map<std::string, double> values = {};
  std::string unscored_because = {};
};

// One scorer's reading of a sample's answers ("official": the published rule, quirks included;
// "corrected": the sound one).
struct Mark {
  std::string scorer = {};
  std::optional<double> score = {};
  std::optional<bool> decision = {};  // anomalous or not, as generated
  // More about the sample. The runner adds the mean of each measure over the sample's answers in a
  // group: "low_level.rouge_l".
  std::map<std::string, double> values = {};
  std::vector<AnswerMark> answers =
      {};                             // one per Outcome::answers; empty: none are read one by one
  std::string unscored_because = {};  // answered, but no answer in it
};

// What came of one sample. failed, refused, unscored and undefined are four different states, none
// of them 0.
struct Outcome {
  std::string task = {};  // filled in by the runner, as are image and map
  std::string sample = {};
  std::string category = {}, source = {};
  Status status = Status::answered;
  std::string error = {};
  std::optional<bool> anomalous = {};  // the truth
  std::string defect = {};
  std::string image = {};  // relative to the folder of the data set
  std::optional<Region> region = {};
  std::string map = {};              // file in the run folder, empty: none
  std::string text = {};             // the answers, one per line, as generated (hostile text)
  std::vector<Answer> answers = {};  // of suites that judge them one by one
  std::vector<Mark> marks = {};
};

const char* name_of(Status status);  // "answered", "refused", "failed"
std::optional<Status> status_named(std::string_view name);

}  // namespace looktwice
