// Times Qwen2.5-VL on a checkpoint; benchmarks/peers/omniad.py runs it beside transformers. Prints
// one JSON line of least milliseconds. encoder: a picture; words: a prompt of made-up tokens up to
// the first token, each further token, and what they are; five: five questions about the picture
// through the adapter.
//   omniad_run encoder|words|five CHECKPOINT PICTURE.png THREADS DTYPE TOKENS RUNS SIDE PROMPT
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "adapters/catalogue.h"
#include "adapters/imaging/codec.h"
#include "adapters/nn/device.h"
#include "adapters/nn/writer.h"
#include "adapters/omniad/chat.h"
#include "adapters/omniad/model.h"
#include "adapters/omniad/picture_shelf.h"
#include "tests/support/queues.h"

namespace {

using namespace looktwice;
using Clock = std::chrono::steady_clock;

double milliseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::milli>(Clock::now() - since).count();
}

Request request_of(const std::filesystem::path& picture, int number, int tokens) {
  Request request{.key = std::to_string(number)};
  request.image = Picture("picture.png", {.path = picture}, imaging::make_codec());
  request.question = {
      .text = "Question " + std::to_string(number) + ": Is there any defect?\nA. Yes\nB. No",
      .wanted = {.text = true},
      .decoding = {.max_new_tokens = tokens}};
  request.question.alone = true;
  return request;
}

struct Manner {
  std::filesystem::path folder = {}, picture = {};
  int threads = 1, tokens = 0, runs = 1, side = 512, prompt = 0;
  std::string dtype = {};
};

void run_encoder(const Manner& manner) {
  const c10::InferenceMode guard;
  const omniad::Model model(manner.folder, at::kCPU, nn::number_type_named(manner.dtype));
  const Image image = omniad::sized(request_of(manner.picture, 0, 1).image.decode(),
                                    model.processor(), omniad::Viewing{.side = manner.side});
  const at::Tensor values = omniad::patches(image, model.processor());
  double encoder = 1e12;
  for (int i = 0; i < manner.runs; ++i) {
    const auto start = Clock::now();
    (void)model.vision().features(values, {image.height / 14, image.width / 14});
    encoder = std::min(encoder, milliseconds(start));
  }
  std::printf("{\"encoder_ms\": %.1f}\n", encoder);
}

// As peers/omniad.py makes them.
std::vector<std::int32_t> made_up_ids(int count) {
  std::uint64_t draw = 7920;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < count; ++i) {
    draw = (draw * 1103515245 + 12345) & 0x7FFFFFFF;
    ids.push_back(static_cast<std::int32_t>(draw % 151000));
  }
  return ids;
}

void run_words(const Manner& manner) {
  const c10::InferenceMode guard;
  const omniad::Model model(manner.folder, at::kCPU, nn::number_type_named(manner.dtype));
  const at::Tensor embeds = model.decoder().embedded(made_up_ids(manner.prompt));
  const auto written = [&](int most) {
    nn::Writer writer(model.decoder(), 1);
    writer.add({.embeds = embeds, .most_tokens = most});
    std::vector<nn::WrittenText> done;
    while (done.empty()) done = writer.step();
    return std::move(done[0]);
  };
  written(2);  // memory is touched, buffers are there
  double prefill = 1e12, decode = 1e12;
  std::string ids;
  for (int i = 0; i < manner.runs; ++i) {
    const nn::WrittenText text = written(manner.tokens);
    for (const Span& span : text.spans) {
      const double ms = 1e-6 * static_cast<double>(span.duration_ns);
      if (span.name == "prefill") prefill = std::min(prefill, ms);
      if (span.name == "decode") decode = std::min(decode, ms / (manner.tokens - 1));
    }
    ids.clear();
    for (const std::int32_t id : text.ids) ids += (ids.empty() ? "" : ", ") + std::to_string(id);
  }
  std::printf("{\"prefill_ms\": %.1f, \"decode_ms\": %.2f, \"ids\": [%s]}\n", prefill, decode,
              ids.c_str());
}

void run_five(const Manner& manner) {
  const auto catalogue = adapters::adapter_catalogue();
  const auto entry = std::ranges::find(catalogue, "omniad", &AdapterEntry::name);
  double together = 1e12;
  for (int i = 0; i < manner.runs; ++i) {
    const auto adapter = entry->make({{"checkpoint", manner.folder.string()},
                                      {"dtype", manner.dtype},
                                      {"mode", "omniad"},
                                      {"side", std::to_string(manner.side)}},
                                     {.threads = manner.threads});
    std::vector<Request> requests;
    for (int number = 1; number <= 5; ++number)
      requests.push_back(request_of(manner.picture, number, manner.tokens));
    const auto start = Clock::now();
    const auto replies = looktwice::testing::served(*adapter, requests);
    together = std::min(together, milliseconds(start));
    for (const Prediction& reply : replies)
      if (reply.status != Status::answered) throw std::runtime_error(reply.error);
  }
  std::printf("{\"five_ms\": %.1f}\n", together);
}

int run(const std::vector<std::string>& arguments) {
  const Manner manner{.folder = arguments.at(2),
                      .picture = arguments.at(3),
                      .threads = std::stoi(arguments.at(4)),
                      .tokens = std::stoi(arguments.at(6)),
                      .runs = std::stoi(arguments.at(7)),
                      .side = std::stoi(arguments.at(8)),
                      .prompt = std::stoi(arguments.at(9)),
                      .dtype = arguments.at(5)};
  nn::use_threads(manner.threads);
  const std::string& part = arguments.at(1);
  part == "five" ? run_five(manner) : part == "words" ? run_words(manner) : run_encoder(manner);
  return 0;
}

}  // namespace

int main(int count, char** values) try {
  return run({values, values + count});
} catch (const std::exception& error) {
  std::cerr << "omniad_run: " << error.what() << '\n';
  return 1;
}
