#include "tools/jobs/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"

namespace tatami::jobs {
namespace {

using ::testing::HasSubstr;

TEST(AccessTest, EveryScopeMayWhatItSays) {
  const auto may = [](Token::Scope scope, Action action, const char* owner) {
    return CheckAllowed({"ann", scope}, action, owner).ok();
  };
  for (const auto scope : {Token::READ, Token::SUBMIT, Token::ADMIN}) {
    const bool submits = scope != Token::READ, admin = scope == Token::ADMIN;
    EXPECT_TRUE(may(scope, Action::kSee, ""));
    EXPECT_TRUE(may(scope, Action::kSeeJob, "ann"));
    EXPECT_EQ(may(scope, Action::kSubmit, ""), submits);
    EXPECT_EQ(may(scope, Action::kChangeJob, "ann"), submits);
    EXPECT_EQ(may(scope, Action::kSeeJob, "bob"), admin);
    EXPECT_EQ(may(scope, Action::kChangeJob, "bob"), admin);
    EXPECT_EQ(may(scope, Action::kAdminister, ""), admin);
  }
  EXPECT_EQ(CheckAllowed({"ann", Token::SUBMIT}, Action::kChangeJob, "bob").message(),
            "E0109: the job is of 'bob', not of 'ann'. Ask an administrator of the "
            "service for a token (`tatami token create`).");
}

class TokenBookTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove(path_);
    auto book = TokenBook::Open(path_);
    ASSERT_TRUE(book.ok()) << book.status();
    book_ = *std::move(book);
    Token wanted;
    wanted.set_user("ann");
    wanted.set_scope(Token::SUBMIT);
    wanted.set_expires_ms(1000);
    token_ = *book_->Create(wanted, 10);
  }
  const std::string path_ = ::testing::TempDir() + "/tokens.db";
  std::unique_ptr<TokenBook> book_;
  Token token_;
};

TEST_F(TokenBookTest, ATokenTellsWhoItIsUntilItExpires) {
  const auto caller = book_->Identify(token_.text(), 999);
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller->name, "ann");
  EXPECT_EQ(caller->scope, Token::SUBMIT);
  EXPECT_THAT(std::string(book_->Identify(token_.text(), 1000).status().message()),
              HasSubstr("token 1 of 'ann' has expired."));
}

TEST_F(TokenBookTest, RevokedItIsWorthless) {
  ASSERT_TRUE(book_->Revoke(1).ok());
  EXPECT_THAT(std::string(book_->Identify(token_.text(), 20).status().message()),
              HasSubstr("token 1 of 'ann' was revoked."));
  EXPECT_THAT(std::string(book_->Revoke(2).status().message()),
              HasSubstr("there is no token 2"));
}

TEST_F(TokenBookTest, OthersAreNoTokens) {
  std::string other = token_.text();
  other.back() = other.back() == '0' ? '1' : '0';
  for (const std::string& text : {std::string(), other, token_.text() + " "}) {
    EXPECT_FALSE(book_->Identify(text, 20).ok()) << text;
  }
}

TEST_F(TokenBookTest, TheTextIsNotKept) {
  EXPECT_EQ(token_.text().size(), 7 + 64);
  EXPECT_EQ((*book_->List())[0].text(), "");
  for (const std::string& name : {path_, path_ + "-wal"}) {
    std::ifstream file(name, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_FALSE(absl::StrContains(bytes, token_.text().substr(7))) << name;
  }
}

}  // namespace
}  // namespace tatami::jobs
