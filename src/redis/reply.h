// What Redis answers (RESP2), and the reader that finds the answers in its bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct redisReader;

namespace mecapy::redis {

struct Reply {
  enum class Kind : std::uint8_t { nil, text, integer, list, error };
  Kind kind = Kind::nil;
  std::string text{};         // text, error
  std::int64_t integer = 0;   // integer
  std::vector<Reply> list{};  // list

  bool is_error() const { return kind == Kind::error; }
};

// A command with its arguments: bytes, whatever they are.
using Command = std::vector<std::string>;
// As it is sent.
std::string encode(const Command& command);

class Reader {
 public:
  Reader();
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void feed(std::string_view bytes);
  // The next whole reply; nothing when more bytes are needed. unavailable for bytes that are no
  // reply: nothing can be read from this connection any more.
  Result<std::optional<Reply>> next();

 private:
  struct Free {
    void operator()(redisReader* reader) const;
  };
  std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace mecapy::redis
