#include "edge/app.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "edge/csv.h"
#include "edge/http/ascii_text.h"
#include "edge/http/request_rules.h"
#include "edge/pages/wording.h"
#include "edge/sign_in.h"
#include "platform/base/ids.h"
#include "platform/base/log.h"

namespace compagnon::edge {
namespace {

constexpr char kLanguageCookie[] = "compagnon-lang";
constexpr absl::Duration kAttemptWindow = absl::Minutes(10);
constexpr absl::Duration kAnswerMargin = absl::Milliseconds(500);  // to render and send what came just in time

// Replaces the placeholder in place: both tokens of a page are the same, so that a page has one to check.
void ReplaceAll(std::string* text, std::string_view from, std::string_view to) {
  for (size_t at = text->find(from); at != std::string::npos; at = text->find(from, at + to.size())) {
    text->replace(at, from.size(), to);
  }
}

std::vector<std::string> IndicatorsOf(std::string_view list) {
  std::vector<std::string> indicators;
  for (const std::string_view code : SplitText(list, ',')) {
    const bool plain = !code.empty() && code.size() <= 16 &&
                       std::all_of(code.begin(), code.end(), [](unsigned char c) { return std::isalnum(c); });
    if (plain) indicators.emplace_back(code);
  }
  return indicators;
}

}  // namespace

std::string SafeBackPath(std::string_view path) {
  const bool ours = path.size() < 2048 && path.starts_with('/') && !path.starts_with("//") &&
                    std::none_of(path.begin(), path.end(),
                                 [](unsigned char c) { return c < 0x21 || c > 0x7e || c == '\\' || c == '"'; });
  return ours ? std::string(path) : "/";
}

struct App::Visit {
  explicit Visit(Request& r) : request(r) {}

  Request& request;
  Language language = Language::kFrench;
  std::string set_language;  // Set-Cookie of a language chosen in this request
  std::optional<Session> session;
  const Profile* profile = nullptr;
  bool cookie_sent = false;

