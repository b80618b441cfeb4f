#include "cli/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdlib>

#include "base/fd.h"
#include "cli/text.h"

namespace mecapy::cli {
namespace {

constexpr char kCtrlC = 3;

bool wants_colours() {
  const char* none = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return (none == nullptr || *none == '\0') && term != nullptr && std::string_view(term) != "dumb";
}

std::string_view sequence(Style style) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::bold:
      return "\x1b[1m";
    case Style::faint:
      return "\x1b[2m";
    case Style::red:
      return "\x1b[31m";
    case Style::green:
      return "\x1b[32m";
    case Style::yellow:
      return "\x1b[33m";
  }
  return "";
}

// A terminal that shows nothing of what is typed. A signal that would end this process waits until
// it shows it again.
class Unseen {
 public:
  explicit Unseen(int terminal) : terminal_(terminal) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&signals, signal);
    ::sigprocmask(SIG_BLOCK, &signals, &before_);
    ok_ = ::tcgetattr(terminal_, &usual_) == 0;
    termios silent = usual_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);  // Ctrl-C comes as a character,
    silent.c_cc[VEOL] = kCtrlC;                             // and at once
    ok_ = ok_ && ::tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }
  ~Unseen() {
    if (ok_) ::tcsetattr(terminal_, TCSANOW, &usual_);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
  bool ok() const { return ok_; }

 private:
  int terminal_;
  termios usual_{};
  sigset_t before_{};
  bool ok_ = false;
};

}  // namespace

Screen::Screen(std::FILE* out)
    : out_(out),
      is_terminal_(::isatty(::fileno(out)) == 1),
      colours_(is_terminal_ && wants_colours()) {}

std::size_t Screen::columns() const {
  winsize size{};
  const bool known = ::ioctl(::fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string Screen::styled(std::string_view text, Style style) const {
  if (!colours_ || style == Style::plain) return std::string(text);
  return std::string(sequence(style)) + std::string(text) + "\x1b[0m";
}

void Screen::write(std::string_view text) const {
  const bool written = std::fwrite(text.data(), 1, text.size(), out_) == text.size();
  if (written && std::fflush(out_) == 0) return;
  if (errno != EPIPE) return;  // the stream remembers it
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

void ProgressLine::show(std::string_view line) {
  if (!screen_.is_terminal()) return;
  std::string text = harmless_line(line, std::max<std::size_t>(20, screen_.columns() - 1));
  if (text == shown_) return;
  screen_.write("\r\x1b[K" + text);
  shown_ = std::move(text);
}

void ProgressLine::clear() {
  if (shown_.empty()) return;
  screen_.write("\r\x1b[K");
  shown_.clear();
}

std::string bar(double fraction) {
  constexpr int kCells = 20;
  const double done = std::clamp(fraction, 0., 1.);
  const int full = static_cast<int>(done * kCells + 0.5);
  char percent[16];
  std::snprintf(percent, sizeof percent, "] %3.0f %%", std::floor(done * 100));
  return "[" + std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(kCells - full), '.') + percent;
}

std::string progress_text(std::optional<double> fraction, std::string_view message) {
  std::string text;
  if (fraction) text += "  " + bar(*fraction);
  if (!message.empty()) text.append("  ").append(message);
  return text;
}

Result<std::optional<std::string>> ask_secret(const std::string& question) {
  const base::Fd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) return fail(ErrorCode::usage, "there is no terminal to ask on");
  const auto say = [&](std::string_view text) {
    return ::write(terminal.get(), text.data(), text.size()) >= 0;
  };
  const Unseen unseen(terminal.get());
  if (!unseen.ok() || !say(question)) {
    return fail(ErrorCode::usage, "there is no terminal to ask on");
  }
  std::string line;
  char c = 0;
  while (::read(terminal.get(), &c, 1) == 1 && c != '\n' && c != '\r') {
    if (c == kCtrlC || line.size() > 64 * 1024) {
      say("\n");
      if (c == kCtrlC) return std::optional<std::string>();
      return fail(ErrorCode::usage, "that line is too long");
    }
    line += c;
  }
  say("\n");
  return std::optional(std::move(line));
}

Result<std::string> read_standard_input(std::size_t limit) {
  std::string text;
  char chunk[64 * 1024];
  for (ssize_t n; (n = ::read(STDIN_FILENO, chunk, sizeof chunk)) != 0;) {
    if (n < 0) return fail(ErrorCode::usage, "cannot read standard input");
    text.append(chunk, static_cast<std::size_t>(n));
    if (text.size() > limit) return fail(ErrorCode::too_large, "standard input is too large");
  }
  return text;
}

}  // namespace mecapy::cli
