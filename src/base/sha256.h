// SHA-256 of bytes that are there as a whole. In the header, so that only who uses it is linked
// with OpenSSL: the zygote, which is copied for each run, is not.
#pragma once

#include <openssl/sha.h>

#include <string>
#include <string_view>

#include "base/id.h"

namespace mecapy::base {

// 64 lower-case hexadecimal digits.
inline std::string sha256_hex(std::string_view bytes) {
  unsigned char sum[SHA256_DIGEST_LENGTH];
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), sum);
  return hex({reinterpret_cast<const char*>(sum), sizeof sum});
}

}  // namespace mecapy::base
