#include "api/readiness.h"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

namespace mecapy::api {

namespace asio = boost::asio;

namespace {

using Time = std::chrono::steady_clock::time_point;
using Status = Readiness::Status;

struct Question {
  Readiness::Part part;
  bool open = false;  // asked, and not answered yet
  Time asked{};
  Time answered{};
  std::optional<Result<std::string>> answer{};
  Readiness::Finding finding() const {
    if (open) return {part.name, part.without, "no answer in time"};
    if (*answer && (*answer)->empty()) return {part.name};
    if (*answer) return {part.name, Status::unknown, **answer};
    const bool works_on = answer->error().code == ErrorCode::conflict;
    const Status status = works_on ? std::min(part.without, Status::degraded) : part.without;
    return {part.name, status, answer->error().message};
  }
};

}  // namespace

// Shared with the questions on their way.
struct Readiness::Asked {
  std::vector<Question> questions;
  std::unordered_set<asio::steady_timer*> lookers;

  void settle(Question& question, Result<std::string> answer) {
    question.open = false;
    question.answered = std::chrono::steady_clock::now();
    question.answer = std::move(answer);
    for (asio::steady_timer* looker : lookers) looker->cancel();
  }
};

std::string_view name(Readiness::Status status) {
  static constexpr std::array<std::string_view, 4> kNames = {"ok", "unknown", "degraded",
                                                             "unavailable"};
  return kNames.at(static_cast<std::size_t>(status));
}

Readiness::Readiness(std::vector<Part> parts, Pace pace)
    : pace_(pace), asked_(std::make_shared<Asked>()) {
  for (Part& part : parts) asked_->questions.push_back({std::move(part)});
}

awaitable<std::vector<Readiness::Finding>> Readiness::look() {
  const auto executor = co_await asio::this_coro::executor;
  const std::shared_ptr<Asked> asked = asked_;
  const Time begin = std::chrono::steady_clock::now();
  for (Question& question : asked->questions) {
    const bool fresh = question.answer && begin - question.answered < pace_.remembered;
    if (question.open || fresh) continue;
    question.open = true;
    question.asked = begin;
    asio::co_spawn(executor, question.part.ask(begin + pace_.patience),
                   [asked, &question](std::exception_ptr thrown, Result<std::string> answer) {
                     if (thrown) answer = fail(ErrorCode::internal, "it could not be asked");
                     asked->settle(question, std::move(answer));
                   });
  }
  while (true) {
    const Time now = std::chrono::steady_clock::now();
    Time until = Time::max();  // when the next of those that may still answer is given up
    for (const Question& question : asked->questions) {
      const Time given_up = question.asked + pace_.patience;
      if (question.open && now < given_up) until = std::min(until, given_up);
    }
    if (until == Time::max()) break;
    asio::steady_timer timer(executor, until);
    asked->lookers.insert(&timer);
    boost::system::error_code ec;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    asked->lookers.erase(&timer);
  }
  std::vector<Finding> findings;
  for (const Question& question : asked->questions) findings.push_back(question.finding());
  co_return findings;
}

}  // namespace mecapy::api
