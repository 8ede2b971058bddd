// Keeps a server busy: takes requests, looks them up in the cache, sends them, tries again, stops
// in time. One thread, whose waiting is all in Transport::wait; answers leave by another
// (delivery.h), which waits for the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/openai/answer_cache.h"
#include "adapters/openai/attempt.h"
#include "adapters/openai/body.h"
#include "adapters/openai/delivery.h"
#include "adapters/openai/endpoint.h"
#include "adapters/openai/pace.h"
#include "adapters/openai/picture_shelf.h"
#include "adapters/openai/purse.h"
#include "adapters/openai/transport.h"
#include "harness/core/adapter.h"
#include "harness/core/decoding.h"
#include "harness/core/error.h"

namespace looktwice::openai {

struct Manner {
  Endpoint endpoint = {};
  BodyOptions body = {};
  std::string headers = {};  // those that may change an answer (organisation), for the cache's key
  int connections = 64;
  int tries = 6;                                                          // of one request
  std::chrono::milliseconds first_wait = std::chrono::milliseconds(500);  // see Backoff
  std::chrono::milliseconds longest_wait = std::chrono::seconds(60);
  int give_up = 50;         // failed requests in a row after which the run stops; 0: never
  bool log_odds = false;    // the score is log(P(yes) / P(no)), not P(yes)
  bool same_model = false;  // an answer of another model has failed
  std::vector<std::string> ask_again_on = {};  // an answer with one of these words is thrown away
  int most_again = 5;                          // so often
  // Over what the question says; see PictureForm. Negative or empty: as it says.
  bool pictures = true;  // false: the questions alone
  int picture_side = -1, jpeg_quality = -1;
  std::string detail = {};
  DecodingOptions decoding = {};  // where the question says nothing
  std::uint64_t jitter_seed = 0;
  std::function<std::time_t()> wall_clock = [] { return std::time(nullptr); };
};

// What came of all requests so far, for run.json.
struct Tally {
  std::int64_t answered = 0, from_cache = 0, refused = 0, failed = 0;
  std::int64_t tries_again = 0, truncated = 0, empty = 0, other_model = 0, thrown_away = 0;
  std::string model = {}, fingerprint = {};  // as returned first
  std::int64_t fingerprints = 0;             // how many different ones
};

// A request gets its one prediction, or none when the run stops before: it is asked again then.
class Dispatcher {
 public:
  // store may be null; the others outlive this.
  Dispatcher(Manner manner, const Key& key, Transport& transport, Purse& purse, AnswerStore* store,
             bool store_answers, Tally& tally);

  // Until the inbox is over. Throws Kind::incomplete when the next request could pass the bound of
  // the purse, Kind::model when no other request would fare better (key, quota, address) or
  // give_up have failed in a row; what was under way is answered before.
  void run(Inbox& inbox, Outbox& outbox);

 private:
  struct Job {
    Request request = {};
    std::shared_ptr<const std::string> body = {};
    std::string url = {}, cache_key = {};
    int failures = 0, redirects = 0, thrown_away = 0;
    double reserved = 0;
    Usage billed = {};  // by tries whose answer was thrown away
    Time taken = {}, prepared = {}, due = {};
  };

  void take(Inbox& inbox, std::size_t undelivered);
  void prepare(Request request);
  void start_due();
  std::chrono::milliseconds until_next(Time now) const;
  void finish(Exchange exchange);
  void accept(Job job, const Exchange& exchange, Attempt attempt);
  void try_again(Job job, const Exchange& exchange, const Attempt& attempt);
  void stop(Kind kind, const std::string& why);
  void fail(Job job, const std::string& why, const Exchange* exchange);
  Prediction prediction_of(const Job& job, const Reply& reply) const;
  std::string model_complaint(const Reply& reply) const;
  std::size_t owed() const { return waiting_.size() + in_flight_.size(); }

  const Manner manner_;
  const Key& key_;
  Transport& transport_;
  Purse& purse_;
  AnswerStore* store_;
  const bool store_answers_;
  Tally& tally_;
  Backoff backoff_;
  Limit limit_;
  PictureShelf shelf_;

  std::uint64_t next_id_ = 0;
  std::deque<Job> waiting_;  // in the order of arrival; a job may have to wait for its time
  std::unordered_map<std::uint64_t, Job> in_flight_;
  std::vector<Prediction> ready_;
  Delivery::Rows rows_;  // for the store, before ready_ goes out
  std::vector<std::string> fingerprints_;
  Time hold_ = {};  // nobody starts before
  int failed_in_a_row_ = 0;
  bool out_of_money_ = false, hurried_ = false;
  std::string stop_why_;
  Kind stop_kind_ = Kind::model;
};

// The key of a request in the store: SHA-256 over every byte that goes out and all that decides how
// the answer is read.
std::string cache_key(const Endpoint& endpoint, const std::string& headers, const std::string& body,
                      const Question& question, std::uint64_t seed);

}  // namespace looktwice::openai
