// What Redis answers (RESP2), and the reader that finds the answers in its bytes.
#pragma once

#include <cstddef>
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

// What one reply may be, larger by far than any that this program asks for.
inline constexpr std::size_t kMostElements = 100'000;  // of all its lists together
inline constexpr std::size_t kMostBytes = std::size_t{16} << 20;
inline constexpr std::size_t kLongestLine = 64 * 1024;  // of a status, an error, a number

// Holds what came: what a reply announces costs nothing.
class Reader {
 public:
  Reader();
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void feed(std::string_view bytes);
  // The next whole reply; nothing when more bytes are needed. unavailable for bytes that are no
  // reply, or one beyond these bounds: nothing can be read from this connection any more.
  Result<std::optional<Reply>> next();

 private:
  struct Free {
    void operator()(redisReader* reader) const;
  };
  std::size_t announced_ = 0;  // elements of the reply that is being read
  std::size_t fed_ = 0;        // bytes since the last whole one
  std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace mecapy::redis
