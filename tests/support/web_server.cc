#include "tests/support/web_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <stdexcept>

namespace looktwice::testing {
namespace {

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

SSL_CTX* tls_context(const TlsFiles& files) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (!context || SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error("the test's certificate cannot be used");
  return context;
}

}  // namespace

std::string Heard::header(const std::string& name) const {
  const std::string all = lower(head), wanted = "\r\n" + lower(name) + ":";
  const std::size_t at = all.find(wanted);
  if (at == std::string::npos) return {};
  std::size_t from = at + wanted.size();
  while (from < head.size() && head[from] == ' ') ++from;
  return head.substr(from, head.find("\r\n", from) - from);
}

class WebServer::Connection final : public Line {
 public:
  Connection(int socket, SSL_CTX* context, const std::atomic<bool>& ending)
      : socket_(socket), ending_(ending) {
    if (!context) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, socket_);
    open_ = SSL_accept(ssl_) == 1;
    ERR_clear_error();
  }
  ~Connection() override {
    if (ssl_) SSL_free(ssl_);
    if (!was_reset_) ::shutdown(socket_, SHUT_RDWR);
  }

  bool is_open() const { return open_; }

  void send(std::string_view bytes) override {
    while (!bytes.empty() && open_) {
      const auto sent =
          ssl_ ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
               : static_cast<int>(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
      if (sent <= 0) {
        open_ = false;
        return;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void close() override { open_ = false; }

  void reset() override {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    was_reset_ = true;
    open_ = false;
  }

  void hold() override {
    std::string rest;
    while (open_ && !ending_ && receive(rest)) {
    }
    open_ = false;
  }

  void tunnel(int port) override {
    const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const auto* to = reinterpret_cast<const sockaddr*>(&address);
    if (far >= 0 && ::connect(far, to, sizeof address) == 0) {
      pollfd ends[2] = {{.fd = socket_, .events = POLLIN}, {.fd = far, .events = POLLIN}};
      char bytes[1 << 14];
      for (bool open = true; open && !ending_;) {
        if (::poll(ends, 2, 100) < 0) break;
        for (int from = 0; from < 2 && open; ++from) {
          if (ends[from].revents == 0) continue;
          const auto size = ::recv(ends[from].fd, bytes, sizeof bytes, 0);
          open = size > 0 && ::send(ends[1 - from].fd, bytes, static_cast<std::size_t>(size),
                                    MSG_NOSIGNAL) == size;
        }
      }
    }
    if (far >= 0) ::close(far);
    open_ = false;
  }

  // False: the client has hung up.
  bool receive(std::string& to) {
    char bytes[1 << 14];
    const auto size = ssl_ ? SSL_read(ssl_, bytes, sizeof bytes)
                           : static_cast<int>(::recv(socket_, bytes, sizeof bytes, 0));
    if (size <= 0) return false;
    to.append(bytes, static_cast<std::size_t>(size));
    return true;
  }

 private:
  const int socket_;
  const std::atomic<bool>& ending_;
  SSL* ssl_ = nullptr;
  bool open_ = true, was_reset_ = false;
};

WebServer::WebServer(Script script, TlsFiles tls) : script_(std::move(script)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (!tls.certificate.empty()) tls_ = std::shared_ptr<SSL_CTX>(tls_context(tls), SSL_CTX_free);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, any, size) != 0 || ::listen(listener_, 512) != 0 ||
      ::getsockname(listener_, any, &size) != 0)
    throw std::runtime_error("no port on the loopback");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { accept_all(); });
}

WebServer::~WebServer() {
  ending_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_ = {};
  {
    const std::lock_guard hold(mutex_);
    for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
  }
  threads_.clear();
  ::close(listener_);
}

std::string WebServer::url(const std::string& host) const {
  return (tls_ ? "https://" : "http://") + host + ":" + std::to_string(port_);
}

std::vector<Heard> WebServer::heard() const {
  const std::lock_guard hold(mutex_);
  return heard_;
}

void WebServer::accept_all() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (ending_ || socket < 0) {
      if (socket >= 0) ::close(socket);
      return;
    }
    const int now = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    ++connections_;
    const std::lock_guard hold(mutex_);
    open_.push_back(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void WebServer::serve(int socket) {
  {
    Connection line(socket, static_cast<SSL_CTX*>(tls_.get()), ending_);
    std::string bytes;
    while (line.is_open() && !ending_) {
      Heard request;
      std::size_t end = bytes.find("\r\n\r\n");
      while (end == std::string::npos && line.receive(bytes)) end = bytes.find("\r\n\r\n");
      if (end == std::string::npos) break;
      request.head = bytes.substr(0, end + 2);
      const std::size_t blank = request.head.find(' ');
      request.method = request.head.substr(0, blank);
      request.target =
          request.head.substr(blank + 1, request.head.find(' ', blank + 1) - blank - 1);
      const std::string length = request.header("Content-Length");
      const std::size_t size = length.empty() ? 0 : std::stoul(length);
      bytes.erase(0, end + 4);
      while (bytes.size() < size && line.receive(bytes)) {
      }
      request.body = bytes.substr(0, size);
      bytes.erase(0, std::min(size, bytes.size()));
      {
        const std::lock_guard hold(mutex_);
        request.number = static_cast<int>(heard_.size());
        heard_.push_back(request);
      }
      script_(request, line);
    }
  }
  const std::lock_guard hold(mutex_);
  std::erase(open_, socket);
  ::close(socket);
}

std::string response(int status, const std::string& body, const std::string& headers,
                     const std::string& type) {
  return "HTTP/1.1 " + std::to_string(status) + " As Told\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

std::string completion(const std::string& text, const std::string& model) {
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return R"({"id":"c","object":"chat.completion","model":")" + model +
         R"(","system_fingerprint":"fp_1","choices":[{"index":0,"message":{"role":"assistant","content":")" +
         quoted +
         R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}})";
}

}  // namespace looktwice::testing
