#include "adapters/openai/transport.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::openai {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLargestHeaders = 1 << 16;
constexpr std::size_t kArrivalsKept = 256;
constexpr auto kCheckEvery = 20ms;  // how exactly the waits are kept

void prepare_libcurl() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) throw Error(Kind::model, "libcurl cannot be started");
}

std::string in_seconds(std::chrono::milliseconds time) {
  const std::string digits = std::to_string(1000 + time.count() % 1000).substr(1);
  return std::to_string(time.count() / 1000) + (digits == "000" ? "" : "." + digits) + " s";
}

// One request under way, and the handle that is used again for the next.
struct Slot {
  CURL* easy = nullptr;
  bool busy = false;
  bool too_large = false, head_ended = false;
  std::size_t header_bytes = 0;
  std::size_t largest = 0;
  Time last_piece = {};
  std::string url = {};  // what the handle has
  std::shared_ptr<const std::string> body = {};
  Exchange exchange = {};
  std::array<char, CURL_ERROR_SIZE> why = {};
};

std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() &&
         (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' || text.back() == '\n'))
    text.remove_suffix(1);
  return std::string(text);
}

std::size_t on_header(char* data, std::size_t, std::size_t size, void* of) {
  auto& slot = *static_cast<Slot*>(of);
  slot.header_bytes += size;
  if (slot.header_bytes > kLargestHeaders) return 0;
  if (slot.exchange.first_byte == Time{})
    slot.exchange.first_byte = std::chrono::steady_clock::now();
  const std::string_view line(data, size);
  slot.head_ended = line == "\r\n" || line == "\n";
  if (line.starts_with("HTTP/")) {  // a new response, after a 100 or of the proxy
    Exchange& e = slot.exchange;
    e.framed = false;
    for (std::string* field : {&e.content_type, &e.location, &e.retry_after, &e.retry_after_ms})
      field->clear();
    return size;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon > 20) return size;
  const std::string name = lower_ascii(line.substr(0, colon));
  Exchange& e = slot.exchange;
  if (name == "content-length" || name == "transfer-encoding") e.framed = true;
  if (name == "content-type") e.content_type = lower_ascii(trimmed(line.substr(colon + 1)));
  if (name == "location") e.location = trimmed(line.substr(colon + 1));
  if (name == "retry-after") e.retry_after = trimmed(line.substr(colon + 1));
  if (name == "retry-after-ms") e.retry_after_ms = trimmed(line.substr(colon + 1));
  return size;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* of) {
  auto& slot = *static_cast<Slot*>(of);
  std::string& body = slot.exchange.body;
  if (body.size() + size > slot.largest) {
    slot.too_large = true;
    return 0;
  }
  body.append(data, size);
  if (slot.exchange.content_type.starts_with("text/event-stream")) {
    slot.last_piece = std::chrono::steady_clock::now();
    if (slot.exchange.arrivals.size() < kArrivalsKept)
      slot.exchange.arrivals.push_back({body.size(), slot.last_piece});
  } else {
    slot.last_piece = Time{};  // stamped at the next check: a clock call per piece is not needed
  }
  return size;
}

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(const TransportOptions& options) : options_(options) {
    prepare_libcurl();
    LOOKTWICE_CHECK(options_.endpoint != nullptr && options_.key != nullptr);
    multi_ = curl_multi_init();
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    waker_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!multi_ || epoll_ < 0 || waker_ < 0)
      throw Error(Kind::model, "libcurl or epoll cannot be started");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = waker_;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, waker_, &event);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections));
    curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    make_headers();
  }

  ~CurlTransport() override {
    for (const auto& slot : slots_) {
      if (slot->busy) curl_multi_remove_handle(multi_, slot->easy);
      curl_easy_cleanup(slot->easy);
    }
    curl_multi_cleanup(multi_);
    curl_slist_free_all(headers_);
    ::close(epoll_);
    ::close(waker_);
  }
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  void start(Call call) override {
    LOOKTWICE_CHECK(call.url == options_.endpoint->url ||
                    same_origin_target(options_.endpoint->url, call.url) == call.url);
    Slot& slot = free_slot();
    slot.busy = true;
    slot.too_large = slot.head_ended = false;
    slot.header_bytes = 0;
    slot.why[0] = '\0';
    slot.body = std::move(call.body);
    slot.exchange = {.id = call.id, .started = now()};
    slot.last_piece = slot.exchange.started;
    if (slot.url != call.url) {
      slot.url = std::move(call.url);
      curl_easy_setopt(slot.easy, CURLOPT_URL, slot.url.c_str());
    }
    curl_easy_setopt(slot.easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(slot.body->size()));
    curl_easy_setopt(slot.easy, CURLOPT_POSTFIELDS, slot.body->data());
    if (curl_multi_add_handle(multi_, slot.easy) != CURLM_OK)
      throw Error(Kind::internal, "libcurl refuses a request");
  }

  std::vector<Exchange> wait(std::chrono::milliseconds longest) override {
    std::vector<Exchange> ended;
    const Time until = now() + longest;
    for (;;) {
      act(until);
      collect(ended);
      const Time time = now();
      if (time >= next_check_) {
        next_check_ = time + kCheckEvery;
        break_off_the_late(time, ended);
      }
      if (!ended.empty() || woken_ || time >= until) {
        woken_ = false;
        return ended;
      }
    }
  }

  void wake() override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(waker_, &one, sizeof one);
  }

  void drop_all() override {
    for (const auto& slot : slots_)
      if (slot->busy) release(*slot);
  }

 private:
  void make_headers() {
    const auto add = [this](const std::string& line) {
      headers_ = curl_slist_append(headers_, line.c_str());
    };
    add("Content-Type: application/json");
    add("Accept: application/json, text/event-stream");
    add("Expect:");  // no waiting for 100 Continue
    for (const std::string& line : options_.headers) add(line);
    if (options_.key->empty()) return;
    add(options_.endpoint->azure ? "api-key: " + options_.key->secret()
                                 : "Authorization: Bearer " + options_.key->secret());
  }

  Slot& free_slot() {
    for (const auto& slot : slots_)
      if (!slot->busy) return *slot;
    slots_.push_back(std::make_unique<Slot>());
    Slot& slot = *slots_.back();
    slot.easy = curl_easy_init();
    if (!slot.easy) throw Error(Kind::model, "libcurl cannot be started");
    slot.largest = options_.largest;
    CURL* easy = slot.easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &slot);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot.why.data());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "looktwice");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    if (!options_.proxy.empty()) curl_easy_setopt(easy, CURLOPT_PROXY, options_.proxy.c_str());
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.total.count()));
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &slot);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &slot);
    return slot;
  }

  static int on_socket(CURL*, curl_socket_t socket, int what, void* of, void* known) {
    auto& self = *static_cast<CurlTransport*>(of);
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(self.epoll_, EPOLL_CTL_DEL, socket, nullptr);
      return 0;
    }
    epoll_event event{};
    event.data.fd = socket;
    if (what & CURL_POLL_IN) event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
    // A descriptor's number may be known from a socket that libcurl has closed since.
    if (::epoll_ctl(self.epoll_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event) != 0)
      ::epoll_ctl(self.epoll_, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event);
    if (!known) curl_multi_assign(self.multi_, socket, &self);
    return 0;
  }

  static int on_timer(CURLM*, long milliseconds, void* of) {
    auto& self = *static_cast<CurlTransport*>(of);
    self.timer_ = milliseconds < 0
                      ? Time::max()
                      : std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    return 0;
  }

  void act(Time until) {
    int running = 0;
    const auto fire = [&](Time time) {
      if (timer_ > time) return false;
      timer_ = Time::max();
      curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
      return true;
    };
    const Time time = now();
    const bool fired = fire(time);
    const Time wake = std::min({until, timer_, next_check_});
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake - time);
    std::array<epoll_event, 128> events;
    const int count =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                     fired ? 0 : static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1000)));
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == waker_) {
        std::uint64_t times = 0;
        woken_ = ::read(waker_, &times, sizeof times) > 0;
        continue;
      }
      int what = 0;
      if (event.events & EPOLLIN) what |= CURL_CSELECT_IN;
      if (event.events & EPOLLOUT) what |= CURL_CSELECT_OUT;
      if (event.events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
      curl_multi_socket_action(multi_, event.data.fd, what, &running);
    }
  }

  void release(Slot& slot) {
    curl_multi_remove_handle(multi_, slot.easy);
    slot.busy = false;
    slot.body.reset();
  }

  void collect(std::vector<Exchange>& ended) {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;  // gone with remove_handle
      Slot* slot = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
      Exchange& exchange = slot->exchange;
      exchange.ended = now();
      long status = 0;
      curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
      exchange.status = static_cast<int>(status);
      exchange.sent = uploaded(*slot);
      if (code != CURLE_OK) {
        describe(*slot, code);
      } else if (!slot->head_ended) {  // libcurl takes the end of the line for that of the head
        exchange.fault = Fault::passing;
        exchange.why = "network: the answer ended within its headers";
      }
      release(*slot);
      ended.push_back(std::move(exchange));
    }
  }

  static bool uploaded(const Slot& slot) {
    curl_off_t sent = 0;
    curl_easy_getinfo(slot.easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return sent >= static_cast<curl_off_t>(slot.body->size());
  }

  void describe(Slot& slot, CURLcode code) const {
    Exchange& e = slot.exchange;
    e.fault = Fault::passing;
    if (slot.too_large) {
      e.why = "the answer is larger than " + std::to_string(slot.largest) + " bytes";
      e.fault = Fault::of_request;
    } else if (slot.header_bytes > kLargestHeaders) {
      e.why =
          "the headers of the answer are larger than " + std::to_string(kLargestHeaders) + " bytes";
      e.fault = Fault::of_request;
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
      curl_off_t connected = 0;
      curl_easy_getinfo(slot.easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
      e.why = connected == 0 ? "no connection within " + in_seconds(options_.connect)
                             : "no whole answer within " + in_seconds(options_.total);
    } else {
      const std::string why = slot.why[0] != '\0' ? slot.why.data() : curl_easy_strerror(code);
      e.why = "network: " + printable(why, 200);
    }
    switch (code) {
      case CURLE_PEER_FAILED_VERIFICATION:  // a certificate does not get better
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_CERTPROBLEM:
      case CURLE_SSL_CIPHER:
      case CURLE_URL_MALFORMAT:
        e.fault = Fault::of_endpoint;
        break;
      default:
        break;
    }
  }

  void break_off_the_late(Time time, std::vector<Exchange>& ended) {
    for (const auto& held : slots_) {
      Slot& slot = *held;
      if (!slot.busy) continue;
      Exchange& e = slot.exchange;
      if (slot.last_piece == Time{}) slot.last_piece = time;
      const bool waiting = e.first_byte == Time{};
      const auto silent = time - (waiting ? e.started : std::max(slot.last_piece, e.first_byte));
      const auto limit = waiting ? options_.first_byte : options_.idle;
      if (silent < limit) continue;
      e.fault = Fault::passing;
      e.why = waiting ? "no answer within " + in_seconds(limit)
                      : "the answer stopped for " + in_seconds(limit);
      e.ended = time;
      long status = 0;
      curl_easy_getinfo(slot.easy, CURLINFO_RESPONSE_CODE, &status);
      e.status = static_cast<int>(status);
      e.sent = uploaded(slot);
      release(slot);
      ended.push_back(std::move(e));
    }
  }

  const TransportOptions options_;
  CURLM* multi_ = nullptr;
  curl_slist* headers_ = nullptr;
  int epoll_ = -1, waker_ = -1;
  bool woken_ = false;
  Time timer_ = Time::max(), next_check_ = {};
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace

std::unique_ptr<Transport> make_transport(const TransportOptions& options) {
  return std::make_unique<CurlTransport>(options);
}

std::string transport_version() {
  prepare_libcurl();
  std::string text = curl_version();
  return text.substr(0, text.find(' ', text.find(' ') + 1));
}

}  // namespace looktwice::openai
