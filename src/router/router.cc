#include "router/router.h"

#include <algorithm>

namespace mecapy::router {
namespace {

// The more, the better a backend is there.
int standing(const Result<std::string>& ready) {
  if (ready) return ready->empty() ? 3 : 2;
  return ready.error().code == ErrorCode::conflict ? 1 : 0;
}

}  // namespace

Router::Router(const std::vector<backends::Backend*>& backends) {
  for (backends::Backend* backend : backends) rows_.push_back({backend});
}

std::tuple<bool, bool, double, bool> Router::rank(const Row& row) const {
  return {row.full(), row.backend->in_trouble(), row.share(), !row.backend->would_tell()};
}

Router::Place Router::choose(const model::Job& job) {
  const std::size_t first = static_cast<std::size_t>(std::max(job.attempt - 1, 0)) % rows_.size();
  std::size_t best = first;
  for (std::size_t i = 1; i < rows_.size(); ++i) {
    const std::size_t next = (first + i) % rows_.size();
    if (rank(rows_[next]) < rank(rows_[best])) best = next;
  }
  return Place(*this, best);
}

boost::asio::awaitable<Result<model::Look>> Router::check(std::string code,
                                                          base::Deadline deadline) {
  std::vector<Row> order = rows_;
  std::ranges::stable_sort(order, {}, [this](const Row& row) { return rank(row); });
  Result<model::Look> answer = fail(ErrorCode::unavailable, "no backend");
  for (const Row& row : order) {
    answer = co_await row.backend->check(code, deadline);
    if (answer || answer.error().code != ErrorCode::unavailable) break;
  }
  co_return answer;
}

boost::asio::awaitable<Result<std::string>> Router::ready(base::Deadline deadline) {
  Result<std::string> best = fail(ErrorCode::unavailable, "there is no backend");
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    auto one = co_await rows_[i].backend->ready(deadline);
    if (i == 0 || standing(one) > standing(best)) best = std::move(one);
  }
  co_return best;
}

std::string Router::environment() const {
  std::string one = rows_.front().backend->environment();
  const bool all =
      std::ranges::all_of(rows_, [&](const Row& row) { return row.backend->environment() == one; });
  return all ? one : "";
}

int Router::capacity() const {
  int sum = 0;
  for (const Row& row : rows_) sum += row.backend->capacity();
  return sum;
}

}  // namespace mecapy::router
