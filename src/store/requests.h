// Calls of the store as requests of its database.
#pragma once

#include <memory>
#include <utility>

#include "store/request.h"
#include "store/sql_store.h"

namespace mecapy::store {

// Work is a Result<T>(Connection&), which may be done again on another connection.
class Requests {
 public:
  explicit Requests(Database& database) : database_(database) {}

  template <class T, class Work>
  asio::awaitable<Result<T>> write(Work work, Durability durability = Durability::power_loss,
                                   Committed committed = {}) {
    return await_request<T>(
        std::move(work),
        [this, durability](std::unique_ptr<Request> request) {
          database_.write(std::move(request), durability);
        },
        std::move(committed));
  }
  template <class T, class Work>
  asio::awaitable<Result<T>> read(Work work, Reads reads = Reads::durable) {
    return await_request<T>(std::move(work), [this, reads](std::unique_ptr<Request> request) {
      database_.read(std::move(request), reads);
    });
  }

 private:
  Database& database_;
};

}  // namespace mecapy::store
