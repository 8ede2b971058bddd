// Answers with any server that speaks the chat completions of OpenAI: OpenAI and Azure, vLLM,
// SGLang, llama.cpp, Ollama, TGI and others. docs/remote_models.md is for users.
#include "adapters/openai/dispatcher.h"

#include <cmath>
#include <cstdlib>
#include <random>
#include <sstream>

#include "harness/core/error.h"
#include "harness/core/table.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

using namespace openai;
using std::chrono::milliseconds;

struct Options {
  std::string model = {}, base_url = {}, api_version = {};
  std::string key_env = {}, organization = {}, project = {};
  std::filesystem::path key_file = {}, fields = {};
  int max_connections = 64, max_tries = 6, give_up = 50;
  double connect_timeout = 10, first_byte_timeout = 600, idle_timeout = 60, total_timeout = 900;
  double max_wait = 60, max_body = 16;
  std::string proxy = {};
  std::filesystem::path ca_file = {};
  bool stream = false;
  int top_logprobs = 5;
  std::string score = "p_yes", length_field = "auto", omit = {};
  bool pictures = true;
  std::string detail = {};
  int image_side = -1, jpeg_quality = -1;
  DecodingOptions decoding = {};
  bool same_model = false;
  std::string ask_again_on = {};
  std::filesystem::path prices = {};
  double price_input = -1, price_output = -1;

  void visit(auto&& option) {
    option("model", model, "name of the model, as the server knows it: model=gpt-4o");
    option("base_url", base_url,
           "with or without /v1; empty: $OPENAI_BASE_URL, else https://api.openai.com/v1");
    option("api_version", api_version, "of Azure: api_version=2024-10-21");
    option(
        "key_env", key_env,
        "variable that holds the key; empty: OPENAI_API_KEY (Azure: AZURE_OPENAI_API_KEY first)");
    option("key_file", key_file, "file whose first line is the key");
    option("organization", organization, "sent as OpenAI-Organization");
    option("project", project, "sent as OpenAI-Project");
    option("fields", fields, "file with a JSON object whose members go into each request");
    option("max_connections", max_connections, "requests in flight at most");
    option("max_tries", max_tries, "of one request before it has failed");
    option("give_up", give_up, "failed requests in a row that end the run; 0: never");
    option("connect_timeout", connect_timeout, "seconds for name, socket and TLS");
    option("first_byte_timeout", first_byte_timeout, "seconds from the request to its answer");
    option("idle_timeout", idle_timeout, "seconds between two pieces of an answer");
    option("total_timeout", total_timeout, "seconds for one try in all");
    option("max_wait", max_wait, "longest seconds between two tries, whatever the server asks for");
    option("max_body", max_body, "largest answer, in MiB, unpacked");
    option("proxy", proxy, "empty: as https_proxy and no_proxy say");
    option("ca_file", ca_file, "certificates to trust (PEM) in place of the system's");
    option("stream", stream, "answers come in pieces, which tells the time to the first token");
    option("top_logprobs", top_logprobs,
           "alternatives per token, for scores and likelihoods; 0: do not ask for them");
    option("score", score,
           "p_yes: P(yes) among yes and no; log_odds: its log-odds, which tie less");
    option("length_field", length_field,
           "max_tokens or max_completion_tokens; auto: by the name of the model");
    decoding.visit(option);
    option("omit", omit, "members that are not sent: omit=\"temperature,seed\"");
    option("pictures", pictures,
           "false: the questions alone, for models without eyes: what can be guessed from words");
    option("detail", detail, "of pictures: low, high or auto; empty: as the task says");
    option("image_side", image_side,
           "longest side that pictures are scaled to; 0: as they are; -1: as the task says");
    option("jpeg_quality", jpeg_quality,
           "1 to 100: pictures go as JPEG; 0: as PNG or as the file is; -1: as the task says");
    option("same_model", same_model, "an answer by another model than asked has failed");
    option("ask_again_on", ask_again_on,
           "an answer with one of these words is thrown away, up to 5 times (the scripts of MMAD: "
           "ask_again_on=\"please,sorry,today,cannot assist\")");
    option("prices", prices,
           "your own table in place of the built-in one: a CSV of model,input,output");
    option("price_input", price_input, "dollars per million tokens; -1: as the table says");
    option("price_output", price_output, "the same for tokens of answers");
  }
};

// None of these can change an answer.
const std::vector<std::string> kIncidental = {
    "key_env",       "key_file",        "max_connections",    "max_tries",
    "give_up",       "connect_timeout", "first_byte_timeout", "idle_timeout",
    "total_timeout", "max_wait",        "max_body",           "proxy",
    "ca_file",       "prices",          "price_input",        "price_output"};

[[noreturn]] void refuse(const char* name, const std::string& value, const std::string& expected) {
  throw Error(Kind::usage,
              std::string(name) + "=" + printable(value, 100) + ": expected " + expected);
}

void check_range(const char* name, double value, double least, double most) {
  if (!(value >= least && value <= most))
    refuse(name, option_text(value), option_text(least) + " to " + option_text(most));
}

