#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "auth/auth.h"
#include "base/id.h"

namespace mecapy::auth {
namespace {

class Tokens : public testing::Test {
 protected:
  Tokens() { std::filesystem::create_directory(folder_); }
  ~Tokens() override { std::filesystem::remove_all(folder_); }
  std::string folder_ = testing::TempDir() + "mecapy-auth-" + base::random_hex(4);
  std::string users_ = folder_ + "/tokens";
};

TEST_F(Tokens, TheLocalTokenIsTheUserLocalAndNothingElseIs) {
  const auto authenticator = make_token_authenticator({"secret", users_});
  EXPECT_EQ(authenticator->check("Bearer secret")->user, "local");
  EXPECT_EQ(authenticator->check("bearer secret")->user, "local");
  EXPECT_EQ(authenticator->check("Bearer secret")->proof, Proof::token);
  for (const char* bad : {"", "secret", "Bearer", "Bearer ", "Bearer Secret", "Bearer secret ",
                          "Basic secret", "Bearer  secret"}) {
    const auto result = authenticator->check(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, ErrorCode::unauthorized);
  }
  EXPECT_FALSE(authenticator->check(std::nullopt));
}

TEST_F(Tokens, AUserAddedLaterIsKnownAtOnceAndTheFileHoldsNoToken) {
  const auto authenticator = make_token_authenticator({"secret", users_});
  const auto token = add_user(users_, "anna");
  ASSERT_TRUE(token);
  EXPECT_EQ(authenticator->check("Bearer " + *token)->user, "anna");
  std::ifstream file(users_);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text.find(*token), std::string::npos);
  struct stat info {};
  ::stat(users_.c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Tokens, NamesThatWouldBreakTheFileAreRefused) {
  for (const char* bad : {"", "a b", "a\nb", "local", "a/b"})
    EXPECT_FALSE(add_user(users_, bad)) << bad;
}

TEST_F(Tokens, TheGeneratedTokenStaysAndIsPrivate) {
  const std::string path = folder_ + "/token";
  const auto first = load_or_make_token(path);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->size(), 48u);
  EXPECT_EQ(*load_or_make_token(path), *first);
  struct stat info {};
  ::stat(path.c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

}  // namespace
}  // namespace mecapy::auth
