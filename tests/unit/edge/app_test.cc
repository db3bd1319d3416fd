#include "edge/app.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "edge/http/request_rules.h"
#include "edge/sign_in.h"
#include "memory_keys.h"

namespace compagnon::edge {
namespace {

class FakeBackend : public Backend {
 public:
  HomePage LoadHome(const Asker& asker, const std::string& page_token) override {
    last = asker;
    token = page_token;
    return home;
  }
  absl::StatusOr<CohortPage> LoadCohort(const Asker& asker, const std::string& name,
                                        const std::string& learners_token) override {
    last = asker;
    asked = name;
    token = learners_token;
    if (!failure.ok()) return failure;
    CohortPage page;
    page.name = name;
    page.course_full_name = "Cours";
    return page;
  }
  FreshnessPage LoadFreshness(const Asker& asker) override {
    last = asker;
    return {};
  }
  absl::Status Export(const Asker& asker, const std::string& name, const std::vector<std::string>& wanted,
                      const BodySink& sink) override {
    last = asker;
    asked = name;
    indicators = wanted;
    RETURN_IF_ERROR(failure);
    return sink("a,b\r\n=x,1\r\n");
  }

  HomePage home;
  absl::Status failure;
  Asker last;
  std::string asked, token;
  std::vector<std::string> indicators;
};

struct World {
  TestClock clock;
  MemoryKeys keys{clock};
  FakeBackend backend;
  Pages pages = *Pages::Load(30);
  App app{
      {.address = *PublicAddress::Parse("https://c.example.org"), .sign_in_attempts = 20}, pages, backend, keys, clock};
  std::string cookie;

  Response Ask(const std::string& method, const std::string& target,
               std::vector<std::pair<std::string, std::string>> headers = {}, std::string body = "") {
    Headers all;
    all.Add("Host", "c.example.org");
    if (method == "POST") all.Add("Origin", "https://c.example.org");
    if (!cookie.empty()) all.Add("Cookie", cookie);
    for (auto& [name, value] : headers) all.Set(name, std::move(value));
    Request request;
    REQUIRE(CheckRequest(method, target, all, RequestLimits{}, &request) == 0);
    request.headers = std::move(all);
    request.body = std::move(body);
    request.client_address = "203.0.113.9";
    request.deadline = clock.now + absl::Seconds(10);
    return app.Handle(request);
  }

  std::string LinkPath(const std::string& profile = "coordinator", std::vector<std::string> scopes = {"sites/sn1"}) {
    const auto link = CreateSignInLink(keys, "https://c.example.org", {"p-1", profile, std::move(scopes)});
    return link->substr(std::string("https://c.example.org").size());
  }

  void SignIn(const std::string& profile = "coordinator", std::vector<std::string> scopes = {"sites/sn1"}) {
    const Response response = Ask("POST", LinkPath(profile, std::move(scopes)));
    REQUIRE(response.status == 303);
    CHECK(response.headers.Get("location") == "/");
    const std::string_view set = response.headers.Get("set-cookie");
    cookie = std::string(set.substr(0, set.find(';')));
  }

