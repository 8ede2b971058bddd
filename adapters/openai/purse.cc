#include "adapters/openai/purse.h"

#include <algorithm>

#include "adapters/openai/embedded.h"
#include "harness/core/error.h"
#include "harness/core/options.h"
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
  const auto text = [&](const Row& row, const char* name) {
    const Cell* cell = rows.find(row, name);
    return cell ? printable(cell->text, 100) : "";
  };
  for (const Row& row : rows.rows) {
    Price price{.input = rows.number(row, "input"),
                .output = rows.number(row, "output"),
                .of = rows.at(row, "model").text,
                .as_of = text(row, "as_of"),
                .source = text(row, "source")};
    if (const Cell* most = rows.find(row, "picture_tokens"); most && !most->text.empty())
      price.picture_tokens = static_cast<std::int64_t>(rows.number(row, "picture_tokens"));
    if (price.input < 0 || price.output < 0 || price.picture_tokens < 0)
      rows.refuse(row.place, "a price below 0");
    const std::string name = lower_ascii(price.of);
    if (asked.starts_with(name) || without_publisher.starts_with(name)) return price;
  }
  return {};
}

std::string Price::text() const {
  std::string text = (of.empty() ? "any model" : printable(of, 100)) + ": $" + option_text(input) +
                     " in, $" + option_text(output) + " out per million tokens";
  std::string where = as_of;
  if (!source.empty()) where += (where.empty() ? "" : ", ") + source;
  return where.empty() ? text : text + " (" + where + ")";
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
  if (most_ > 0 && spent() + reserved_ + dollars > most_) return false;
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
    if (price_) std::atomic_ref(spent_).fetch_add(cost_of(*usage, *price_));
  } else if (perhaps_billed) {
    std::atomic_ref(spent_).fetch_add(reserved);
  }
}

}  // namespace looktwice::openai
