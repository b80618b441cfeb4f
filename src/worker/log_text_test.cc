#include "worker/log_text.h"

#include <gtest/gtest.h>

namespace mecapy::worker {
namespace {

std::string in_pieces(const std::string& bytes, std::size_t cut) {
  LogText text;
  std::string out = text.add(bytes.substr(0, cut));
  out += text.add(bytes.substr(cut));
  return out + text.finish();
}

TEST(LogText, CharactersCutByThePipeAreWhole) {
  const std::string text =
      "d\xc3\xa9"
      "formation \xe2\x86\x92 \xf0\x9f\x94\xa9\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) EXPECT_EQ(in_pieces(text, cut), text) << cut;
}

TEST(LogText, WrongBytesBecomeReplacementCharacters) {
  EXPECT_EQ(in_pieces("a\xff"
                      "b",
                      1),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(in_pieces("\xed\xa0\x80", 0),
            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a lone surrogate
  EXPECT_EQ(in_pieces("x\xe2\x86", 2), "x\xef\xbf\xbd\xef\xbf\xbd");
}

}  // namespace
}  // namespace mecapy::worker