  std::string Csrf() {
    const std::string html = Ask("GET", "/").body;
    const std::string before = "name=\"csrf\" value=\"";
    const size_t at = html.find(before);
    REQUIRE(at != std::string::npos);
    return html.substr(at + before.size(), html.find('"', at + before.size()) - at - before.size());
  }
};

// What `f` writes to standard error: the log.
std::string LogOf(const std::function<void()>& f) {
  std::filesystem::create_directories(".run/unit");
  std::string path = ".run/unit/edge-log.XXXXXX";
  const int file = mkstemp(path.data());
  const int before = dup(STDERR_FILENO);
  dup2(file, STDERR_FILENO);
  f();
  dup2(before, STDERR_FILENO);
  close(before);
  close(file);
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::filesystem::remove(path);
  return text.str();
}

bool Says(const Response& response, std::string_view text) { return response.body.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("nobody sees a page before signing in") {
  World world;
  for (const char* path : {"/", "/cohorts/sn1/4", "/cohorts/sn1/4/figures.csv", "/freshness"}) {
    const Response response = world.Ask("GET", path);
    CHECK(response.status == 303);
    CHECK(response.headers.Get("location") == "/sign-in");
  }
  for (const char* path : {"/sign-in", "/accessibility", "/privacy", "/signed-out"})
    CHECK(world.Ask("GET", path).status == 200);
}

TEST_CASE("opening a link offers a button and only the button signs in") {
  World world;
  const std::string path = world.LinkPath();
  for (int i = 0; i < 3; ++i) {
    const Response offer = world.Ask("GET", path);
    CHECK(offer.status == 200);
    CHECK(Says(offer, "Se connecter"));
    CHECK_FALSE(offer.headers.Has("set-cookie"));
    CHECK(offer.headers.Get("referrer-policy") == "strict-origin");
    CHECK(offer.headers.Get("cache-control") == "no-store");
  }
  const Response in = world.Ask("POST", path);
  CHECK(in.status == 303);
  CHECK(in.headers.Get("set-cookie").starts_with("__Host-compagnon="));
  const Response again = world.Ask("POST", path);
  CHECK(again.status == 410);
  CHECK(Says(again, "Ce lien ne sert plus"));
  CHECK_FALSE(again.headers.Has("set-cookie"));
  CHECK(world.Ask("GET", path).status == 410);
}

TEST_CASE("signing in as somebody else ends the session this browser had") {
  World world;
  world.SignIn();
  const std::string before = world.cookie;
  const auto link = CreateSignInLink(world.keys, "https://c.example.org", {"p-2", "reader", {"*"}});
  CHECK(world.Ask("POST", link->substr(std::string("https://c.example.org").size())).status == 303);
  world.cookie = before;
  CHECK(world.Ask("GET", "/").headers.Get("location") == "/session-ended");
}

TEST_CASE("another site cannot sign somebody in") {
  World world;
  const std::string path = world.LinkPath();
  CHECK(world.Ask("POST", path, {{"Origin", "https://evil.example.org"}}).status == 403);
  CHECK(world.Ask("POST", path, {{"Sec-Fetch-Site", "cross-site"}}).status == 403);
  CHECK(world.Ask("POST", path).status == 303);
}

TEST_CASE("too many tries from one address have to wait") {
  World world;
  for (int i = 0; i < 20; ++i) CHECK(world.Ask("GET", "/sign-in/" + std::string(43, 'A')).status == 410);
  const Response limited = world.Ask("POST", world.LinkPath());
  CHECK(limited.status == 429);
  CHECK(limited.headers.Get("retry-after") == "600");
  world.clock.now += absl::Minutes(11);
  CHECK(world.Ask("POST", world.LinkPath()).status == 303);
}

TEST_CASE("modules are asked with the person's profile and scopes") {
  World world;
  world.SignIn("auditor", {"sites/sn1", "sites/ma1/courses/7"});
  CHECK(world.Ask("GET", "/?after=t%2F1").status == 200);
  CHECK(world.backend.last.caller.person == "p-1");
  CHECK(world.backend.last.caller.scopes == std::vector<std::string>{"sites/sn1", "sites/ma1/courses/7"});
  CHECK(world.backend.last.caller.permissions ==
        std::vector<std::string>{"analytics.figures.read", "analytics.freshness.read", "moodle.directory.read",
                                 "moodle.sites.read"});
  CHECK_FALSE(world.backend.last.caller.session.empty());
  CHECK(world.cookie.find(world.backend.last.caller.session) == std::string::npos);
  CHECK(world.backend.token == "t/1");
}

TEST_CASE("addresses of cohorts become resource names") {
  World world;
  world.SignIn();
  CHECK(world.Ask("GET", "/cohorts/sn1/4").status == 200);
  CHECK(world.backend.asked == "sites/sn1/courses/4");
  CHECK(world.Ask("GET", "/cohorts/sn1/4/A%20%26%20B?after=x").status == 200);
  CHECK(world.backend.asked == "sites/sn1/courses/4/cohorts/A & B");
  CHECK(world.backend.token == "x");
  for (const char* path : {"/cohorts", "/cohorts/sn1", "/cohorts/sn1/4/A/b", "/nothing", "/freshness/x"})
    CHECK(world.Ask("GET", path).status == 404);
}

TEST_CASE("a refusal of a module is a page that says so") {
  World world;
  world.SignIn();
  world.backend.failure = absl::PermissionDeniedError("scope");
  const Response refused = world.Ask("GET", "/cohorts/ma1/7");
  CHECK(refused.status == 403);
  CHECK(Says(refused, "Accès refusé"));
  CHECK(Says(refused, "Référence à communiquer"));
  CHECK(refused.headers.Get("cache-control") == "no-store");
  CHECK(world.Ask("GET", "/cohorts/ma1/7/figures.csv").status == 403);
  world.backend.failure = absl::NotFoundError("none");
  CHECK(world.Ask("GET", "/cohorts/sn1/99").status == 404);
  world.backend.failure = absl::UnavailableError("down");
  CHECK(world.Ask("GET", "/cohorts/sn1/4/figures.csv").status == 503);
}

TEST_CASE("a file is made for those who may take figures away") {
  World world;
  world.SignIn();
  const Response file = world.Ask("GET", "/cohorts/sn1/4/A/figures.csv?indicators=9,17,%3Cx%3E");
  CHECK(file.status == 200);
  CHECK(file.headers.Get("content-type") == "text/csv; charset=utf-8");
  CHECK(file.headers.Get("content-disposition") == "attachment; filename=\"sn1-4-A-2026-03-19.csv\"");
  std::string csv;
  REQUIRE(file.stream([&](std::string_view piece) {
                csv += piece;
                return absl::OkStatus();
              })
              .ok());
  CHECK(csv ==
        "\xef\xbb\xbf"
        "a,b\r\n'=x,1\r\n");
  CHECK(world.backend.indicators == std::vector<std::string>{"9", "17"});
  for (const char* profile : {"auditor", "operator", "reader"}) {
    World other;
    other.SignIn(profile);
    CHECK(other.Ask("GET", "/cohorts/sn1/4/figures.csv").status == 403);
    CHECK(other.backend.asked.empty());
  }
}

TEST_CASE("the log of an export says which course and not which cohort") {
  World world;
  world.SignIn();
  const std::string log =
      LogOf([&] { CHECK(world.Ask("GET", "/cohorts/sn1/4/Dakar-soir/figures.csv").status == 200); });
  CHECK(log.find("figures exported") != std::string::npos);
  CHECK(log.find("sites/sn1/courses/4\"") != std::string::npos);
  CHECK(log.find("Dakar") == std::string::npos);
}

TEST_CASE("signing out needs the page's token and ends the session") {
  World world;
  world.SignIn();
  CHECK(world.Ask("POST", "/sign-out").status == 403);
  CHECK(world.Ask("POST", "/sign-out", {}, "csrf=wrong").status == 403);
  const std::string csrf = world.Csrf();
  CHECK(world.Ask("POST", "/sign-out", {{"Origin", "https://evil.example.org"}}, "csrf=" + csrf).status == 403);
  CHECK(world.Ask("GET", "/").status == 200);
  const Response out = world.Ask("POST", "/sign-out", {}, "csrf=" + csrf);
  CHECK(out.status == 303);
  CHECK(out.headers.Get("location") == "/signed-out");
  CHECK(out.headers.Get("set-cookie").ends_with("Max-Age=0"));
  CHECK(world.Ask("GET", "/").status == 303);
}

TEST_CASE("a page's token does not serve another session") {
  World first, second;
  first.SignIn();
  const std::string csrf = first.Csrf();
  second.SignIn();
  CHECK(second.Ask("POST", "/sign-out", {}, "csrf=" + csrf).status == 403);
}

TEST_CASE("reading changes nothing whatever the address") {
  World world;
  world.SignIn();
  for (const char* path : {"/sign-out", "/session/extend"}) CHECK(world.Ask("GET", path).status == 405);
  for (const char* path : {"/", "/freshness", "/cohorts/sn1/4", "/privacy"})
    CHECK(world.Ask("POST", path).status == 405);
  CHECK(world.Ask("GET", "/").status == 200);
}

TEST_CASE("extending leads back to the page and nowhere else") {
  World world;
  world.SignIn();
  const std::string csrf = world.Csrf();
  CHECK(
      world.Ask("POST", "/session/extend", {}, "csrf=" + csrf + "&back=%2Fcohorts%2Fsn1%2F4").headers.Get("location") ==
      "/cohorts/sn1/4");
  for (const char* back : {"//evil.example.org", "https://evil.example.org", "/\\evil", "", "/a b", "javascript:x"})
    CHECK(SafeBackPath(back) == "/");
  world.clock.now += absl::Minutes(29);
  CHECK(world.Ask("POST", "/session/extend", {}, "csrf=" + csrf + "&back=%2F").status == 303);
  world.clock.now += absl::Minutes(29);
  CHECK(world.Ask("GET", "/").status == 200);
}

TEST_CASE("a dead session is told from no session") {
  World world;
  world.SignIn();
  world.clock.now += absl::Minutes(31);
  const Response ended = world.Ask("GET", "/");
  CHECK(ended.headers.Get("location") == "/session-ended");
  CHECK(ended.headers.Get("set-cookie").ends_with("Max-Age=0"));
  CHECK(Says(world.Ask("GET", "/session-ended"), "Votre session est fermée"));
}

TEST_CASE("an unchanged page has an unchanged ETag and a changing token") {
  World world;
  world.SignIn();
  const Response one = world.Ask("GET", "/"), two = world.Ask("GET", "/");
  CHECK_FALSE(one.headers.Get("etag").empty());
  CHECK(one.headers.Get("etag") == two.headers.Get("etag"));
  CHECK(one.body != two.body);
  CHECK(one.headers.Get("cache-control") == "private, no-cache");
  CohortLine line;
  line.name = "sites/sn1/courses/4";
  world.backend.home.cohorts.push_back(line);
  CHECK(world.Ask("GET", "/").headers.Get("etag") != one.headers.Get("etag"));
  World other;
  other.SignIn();
  CHECK(other.Ask("GET", "/").headers.Get("etag") != one.headers.Get("etag"));
}

TEST_CASE("the language is the one asked for then the one kept then the browser's") {
  World world;
  CHECK(Says(world.Ask("GET", "/sign-in"), "lang=\"fr\""));
  CHECK(Says(world.Ask("GET", "/sign-in", {{"Accept-Language", "en"}}), "lang=\"en\""));
  const Response arabic = world.Ask("GET", "/sign-in?lang=ar", {{"Accept-Language", "en"}});
  CHECK(Says(arabic, "dir=\"rtl\""));
  const std::string_view set = arabic.headers.Get("set-cookie");
  CHECK(set.starts_with("compagnon-lang=ar; "));
  CHECK(set.ends_with("; Secure"));
  CHECK(
      Says(world.Ask("GET", "/sign-in", {{"Cookie", "compagnon-lang=ar"}, {"Accept-Language", "en"}}), "lang=\"ar\""));
  CHECK(Says(world.Ask("GET", "/sign-in?lang=%3Cscript%3E"), "lang=\"fr\""));
}

TEST_CASE("sessions out of reach are said and sign nobody out") {
  World world;
  world.SignIn();
  world.keys.down = true;
  const Response response = world.Ask("GET", "/");
  CHECK(response.status == 503);
  CHECK(response.headers.Get("retry-after") == "30");
  CHECK_FALSE(response.headers.Has("set-cookie"));
  world.keys.down = false;
  CHECK(world.Ask("GET", "/").status == 200);
}

TEST_CASE("a foreign host name is not served but health is") {
  World world;
  CHECK(world.Ask("GET", "/sign-in", {{"Host", "evil.example.org"}}).status == 421);
  CHECK(world.Ask("GET", "/healthz", {{"Host", "10.0.0.3:8400"}}).status == 200);
}

TEST_CASE("the production environment wears no banner") {
  World world;
  CHECK(Says(world.Ask("GET", "/sign-in"), "Environnement de test"));
  App::Options options{.address = *PublicAddress::Parse("https://c.example.org"), .test_environment = false};
  App production(options, world.pages, world.backend, world.keys, world.clock);
  Request request;
  request.method = "GET";
  request.segments = {"sign-in"};
  request.headers.Add("Host", "c.example.org");
  CHECK_FALSE(Says(production.Handle(request), "Environnement de test"));
}

TEST_CASE("assets are kept for ever under a name that changes with them") {
  World world;
  const std::string html = world.Ask("GET", "/sign-in").body;
  const size_t at = html.find("/assets/site.");
  const std::string path = html.substr(at, html.find('"', at) - at);
  const Response css = world.Ask("GET", path, {{"Accept-Encoding", "br"}});
  CHECK(css.status == 200);
  CHECK(css.headers.Get("content-encoding") == "br");
  CHECK(css.headers.Get("cache-control") == "public, max-age=31536000, immutable");
  CHECK(css.bytes().size() < 6 * 1024);
  CHECK(world.Ask("GET", "/assets/site.0000000000.css").status == 404);
  const Pages other = *Pages::Load(20);
  CHECK(other.FindAsset(path.substr(8)) == nullptr);
}

}  // namespace compagnon::edge
