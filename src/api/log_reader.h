// What a run has written, piece by piece, in whole characters.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/object_reader.h"
#include "model/run.h"

namespace mecapy::api {

// At most kPiece bytes of `text` from `at` on.
std::string_view piece_of(std::string_view text, std::size_t at);

// The log of a run that has ended, from a place in it on.
class LogReader {
 public:
  // Of an object that is read from its begin, to know before its last piece is given out whether it
  // is what was written. Nothing is read for a watcher who has all of it. The errors of the
  // objects.
  static awaitable<Result<LogReader>> open(objects::ObjectStore& objects, const model::Run& run,
                                           std::size_t at);

  // The next piece; "" at its end.
  awaitable<Result<std::string>> next();

 private:
  LogReader(std::string text, std::size_t at) : text_(std::move(text)), at_(at) {}
  explicit LogReader(ObjectReader object) : object_(std::move(object)) {}

  std::string text_;  // all of it; of an object, the begin of a character whose rest is to come
  std::size_t at_ = 0;
  std::optional<ObjectReader> object_{};
};

}  // namespace mecapy::api
