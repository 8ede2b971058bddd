#include "adapters/openai/endpoint.h"

#include <curl/curl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>

#include "adapters/openai/base64.h"
#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/text.h"

namespace looktwice::openai {
namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

[[noreturn]] void refuse(const std::string& base_url, const std::string& why) {
  // A password in it must not come back out in the message.
  const std::size_t at = base_url.rfind('@');
  const std::string shown = at == std::string::npos ? base_url : "..." + base_url.substr(at);
  throw Error(Kind::usage, "base_url=" + printable(shown, 200) + ": " + why);
}

std::string part(const Url& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) return {};
  std::string copy = text;
  curl_free(text);
  return copy;
}

std::string origin_of(const Url& url) {
  return lower_ascii(part(url, CURLUPART_SCHEME) + "://" + part(url, CURLUPART_HOST)) + ":" +
         part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "[::1]" || host == "::1" || host.starts_with("127.") ||
         host.ends_with(".localhost");
}

// "/v1", "/v1beta/openai", "/openai/v4/".
bool names_a_version(const std::string& path) {
  for (std::size_t at = path.find("/v"); at != std::string::npos; at = path.find("/v", at + 1))
    if (at + 2 < path.size() && path[at + 2] >= '0' && path[at + 2] <= '9') return true;
  return false;
}

std::string url_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    constexpr char kDigits[] = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      out += c;
    else
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
  }
  return out;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? value : "";
}

}  // namespace

Endpoint endpoint_of(const std::string& base_url, const std::string& model,
                     const std::string& api_version) {
  const Url url(curl_url(), curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, base_url.c_str(), 0) != CURLUE_OK)
    refuse(base_url, "expected a URL such as https://api.openai.com/v1");
  const std::string scheme = part(url, CURLUPART_SCHEME), host = part(url, CURLUPART_HOST);
  if (scheme != "http" && scheme != "https") refuse(base_url, "expected http:// or https://");
  if (!part(url, CURLUPART_USER).empty() || !part(url, CURLUPART_PASSWORD).empty())
    refuse(base_url,
           "holds a user or password; name a variable or a file with key_env or key_file");
  const std::string query = part(url, CURLUPART_QUERY);
  if (!query.empty() || !part(url, CURLUPART_FRAGMENT).empty())
    refuse(base_url, "expected no '?' or '#'; the version of Azure goes into api_version");

  std::string path = part(url, CURLUPART_PATH);
  while (path.ends_with('/')) path.pop_back();
  Endpoint endpoint{.origin = origin_of(url)};
  const bool azure_host = host.ends_with(".openai.azure.com") ||
                          host.ends_with(".cognitiveservices.azure.com") ||
                          host.ends_with(".services.ai.azure.com");
  endpoint.azure = azure_host || !api_version.empty();
  const bool by_version = names_a_version(path);
  const bool whole = path.ends_with("/chat/completions");
  if (endpoint.azure && !by_version) {
    if (api_version.empty()) refuse(base_url, "Azure needs api_version=, such as 2024-10-21");
    if (!whole && path.find("/openai/deployments/") == std::string::npos)
      path += (path.ends_with("/openai") ? "" : "/openai") + std::string("/deployments/") +
              url_escaped(model);
    if (!whole) path += "/chat/completions";
  } else if (!whole) {
    path += (by_version ? "" : "/v1") + std::string("/chat/completions");
  }
  curl_url_set(url.get(), CURLUPART_PATH, path.c_str(), 0);
  if (!api_version.empty())
    curl_url_set(url.get(), CURLUPART_QUERY, ("api-version=" + url_escaped(api_version)).c_str(),
                 0);
  endpoint.url = part(url, CURLUPART_URL);
  endpoint.exposed = scheme == "http" && !is_loopback(host);
  return endpoint;
}

std::string same_origin_target(const std::string& from, const std::string& location) {
  const Url start(curl_url(), curl_url_cleanup), target(curl_url(), curl_url_cleanup);
  if (location.empty() || curl_url_set(start.get(), CURLUPART_URL, from.c_str(), 0) != CURLUE_OK ||
      curl_url_set(target.get(), CURLUPART_URL, from.c_str(), 0) != CURLUE_OK ||
      curl_url_set(target.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK)
    return {};
  if (origin_of(start) != origin_of(target) || !part(target, CURLUPART_USER).empty()) return {};
  return part(target, CURLUPART_URL);
}

Key::Key(std::string secret) : secret_(std::move(secret)) {
  constexpr std::size_t kShortest = 8;
  if (secret_.size() < kShortest) return;
  forms_ = {secret_, url_escaped(secret_)};
  // Inside longer base64 the key may start at any of three places; the middle is the same.
  for (std::size_t shift = 0; shift < 3; ++shift) {
    const std::string before(shift, 'x');
    const std::string padded = before + secret_;
    std::string coded = base64(std::as_bytes(std::span(padded)));
    while (coded.ends_with('=')) coded.pop_back();
    coded = coded.substr(shift == 0 ? 0 : shift + 1);
    if (padded.size() % 3 != 0) coded.pop_back();  // shares bits with what follows
    if (coded.size() >= kShortest) forms_.push_back(coded);
  }
}

std::string Key::without_key(std::string text) const {
  for (const std::string& form : forms_) replace_all(text, form, "[key]");
  return text;
}

Key key_for(const Endpoint& endpoint, const KeySource& source) {
  std::string secret, from;
  if (!source.file.empty()) {
    from = "key_file=" + printable(source.file.string(), 200);
    constexpr std::uintmax_t kLargest = 1 << 16;
    for (const std::byte byte : file_bytes(source.file, kLargest))
      if (byte == std::byte{'\n'} || byte == std::byte{'\r'})
        break;
      else
        secret += static_cast<char>(byte);
  } else if (!source.variable.empty()) {
    from = "key_env=" + printable(source.variable, 100);
    secret = variable(source.variable);
  } else {
    from = "OPENAI_API_KEY";
    if (endpoint.exposed) return {};
    if (endpoint.azure) secret = variable("AZURE_OPENAI_API_KEY");
    if (secret.empty()) secret = variable("OPENAI_API_KEY");
    if (secret.empty()) return {};
  }
  if (secret.empty()) throw Error(Kind::usage, from + ": no key there");
  if (!std::ranges::all_of(secret, [](char c) { return c > ' ' && c < 127; }))
    throw Error(Kind::usage, from + ": the key holds blanks or characters that no key has");
  forbid_core_files();
  return Key(std::move(secret));
}

void forbid_core_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = 0;
  ::setrlimit(RLIMIT_CORE, &limit);
  // Where cores are piped to a program (systemd-coredump) no limit counts; this does. It also keeps
  // /proc/PID/mem and environ from others of the same user.
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace looktwice::openai
