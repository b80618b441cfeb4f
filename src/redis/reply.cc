#include "redis/reply.h"

#include <hiredis/hiredis.h>

#include <new>

namespace mecapy::redis {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { ::freeReplyObject(reply); }
};

Reply::Kind kind_of(int type) {
  switch (type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      return Reply::Kind::text;
    case REDIS_REPLY_INTEGER:
      return Reply::Kind::integer;
    case REDIS_REPLY_ARRAY:
      return Reply::Kind::list;
    case REDIS_REPLY_ERROR:
      return Reply::Kind::error;
    default:
      return Reply::Kind::nil;
  }
}

// As deep as hiredis reads: 7 levels.
Reply copy(const redisReply& raw) {
  Reply reply;
  reply.kind = kind_of(raw.type);
  if (reply.kind == Reply::Kind::text || reply.is_error()) reply.text.assign(raw.str, raw.len);
  if (reply.kind == Reply::Kind::integer) reply.integer = raw.integer;
  if (reply.kind == Reply::Kind::list) {
    reply.list.reserve(raw.elements);
    for (std::size_t i = 0; i < raw.elements; ++i) reply.list.push_back(copy(*raw.element[i]));
  }
  return reply;
}

}  // namespace

std::string encode(const Command& command) {
  std::string bytes = "*" + std::to_string(command.size()) + "\r\n";
  for (const std::string& argument : command) {
    bytes += "$" + std::to_string(argument.size()) + "\r\n";
    bytes += argument;
    bytes += "\r\n";
  }
  return bytes;
}

void Reader::Free::operator()(redisReader* reader) const { ::redisReaderFree(reader); }

Reader::Reader() : reader_(::redisReaderCreate()) {
  if (!reader_) throw std::bad_alloc();
}

Reader::~Reader() = default;

void Reader::feed(std::string_view bytes) {
  ::redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
}

Result<std::optional<Reply>> Reader::next() {
  void* raw = nullptr;
  if (::redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
    return fail(ErrorCode::unavailable, "Redis answered what is no reply");
  }
  if (raw == nullptr) return std::optional<Reply>();
  const std::unique_ptr<redisReply, FreeReply> owned(static_cast<redisReply*>(raw));
  return std::optional(copy(*owned));
}

}  // namespace mecapy::redis
