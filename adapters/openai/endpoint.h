// Where requests go and with which key. Keys come from the environment or a file and from nowhere
// else: what stands on a command line can be read by every process of the machine.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace looktwice::openai {

struct Endpoint {
  std::string url = {};     // of chat completions
  std::string origin = {};  // "https://host:port", to which alone the key is sent
  bool azure = false;       // the key goes into `api-key:`, not into `Authorization: Bearer`
  bool exposed = false;     // plain http to another machine: what is sent can be read on the way
};

// base_url: with or without /v1, or the whole URL of chat completions. A path that names a version
// anywhere (/v1, /v1beta/openai) is kept; any other gets /v1. Azure (known hosts, or an
// api_version):
// .../openai/deployments/MODEL/chat/completions?api-version=..., but .../openai/v1 stays as it is.
// Throws Kind::usage: no http or https, a password or a query in it, Azure without api_version.
Endpoint endpoint_of(const std::string& base_url, const std::string& model,
                     const std::string& api_version);

// A redirect from `from` to `location` stays with the same scheme, host and port.
// Empty: it does not, or is no URL; else the absolute URL.
std::string same_origin_target(const std::string& from, const std::string& location);

// Its bytes can be found in a text and blotted out; it is never printed.
class Key {
 public:
  Key() = default;
  explicit Key(std::string secret);
  bool empty() const { return secret_.empty(); }
  const std::string& secret() const { return secret_; }
  // The text with the key, its base64 and its URL-escaped form replaced by "[key]": servers like to
  // quote what they refuse. Keys of fewer than 8 characters are left alone: they are words.
  std::string without_key(std::string text) const;

 private:
  std::string secret_;
  std::vector<std::string> forms_;
};

struct KeySource {
  std::string variable = {};        // named by the user; empty: the usual ones
  std::filesystem::path file = {};  // named by the user; its first line
};

// Named and not there, or not printable ASCII: Kind::usage. Nothing named: OPENAI_API_KEY
// (Azure: AZURE_OPENAI_API_KEY first), and that one only where the way is safe (not exposed), since
// it may be meant for somebody else. Empty: none.
Key key_for(const Endpoint& endpoint, const KeySource& source);

// So that a crash cannot write the key to disk: no core from now on, neither as a file nor piped to
// a program.
void forbid_core_files();

}  // namespace looktwice::openai
