// Each answer over real HTTP, from a real JobService whose processes are made up.
#include "tools/jobs/web/web_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "tools/jobs/test_launcher.h"
#include "tools/jobs/web/page_text.h"
#include "tools/jobs/web/test_exposition.h"

namespace tatami::jobs {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kHostileName[] = "<img src=x onerror=alert(1)>\"\\\n&amp;";

class WebServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/web_server_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    Serve({8, 8});
  }
  void TearDown() override {
    server_.reset();
    state_.reset();
    service_.reset();
    fs::remove_all(folder_);
  }

  void Serve(Mesh mesh) {
    server_.reset();
    state_.reset();
    service_.reset();
    MeshNode dead;
    dead.set_reason("dead");
    JobServiceOptions options{
        .folder = folder_,
        .memory_root = folder_ + "/shm",
        .train = {"tatami", "train"},
        .cluster = {.mesh = mesh, .dead = {dead}, .queues = {{"default"}}}};
    auto service = JobService::Open(options, launcher_, [this] { return now_; });
    ASSERT_TRUE(service.ok()) << service.status();
    service_ = *std::move(service);
    state_ = std::make_unique<WebState>(*service_, [this] { return now_; });
    auto server = StartWebServer(*state_, {.host = "127.0.0.1"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  int64_t Submit(const std::string& name, const std::string& mesh) {
    SubmitRequest request;
    request.mutable_config()->set_name(name);
    RunConfig& run = *request.mutable_config()->mutable_run();
    run.set_model("drivenet-tiny");
    run.set_data("data");
    run.set_mesh(mesh);
    run.set_steps(10);
    run.set_batch("4");
    const auto job = service_->Submit(request, "ann");
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? job->id() : 0;
  }
  void Tick() {
    const absl::Status status = service_->Tick();
    EXPECT_TRUE(status.ok()) << status;
  }
  void Write(int64_t id, const std::string& file, const std::string& text) {
    const std::string path = absl::StrCat(service_->Get(id)->job().folder(), "/", file);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::app) << text;
  }
  void WriteLog(int64_t id, const std::string& text) {
    const std::string path = LogPath(service_->Get(id)->job().folder());
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::app) << text;
  }

  int port() const {
    return std::stoi(server_->url().substr(sizeof "http://127.0.0.1"));
  }
  httplib::Result Get(const std::string& path, const httplib::Headers& headers = {}) {
    return httplib::Client("127.0.0.1", port()).Get(path, headers);
  }
  int StatusOf(const std::string& path) {
    const auto answer = Get(path);
    return answer ? answer->status : -1;
  }
  nlohmann::json Json(const std::string& path) {
    const auto answer = Get(path);
    if (!answer || answer->status != 200) {
      ADD_FAILURE() << path << ": " << (answer ? answer->status : -1);
      return {};
    }
    EXPECT_EQ(answer->get_header_value("Content-Type"), "application/json");
    return nlohmann::json::parse(answer->body);
  }

  std::string folder_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  TestLauncher launcher_;
  std::unique_ptr<JobService> service_;
  std::unique_ptr<WebState> state_;
  std::unique_ptr<WebServer> server_;
};

TEST_F(WebServerTest, ThePageIsServedWithItsParts) {
  const std::pair<const char*, absl::string_view> files[] = {
      {"/", PageHtml()}, {"/page.css", PageCss()}, {"/page.js", PageScript()}};
  for (const auto& [path, text] : files) {
    const auto answer = Get(path);
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, text);
    EXPECT_EQ(answer->get_header_value("X-Content-Type-Options"), "nosniff");
    EXPECT_THAT(answer->get_header_value("Content-Security-Policy"),
                HasSubstr("default-src 'none'; script-src 'self'; style-src 'self';"));
    EXPECT_FALSE(answer->has_header("Access-Control-Allow-Origin"));
  }
  EXPECT_EQ(Get("/page.css")->get_header_value("Content-Type"),
            "text/css; charset=utf-8");
  EXPECT_EQ(StatusOf("/other"), 404);
  EXPECT_EQ(StatusOf("/pageXcss"), 404);
  EXPECT_EQ(StatusOf("/../etc/passwd"), 404);
}

