#include "client/pages.h"

#include <algorithm>

namespace mecapy::client {

awaitable<Result<Page>> get_page(Api& api, std::string path, Query query, std::int64_t size,
                                 std::string cursor) {
  query.emplace_back("limit", std::to_string(std::clamp<std::int64_t>(size, 1, kLargestPage)));
  if (!cursor.empty()) query.emplace_back("cursor", std::move(cursor));
  Call call;
  call.path = std::move(path);
  call.query = std::move(query);
  auto body = co_await api.text(std::move(call));
  if (!body) co_return body.error();
  co_return read_page(*body);
}

awaitable<Result<std::vector<std::string>>> list(Api& api, std::string path, Query query,
                                                 std::int64_t most) {
  const std::size_t bound = most > 0 ? static_cast<std::size_t>(most) : SIZE_MAX;
  std::vector<std::string> items;
  std::string cursor;
  while (items.size() < bound) {
    const auto left = static_cast<std::int64_t>(
        std::min<std::size_t>(bound - items.size(), static_cast<std::size_t>(kLargestPage)));
    auto page = co_await get_page(api, path, query, left, cursor);
    if (!page) co_return page.error();
    for (std::string& item : page->items) items.push_back(std::move(item));
    if (page->next.empty()) break;
    cursor = page->next;
  }
  if (items.size() > bound) items.resize(bound);
  co_return items;
}

}  // namespace mecapy::client
