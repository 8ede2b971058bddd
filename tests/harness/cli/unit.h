// The unit of the fault tests: 40 small pictures with masks, recorded scores and maps for them, and
// the program to run over them.
#pragma once

#include <string>
#include <vector>

#include "tests/support/pictures.h"
#include "tests/support/process.h"

namespace looktwice::testing {

class Unit {
 public:
  Unit();
  std::filesystem::path root() const { return folder_.path(); }
  std::filesystem::path run(const std::string& name = "run") const { return folder_.path() / name; }
  // looktwice run over the unit into run(name), one thread, no progress.
  Command command(const std::string& name = "run", const std::vector<std::string>& more = {}) const;
  // What must not depend on how the run came about.
  struct Results {
    std::string predictions, outcomes, summary;
    bool operator==(const Results&) const = default;
  };
  Results results(const std::string& name = "run") const;

 private:
  TemporaryFolder folder_;
};

Command looktwice(std::vector<std::string> words);

}  // namespace looktwice::testing