// Values of jobs become text nodes; the one address is the name of SVG's elements.
TEST_F(WebServerTest, ThePageTakesNothingForHtmlAndNothingFromElsewhere) {
  const std::string script(PageScript());
  for (const char* word : {"innerHTML", "outerHTML", "insertAdjacentHTML",
                           "document.write", "eval(", "new Function", "DOMParser"}) {
    EXPECT_THAT(script, Not(HasSubstr(word)));
  }
  EXPECT_THAT(script, HasSubstr("textContent"));
  EXPECT_THAT(script, Not(HasSubstr("@")));  // every part is in its place
  EXPECT_THAT(std::string(PageCss()), Not(HasSubstr("@base.css@")));
  for (std::string text : {script, std::string(PageHtml()), std::string(PageCss())}) {
    const std::string svg = "\"http://www.w3.org/2000/svg\"";
    const size_t at = text.find(svg);
    if (at != text.npos) text.erase(at, svg.size());
    EXPECT_THAT(text, Not(HasSubstr("//www")));
    EXPECT_THAT(text, Not(HasSubstr("http:")));
    EXPECT_THAT(text, Not(HasSubstr("https:")));
    EXPECT_THAT(text, Not(HasSubstr("url(")));
  }
}

TEST_F(WebServerTest, TheStateIsThatOfTheService) {
  const int64_t running = Submit(kHostileName, "4x4");
  Tick();
  const int64_t waiting = Submit("wide", "8x8");
  Tick();
  DrainRequest drain;
  drain.mutable_rectangle()->set_row(7);
  drain.mutable_rectangle()->set_rows(1);
  drain.mutable_rectangle()->set_cols(2);
  drain.set_reason("<b>power</b>");
  ASSERT_TRUE(service_->Drain(drain).ok());
  const auto state = Json("/api/state");
  EXPECT_EQ(state["now_ms"], absl::ToUnixMillis(now_));
  EXPECT_EQ(state["mesh"]["rows"], 8);
  EXPECT_EQ(state["mesh"]["cols"], 8);
  EXPECT_EQ(state["mesh"]["dead"],
            nlohmann::json::parse(R"([{"row":0,"col":0,"reason":"dead"}])"));
  ASSERT_EQ(state["mesh"]["drained"].size(), 2);
  EXPECT_EQ(state["mesh"]["drained"][1]["col"], 1);
  EXPECT_EQ(state["mesh"]["drained"][1]["reason"], "<b>power</b>");
  EXPECT_EQ(state["nodes"],
            nlohmann::json::parse(R"({"free":45,"held":16,"drained":2,"dead":1})"));
  ASSERT_EQ(state["jobs"].size(), 2);
  EXPECT_EQ(state["jobs"][0]["id"], running);
  EXPECT_EQ(state["jobs"][0]["name"], kHostileName);
  EXPECT_EQ(state["jobs"][0]["state"], "RUNNING");
  EXPECT_EQ(state["jobs"][0]["total_steps"], 10);
  EXPECT_EQ(state["jobs"][1]["id"], waiting);
  EXPECT_EQ(state["jobs"][1]["state"], "QUEUED");
  EXPECT_EQ(state["jobs"][1]["reason"], service_->Get(waiting)->job().reason());
  EXPECT_THAT(state["jobs"][1]["reason"].get<std::string>(), HasSubstr("8x8"));
}

TEST_F(WebServerTest, OfEndedJobsTheNewestAreShown) {
  constexpr size_t kJobs = WebState::kEndedMax + 3;
  for (size_t i = 0; i < kJobs; ++i) {
    CancelRequest cancel;
    cancel.set_id(Submit("short", "1x1"));
    ASSERT_TRUE(service_->Cancel(cancel).ok());
  }
  const int64_t newest = Submit("runs", "1x1");
  const auto state = Json("/api/state");
  EXPECT_EQ(state["ended_left_out"], 3);
  ASSERT_EQ(state["jobs"].size(), WebState::kEndedMax + 1);
  EXPECT_EQ(state["jobs"][0]["id"], newest - static_cast<int64_t>(WebState::kEndedMax));
}

TEST_F(WebServerTest, AJobThatReachesOverTheEdgeOfASmallerMesh) {
  const int64_t id = Submit("large", "4x4");
  Tick();
  const NodeRectangle at = service_->Get(id)->job().rectangle();
  Serve({6, 6});
  const int held = std::clamp(6 - at.row(), 0, 4) * std::clamp(6 - at.col(), 0, 4);
  ASSERT_LT(held, 16) << "place it at an edge";
  const auto nodes = Json("/api/state")["nodes"];
  EXPECT_EQ(nodes["held"], held);
  EXPECT_EQ(nodes["free"], 36 - held - 1);
}

