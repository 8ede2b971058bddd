// Any line of a program is a reply, a flawed reply or a protocol error; what is accepted holds only
// what the harness may score.
#include <cmath>

#include "adapters/process/child.h"
#include "adapters/process/protocol.h"
#include "harness/core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace looktwice::adapters;
  LineBuffer lines(1 << 16);
  lines.add({reinterpret_cast<const char*>(data), size});
  lines.add("\n");
  while (const auto line = lines.next()) {
    try {
      hello_of(*line);
    } catch (const ProtocolError&) {
    }
    try {
      const Reply reply = reply_of(*line);
      if (reply.heartbeat || !reply.flaw.empty()) continue;
      LOOKTWICE_CHECK(!reply.prediction.key.empty());
      LOOKTWICE_CHECK(std::isfinite(reply.prediction.score.value_or(0)));
      if (!reply.prediction.map) continue;
      const looktwice::AnomalyMap& map = *reply.prediction.map;
      LOOKTWICE_CHECK(map.values.size() == static_cast<std::size_t>(map.width) * map.height);
      for (const float value : map.values) LOOKTWICE_CHECK(std::isfinite(value));
    } catch (const ProtocolError&) {
    }
  }
  return 0;
}
