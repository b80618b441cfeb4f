// SHA-256. In the header, so that only who uses it is linked with OpenSSL: the zygote, which is
// copied for each run, is not.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "base/id.h"

namespace mecapy::base {

// Of bytes that come piece by piece.
class Sha256 {
 public:
  Sha256() { reset(); }
  void add(std::string_view bytes) { EVP_DigestUpdate(state_.get(), bytes.data(), bytes.size()); }
  // Of what was added so far, which more may follow: 64 lower-case hexadecimal digits.
  std::string hex() const {
    const State copy(EVP_MD_CTX_new());
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!copy || EVP_MD_CTX_copy_ex(copy.get(), state_.get()) != 1 ||
        EVP_DigestFinal_ex(copy.get(), sum, &size) != 1) {
      throw std::bad_alloc();
    }
    return base::hex({reinterpret_cast<const char*>(sum), size});
  }
  // As new.
  void reset() {
    if (!state_ || EVP_DigestInit_ex(state_.get(), EVP_sha256(), nullptr) != 1) {
      throw std::bad_alloc();
    }
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  using State = std::unique_ptr<EVP_MD_CTX, Free>;
  State state_{EVP_MD_CTX_new()};
};

// Of bytes that are there as a whole.
inline std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

}  // namespace mecapy::base
