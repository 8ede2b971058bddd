// What answers cost, and a bound that is never passed. Money in dollars; all sums are of tokens
// times a price. Not here: what the harness does when the purse is empty.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "harness/core/sample.h"

namespace looktwice::openai {

struct Price {
  double input = 0, output = 0;  // dollars per million tokens
  // The most one picture can count for; what a table does not say is more than any model's.
  std::int64_t picture_tokens = 50'000;
  std::string of = {};                  // the row it comes from
  std::string as_of = {}, source = {};  // of that row: "2025-08-31", who says so

  // "gpt-4o: $2.5 in, $10 out per million tokens (2025-08-31, from memory ...)"
  std::string text() const;
};

// Rows of "model,input,output", and where there are such columns "picture_tokens", "as_of" and
// "source"; the first whose model begins the asked one wins, so longer names stand first
// ("gpt-4o-mini" before "gpt-4o"), and an empty one is any model's. Case does not count, and a name
// with a publisher in front ("openai/gpt-4o") counts without it. Empty: not in the table. Throws
// Kind::data with `file` and the line for a table that is none.
std::optional<Price> price_of(std::string_view table, const std::string& file,
                              const std::string& model);

// The table that is built in (prices.csv); each row says of which day it is and where from.
std::string_view known_prices();

double cost_of(const Usage& usage, const Price& price);

// The most that one try can cost: a token is at least one byte of text.
double most_for(const Request& request, const Price& price);

class Purse {
 public:
  // price empty: costs are not known. most 0: no bound.
  Purse(std::optional<Price> price, double most);

  const std::optional<Price>& price() const { return price_; }
  double spent() const { return std::atomic_ref(spent_).load(); }  // from any thread
  const Usage& usage() const { return usage_; }                    // of all answers that were paid

  // Sets `dollars` aside for one try. False: with it, and all that is set aside already, the bound
  // could be passed; it may fit once something has come back.
  bool reserve(double dollars);
  // One try has ended: its set-aside sum is free again and what it cost is spent. No usage told:
  // nothing was billed, or, if `perhaps_billed`, all of it.
  void settle(double reserved, const std::optional<Usage>& usage, bool perhaps_billed);
  bool nothing_reserved() const { return open_ == 0; }

 private:
  std::optional<Price> price_;
  double most_ = 0, reserved_ = 0;
  alignas(8) mutable double spent_ = 0;
  int open_ = 0;
  Usage usage_ = {};
};

}  // namespace looktwice::openai
