// Bytes a calculation printed, as text: UTF-8 stays, anything else becomes U+FFFD, and a character
// cut in two by the pipe is put together again.
#pragma once

#include <string>
#include <string_view>

namespace mecapy::worker {

class LogText {
 public:
  // The text of `bytes` and of what was held back before; may hold back up to three bytes.
  std::string add(std::string_view bytes);
  // What was held back, at the end.
  std::string finish();

 private:
  std::string held_;
};

}  // namespace mecapy::worker