milliseconds seconds(const char* name, double value) {
  check_range(name, value, 0.001, 7 * 24 * 3600);
  return milliseconds(static_cast<std::int64_t>(std::ceil(value * 1000)));
}

std::vector<std::string> words_in(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');)
    if (!word.empty()) words.push_back(word);
  return words;
}

// Those models refuse max_tokens and any temperature but their own.
bool thinks(const std::string& model) {
  const std::string name = lower_ascii(model.substr(model.rfind('/') + 1));
  return name.starts_with("gpt-5") ||
         (name.size() >= 2 && name[0] == 'o' && name[1] >= '0' && name[1] <= '9');
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string header_line(const char* name, const std::string& value) {
  for (const char c : value)
    if (c < ' ' || c == 127) refuse(name, value, "no control characters");
  return std::string(name) + ": " + value;
}

class OpenAi final : public Adapter {
 public:
  OpenAi(const Options& options, const Setting& setting)
      : options_(options), cache_(setting.cache), purse_({}, 0) {
    check();
    const std::string from_environment = environment("OPENAI_BASE_URL");
    const std::string base_url = !options_.base_url.empty()  ? options_.base_url
                                 : !from_environment.empty() ? from_environment
                                                             : "https://api.openai.com/v1";
    manner_.endpoint = endpoint_of(base_url, options_.model, options_.api_version);
    key_ = key_for(manner_.endpoint, {.variable = options_.key_env, .file = options_.key_file});
    describe_body(setting);
    describe_pace();
    describe_transport();
    purse_ = Purse(price(), setting.max_cost);
    if (setting.max_cost > 0 && !purse_.price())
      throw Error(Kind::usage, "--max_cost: the price of '" + printable(options_.model, 100) +
                                   "' is not known; give price_input= and price_output= in dollars "
                                   "per million tokens");
  }

  void serve(Inbox& inbox, Outbox& outbox) override {
    if (cache_.mode != AnswerCache::Mode::off && !store_ && !cache_.file.empty())
      store_ = std::make_unique<AnswerStore>(cache_.file, cache_.mode == AnswerCache::Mode::write
                                                              ? AnswerStore::Access::write
                                                              : AnswerStore::Access::read);
    const auto transport = make_transport(transport_);
    Dispatcher dispatcher(manner_, key_, *transport, purse_, store_.get(),
                          cache_.mode == AnswerCache::Mode::write, tally_);
    dispatcher.run(inbox, outbox);
  }

  std::map<std::string, std::string> facts() const override {
    std::map<std::string, std::string> facts{{"endpoint", manner_.endpoint.url},
                                             {"transport", transport_version()}};
    if (!manner_.body.extra.empty()) facts["request_fields"] = manner_.body.extra;
    if (purse_.price()) facts["price"] = purse_.price()->text();
    const std::int64_t ended = tally_.answered + tally_.refused + tally_.failed;
    if (ended == 0) return facts;
    const auto count = [&](const char* name, std::int64_t value) {
      if (value > 0) facts[name] = std::to_string(value);
    };
    if (!tally_.model.empty()) facts["returned_model"] = tally_.model;
    if (!tally_.fingerprint.empty()) facts["fingerprint"] = tally_.fingerprint;
    if (tally_.fingerprints > 1) count("fingerprints", tally_.fingerprints);
    count("answers_from_cache", tally_.from_cache);
    count("answers_cut_off_by_length", tally_.truncated);
    count("answers_empty", tally_.empty);
    count("answers_of_another_model", tally_.other_model);
    count("answers_thrown_away", tally_.thrown_away);
    count("tries_again", tally_.tries_again);
    count("tokens_in", purse_.usage().input_tokens);
    count("tokens_out", purse_.usage().output_tokens);
    if (purse_.price()) facts["cost_usd"] = option_text(std::round(purse_.spent() * 1e6) / 1e6);
    if (store_) {
      count("cache_rows_damaged", store_->damaged());
      count("cache_rows_not_written", store_->failures());
      if (store_->failures() > 0) facts["cache_failure"] = printable(store_->last_failure(), 200);
    }
    return facts;
  }

  Spending spending() const override {
    return {.priced = purse_.price().has_value(), .dollars = purse_.spent()};
  }

 private:
  void check() const {
    if (options_.model.empty())
      throw Error(Kind::usage, "model openai: model= is missing, as in model=gpt-4o");
    constexpr int kWindow = 256;  // samples that the runner keeps open
    check_range("max_connections", options_.max_connections, 1, kWindow);
    check_range("max_tries", options_.max_tries, 1, 100);
    check_range("give_up", options_.give_up, 0, 1e6);
    check_range("top_logprobs", options_.top_logprobs, 0, 20);
    check_range("image_side", options_.image_side, -1, 1 << 15);
    check_range("jpeg_quality", options_.jpeg_quality, -1, 100);
    check_range("max_body", options_.max_body, 0.001, 1024);
    options_.decoding.check("model openai");
    if (options_.score != "p_yes" && options_.score != "log_odds")
      refuse("score", options_.score, "p_yes or log_odds");
    if (options_.length_field != "auto" && options_.length_field != "max_tokens" &&
        options_.length_field != "max_completion_tokens")
      refuse("length_field", options_.length_field, "auto, max_tokens or max_completion_tokens");
    if (!options_.detail.empty() && options_.detail != "low" && options_.detail != "high" &&
        options_.detail != "auto")
      refuse("detail", options_.detail, "low, high or auto");
    if (options_.proxy.find('@') != std::string::npos)
      throw Error(
          Kind::usage,
          "proxy=: a password on a command line can be read by all; put it into https_proxy");
    if ((options_.price_input < 0) != (options_.price_output < 0))
      throw Error(Kind::usage, "price_input and price_output: expected both or none");
  }

  void describe_body(const Setting& setting) {
    BodyOptions& body = manner_.body;
    const bool thinking = thinks(options_.model);
    body.model = options_.model;
    body.stream = options_.stream;
    body.top_logprobs = thinking ? 0 : options_.top_logprobs;
    body.length_field = options_.length_field != "auto" ? options_.length_field
                        : thinking                      ? "max_completion_tokens"
                                                        : "max_tokens";
    for (const std::string& name : words_in(options_.omit)) body.omit.insert(name);
    if (thinking) body.omit.insert({"temperature", "top_p", "stop"});
    refuse_unsent();
    if (!options_.fields.empty())
      body.extra = members_of(text_of_file(options_.fields), body.omit,
                              "fields=" + printable(options_.fields.string(), 200));
    body.seed = setting.seed;
    if (!options_.organization.empty())
      transport_.headers.push_back(header_line("OpenAI-Organization", options_.organization));
    if (!options_.project.empty())
      transport_.headers.push_back(header_line("OpenAI-Project", options_.project));
    for (const std::string& line : transport_.headers) manner_.headers += line + "\n";
    manner_.pictures = options_.pictures;
    manner_.picture_side = options_.image_side;
    manner_.jpeg_quality = options_.jpeg_quality;
    manner_.detail = options_.detail;
    manner_.decoding = options_.decoding;
    manner_.log_odds = options_.score == "log_odds";
  }

  // What is asked for and would not be sent.
  void refuse_unsent() const {
    const DecodingOptions untouched;
    const auto refuse_if = [&](bool given, const char* name) {
      if (!given || !manner_.body.omit.contains(name)) return;
      throw Error(Kind::usage, "model openai: " + std::string(name) +
                                   " is set but would not be sent: omit= names it, or '" +
                                   printable(options_.model, 100) + "' takes none");
    };
    refuse_if(options_.decoding.temperature != untouched.temperature, "temperature");
    refuse_if(options_.decoding.top_p != untouched.top_p, "top_p");
    refuse_if(options_.decoding.seed != untouched.seed, "seed");
  }

  void describe_pace() {
    manner_.connections = options_.max_connections;
    manner_.tries = options_.max_tries;
    manner_.give_up = options_.give_up;
    manner_.longest_wait = seconds("max_wait", options_.max_wait);
    manner_.first_wait = std::min(manner_.first_wait, manner_.longest_wait);
    manner_.same_model = options_.same_model;
    manner_.ask_again_on = words_in(options_.ask_again_on);
    manner_.jitter_seed = std::random_device()();
  }

  void describe_transport() {
    transport_.connections = options_.max_connections;
    transport_.connect = seconds("connect_timeout", options_.connect_timeout);
    transport_.first_byte = seconds("first_byte_timeout", options_.first_byte_timeout);
    transport_.idle = seconds("idle_timeout", options_.idle_timeout);
    transport_.total = seconds("total_timeout", options_.total_timeout);
    transport_.largest = static_cast<std::size_t>(options_.max_body * (1 << 20));
    transport_.proxy = options_.proxy;
    transport_.ca_file =
        options_.ca_file.empty() ? environment("SSL_CERT_FILE") : options_.ca_file.string();
    if (!options_.ca_file.empty() && !std::filesystem::is_regular_file(options_.ca_file))
      refuse("ca_file", options_.ca_file.string(), "a file with certificates");
    transport_.endpoint = &manner_.endpoint;
    transport_.key = &key_;
  }

  std::optional<Price> price() const {
    if (options_.price_input >= 0)
      return Price{.input = options_.price_input, .output = options_.price_output, .of = "given"};
    if (!options_.prices.empty())
      return price_of(text_of_file(options_.prices), printable(options_.prices.string(), 200),
                      options_.model);
    return price_of(known_prices(), "prices.csv", options_.model);
  }

  const Options options_;
  const AnswerCache cache_;
  Manner manner_;
  TransportOptions transport_;
  Key key_;
  Purse purse_;
  Tally tally_;
  std::unique_ptr<AnswerStore> store_;
};

}  // namespace

AdapterEntry openai_adapter() {
  AdapterEntry made =
      entry<OpenAi, Options>("openai", "any server of OpenAI's chat completions, local or paid");
  made.incidental = kIncidental;
  return made;
}

}  // namespace looktwice::adapters
