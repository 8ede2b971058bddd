// Times Qwen2.5-VL on a checkpoint and a picture; benchmarks/peers/omniad.py runs it beside
// transformers. Prints one JSON line: least milliseconds of the encoder, of a prompt's first token,
// of each further token, and of five questions about the picture through the adapter, with the
// first question's answer.
//   omniad_run CHECKPOINT PICTURE.png THREADS DTYPE TOKENS ROUNDS
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
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

int run(const std::vector<std::string>& arguments) {
  const c10::InferenceMode guard;
  const std::filesystem::path folder = arguments.at(1), picture = arguments.at(2);
  const int threads = std::stoi(arguments.at(3)), tokens = std::stoi(arguments.at(5)),
            rounds = std::stoi(arguments.at(6));
  const std::string dtype = arguments.at(4);
  nn::use_threads(threads);
  double encoder = 1e12, prefill = 1e12, decode = 1e12, together = 1e12;
  std::string ids;
  {
    const omniad::Model model(folder, at::kCPU, nn::number_type_named(dtype));
    const Image image = omniad::sized(request_of(picture, 0, 1).image.decode(), model.processor(),
                                      omniad::Viewing{});
    const at::Tensor values = omniad::patches(image, model.processor());
    const nn::PatchRows grid{image.height / 14, image.width / 14};
    at::Tensor features;
    for (int i = 0; i < rounds; ++i) {
      const auto start = Clock::now();
      features = model.vision().features(values, grid);
      encoder = std::min(encoder, milliseconds(start));
    }
    const auto parts = omniad::chat_parts(request_of(picture, 0, 1), {});
    const auto prompt = omniad::prompt_ids(model.tokenizer(), parts, [](int) { return -1; });
    std::vector<nn::PromptStretch> stretches;
    std::vector<std::int32_t> seen;
    for (const std::int32_t id : prompt) {
      if (id < 0)
        stretches.push_back({.picture = nn::PatchRows{grid.rows / 2, grid.columns / 2}});
      else
        stretches.push_back({.tokens = 1});
      seen.push_back(id < 0 ? model.image_token() : id);
    }
    const at::Tensor embeds =
        nn::embedded_prompt(model.decoder(), prompt, [&](std::int32_t) { return features; });
    const auto write = [&](int texts, int most) {
      nn::Writer writer(model.decoder(), texts);
      for (int i = 0; i < texts; ++i)
        writer.add({.embeds = embeds,
                    .positions = nn::mrope_positions(stretches),
                    .sampling = {.repetition_penalty = model.generation().repetition_penalty},
                    .seen = seen,
                    .most_tokens = most});
      std::vector<nn::WrittenText> done;
      while (done.empty()) done = writer.step();
      return done[0].ids;
    };
    for (int i = 0; i < rounds; ++i) {
      auto start = Clock::now();
      write(1, 1);
      prefill = std::min(prefill, milliseconds(start));
      start = Clock::now();
      const auto written = write(1, tokens);
      decode = std::min(decode, (milliseconds(start) - prefill) / (tokens - 1));
      ids.clear();
      for (const std::int32_t id : written) ids += (ids.empty() ? "" : ", ") + std::to_string(id);
    }
  }
  const auto catalogue = adapters::adapter_catalogue();
  const auto entry = std::ranges::find(catalogue, "omniad", &AdapterEntry::name);
  for (int i = 0; i < rounds; ++i) {
    const auto adapter =
        entry->make({{"checkpoint", folder.string()}, {"dtype", dtype}, {"mode", "omniad"}},
                    {.threads = threads});
    std::vector<Request> requests;
    for (int number = 1; number <= 5; ++number) requests.push_back(request_of(picture, number, 8));
    const auto start = Clock::now();
    const auto replies = looktwice::testing::served(*adapter, requests);
    together = std::min(together, milliseconds(start));
    for (const Prediction& reply : replies)
      if (reply.status != Status::answered) throw std::runtime_error(reply.error);
  }
  std::printf(
      "{\"encoder_ms\": %.1f, \"prefill_ms\": %.1f, \"decode_ms\": %.2f, \"five_ms\": %.1f, "
      "\"ids\": [%s]}\n",
      encoder, prefill, decode, together, ids.c_str());
  return 0;
}

}  // namespace

int main(int count, char** values) try {
  return run({values, values + count});
} catch (const std::exception& error) {
  std::cerr << "omniad_run: " << error.what() << '\n';
  return 1;
}
