#include "wire/canonical_hash.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <vector>

#include "base/json_handler.h"
#include "base/sha256.h"
#include "wire/json.h"

namespace mecapy::wire {
namespace {

namespace json = boost::json;

// A number as Python reads it: a float by its value, an int by its digits.
std::string number_words(std::string_view token) {
  if (token.find_first_of(".eE") == std::string_view::npos) {
    return "i" + std::string(token == "-0" ? "0" : token);
  }
  double value = 0;
  const auto read = std::from_chars(token.data(), token.data() + token.size(), value);
  return "f" + (read.ec == std::errc() ? number_text(value) : std::string(token));
}

// A container whose text is longer is replaced by that text's hash, so that no byte is moved often,
// however deep the containers are.
constexpr std::size_t kLongest = 1024;

// Each value becomes a text that tells where it ends, so that no two values have the same:
// t n 0, i3; f1.5; s2:ab, a...] of items, o...} of members by their keys, # and 64 digits.
class Writer : public base::JsonHandler {
 public:
  explicit Writer(MemberOrder order) : order_(order) {}

  bool on_object_begin(ec&) { return open('o'); }
  bool on_object_end(std::size_t, ec&) {
    if (order_ == MemberOrder::free || open_.size() == 1) order(open_.back());
    return close('}');
  }
  bool on_array_begin(ec&) { return open('a'); }
  bool on_array_end(std::size_t, ec&) { return close(']'); }
  bool on_key_part(sv part, std::size_t, ec&) { return gather(part); }
  bool on_key(sv part, std::size_t, ec&) {
    gather(part);
    Member member;
    member.begin = out_.size();
    add_string();
    member.value = out_.size();
    open_.back().members.push_back(member);
    return true;
  }
  bool on_string_part(sv part, std::size_t, ec&) { return gather(part); }
  bool on_string(sv part, std::size_t, ec&) {
    gather(part);
    return add_string();
  }
  bool on_number_part(sv part, ec&) { return gather(part); }
  bool on_int64(std::int64_t, sv part, ec&) { return add_number(part); }
  bool on_uint64(std::uint64_t, sv part, ec&) { return add_number(part); }
  bool on_double(double, sv part, ec&) { return add_number(part); }
  bool on_bool(bool truth, ec&) { return add(truth ? "t" : "n"); }
  bool on_null(ec&) { return add("0"); }

  // Of the outermost value.
  const std::string& text() const { return out_; }

 private:
  // Of an object: where its key begins and its value begins, in the text.
  struct Member {
    std::size_t begin = 0;
    std::size_t value = 0;
  };
  // A container that is not closed yet.
  struct Open {
    std::size_t begin = 0;
    std::vector<Member> members{};
  };

  bool gather(sv part) {
    gathered_ += part;
    return true;
  }
  bool add(std::string_view text) {
    out_ += text;
    return true;
  }
  bool add_string() {
    add("s" + std::to_string(gathered_.size()) + ":");
    add(gathered_);
    gathered_.clear();
    return true;
  }
  bool add_number(sv part) {
    gather(part);
    add(number_words(gathered_) + ";");
    gathered_.clear();
    return true;
  }
  bool open(char kind) {
    open_.push_back({.begin = out_.size()});
    out_ += kind;
    return true;
  }
  bool close(char end) {
    out_ += end;
    const std::size_t begin = open_.back().begin;
    open_.pop_back();
    if (out_.size() - begin > kLongest) {
      const std::string hash = base::sha256_hex(std::string_view(out_).substr(begin));
      out_.resize(begin);
      add("#" + hash);
    }
    return true;
  }

  // The members by their keys, of those with the same key the last.
  void order(const Open& object) {
    struct Piece {
      std::string_view key;
      std::string_view all;  // with the value
    };
    std::vector<Piece> pieces(object.members.size());
    std::string_view rest = out_;
    for (std::size_t i = pieces.size(); i-- > 0;) {
      const Member& member = object.members[i];
      pieces[i].all = rest.substr(member.begin);
      pieces[i].key = rest.substr(member.begin, member.value - member.begin);
      rest = rest.substr(0, member.begin);
    }
    const auto out_of_order = [](const Piece& a, const Piece& b) { return a.key >= b.key; };
    if (std::ranges::adjacent_find(pieces, out_of_order) == pieces.end()) return;
    std::ranges::stable_sort(pieces, {}, &Piece::key);
    std::string ordered;
    ordered.reserve(out_.size() - object.begin);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const bool given_again = i + 1 < pieces.size() && pieces[i + 1].key == pieces[i].key;
      if (!given_again) ordered += pieces[i].all;
    }
    out_.resize(object.begin + 1);
    out_ += ordered;
  }

  MemberOrder order_;
  std::vector<Open> open_;
  std::string out_;
  std::string gathered_;  // of a string or number, until it is whole
};

}  // namespace

std::string canonical_hash(std::string_view text, MemberOrder order) {
  json::parse_options options;
  options.max_depth = text.size();
  json::basic_parser<Writer> parser(options, order);
  json::error_code ec;
  parser.write_some(false, text.data(), text.size(), ec);
  return base::sha256_hex(parser.handler().text());
}

}  // namespace mecapy::wire
