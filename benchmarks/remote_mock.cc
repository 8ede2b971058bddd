// A server of chat completions that only waits: remote_mock [LATENCY_MS]. Prints its port, serves
// on the loopback until its standard input ends. One thread, epoll; the answer is always the same.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kBody =
    R"({"id":"x","object":"chat.completion","created":1,"model":"mock","system_fingerprint":"fp","choices":[{"index":0,"message":{"role":"assistant","content":"Yes, there is a scratch on the surface."},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":9,"total_tokens":109}})";

struct Line {
  std::string head = {};
  std::size_t left = 0;  // bytes of the body that are to come
  bool in_body = false;
  long long number = 0;  // a descriptor's number is used again
};

struct Due {
  Clock::time_point time;
  int socket;
  long long number;
};

std::size_t length_in(const std::string& head) {
  for (const char* name : {"Content-Length: ", "content-length: "})
    if (const std::size_t at = head.find(name); at != std::string::npos)
      return std::stoul(head.substr(at + std::string_view(name).size()));
  return 0;
}

class Mock {
 public:
  explicit Mock(std::chrono::milliseconds latency) : latency_(latency) {
    answer_ = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(kBody.size()) + "\r\n\r\n" + std::string(kBody);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, any, size) != 0 || ::listen(listener_, 1024) != 0 ||
        ::getsockname(listener_, any, &size) != 0)
      std::exit(1);
    watch(listener_);
    watch(STDIN_FILENO);
    watch(timer_);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      set_timer();
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const int socket = events[static_cast<std::size_t>(i)].data.fd;
        if (socket == STDIN_FILENO) return;
        if (socket == timer_) {  // what is due is replied to below
          std::uint64_t times = 0;
          [[maybe_unused]] const auto size = ::read(timer_, &times, sizeof times);
          continue;
        }
        if (socket == listener_)
          accept_all();
        else
          read(socket);
      }
      const auto now = Clock::now();
      for (; !due_.empty() && due_.front().time <= now; due_.pop_front())
        if (const auto line = lines_.find(due_.front().socket);
            line != lines_.end() && line->second.number == due_.front().number)
          reply(due_.front().socket);
    }
  }

 private:
  // At the very time of the next reply: a wait in whole milliseconds would add up to one to each.
  void set_timer() {
    if (due_.empty()) return;
    const auto at =
        std::chrono::duration_cast<std::chrono::nanoseconds>(due_.front().time.time_since_epoch());
    itimerspec when{};
    when.it_value.tv_sec = at.count() / 1'000'000'000;
    when.it_value.tv_nsec = at.count() % 1'000'000'000;
    ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
  }

  void watch(int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }

  void accept_all() {
    for (int socket; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      const int now = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
      lines_[socket] = {.number = ++number_};
      watch(socket);
    }
  }

  void reply(int socket) {
    if (::send(socket, answer_.data(), answer_.size(), MSG_NOSIGNAL) < 0) return;
  }

  void read(int socket) {
    Line& line = lines_[socket];
    for (;;) {
      const auto size = ::recv(socket, buffer_.data(), buffer_.size(), 0);
      if (size < 0) return;
      if (size == 0) {
        ::close(socket);
        lines_.erase(socket);
        return;
      }
      take(socket, line, {buffer_.data(), static_cast<std::size_t>(size)});
      if (static_cast<std::size_t>(size) < buffer_.size()) return;
    }
  }

  void take(int socket, Line& line, std::string_view bytes) {
    while (!bytes.empty()) {
      if (!line.in_body) {
        const std::size_t before = line.head.size();
        line.head += bytes;
        const std::size_t end = line.head.find("\r\n\r\n");
        if (end == std::string::npos) return;
        bytes.remove_prefix(end + 4 - before);
        line.head.resize(end + 2);
        line.left = length_in(line.head);
        line.head.clear();
        line.in_body = true;
      }
      const std::size_t part = std::min(line.left, bytes.size());
      line.left -= part;
      bytes.remove_prefix(part);
      if (line.left > 0) return;
      line.in_body = false;
      if (latency_.count() == 0)
        reply(socket);
      else
        due_.push_back({Clock::now() + latency_, socket, line.number});
    }
  }

  const std::chrono::milliseconds latency_;
  std::string answer_;
  int epoll_ = ::epoll_create1(0), listener_ = -1;
  int timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);  // of steady_clock
  long long number_ = 0;
  std::map<int, Line> lines_;
  std::deque<Due> due_;
  std::array<char, 1 << 18> buffer_ = {};
};

}  // namespace

int main(int count, char** words) {
  Mock(std::chrono::milliseconds(count > 1 ? std::atoi(words[1]) : 0)).run();
}
