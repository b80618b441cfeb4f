// A client of Redis: one connection, over which calls go one behind the other without waiting for
// each other's answers. It connects at the first call, and anew at the first call after it broke.
//
// Used on one thread, that of its executor, which must outlive it. What waits when the client goes
// is answered unavailable.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "redis/address.h"
#include "redis/reply.h"

namespace mecapy::redis {

using boost::asio::awaitable;

class Client {
 public:
  Client(boost::asio::any_io_executor executor, Address address);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // unavailable when Redis cannot be reached, refuses who calls, or breaks off: then it may have
  // done the command or not. deadline_exceeded when it does not answer in time, which also ends the
  // connection. An error that Redis answers to this command is a Reply.
  awaitable<Result<Reply>> call(Command command, base::Deadline deadline);
  // Sent at once; the replies in the order of the commands.
  awaitable<Result<std::vector<Reply>>> call_all(std::vector<Command> commands,
                                                 base::Deadline deadline);
  // What arrives that nobody asked for, as the messages of a subscription do: the next of it. More
  // than some MiB of it that nobody takes end the connection.
  awaitable<Result<Reply>> next_message(base::Deadline deadline);

 private:
  class Connection;
  std::shared_ptr<Connection> connection();

  boost::asio::any_io_executor executor_;
  Address address_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace mecapy::redis
