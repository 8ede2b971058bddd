#include "adapters/openai/purse.h"

#include <algorithm>

#include "adapters/openai/embedded.h"
#include "harness/core/error.h"
#include "harness/core/table.h"
#include "harness/core/text.h"

namespace looktwice::openai {
namespace {

constexpr double kMillion = 1e6;

std::int64_t shown_in(const std::vector<QuestionPart>& parts) {
  return std::ranges::count_if(
      parts, [](const auto& part) { return part.kind != QuestionPart::Kind::text; });
}

}  // namespace

std::string_view known_prices() {
  return price_files().front().bytes;
}

std::optional<Price> price_of(std::string_view table, const std::string& file,
                              const std::string& model) {
  const Table rows = csv_table(table, file);
  const std::string asked = lower_ascii(model);
  const std::string without_publisher = asked.substr(asked.rfind('/') + 1);
  for (const Row& row : rows.rows) {
    const Price price{
        .input = rows.number(row, "input"),
        .output = rows.number(row, "output"),
        .picture_tokens = static_cast<std::int64_t>(rows.number(row, "picture_tokens")),
        .of = rows.at(row, "model").text};
    if (price.input < 0 || price.output < 0 || price.picture_tokens < 0 || price.of.empty())
      rows.refuse(row.place, "expected model,input,output,picture_tokens, none of them negative");
    if (asked.starts_with(price.of) || without_publisher.starts_with(price.of)) return price;
  }
  return {};
}

double cost_of(const Usage& usage, const Price& price) {
  return (static_cast<double>(usage.input_tokens) * price.input +
          static_cast<double>(usage.output_tokens) * price.output) /
         kMillion;
}

double most_for(const Request& request, const Price& price) {
  constexpr std::size_t kAround = 64;  // tokens of a chat's own marks, per message
  std::size_t text =
      kAround + request.question.system.size() + kAround + request.question.text.size();
  for (const Turn& turn : request.dialogue)
    text += 2 * kAround + turn.question.size() + turn.answer.size();
  std::int64_t pictures = shown_in(request.question.parts);
  for (const Turn& turn : request.dialogue) pictures += shown_in(turn.parts);
  // Those that stand before a first question without parts; a judge is shown none.
  const auto& first = request.dialogue.empty() ? request.question.parts : request.dialogue[0].parts;
  if (first.empty() && !request.image.empty())
    pictures += static_cast<std::int64_t>(1 + request.references.size());
  return cost_of({.input_tokens = static_cast<std::int64_t>(text) + pictures * price.picture_tokens,
                  .output_tokens = request.question.decoding.max_new_tokens},
                 price);
}

Purse::Purse(std::optional<Price> price, double most) : price_(std::move(price)), most_(most) {}

bool Purse::reserve(double dollars) {
  if (most_ > 0 && spent_ + reserved_ + dollars > most_) return false;
  reserved_ += dollars;
  ++open_;
  return true;
}

void Purse::settle(double reserved, const std::optional<Usage>& usage, bool perhaps_billed) {
  LOOKTWICE_CHECK(open_ > 0);
  reserved_ -= reserved;
  if (--open_ == 0) reserved_ = 0;  // no crumbs of rounding
  if (usage) {
    usage_.input_tokens += usage->input_tokens;
    usage_.output_tokens += usage->output_tokens;
    if (price_) spent_ += cost_of(*usage, *price_);
  } else if (perhaps_billed) {
    spent_ += reserved;
  }
}

}  // namespace looktwice::openai
