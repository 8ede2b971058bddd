#include "harness/cli/paid_options.h"

#include <cstdio>

#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::cli {

void PaidOptions::add_to(Command& command) {
  command.option("cache", cache, "of paid answers: off, read, or write (which reads, too)")
      .option("cache_file", cache_file,
              "where it lies; default: $XDG_CACHE_HOME/looktwice/answers.sqlite")
      .option("max_cost", max_cost,
              "dollars that this start may spend; it stops before they are passed; 0: no bound");
}

AnswerCache PaidOptions::answer_cache() const {
  AnswerCache used{.file = cache_file.empty() ? usual_answer_cache() : cache_file};
  if (cache == "read")
    used.mode = AnswerCache::Mode::read;
  else if (cache == "write")
    used.mode = AnswerCache::Mode::write;
  else if (cache != "off")
    throw Error(Kind::usage, "--cache=" + printable(cache, 40) + ": expected off, read or write");
  return used;
}

void PaidOptions::check() const {
  (void)answer_cache();
  if (!(max_cost >= 0)) throw Error(Kind::usage, "--max_cost: expected dollars");
}

std::string failures_and_money(const run::Progress& p, const Spending& spending) {
  std::string text = p.failed > 0 ? std::to_string(p.failed) + " failed" : "";
  if (!spending.priced) return text;
  char money[64];
  const std::int64_t answered = p.done - p.resumed;
  const double all = answered > 0 ? spending.dollars / static_cast<double>(answered) *
                                        static_cast<double>(p.samples - p.resumed)
                                  : 0;
  std::snprintf(money, sizeof money, p.done < p.samples ? "$%.2f of about $%.2f" : "$%.2f",
                spending.dollars, all);
  return text + (text.empty() ? "" : "  ") + money;
}

}  // namespace looktwice::cli
