#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>

#include "tests/support/web_server.h"

namespace looktwice::testing {
namespace {

using Pkey = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

constexpr long kDay = 24 * 3600;

Pkey new_key() {
  Pkey key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  if (!key) throw std::runtime_error("no key could be made");
  return key;
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
  if (!made) throw std::runtime_error("no extension " + value);
  X509_add_ext(certificate, made, -1);
  X509_EXTENSION_free(made);
}

Certificate new_certificate(const std::string& name, EVP_PKEY* key, X509* issuer,
                            EVP_PKEY* issuer_key, int days_from, int days_to) {
  static long serial = 1;
  Certificate made(X509_new(), X509_free);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), days_from * kDay);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), days_to * kDay);
  X509_set_pubkey(made.get(), key);
  X509_NAME* subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* by = issuer ? issuer : made.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(by));
  if (issuer) {
    in_addr ignored{};
    const bool address = ::inet_pton(AF_INET, name.c_str(), &ignored) == 1;
    extend(made.get(), by, NID_subject_alt_name, (address ? "IP:" : "DNS:") + name);
  } else {
    extend(made.get(), by, NID_basic_constraints, "critical,CA:TRUE");
    extend(made.get(), by, NID_key_usage, "critical,keyCertSign");
  }
  if (X509_sign(made.get(), issuer_key, EVP_sha256()) == 0)
    throw std::runtime_error("the certificate could not be signed");
  return made;
}

template <class Write>
std::filesystem::path written(const std::filesystem::path& path, Write write) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) throw std::runtime_error("cannot write " + path.string());
  write(file);
  std::fclose(file);
  return path;
}

TlsFiles files(X509* certificate, EVP_PKEY* key, const std::string& stem) {
  return {.certificate =
              written(stem + ".pem", [&](std::FILE* file) { PEM_write_X509(file, certificate); }),
          .key = written(stem + ".key", [&](std::FILE* file) {
            PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace

struct Authority::Keys {
  Pkey key = new_key();
  Certificate certificate =
      new_certificate("LookTwice test authority", key.get(), nullptr, key.get(), -2, 2);
};

Authority::Authority(const std::filesystem::path& folder)
    : folder_(folder), keys_(std::make_shared<Keys>()) {
  file_ = written(folder_ / "authority.pem",
                  [&](std::FILE* file) { PEM_write_X509(file, keys_->certificate.get()); });
}

TlsFiles Authority::certificate(const std::string& host, int days_from, int days_to) const {
  const Pkey key = new_key();
  const Certificate made = new_certificate(host, key.get(), keys_->certificate.get(),
                                           keys_->key.get(), days_from, days_to);
  return files(made.get(), key.get(), folder_ / (host + "_" + std::to_string(days_to)));
}

TlsFiles Authority::self_signed(const std::string& host) const {
  const Pkey key = new_key();
  const Certificate made = new_certificate(host, key.get(), nullptr, key.get(), -1, 1);
  return files(made.get(), key.get(), folder_ / (host + "_alone"));
}

}  // namespace looktwice::testing
