// A web server that misbehaves as told: each request goes to a script that writes bytes, waits,
// cuts the line or resets it. One thread per connection, loopback only.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace looktwice::testing {

struct Heard {
  std::string method = {}, target = {}, head = {}, body = {};
  int number = 0;  // from 0, in the order of arrival
  // Of the first header of that name, whatever its case; empty: none.
  std::string header(const std::string& name) const;
};

// The connection as a script sees it.
class Line {
 public:
  virtual ~Line() = default;
  virtual void send(std::string_view bytes) = 0;  // a client that is gone is no error
  virtual void close() = 0;
  virtual void reset() = 0;  // RST in place of a farewell
  virtual void hold() = 0;   // until the client hangs up or the server ends
  // What a proxy does after CONNECT: carries bytes to a port of the loopback and back until one
  // side hangs up. Plain lines only.
  virtual void tunnel(int port) = 0;
};

struct TlsFiles {
  std::filesystem::path certificate = {}, key = {};  // PEM; empty: no TLS
};

class WebServer {
 public:
  using Script = std::function<void(const Heard& request, Line& line)>;
  explicit WebServer(Script script, TlsFiles tls = {});
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& host = "127.0.0.1") const;  // "http://127.0.0.1:4711"
  std::vector<Heard> heard() const;                              // requests so far
  int connections() const { return connections_; }

 private:
  class Connection;
  void accept_all();
  void serve(int socket);

  const Script script_;
  std::shared_ptr<void> tls_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> ending_ = false;
  std::atomic<int> connections_ = 0;
  mutable std::mutex mutex_;
  std::vector<Heard> heard_;
  std::vector<int> open_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

// A whole response; headers: "Name: value\r\n" each.
std::string response(int status, const std::string& body, const std::string& headers = {},
                     const std::string& type = "application/json");
// A chat completion with this text, a usage of 10 and 5 tokens, finish_reason "stop".
std::string completion(const std::string& text, const std::string& model = "test-model");

// A certificate authority and certificates of its making, as PEM files in a folder.
class Authority {
 public:
  explicit Authority(const std::filesystem::path& folder);
  const std::filesystem::path& file() const { return file_; }
  // host: a DNS name or an IP address. days: valid from days_from to days_to, from now.
  TlsFiles certificate(const std::string& host, int days_from = -1, int days_to = 1) const;
  TlsFiles self_signed(const std::string& host) const;

 private:
  struct Keys;
  std::filesystem::path folder_, file_;
  std::shared_ptr<Keys> keys_;
};

}  // namespace looktwice::testing