  bool post() const { return request.method == "POST"; }
};

App::App(Options options, const Pages& pages, Backend& backend, keys::Keys& keys, const Clock& clock)
    : options_(std::move(options)),
      pages_(pages),
      backend_(backend),
      keys_(keys),
      clock_(clock),
      sessions_(keys, clock,
                {.idle = absl::Minutes(options_.session_idle_minutes),
                 .absolute = absl::Hours(options_.session_hours),
                 .secure = options_.address.scheme == "https"}) {}

Response App::Handle(Request& request) {
  request.id = NewUuidV7(clock_.Now());
  Visit visit(request);
  const std::optional<Language> asked = LanguageOf(request.Query("lang"));
  const std::optional<Language> kept = LanguageOf(request.Cookie(kLanguageCookie));
  visit.language = asked ? *asked : kept ? *kept : LanguageFromHeader(request.headers.Get("accept-language"));
  if (asked && asked != kept) {
    visit.set_language = absl::StrCat(kLanguageCookie, "=", std::string(CodeOf(*asked)),
                                      "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
                                      options_.address.scheme == "https" ? "; Secure" : "");
  }
  visit.cookie_sent = !request.Cookie(sessions_.cookie_name()).empty();
  Response response;
  try {
    response = Route(visit);
  } catch (const std::exception& problem) {
    Log(LogLevel::kError, "a page failed", {{"request", request.id}, {"reason", problem.what()}});
    response = Problem(visit, 500);
  }
  if (!visit.set_language.empty()) response.headers.Add("Set-Cookie", visit.set_language);
  return response;
}

Response App::Route(Visit& visit) {
  const Request& request = visit.request;
  const std::vector<std::string>& path = request.segments;
  const std::string_view first = path.empty() ? std::string_view() : std::string_view(path[0]);
  if (first == "healthz" || first == "readyz") return Health(visit);
  // A foreign name that resolves to this address reads nothing here.
  if (!options_.address.Serves(request.headers.Get("host"))) return Problem(visit, 421);
  if (first == "assets" && path.size() == 2) return AssetFile(visit);
  if (first == "robots.txt" && path.size() == 1) {
    Response response;
    response.route = "robots";
    response.headers.Set("Content-Type", "text/plain; charset=utf-8");
    response.headers.Set("Cache-Control", "public, max-age=86400");
    response.body = "User-agent: *\nDisallow: /\n";
    return response;
  }

  const bool writes = (first == "sign-in" && path.size() == 2) || (first == "sign-out" && path.size() == 1) ||
                      (first == "session" && path.size() == 2 && path[1] == "extend");
  if (visit.post() && !writes) return Problem(visit, 405);
  if (first == "sign-in" && path.size() <= 2) return SignIn(visit);
  if (const absl::Status status = FindSession(visit); !status.ok()) {
    Log(LogLevel::kError, "sessions are out of reach",
        {{"request", request.id}, {"code", static_cast<int64_t>(status.code())}});
    return Problem(visit, 503);
  }
  if (path.size() == 1 && first == "signed-out") {
    return Page(visit, "signed_out",
                pages_.Say(visit.language, Around(visit, ""),
                           {"signed_out.title", "signed_out.lead", "signed_out.help", "", false}));
  }
  if (path.size() == 1 && first == "session-ended") {
    return Page(visit, "session_ended",
                pages_.Say(visit.language, Around(visit, ""),
                           {"session.ended_title", "session.ended", "signed_out.help", "", false}));
  }
  if (path.size() == 1 && first == "accessibility") {
    return Page(visit, "accessibility", pages_.Accessibility(visit.language, Around(visit, "")));
  }
  if (path.size() == 1 && first == "privacy") {
    return Page(visit, "privacy", pages_.Privacy(visit.language, Around(visit, "")));
  }
  if (writes && !visit.post()) return Problem(visit, 405);
  const bool known = path.empty() || first == "cohorts" || (first == "freshness" && path.size() == 1) || writes;
  if (!known) return Problem(visit, 404);
  if (!visit.session) {
    Response response = Redirect(visit, "unsigned", visit.cookie_sent ? "/session-ended" : "/sign-in");
    if (visit.cookie_sent) response.headers.Add("Set-Cookie", sessions_.ClearCookie());
    return response;
  }
  return Signed(visit);
}

Response App::Signed(Visit& visit) {
  const std::vector<std::string>& path = visit.request.segments;
  if (visit.profile == nullptr) return Problem(visit, 403);
  if (path.empty()) return Home(visit);
  if (path[0] == "freshness") return Freshness(visit);
  if (path[0] == "cohorts") return Cohort(visit);
  if (path[0] == "sign-out") return SignOut(visit);
  return Extend(visit);
}

absl::Status App::FindSession(Visit& visit) {
  const std::string_view cookie = visit.request.Cookie(sessions_.cookie_name());
  if (cookie.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(visit.session, sessions_.Find(cookie));
  if (visit.session) visit.profile = FindProfile(visit.session->profile);
  return absl::OkStatus();
}

bool App::MayAct(const Visit& visit, std::string_view csrf) const {
  return IsSameOrigin(options_.address, visit.request) && visit.session && CsrfTokenIsValid(*visit.session, csrf);
}

Surroundings App::Around(const Visit& visit, std::string_view current) const {
  Surroundings around;
  around.test_environment = options_.test_environment;
  around.signed_in = visit.session.has_value();
  if (visit.session) around.profile = visit.session->profile;
  around.current = std::string(current);
  around.idle_minutes = options_.session_idle_minutes;
  around.session_hours = options_.session_hours;
  for (const auto& [name, value] : visit.request.query) {
    if (name == "after") absl::StrAppend(&around.query, "after=", PercentEncode(value), "&");
  }
  around.path = visit.request.path;
  if (!around.query.empty()) absl::StrAppend(&around.path, "?", around.query.substr(0, around.query.size() - 1));
  return around;
}

Asker App::AskerOf(const Visit& visit) const {
  Asker asker;
  asker.caller.person = visit.session->person;
  asker.caller.session = visit.session->id;
  for (const std::string_view permission : visit.profile->permissions)
    asker.caller.permissions.emplace_back(permission);
  asker.caller.scopes = visit.session->scopes;
  asker.deadline = visit.request.deadline - kAnswerMargin;
  asker.locale = std::string(CodeOf(visit.language));
  return asker;
}

Response App::Page(Visit& visit, std::string_view route, std::string html, int status) {
  Response response;
  response.status = status;
  response.route = std::string(route);
  response.headers.Set("Content-Type", "text/html; charset=utf-8");
  response.headers.Set("Content-Language", std::string(CodeOf(visit.language)));
  // Kept by the person's own browser alone, and asked for again each time: unchanged pages cost a 304.
  response.headers.Set("Cache-Control", "private, no-cache");
  response.headers.Add("Vary", "Cookie, Accept-Language");
  // same-origin, not no-referrer: under no-referrer browsers send "Origin: null" with forms.
  response.headers.Set("Referrer-Policy", "same-origin");
  if (status == 200) {
    // Over the page before its token is filled in, with the session: another session must not be served this one's
    // token.
    const std::string of_session = visit.session ? visit.session->id : "";
    response.headers.Set("ETag", absl::StrCat("W/\"", HexEncode(Sha256(of_session + html)).substr(0, 32), "\""));
  }
  if (visit.session) ReplaceAll(&html, kCsrfPlaceholder, MakeCsrfToken(*visit.session));
  response.body = std::move(html);
  return response;
}

Response App::Problem(Visit& visit, int status, std::string_view lead_key, std::string_view help_key) {
  const std::string key = "error." + std::to_string(status);
  Message message;
  message.title_key = status == 429 ? "sign_in.limited_title" : key + "_title";
  message.lead_key = !lead_key.empty() ? std::string(lead_key) : status == 429 ? "sign_in.limited" : key;
  message.help_key = help_key;
  message.reference = visit.request.id;
  message.home_link = status != 421 && status != 429;
  Log(status >= 500 ? LogLevel::kWarning : LogLevel::kInfo, "request refused",
      {{"request", visit.request.id}, {"status", static_cast<int64_t>(status)}});
  Response response = Page(visit, "problem", pages_.Say(visit.language, Around(visit, ""), message), status);
  response.headers.Set("Cache-Control", "no-store");
  if (status == 503) response.headers.Set("Retry-After", "30");
  if (status == 429) response.headers.Set("Retry-After", "600");
  if (status == 405) response.headers.Set("Allow", "GET, HEAD");
  return response;
}

Response App::Redirect(Visit& visit, std::string_view route, std::string location) {
  Response response;
  response.status = 303;
  response.route = std::string(route);
  response.headers.Set("Location", std::move(location));
  response.headers.Set("Cache-Control", "no-store");
  return response;
}

Response App::Home(Visit& visit) {
  const HomePage page = backend_.LoadHome(AskerOf(visit), std::string(visit.request.Query("after")));
  return Page(visit, "home", pages_.Home(visit.language, Around(visit, "home"), page));
}

Response App::Freshness(Visit& visit) {
  const FreshnessPage page = backend_.LoadFreshness(AskerOf(visit));
  return Page(visit, "freshness", pages_.Freshness(visit.language, Around(visit, "freshness"), page));
}

Response App::Cohort(Visit& visit) {
  std::vector<std::string> path = visit.request.segments;
  const bool csv = path.size() > 3 && path.back() == "figures.csv";
  if (csv) path.pop_back();
  if (path.size() != 3 && path.size() != 4) return Problem(visit, 404);
  std::string name = absl::StrCat("sites/", path[1], "/courses/", path[2]);
  if (path.size() == 4) absl::StrAppend(&name, "/cohorts/", path[3]);
  if (csv) return Export(visit, name);
  const absl::StatusOr<CohortPage> page =
      backend_.LoadCohort(AskerOf(visit), name, std::string(visit.request.Query("after")));
  if (!page.ok()) {
    if (absl::IsPermissionDenied(page.status())) return Problem(visit, 403, "", "error.403_help");
    // A page token that no longer fits says InvalidArgument: the list it belonged to is gone.
    return Problem(visit, 404);
  }
  return Page(visit, "cohort", pages_.Cohort(visit.language, Around(visit, ""), *page));
}

Response App::Export(Visit& visit, const std::string& name) {
  if (!Allows(*visit.profile, "analytics.figures.export")) return Problem(visit, 403, "", "error.403_help");
  Response response;
  response.route = "export";
  response.headers.Set("Content-Type", "text/csv; charset=utf-8");
  response.headers.Set("Cache-Control", "private, no-store");
  response.headers.Set("Content-Disposition",
                       absl::StrCat("attachment; filename=\"", CsvFileName(name, clock_.Now()), "\""));
  const Asker asker = AskerOf(visit);
  const std::vector<std::string> indicators = IndicatorsOf(visit.request.Query("indicators"));
  // The first piece is fetched before the headers go out: a refusal must still be able to say so.
  auto exported = std::make_shared<CsvStream>(
      [this, asker, name, indicators](const BodySink& sink) { return backend_.Export(asker, name, indicators, sink); });
  const absl::Status begun = exported->Begin();
  if (absl::IsPermissionDenied(begun)) return Problem(visit, 403, "", "error.403_help");
  if (absl::IsNotFound(begun) || absl::IsInvalidArgument(begun)) return Problem(visit, 404);
  if (!begun.ok()) return Problem(visit, 503);
  // A cohort's name is text people wrote: the course, by its id, is enough.
  Log(LogLevel::kInfo, "figures exported", {{"request", visit.request.id}, {"course", CourseOf(name)}});
  response.stream = [exported](const BodySink& sink) { return exported->Copy(sink); };
  return response;
}

Response App::SignIn(Visit& visit) {
  // Whoever is signed in as somebody else sees the offer of the link, not their own menus.
  const Surroundings around = Around(visit, "");
  if (visit.request.segments.size() == 1) {
    return Page(visit, "sign_in",
                pages_.Say(visit.language, around, {"sign_in.title", "sign_in.lead", "sign_in.help", "", false}));
  }
  const std::string& token = visit.request.segments[1];
  const absl::StatusOr<int64_t> attempts =
      keys_.Increment("edge:attempts:" + HexEncode(Sha256(visit.request.client_address)), kAttemptWindow);
  if (!attempts.ok()) return Problem(visit, 503);
  if (*attempts > options_.sign_in_attempts) return Problem(visit, 429);
  const Message gone{"sign_in.gone_title", "sign_in.gone", "sign_in.gone_help", visit.request.id, false};

  if (!visit.post()) {
    const absl::StatusOr<std::optional<SignInGrant>> grant = PeekSignInLink(keys_, token);
    if (!grant.ok()) return Problem(visit, 503);
    if (!*grant) return Page(visit, "sign_in", pages_.Say(visit.language, around, gone), 410);
    Response response = Page(visit, "sign_in", pages_.SignInOffer(visit.language, around, token, (*grant)->profile));
    response.headers.Set("Cache-Control", "no-store");
    response.headers.Remove("ETag");
    // The address holds the token: nothing that follows may learn it.
    response.headers.Set("Referrer-Policy", "strict-origin");
    return response;
  }
  if (!IsSameOrigin(options_.address, visit.request)) return Problem(visit, 403, "error.csrf");
  const absl::StatusOr<std::optional<SignInGrant>> grant = TakeSignInLink(keys_, token);
  if (!grant.ok()) return Problem(visit, 503);
  if (!*grant) return Page(visit, "sign_in", pages_.Say(visit.language, around, gone), 410);
  // Whoever used this browser before is signed out: their cookie is about to be replaced, their session must not
  // outlive it.
  if (FindSession(visit).ok() && visit.session) {
    if (!sessions_.End(*visit.session).ok()) return Problem(visit, 503);
    visit.session.reset();
  }
  const absl::StatusOr<std::string> cookie = sessions_.Start(**grant);
  if (!cookie.ok()) return Problem(visit, 503);
  Log(LogLevel::kInfo, "signed in", {{"request", visit.request.id}, {"profile", (*grant)->profile}});
  Response response = Redirect(visit, "sign_in", "/");
  response.headers.Add("Set-Cookie", sessions_.SetCookie(*cookie));
  return response;
}

Response App::SignOut(Visit& visit) {
  std::vector<std::pair<std::string, std::string>> form;
  if (!ParseForm(visit.request.body, 16, &form)) return Problem(visit, 400);
  std::string csrf;
  for (const auto& [name, value] : form) csrf = name == "csrf" ? value : csrf;
  if (!MayAct(visit, csrf)) return Problem(visit, 403, "error.csrf");
  if (!sessions_.End(*visit.session).ok()) return Problem(visit, 503);
  Response response = Redirect(visit, "sign_out", "/signed-out");
  response.headers.Add("Set-Cookie", sessions_.ClearCookie());
  // Pages this browser kept for its 304s.
  response.headers.Set("Clear-Site-Data", "\"cache\"");
  return response;
}

Response App::Extend(Visit& visit) {
  std::vector<std::pair<std::string, std::string>> form;
  if (!ParseForm(visit.request.body, 16, &form)) return Problem(visit, 400);
  std::string csrf, back;
  for (const auto& [name, value] : form) {
    if (name == "csrf") csrf = value;
    if (name == "back") back = value;
  }
  if (!MayAct(visit, csrf)) return Problem(visit, 403, "error.csrf");
  // FindSession has put the session's end off already: any request does.
  return Redirect(visit, "extend", SafeBackPath(back));
}

Response App::AssetFile(Visit& visit) {
  const Asset* asset = pages_.FindAsset(visit.request.segments[1]);
  if (asset == nullptr) return Problem(visit, 404);
  Response response;
  response.route = "asset";
  response.headers.Set("Content-Type", asset->content_type);
  response.headers.Set("Cache-Control", "public, max-age=31536000, immutable");
  response.headers.Set("Vary", "Accept-Encoding");
  response.compress = false;
  const Coding coding = ChooseCoding(visit.request.headers.Get("accept-encoding"));
  response.shared_body = coding == Coding::kBrotli ? asset->brotli
                         : coding == Coding::kGzip ? asset->gzip
                                                   : asset->identity;
  if (coding != Coding::kIdentity) response.headers.Set("Content-Encoding", std::string(NameOf(coding)));
  return response;
}

Response App::Health(Visit& visit) {
  Response response;
  response.route = "health";
  response.headers.Set("Content-Type", "text/plain; charset=utf-8");
  const bool ready = visit.request.segments[0] == "healthz" || options_.ready().ok();
  response.status = ready ? 200 : 503;
  response.body = ready ? "ok\n" : "not ready\n";
  return response;
}

}  // namespace compagnon::edge
