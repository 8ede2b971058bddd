// Many HTTP POSTs at once on one thread. Not here: what an answer means, what comes next.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/openai/endpoint.h"

namespace looktwice::openai {

using Time = std::chrono::steady_clock::time_point;

struct Call {
  std::uint64_t id = 0;
  std::string url = {};
  std::shared_ptr<const std::string> body = {};
};

// Bytes of the body that were there at a time.
struct Arrival {
  std::size_t bytes = 0;
  Time time = {};
};

// Why there is no whole response: it may be there next time; this request will never get one; no
// request ever will (a certificate).
enum class Fault { none, passing, of_request, of_endpoint };

struct Exchange {
  std::uint64_t id = 0;
  int status = 0;
  std::string body = {};
  std::string content_type = {}, location = {};  // lower case; as sent
  std::string retry_after = {}, retry_after_ms = {};
  Fault fault = Fault::none;
  std::string why = {};  // of a fault: which wait was too long, what broke
  bool sent = false;     // the server has the whole request
  bool framed = false;   // its length is known, so that a body that came is a whole one
  Time started = {}, first_byte = {}, ended = {};
  std::vector<Arrival> arrivals = {};  // the first ones, of streams
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual void start(Call call) = 0;
  // Waits until something has ended or so long, whichever comes first.
  virtual std::vector<Exchange> wait(std::chrono::milliseconds longest) = 0;
  // From any thread: the wait that goes on, or the next one, returns at once.
  virtual void wake() {}
  // Breaks off what is under way; nothing of it comes out of wait().
  virtual void drop_all() = 0;
  virtual Time now() const { return std::chrono::steady_clock::now(); }
};

struct TransportOptions {
  int connections = 64;
  std::chrono::milliseconds connect = std::chrono::seconds(10);  // name, socket and TLS
  std::chrono::milliseconds first_byte = std::chrono::seconds(600);
  std::chrono::milliseconds idle = std::chrono::seconds(60);  // between two pieces
  std::chrono::milliseconds total = std::chrono::seconds(900);
  std::size_t largest = std::size_t{16} << 20;  // bytes of a body, unpacked
  std::string proxy = {};                 // empty: as the environment says (https_proxy, no_proxy)
  std::string ca_file = {};               // empty: the system's
  std::vector<std::string> headers = {};  // "Name: value", beside those of JSON
  const Endpoint* endpoint = nullptr;
  const Key* key = nullptr;
};

// libcurl's multi interface over epoll; HTTP/1.1, connections are kept. TLS is checked always and
// redirects are handed out, never followed. The key goes to the origin of the endpoint alone: a
// call to another is our own mistake (Kind::internal).
std::unique_ptr<Transport> make_transport(const TransportOptions& options);

// "libcurl/7.88.1 OpenSSL/3.0.15", as linked.
std::string transport_version();

}  // namespace looktwice::openai
