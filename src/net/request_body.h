// The body of a request as Beast reads it: it takes room of a budget as its bytes arrive, not when
// its length is declared, so that a client who sends nothing holds nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "net/beast.h"

namespace mecapy::net {

// A part of a budget all requests share, given back when it goes.
class Reserved {
 public:
  Reserved(std::uint64_t& used, std::uint64_t limit) : used_(used), limit_(limit) {}
  ~Reserved() { used_ -= taken_; }
  Reserved(const Reserved&) = delete;
  Reserved& operator=(const Reserved&) = delete;

  std::uint64_t taken() const { return taken_; }
  // Takes what is missing to `total`; false, and takes nothing, when that is over the limit.
  bool take_up_to(std::uint64_t total) {
    if (total <= taken_) return true;
    if (used_ + (total - taken_) > limit_) return false;
    used_ += total - taken_;
    taken_ = total;
    return true;
  }

 private:
  std::uint64_t& used_;
  std::uint64_t limit_;
  std::uint64_t taken_ = 0;
};

// A Body of Beast. Reading ends with errc::no_buffer_space when the budget has no more room.
struct BudgetedBody {
  struct value_type {
    std::string bytes{};
    Reserved* room = nullptr;   // set before reading; outlives it
    std::uint64_t longest = 0;  // what it can have at most, bytes
  };

  static std::uint64_t size(const value_type& body) { return body.bytes.size(); }

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>&, error_code& ec) { ec = {}; }

    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& ec) {
      const std::size_t more = beast::buffer_bytes(buffers);
      ec = make_room(body_.bytes.size() + more);
      if (ec) return 0;
      for (const auto buffer : beast::buffers_range_ref(buffers)) {
        body_.bytes.append(static_cast<const char*>(buffer.data()), buffer.size());
      }
      return more;
    }

    void finish(error_code& ec) { ec = {}; }

   private:
    // Twice as much each time, as far as the body can be so long: few copies, and never more than
    // twice of what has come.
    error_code make_room(std::uint64_t total) {
      if (total <= body_.room->taken()) return {};
      const std::uint64_t next = std::max(total, std::min(2 * body_.room->taken(), body_.longest));
      if (!body_.room->take_up_to(next)) {
        return make_error_code(boost::system::errc::no_buffer_space);
      }
      body_.bytes.reserve(next);
      return {};
    }

    value_type& body_;
  };
};

}  // namespace mecapy::net
