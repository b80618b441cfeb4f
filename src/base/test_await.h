// For tests: runs coroutines to their end on an event loop of their own.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace mecapy::base {

template <class T>
boost::asio::awaitable<void> keep(boost::asio::awaitable<T> call, std::optional<T>& kept) {
  kept.emplace(co_await std::move(call));
}

inline void rethrow(const std::exception_ptr& e) {
  if (e) std::rethrow_exception(e);
}

// All at once; the answers in the order of the calls.
template <class T>
std::vector<T> await_all(std::vector<boost::asio::awaitable<T>> calls) {
  boost::asio::io_context loop;
  std::vector<std::optional<T>> kept(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    boost::asio::co_spawn(loop, keep(std::move(calls[i]), kept[i]), rethrow);
  }
  loop.run();
  std::vector<T> answers;
  for (auto& answer : kept) answers.push_back(std::move(*answer));
  return answers;
}

template <class T>
T await(boost::asio::awaitable<T> call) {
  std::vector<boost::asio::awaitable<T>> calls;
  calls.push_back(std::move(call));
  return std::move(await_all(std::move(calls)).front());
}

}  // namespace mecapy::base
