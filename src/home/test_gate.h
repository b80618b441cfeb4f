// For tests: an object store whose steps are held until the test lets them go.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "objects/objects.h"

namespace mecapy::home {

enum class Step : std::uint8_t { create, append, commit, stat, remove };

// Calls that come to a step wait before it for as long as it is held. For one thread.
class Gate {
 public:
  explicit Gate(boost::asio::io_context& io) : go_(io, Timer::time_point::max()) {}
  void hold() { is_held_ = true; }
  void let_go() {
    is_held_ = false;
    go_.cancel();
  }
  int waiting() const { return waiting_; }
  boost::asio::awaitable<void> pass() {
    if (!is_held_) co_return;
    ++waiting_;
    boost::system::error_code ec;
    co_await go_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
    --waiting_;
  }

 private:
  using Timer = boost::asio::steady_timer;
  Timer go_;
  bool is_held_ = false;
  int waiting_ = 0;
};

// `objects`, which must outlive it, behind a gate for each step.
class GatedObjects final : public objects::ObjectStore {
 public:
  template <class T>
  using Answer = boost::asio::awaitable<Result<T>>;

  GatedObjects(boost::asio::io_context& io, objects::ObjectStore& objects)
      : objects_(objects), gates_{Gate(io), Gate(io), Gate(io), Gate(io), Gate(io)} {}
  void hold(Step step) { gate(step).hold(); }
  void let_go(Step step) { gate(step).let_go(); }
  // How many calls are held there.
  int held(Step step) { return gate(step).waiting(); }

  Answer<std::unique_ptr<objects::Writer>> create(std::string key,
                                                  base::Deadline deadline) override {
    co_await gate(Step::create).pass();
    auto writer = co_await objects_.create(std::move(key), deadline);
    if (!writer) co_return writer.error();
    std::unique_ptr<objects::Writer> gated = std::make_unique<Writer>(*this, std::move(*writer));
    co_return gated;
  }
  Answer<void> put(std::string key, std::string bytes, base::Deadline deadline) override {
    return objects_.put(std::move(key), std::move(bytes), deadline);
  }
  Answer<objects::ObjectInfo> stat(std::string key, base::Deadline deadline) override {
    co_await gate(Step::stat).pass();
    co_return co_await objects_.stat(std::move(key), deadline);
  }
  Answer<std::string> read(std::string key, std::int64_t offset, std::int64_t length,
                           base::Deadline deadline) override {
    return objects_.read(std::move(key), offset, length, deadline);
  }
  Answer<std::string> get(std::string key, std::int64_t max, base::Deadline deadline) override {
    return objects_.get(std::move(key), max, deadline);
  }
  Answer<void> remove(std::string key, base::Deadline deadline) override {
    co_await gate(Step::remove).pass();
    co_return co_await objects_.remove(std::move(key), deadline);
  }
  std::unique_ptr<objects::Listing> list(std::string folder) override {
    return objects_.list(std::move(folder));
  }
  Answer<void> ping(base::Deadline deadline) override { return objects_.ping(deadline); }

 private:
  class Writer final : public objects::Writer {
   public:
    Writer(GatedObjects& store, std::unique_ptr<objects::Writer> writer)
        : store_(store), writer_(std::move(writer)) {}
    Answer<void> append(std::string bytes, base::Deadline deadline) override {
      co_await store_.gate(Step::append).pass();
      co_return co_await writer_->append(std::move(bytes), deadline);
    }
    Answer<void> commit(base::Deadline deadline) override {
      co_await store_.gate(Step::commit).pass();
      co_return co_await writer_->commit(deadline);
    }

   private:
    GatedObjects& store_;
    std::unique_ptr<objects::Writer> writer_;
  };
  Gate& gate(Step step) { return gates_[static_cast<std::size_t>(step)]; }

  objects::ObjectStore& objects_;
  std::array<Gate, 5> gates_;
};

}  // namespace mecapy::home
