// What is at the other end of a stream: a person's terminal, or a program.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mecapy::cli {

enum class Style : std::uint8_t { plain, bold, faint, red, green, yellow };

// One output stream.
class Screen {
 public:
  // Colours are for terminals that are not "dumb", unless NO_COLOR (no-color.org) is set.
  explicit Screen(std::FILE* out);
  bool is_terminal() const { return is_terminal_; }
  std::size_t columns() const;  // 80 when nobody can tell
  std::string styled(std::string_view text, Style style) const;
  // A reader who has gone (| head) ends this process as SIGPIPE does, also where that is ignored.
  void write(std::string_view text) const;

 private:
  std::FILE* out_;
  bool is_terminal_;
  bool colours_;
};

// One line at the bottom of a terminal that changes; nothing anywhere else.
class ProgressLine {
 public:
  explicit ProgressLine(const Screen& screen) : screen_(screen) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(std::string_view line);  // harmless, one line; cut to the screen
  void clear();

 private:
  const Screen& screen_;
  std::string shown_;
};

// "[#####.....]  42 %": of what is done, 0 to 1.
std::string bar(double fraction);

// What a run has told of how far it is, behind two spaces: its bar and its message, as far as there
// are any.
std::string progress_text(std::optional<double> fraction, std::string_view message);

// One line that a person types on the terminal of this process, unseen; nothing when he leaves with
// Ctrl-C. usage without a terminal.
Result<std::optional<std::string>> ask_secret(const std::string& question);

// All of standard input. too_large beyond `limit` bytes.
Result<std::string> read_standard_input(std::size_t limit = 256UL << 20);

}  // namespace mecapy::cli
