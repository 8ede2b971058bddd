#include "adapters/openai/dispatcher.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"

namespace looktwice::openai {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kLongestSleep = 100ms;  // how late a stopped run may be noticed
constexpr int kMostRedirects = 3;
constexpr int kTakenAtOnce = 4;
constexpr auto kLongestPreparation = 2ms;

std::int64_t ns(Time time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Span span(const char* name, Time from, Time to) {
  return {name, ns(from), std::max<std::int64_t>(0, ns(to) - ns(from))};
}

// Generation ended by itself, in the words of one server or another.
bool is_whole(const std::string& finish) {
  return finish == "stop" || finish == "eos_token" || finish == "stop_sequence" ||
         finish == "end_turn";
}

bool holds_any(const std::string& text, const std::vector<std::string>& words) {
  const std::string lower = lower_ascii(text);
  return std::ranges::any_of(words, [&](const std::string& word) {
    return !word.empty() && lower.find(lower_ascii(word)) != std::string::npos;
  });
}

std::string after_last_slash(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

double score_of(double yes_share, bool log_odds) {
  if (!log_odds) return yes_share;
  constexpr double kLargest = 1e3;  // a share of exactly 0 or 1
  return std::clamp(std::log(yes_share) - std::log1p(-yes_share), -kLargest, kLargest);
}

}  // namespace

std::string cache_key(const Endpoint& endpoint, const std::string& headers, const std::string& body,
                      const Question& question, std::uint64_t seed) {
  Sha256 sum;
  const auto add = [&](const std::string& text) {
    sum.add(std::to_string(text.size()) + "\n");
    sum.add(text);
  };
  add("looktwice request 1");
  add(endpoint.url);
  add(headers);
  add(body);
  // Where `omit` keeps them out of the body they still say which answer is meant.
  add(std::to_string(question.decoding.seed) + " " + std::to_string(seed));
  return sum.hex();
}

Dispatcher::Dispatcher(Manner manner, const Key& key, Transport& transport, Purse& purse,
                       AnswerStore* store, bool store_answers, Tally& tally)
    : manner_(std::move(manner)),
      key_(key),
      transport_(transport),
      purse_(purse),
      store_(store),
      store_answers_(store_answers),
      tally_(tally),
      backoff_(manner_.first_wait, manner_.longest_wait, manner_.jitter_seed),
      limit_(manner_.connections) {}

void Dispatcher::run(Inbox& inbox, Outbox& outbox) {
  Delivery delivery(outbox, store_, [this] { transport_.wake(); });
  const auto hand_out = [&] { delivery.add(std::exchange(ready_, {}), std::exchange(rows_, {})); };
  for (;;) {
    if (inbox.over() || delivery.failed()) break;
    if (!stop_why_.empty()) {
      waiting_.clear();
    } else if (owed() == 0) {
      delivery.wait_below(2 * static_cast<std::size_t>(manner_.connections));
      std::vector<Request> batch = inbox.take(std::min(kTakenAtOnce, manner_.connections));
      if (batch.empty()) break;
      for (Request& request : batch) prepare(std::move(request));
    }
    if (stop_why_.empty()) {
      take(inbox, delivery.waiting());
      start_due();
    }
    hand_out();
    if (owed() == 0 && !stop_why_.empty()) {
      delivery.finish();
      throw Error(stop_kind_, stop_why_);
    }
    if (owed() == 0) continue;
    for (Exchange& exchange : transport_.wait(until_next(transport_.now())))
      finish(std::move(exchange));
    hand_out();
  }
  transport_.drop_all();
  in_flight_.clear();
  waiting_.clear();
  delivery.finish();
}

// Large pictures take tens of milliseconds each to scale and pack: what is ready goes out, and what
// has come is read, before the next ones are begun.
// Answers that a slow disk holds up count as if they were under way once they are as many as the
// connections, so that a crash loses few of those that were paid.
void Dispatcher::take(Inbox& inbox, std::size_t undelivered) {
  const int held_up = std::max(0, static_cast<int>(undelivered) - manner_.connections);
  const Time start = transport_.now();
  hurried_ = false;
  for (;;) {
    const int room = limit_.value() - static_cast<int>(owed()) - held_up;
    if (room <= 0) return;
    std::vector<Request> batch = inbox.try_take(std::min(room, kTakenAtOnce));
    if (batch.empty()) return;
    for (Request& request : batch) prepare(std::move(request));
    hurried_ = transport_.now() - start > kLongestPreparation;
    if (hurried_) return;
  }
}

void Dispatcher::prepare(Request request) {
  Job job{.url = manner_.endpoint.url, .taken = transport_.now()};
  PictureForm& form = request.question.sent;
  if (manner_.picture_side >= 0) form.side = manner_.picture_side;
  if (manner_.jpeg_quality >= 0) form.jpeg_quality = manner_.jpeg_quality;
  if (!manner_.detail.empty()) form.detail = manner_.detail;
  // The seed of --seed is the body's: see chat_body.
  Decoding& decoding = request.question.decoding;
  decoding = manner_.decoding.applied_to(std::move(decoding), 0);
  job.request = std::move(request);
  try {
    std::vector<std::shared_ptr<const std::string>> urls;
    if (manner_.pictures) {
      for (const Picture& reference : job.request.references)
        urls.push_back(shelf_.data_url_of(reference, form));
      // A judge is asked about texts: its requests have no picture.
      if (!job.request.image.empty()) urls.push_back(shelf_.data_url_of(job.request.image, form));
    }
    std::vector<std::string_view> views;
    for (const auto& url : urls) views.push_back(*url);
    job.body = std::make_shared<std::string>(chat_body(job.request, views, manner_.body));
  } catch (const Error& error) {
    if (error.kind() != Kind::data) throw;
    fail(std::move(job), error.what(), nullptr);
    return;
  }
  job.prepared = job.due = transport_.now();
  if (store_) {
    job.cache_key = cache_key(manner_.endpoint, manner_.headers, *job.body, job.request.question,
                              manner_.body.seed);
    if (const auto kept = store_->find(job.cache_key)) {
      try {
        Prediction prediction = prediction_of(job, reply_of(*kept));
        prediction.spans = {span("prepare", job.taken, job.prepared),
                            span("cached", job.prepared, transport_.now())};
        ready_.push_back(std::move(prediction));
        ++tally_.answered;
        ++tally_.from_cache;
        return;
      } catch (const Error& error) {
        if (error.kind() != Kind::data) throw;  // of a later version: ask again
      }
    }
  }
  waiting_.push_back(std::move(job));
}

void Dispatcher::start_due() {
  const Time now = transport_.now();
  out_of_money_ = false;
  if (now < hold_) return;
  for (auto at = waiting_.begin();
       at != waiting_.end() && static_cast<int>(in_flight_.size()) < limit_.value();) {
    if (at->due > now) {
      ++at;
      continue;
    }
    at->reserved = purse_.price() ? most_for(at->request, *purse_.price()) : 0;
    if (!purse_.reserve(at->reserved)) {
      out_of_money_ = true;  // what is under way may turn out cheaper than what was set aside
      if (purse_.nothing_reserved()) {
        char sum[96];
        std::snprintf(sum, sizeof sum, "$%.4f are spent and the next question may cost up to $%.4f",
                      purse_.spent(), at->reserved);
        stop(Kind::incomplete, std::string("--max_cost: ") + sum + " at the price of " +
                                   purse_.price()->text() +
                                   "; what is answered is kept, the same command with another "
                                   "--max_cost goes on");
      }
      return;
    }
    const std::uint64_t id = ++next_id_;
    transport_.start({.id = id, .url = at->url, .body = at->body});
    in_flight_.emplace(id, std::move(*at));
    at = waiting_.erase(at);
  }
}

milliseconds Dispatcher::until_next(Time now) const {
  milliseconds wait = kLongestSleep;
  if (hurried_) return 0ms;
  if (static_cast<int>(in_flight_.size()) >= limit_.value() || out_of_money_) return wait;
  for (const Job& job : waiting_) {
    const auto left = std::chrono::ceil<milliseconds>(std::max(job.due, hold_) - now);
    wait = std::clamp(left, 0ms, wait);
  }
  return wait;
}

void Dispatcher::stop(Kind kind, const std::string& why) {
  if (!stop_why_.empty()) return;
  stop_why_ = why;
  stop_kind_ = kind;
}

void Dispatcher::finish(Exchange exchange) {
  const auto found = in_flight_.find(exchange.id);
  LOOKTWICE_CHECK(found != in_flight_.end());
  Job job = std::move(found->second);
  in_flight_.erase(found);
  Attempt attempt = judged(exchange, job.url, manner_.wall_clock());
  purse_.settle(job.reserved, attempt.reply.usage,
                attempt.perhaps_billed || attempt.verdict == Verdict::answered);
  // Whoever echoes its headers must not bring the key into our files.
  Reply& reply = attempt.reply;
  for (std::string* text : {&attempt.error, &reply.text, &reply.refusal, &reply.finish,
                            &reply.model, &reply.fingerprint})
    *text = key_.without_key(std::move(*text));
  switch (attempt.verdict) {
    case Verdict::answered:
      accept(std::move(job), exchange, std::move(attempt));
      return;
    case Verdict::refused: {
      Prediction prediction = prediction_of(job, attempt.reply);
      prediction.status = Status::refused;
      prediction.error = attempt.error;
      prediction.spans = {span("server", exchange.started, exchange.ended)};
      ready_.push_back(std::move(prediction));
      ++tally_.refused;
      failed_in_a_row_ = 0;
      return;
    }
    case Verdict::again:
      try_again(std::move(job), exchange, attempt);
      return;
    case Verdict::redirect:
      if (++job.redirects > kMostRedirects) {
        fail(std::move(job), "more than " + std::to_string(kMostRedirects) + " redirects",
             &exchange);
        return;
      }
      if (key_.without_key(attempt.target) != attempt.target) {
        fail(std::move(job), "a redirect to an address that holds the key", &exchange);
        return;
      }
      job.url = attempt.target;
      waiting_.push_front(std::move(job));
      return;
    case Verdict::failed:
      fail(std::move(job), attempt.error, &exchange);
      return;
    case Verdict::hopeless:
      // Not journalled as failed: the same command asks it again when the cause is gone.
      stop(Kind::model, manner_.endpoint.url + ": " + attempt.error);
      return;
  }
}

void Dispatcher::accept(Job job, const Exchange& exchange, Attempt attempt) {
  Reply& reply = attempt.reply;
  limit_.answered();
  failed_in_a_row_ = 0;
  if (holds_any(reply.text, manner_.ask_again_on)) {
    ++tally_.thrown_away;
    if (++job.thrown_away >= manner_.most_again) {
      Prediction prediction = prediction_of(job, reply);
      prediction.status = Status::refused;
      prediction.error =
          "asked " + std::to_string(job.thrown_away) + " times, each answer held a word of refusal";
      ready_.push_back(std::move(prediction));
      ++tally_.refused;
      return;
    }
    if (reply.usage) {
      job.billed.input_tokens += reply.usage->input_tokens;
      job.billed.output_tokens += reply.usage->output_tokens;
    }
    job.due = transport_.now();
    waiting_.push_front(std::move(job));
    return;
  }
  const std::string complaint = model_complaint(reply);
  if (!complaint.empty()) ++tally_.other_model;
  if (!complaint.empty() && manner_.same_model) {
    fail(std::move(job), complaint, &exchange);
    return;
  }
  Prediction prediction = prediction_of(job, reply);
  prediction.paid = true;
  Time first = {};
  for (const Arrival& arrival : exchange.arrivals)
    if (attempt.first_piece > 0 && first == Time{} && arrival.bytes >= attempt.first_piece)
      first = arrival.time;
  prediction.spans = {span("prepare", job.taken, job.prepared),
                      span("queue", job.prepared, exchange.started),
                      span("server", exchange.started, exchange.ended),
                      span("first_byte", exchange.started, exchange.first_byte)};
  if (first != Time{}) prediction.spans.push_back(span("first_token", exchange.started, first));
  ++tally_.answered;
  tally_.truncated += reply.finish == "length";
  tally_.empty += reply.text.empty();
  if (tally_.model.empty()) tally_.model = printable(reply.model, 200);
  if (!reply.fingerprint.empty() &&
      std::ranges::find(fingerprints_, reply.fingerprint) == fingerprints_.end() &&
      fingerprints_.size() < 1000) {
    fingerprints_.push_back(reply.fingerprint);
    tally_.fingerprints = static_cast<std::int64_t>(fingerprints_.size());
    if (tally_.fingerprint.empty()) tally_.fingerprint = printable(reply.fingerprint, 200);
  }
  if (store_ && store_answers_ && is_whole(reply.finish) && !reply.text.empty() &&
      complaint.empty())
    rows_.emplace_back(job.cache_key, key_.without_key(json_of(reply)));
  ready_.push_back(std::move(prediction));
}

void Dispatcher::try_again(Job job, const Exchange& exchange, const Attempt& attempt) {
  const Time now = transport_.now();
  if (attempt.overloaded) limit_.overloaded(exchange.started, now);
  if (++job.failures >= manner_.tries) {
    fail(std::move(job), attempt.error, &exchange);
    return;
  }
  ++tally_.tries_again;
  const milliseconds wait = backoff_.wait(job.failures, attempt.wait);
  job.due = now + wait;
  // A limit of requests is one of the account, not of the question.
  if (attempt.overloaded && attempt.wait) hold_ = std::max(hold_, now + wait);
  waiting_.push_back(std::move(job));
}

void Dispatcher::fail(Job job, const std::string& why, const Exchange* exchange) {
  const int tries = job.failures;
  Prediction prediction{
      .key = job.request.key, .status = Status::failed, .usage = job.billed, .error = why};
  if (tries > 1) prediction.error += " (" + std::to_string(tries) + " tries)";
  if (exchange) prediction.spans = {span("server", exchange->started, exchange->ended)};
  ready_.push_back(std::move(prediction));
  ++tally_.failed;
  if (!exchange) return;  // a picture that cannot be read says nothing about the server
  if (manner_.give_up > 0 && ++failed_in_a_row_ >= manner_.give_up)
    stop(Kind::model, manner_.endpoint.url + ": " + std::to_string(failed_in_a_row_) +
                          " requests in a row have failed, the last with: " + why +
                          "; the same command goes on");
}

std::string Dispatcher::model_complaint(const Reply& reply) const {
  if (reply.model.empty() || manner_.endpoint.azure) return {};
  const std::string asked = lower_ascii(manner_.body.model), got = lower_ascii(reply.model);
  if (after_last_slash(got).starts_with(after_last_slash(asked))) return {};
  return "answered by the model '" + printable(reply.model, 100) + "', asked was '" +
         printable(manner_.body.model, 100) + "'";
}

Prediction Dispatcher::prediction_of(const Job& job, const Reply& reply) const {
  Prediction prediction{.key = job.request.key, .text = reply.text};
  const Question& question = job.request.question;
  const auto note = [&](const char* name, const std::string& text) {
    if (!text.empty()) prediction.facts[name] = printable(text, 200);
  };
  note("model", reply.model);
  note("fingerprint", reply.fingerprint);
  if (!is_whole(reply.finish)) note("finish", reply.finish);
  if (!model_complaint(reply).empty()) note("asked_model", manner_.body.model);
  if (job.failures > 0) note("tries", std::to_string(job.failures + 1));
  prediction.usage = job.billed;
  if (reply.usage) {
    prediction.usage.input_tokens += reply.usage->input_tokens;
    prediction.usage.output_tokens += reply.usage->output_tokens;
  }
  if (question.wanted.score && question.options.empty())
    if (const auto share = yes_share(reply.tokens))
      prediction.score = score_of(*share, manner_.log_odds);
  if (!question.options.empty())
    prediction.likelihoods = letter_likelihoods(reply.tokens, question.options);
  return prediction;
}

}  // namespace looktwice::openai