TEST_F(WebServerTest, ACurveGrowsWithTheRun) {
  const int64_t id = Submit("main", "4x4");
  Tick();
  const std::string path = absl::StrCat("/api/jobs/", id, "/loss");
  EXPECT_EQ(Json(path)["points"].size(), 0);
  Write(id, "run/metrics.jsonl", "{\"step\":1,\"train/loss\":0.5}\n");
  EXPECT_EQ(Json(path)["points"], nlohmann::json::parse("[[1,0.5,0.5,0.5]]"));
  Write(id, "run/metrics.jsonl", "{\"step\":2,\"train/loss\":null}\n");
  EXPECT_EQ(Json(path)["steps_not_finite"], 1);
  const int64_t waits = Submit("waits", "8x8");
  EXPECT_EQ(Json(absl::StrCat("/api/jobs/", waits, "/loss"))["points"].size(), 0);
}

TEST_F(WebServerTest, ALogIsReadOnceByItsOffsets) {
  const int64_t id = Submit("main", "4x4");
  Tick();
  const std::string path = absl::StrCat("/api/jobs/", id, "/log");
  const auto header = [](const httplib::Result& answer, const char* name) {
    return answer->get_header_value(name);
  };
  auto answer = Get(path);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "");
  std::string written;
  for (int i = 0; i < 20'000; ++i) absl::StrAppend(&written, "line ", i, " é\n");
  WriteLog(id, written);
  // The end first.
  answer = Get(path);
  EXPECT_EQ(answer->body, written.substr(written.size() - WebState::kLogBytes));
  EXPECT_EQ(header(answer, "X-Log-Offset"),
            absl::StrCat(written.size() - WebState::kLogBytes));
  EXPECT_EQ(header(answer, "X-Log-Size"), absl::StrCat(written.size()));
  EXPECT_EQ(header(answer, "X-Log-Complete"), "false");
  // All of it, piece by piece.
  std::string read;
  do {
    answer = Get(absl::StrCat(path, "?offset=", read.size()));
    ASSERT_EQ(answer->status, 200);
    EXPECT_EQ(header(answer, "X-Log-Offset"), absl::StrCat(read.size()));
    read += answer->body;
  } while (!answer->body.empty());
  EXPECT_EQ(read, written);
  CancelRequest cancel;
  cancel.set_id(id);
  cancel.set_mode(CancelRequest::NOW);
  ASSERT_TRUE(service_->Cancel(cancel).ok());
  Tick();
  answer = Get(absl::StrCat(path, "?offset=", written.size() - 3));
  EXPECT_EQ(answer->body, written.substr(written.size() - 3));
  EXPECT_EQ(header(answer, "X-Log-Complete"), "true");
}

TEST_F(WebServerTest, WhatIsNotThereIsTold) {
  const int64_t id = Submit("main", "4x4");
  Tick();
  WriteLog(id, "12345");
  const std::string path = absl::StrCat("/api/jobs/", id, "/log?offset=");
  EXPECT_EQ(StatusOf(path + "5"), 200);
  EXPECT_EQ(StatusOf(path + "6"), 416);
  for (const char* bad : {"-1", "x", "", "1x", "99999999999999999999", "%00", "1.5"}) {
    EXPECT_EQ(StatusOf(path + bad), 400) << bad;
  }
  for (const char* what : {"/loss", "/log", "/log?offset=0"}) {
    EXPECT_EQ(StatusOf(absl::StrCat("/api/jobs/", id + 1, what)), 404) << what;
    EXPECT_EQ(StatusOf(absl::StrCat("/api/jobs/99999999999999999999", what)), 404);
    EXPECT_EQ(StatusOf(absl::StrCat("/api/jobs/..", what)), 404);
  }
  EXPECT_THAT(Get(absl::StrCat("/api/jobs/", id + 1, "/log"))->body,
              HasSubstr(absl::StrCat("E0101: there is no job ", id + 1)));
}

