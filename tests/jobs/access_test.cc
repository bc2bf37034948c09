// R16: who is refused over TCP, by a real service with real certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "tests/jobs/running_service.h"

namespace tatami::testing {
namespace {

using ::testing::HasSubstr;

// Certificates of two authorities, in files of the scratch folder.
class AccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Authority("ca");
    Authority("other_ca");
    Certificate("server", "ca", "localhost");
    Certificate("ann", "ca", "ann");
    Certificate("bob", "ca", "bob");
    Certificate("eve", "other_ca", "ann");
  }
  std::string File(const std::string& name) const {
    return scratch_.path() + "/" + name;
  }
  void OpenSsl(const std::string& words) {
    const std::string line =
        absl::StrCat("cd '", scratch_.path(), "' && openssl ", words, " 2>openssl.log");
    ASSERT_EQ(std::system(line.c_str()), 0) << FileText(File("openssl.log"));
  }
  void Authority(const std::string& name) {
    OpenSsl(absl::StrCat("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=", name,
                         " -keyout ", name, ".key -out ", name, ".pem"));
  }
  void Certificate(const std::string& name, const std::string& ca,
                   const std::string& person) {
    scratch_.Write("names", "subjectAltName=DNS:localhost\n");
    OpenSsl(absl::StrCat("req -newkey rsa:2048 -nodes -subj /CN=", person, " -keyout ",
                         name, ".key -out ", name, ".csr"));
    OpenSsl(absl::StrCat("x509 -req -days 2 -in ", name, ".csr -CA ", ca,
                         ".pem -CAkey ", ca,
                         ".key -CAcreateserial -extfile names -out ", name, ".pem"));
  }
  // A port that was free a moment ago.
  std::string Address() const {
    return absl::StrCat("localhost:", 20'000 + getpid() % 20'000);
  }
  std::vector<std::string> Listen() const {
    return {"--listen",         Address(), "--certificate",
            File("server.pem"), "--key",   File("server.key")};
  }
  Outcome Call(std::vector<std::string> words, std::vector<std::string> as) const {
    words.insert(words.end(), {"--service", Address(), "--ca", File("ca.pem")});
    words.insert(words.end(), as.begin(), as.end());
    return RunTatami(words, {.folder = scratch_.path()});
  }
  std::vector<std::string> Cert(const std::string& name) const {
    return {"--certificate", File(name + ".pem"), "--key", File(name + ".key")};
  }
  void ExpectDenied(const Outcome& outcome, const std::string& why) const {
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("E0109: " + why));
    EXPECT_THAT(FileText(File("home/denied.log")), HasSubstr(why));
  }

  const Scratch scratch_;
};

const std::vector<std::string> kSubmit = {"submit", "--model=drivenet-tiny",
                                          "--data=nowhere", "--json"};

TEST_F(AccessTest, Certificates) {
  std::vector<std::string> flags = Listen();
  flags.insert(flags.end(), {"--client_ca", File("ca.pem")});
  RunningService service(scratch_, flags);
  service.Start();
  const Outcome job = Call(kSubmit, Cert("ann"));
  ASSERT_EQ(job.exit_code, 0) << job.err;
  EXPECT_EQ(job.LastJson()["owner"], "ann");
  EXPECT_EQ(Call({"describe", "1"}, Cert("ann")).exit_code, 0);
  ExpectDenied(Call({"cancel", "1"}, Cert("bob")),
               "the job is of 'ann', not of 'bob'.");
  ExpectDenied(Call({"logs", "1"}, Cert("bob")), "the job is of 'ann', not of 'bob'.");
  ExpectDenied(Call({"drain", "0,0"}, Cert("ann")), "'ann' has scope SUBMIT");
  // These do not come as far as the service: TLS refuses them.
  EXPECT_EQ(Call({"jobs"}, {}).exit_code, 6) << "no certificate";
  EXPECT_EQ(Call({"jobs"}, Cert("eve")).exit_code, 6) << "wrong authority";
}

TEST_F(AccessTest, Tokens) {
  RunningService service(scratch_, Listen());
  service.Start();
  const auto create = [&](const std::string& user, const std::string& scope,
                          const std::string& days) {
    const Outcome made = service.Tatami(
        {"token", "create", "--user", user, "--scope", scope, "--days", days});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    scratch_.Write(user + scope, made.out);
    return std::vector<std::string>{"--token_file", File(user + scope)};
  };
  const auto ann = create("ann", "submit", "1");
  const auto reader = create("ann", "read", "1");
  const auto bob = create("bob", "submit", "1");
  const auto late = create("late", "submit", "0.000001");  // 86 ms
  EXPECT_EQ(Call(kSubmit, ann).LastJson()["owner"], "ann");
  EXPECT_EQ(Call({"jobs", "--all"}, reader).exit_code, 0);
  ExpectDenied(Call(kSubmit, reader), "'ann' has scope READ, and this needs SUBMIT.");
  ExpectDenied(Call({"cancel", "1"}, bob), "the job is of 'ann', not of 'bob'.");
  ExpectDenied(Call({"token", "ls"}, ann), "'ann' has scope SUBMIT");
  ExpectDenied(Call({"jobs"}, late), "token 4 of 'late' has expired.");
  const Outcome none = Call({"jobs"}, {});
  ExpectDenied(none, "this service wants a token and got none.");
  EXPECT_EQ(none.Message(), SampleOfPage("E0109"));
  EXPECT_EQ(service.Tatami({"token", "revoke", "1"}).exit_code, 0);
  ExpectDenied(Call({"jobs"}, ann), "token 1 of 'ann' was revoked.");
}

TEST_F(AccessTest, NothingIsSaidWithoutTls) {
  RunningService service(scratch_, Listen());
  service.Start();
  // A service whose authority the caller does not know is not spoken to either.
  EXPECT_EQ(RunTatami({"jobs", "--service", Address(), "--ca", File("other_ca.pem")},
                      {.folder = scratch_.path()})
                .exit_code,
            6);
  const std::string curl =
      absl::StrCat("exec 3<>/dev/tcp/localhost/", Address().substr(10),
                   " && printf 'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' >&3 && "
                   "timeout 5 head -c 9 <&3 | od -An -tx1 | grep -q '00 00 .. 04'");
  EXPECT_NE(std::system(("bash -c \"" + curl + "\"").c_str()), 0)
      << "the port answered HTTP/2 without TLS";
  EXPECT_EQ(RunTatami({"serve", "--folder", "f", "--listen", "127.0.0.1:1"},
                      {.folder = scratch_.path()})
                .Message(),
            "E0101: --listen takes HOST:PORT and needs --certificate and --key, for "
            "nothing is said over TCP without TLS; got '127.0.0.1:1'.");
}

}  // namespace
}  // namespace tatami::testing
