// A process adapter that serves five requests with a program of tests/adapters/process/programs.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "adapters/catalogue.h"
#include "tests/support/pictures.h"
#include "tests/support/queues.h"
#include "tests/support/refusal.h"

namespace looktwice::adapters {

using looktwice::testing::ListDesk;
using looktwice::testing::names_all;
using looktwice::testing::TemporaryFolder;

inline constexpr int kRequests = 5;
inline constexpr const char* kPoison = "key-2";

inline AdapterEntry process_entry() {
  for (const AdapterEntry& entry : adapter_catalogue())
    if (entry.name == "process") return entry;
  throw std::runtime_error("no such adapter");
}

inline std::string program(const std::string& words) {
  const std::string folder = LOOKTWICE_SOURCE_DIR "/tests/adapters/process/programs/";
  // -S and -E: Python without site packages starts in half the time.
  const std::string python = "'" LOOKTWICE_PYTHON "' -S -E '" + folder, shell = "sh '" + folder;
  const std::size_t name = words.find(' ');
  const std::string file = words.substr(0, name);
  return (file.ends_with(".sh") ? shell : python) + file + "'" +
         (name == std::string::npos ? "" : words.substr(name));
}

// Whether a process (not a zombie) of that number exists.
inline bool is_running(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(status, text);
  return !text.empty() && text.find(") Z") == std::string::npos &&
         text.find(") X") == std::string::npos;
}

class ProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto codec = std::make_shared<looktwice::testing::NetpbmCodec>();
    for (int i = 0; i < kRequests; ++i) {
      const std::string number = std::to_string(i);
      const auto path =
          looktwice::testing::ramp_picture(folder_, "broken_large/" + number + ".ppm", 4, 3, i);
      Request request{.key = "key-" + number,
                      .category = "bottle",
                      .image = Picture("3f9a" + number + ".ppm", {.path = path}, codec)};
      request.question = {.text = "Is it broken?",
                          .wanted = {.score = true, .map = true, .text = true}};
      requests_.push_back(std::move(request));
    }
  }

  // The process adapter with that program; serves all requests.
  std::map<std::string, Prediction> answers(const std::string& words,
                                            const Arguments& arguments = {}) {
    return answers_to_command(program(words), arguments);
  }
  std::map<std::string, Prediction> answers_to_command(const std::string& command,
                                                       Arguments arguments) {
    arguments["command"] = command;
    arguments.try_emplace("grace", "0.2");
    adapter_ = process_entry().make(arguments, {});
    ListDesk desk(requests_);
    desk.stop_after(stop_after_);
    try {
      adapter_->serve(desk, desk);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::model);
      error_ = error.what();
    }
    EXPECT_EQ(desk.kept().size(), desk.by_key().size()) << "an answer was pushed twice";
    return desk.by_key();
  }

  int restarts() const {
    const auto facts = adapter_->facts();
    return facts.contains("restarts") ? std::stoi(facts.at("restarts")) : 0;
  }

  void expect_right_but(const std::map<std::string, Prediction>& found,
                        const std::set<std::string>& others) {
    ASSERT_EQ(found.size(), requests_.size()) << error_;
    for (int i = 0; i < kRequests; ++i) {
      const std::string key = "key-" + std::to_string(i);
      if (others.contains(key)) continue;
      EXPECT_EQ(found.at(key).status, Status::answered) << key << ": " << found.at(key).error;
      EXPECT_EQ(found.at(key).score, i) << key;
    }
    EXPECT_EQ(error_, "");
  }

  std::vector<pid_t> noted_processes() const {
    std::ifstream file(notes());
    std::vector<pid_t> all;
    for (pid_t pid = 0; file >> pid;) all.push_back(pid);
    return all;
  }
  std::string notes() const { return (folder_.path() / "notes").string(); }

  TemporaryFolder folder_;
  std::vector<Request> requests_;
  std::unique_ptr<Adapter> adapter_;
  std::string error_;
  std::size_t stop_after_ = 0;
};

}  // namespace looktwice::adapters