TEST_F(WebServerTest, MetricsKeepTheFormatWithAnyName) {
  const int64_t id = Submit(kHostileName, "4x4");
  Tick();
  Write(id, "run/metrics.jsonl", "{\"step\":3,\"train/loss\":0.5}\n");
  Tick();
  const auto answer = Get("/metrics");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->get_header_value("Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8");
  Exposition said = ExpositionParser::Parse(answer->body);
  EXPECT_EQ(said.fault, "");
  EXPECT_EQ((said.samples["tatami_nodes"][{{"state", "held"}}]), 16);
  EXPECT_EQ(
      (said.samples["tatami_job_steps_done"][{
          {"job_id", absl::StrCat(id)}, {"name", kHostileName}, {"queue", "default"}}]),
      3);
}

TEST_F(WebServerTest, ItOnlyShows) {
  const int64_t id = Submit("main", "4x4");
  Tick();
  httplib::Client client("127.0.0.1", port());
  for (const std::string& path :
       {std::string("/"), std::string("/api/state"), absl::StrCat("/api/jobs/", id)}) {
    const httplib::Result answers[] = {client.Post(path, "x", "text/plain"),
                                       client.Put(path, "x", "text/plain"),
                                       client.Patch(path, "x", "text/plain"),
                                       client.Delete(path), client.Options(path)};
    for (const httplib::Result& answer : answers) {
      ASSERT_TRUE(answer) << path;
      EXPECT_EQ(answer->status, 405) << path;
      EXPECT_EQ(answer->get_header_value("Allow"), "GET, HEAD");
    }
  }
  EXPECT_EQ(client.Head("/api/state")->status, 200);
  EXPECT_EQ(service_->List().size(), 1);
}

TEST_F(WebServerTest, APageOfAnotherNameIsNotAnswered) {
  const std::string ours = absl::StrCat(port());
  for (const std::string& host :
       {"127.0.0.1:" + ours, "localhost:" + ours, "LOCALHOST:" + ours}) {
    EXPECT_EQ(Get("/api/state", {{"Host", host}})->status, 200) << host;
  }
  for (const std::string& host :
       {std::string("evil.example"), "evil.example:" + ours, std::string("127.0.0.1"),
        std::string("localhost:1"), "127.0.0.1.evil.example:" + ours, std::string()}) {
    for (const char* path : {"/", "/api/state", "/metrics"}) {
      const auto answer = Get(path, {{"Host", host}});
      ASSERT_TRUE(answer);
      EXPECT_EQ(answer->status, 403) << host;
      EXPECT_THAT(answer->body, Not(HasSubstr("mesh")));
    }
  }
}

TEST_F(WebServerTest, ATakenPortIsTold) {
  const auto second = StartWebServer(*state_, {.host = "127.0.0.1", .port = port()});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().message(),
            absl::StrCat("E0604: cannot serve the page at 127.0.0.1:", port(),
                         ": the port is taken, or this machine has no such address. "
                         "Give --web another port, or port 0 for any that is free."));
}

TEST(WebAddress, OnlyThisMachineIsServed) {
  const std::map<std::string, std::string> good = {{"127.0.0.1:8080", "127.0.0.1"},
                                                   {"127.1.2.3:0", "127.1.2.3"},
                                                   {"localhost:65535", "127.0.0.1"},
                                                   {"[::1]:80", "::1"}};
  for (const auto& [text, host] : good) {
    const auto address = ParseWebAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->host, host);
  }
  EXPECT_EQ(ParseWebAddress("127.0.0.1:8080")->port, 8080);
  for (const char* bad : {"0.0.0.0:8080",
                          "[::]:8080",
                          "192.168.0.7:8080",
                          "10.0.0.1:0",
                          "example.org:80",
                          ":8080",
                          "*:8080",
                          "127.0.0.1",
                          "127.0.0.1:",
                          "127.0.0.1:x",
                          "127.0.0.1:65536",
                          "127.0.0.1:-1",
                          "128.0.0.1:80",
                          "127.0.0.256:80",
                          "127.0.1:80",
                          "127.0.0.01:80",
                          "127.0.0.1.evil.example:80",
                          "localhost.evil.example:80",
                          "::1:80",
                          ""}) {
    const auto address = ParseWebAddress(bad);
    ASSERT_FALSE(address.ok()) << bad;
    EXPECT_EQ(GetErrorCode(address.status()), ErrorCode::kBadFlag);
    EXPECT_THAT(std::string(address.status().message()),
                HasSubstr(absl::StrCat("got '", bad, "'.")));
  }
}

}  // namespace
}  // namespace tatami::jobs
