#include "adapters/openai/attempt.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "adapters/openai/endpoint.h"
#include "adapters/openai/stream.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::openai {
namespace {

using namespace std::chrono_literals;

// What a server says about its refusal: {"error":{"message","type","code"}}, {"error":"..."},
// {"message":"..."}, {"detail":"..."}, or the beginning of whatever it is.
struct Complaint {
  std::string message = {}, code = {}, type = {};
};

Complaint complaint_in(const std::string& body) {
  constexpr std::size_t kShown = 300;
  Complaint complaint;
  const auto json = is_too_deep(body)
                        ? nlohmann::json()
                        : nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  const auto text = [](const nlohmann::json& object, const char* name) -> std::string {
    if (!object.is_object() || !object.contains(name) || !object.at(name).is_string()) return {};
    return object.at(name).get<std::string>();
  };
  if (json.is_object()) {
    const nlohmann::json error = json.contains("error") ? json.at("error") : nlohmann::json();
    complaint.message = error.is_string() ? error.get<std::string>() : text(error, "message");
    complaint.code = text(error, "code");
    complaint.type = text(error, "type");
    for (const char* name : {"message", "detail"})
      if (complaint.message.empty()) complaint.message = text(json, name);
  }
  if (complaint.message.empty()) complaint.message = body;
  complaint.message = printable(complaint.message, kShown);
  return complaint;
}

bool is_quota(const Complaint& c) {
  return c.code == "insufficient_quota" || c.type == "insufficient_quota" ||
         c.code == "billing_hard_limit_reached" || c.code == "billing_not_active";
}

bool is_content_filter(const Complaint& c) {
  return c.code == "content_filter" || c.code == "content_policy_violation" ||
         c.type == "content_filter";
}

bool passes(int status) {
  return status == 408 || status == 409 || status == 425 || status == 429 || status >= 500;
}

std::string advice(int status) {
  if (status == 401) return "; is the key the right one (OPENAI_API_KEY, key_env, key_file)?";
  if (status == 404) return "; are base_url and model right?";
  return "";
}

Attempt of_status(const Exchange& exchange, const std::string& url, std::time_t now) {
  Attempt attempt;
  const int status = exchange.status;
  if (status >= 300 && status < 400) {
    attempt.target = same_origin_target(url, exchange.location);
    if ((status == 307 || status == 308) && !attempt.target.empty()) {
      attempt.verdict = Verdict::redirect;
    } else {
      attempt.verdict = Verdict::hopeless;
      attempt.error =
          "HTTP " + std::to_string(status) + ": redirects to '" +
          printable(exchange.location, 200) +
          "', where neither key nor question is sent; set base_url to it if it is right";
    }
    return attempt;
  }
  const Complaint complaint = complaint_in(exchange.body);
  attempt.error = "HTTP " + std::to_string(status) +
                  (complaint.message.empty() ? "" : ": " + complaint.message) + advice(status);
  if (is_content_filter(complaint)) {
    attempt.verdict = Verdict::refused;
    attempt.reply.finish = "content_filter";
  } else if (is_quota(complaint)) {
    attempt.verdict = Verdict::hopeless;
  } else if (passes(status)) {
    attempt.verdict = Verdict::again;
    attempt.overloaded = status == 429 || status == 503 || status == 529;
    attempt.wait = retry_after(exchange.retry_after, exchange.retry_after_ms, now);
  } else if (status == 401 || status == 402 || status == 404 || status == 405) {
    attempt.verdict = Verdict::hopeless;
  }
  return attempt;
}

Attempt of_reply(Reply reply) {
  Attempt attempt{.verdict = Verdict::answered, .reply = std::move(reply)};
  const Reply& found = attempt.reply;
  if (!found.refusal.empty() || found.finish == "content_filter") {
    attempt.verdict = Verdict::refused;
    attempt.error = found.refusal.empty() ? "content_filter: the answer was withheld"
                                          : "refusal: " + printable(found.refusal, 300);
  } else if (found.text.empty() && found.tool_call) {
    attempt.verdict = Verdict::failed;
    attempt.error = "a call of a tool in place of an answer; none was offered";
  }
  return attempt;
}

}  // namespace

std::optional<std::chrono::milliseconds> retry_after(const std::string& seconds_or_date,
                                                     const std::string& milliseconds,
                                                     std::time_t now) {
  const auto in_units = [](const std::string& text,
                           double per_second) -> std::optional<std::chrono::milliseconds> {
    double value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
      return {};
    constexpr double kWeek = 7 * 24 * 3600;
    const double seconds = std::clamp(value / per_second, 0.0, kWeek);
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
  };
  if (const auto wait = in_units(milliseconds, 1000)) return wait;
  if (seconds_or_date.empty()) return {};
  if (const auto wait = in_units(seconds_or_date, 1)) return wait;
  const std::time_t date = curl_getdate(seconds_or_date.c_str(), nullptr);
  if (date == -1) return {};
  const std::int64_t left = std::max<std::int64_t>(0, static_cast<std::int64_t>(date) - now);
  return std::chrono::seconds(std::min<std::int64_t>(left, 7 * 24 * 3600));
}

Attempt judged(const Exchange& exchange, const std::string& url, std::time_t now) {
  const bool stream = exchange.content_type.starts_with("text/event-stream");
  if (exchange.fault != Fault::none) {
    // Some servers leave the connection open behind the end of a stream.
    if (stream && exchange.status == 200 && exchange.body.find("[DONE]") != std::string::npos) {
      try {
        Streamed whole = streamed(exchange.body);
        if (whole.done) {
          Attempt attempt = of_reply(std::move(whole.reply));
          attempt.first_piece = whole.first_piece;
          return attempt;
        }
      } catch (const Error&) {
        // no answer, then
      }
    }
    return {.verdict = exchange.fault == Fault::passing      ? Verdict::again
                       : exchange.fault == Fault::of_request ? Verdict::failed
                                                             : Verdict::hopeless,
            .error = exchange.why,
            .perhaps_billed = exchange.sent};
  }
  if (exchange.status != 200) return of_status(exchange, url, now);
  try {
    if (!stream) return of_reply(reply_of(exchange.body));
    Streamed whole = streamed(exchange.body);
    Attempt attempt = of_reply(std::move(whole.reply));
    attempt.first_piece = whole.first_piece;
    return attempt;
  } catch (const Error& error) {
    // A proxy's page or another program's JSON does not get better. What was cut does.
    return {.verdict = stream || !exchange.framed ? Verdict::again : Verdict::failed,
            .error = std::string("HTTP 200, but ") + error.what(),
            .perhaps_billed = true};
  }
}

}  // namespace looktwice::openai
