#ifndef COMPAGNON_EDGE_APP_H_
#define COMPAGNON_EDGE_APP_H_

#include <functional>
#include <memory>
#include <string>

#include "edge/backend.h"
#include "edge/http/message.h"
#include "edge/pages/pages.h"
#include "edge/profiles.h"
#include "edge/same_origin.h"
#include "edge/sessions.h"
#include "platform/base/clock.h"
#include "platform/base/status.h"
#include "platform/keys/keys.h"

namespace compagnon::edge {

// Every address of the edge: who may ask, what is loaded, which page answers. Knows no socket and no stub: an
// HttpServer hands it requests, a Backend what pages show. Thread-safe.
class App {
 public:
  struct Options {
    PublicAddress address;
    bool test_environment = true;
    int session_idle_minutes = 30;
    int session_hours = 8;
    // Requests to sign-in links from one address within ten minutes; beyond, 429.
    int64_t sign_in_attempts = 60;
    // OK when the modules and keys behind can be reached, for /readyz.
    std::function<absl::Status()> ready = [] { return absl::OkStatus(); };
  };
  // All outlive this.
  App(Options options, const Pages& pages, Backend& backend, keys::Keys& keys, const Clock& clock);

  Response Handle(Request& request);

 private:
  struct Visit;  // one request with what was found out about it

  Response Route(Visit& visit);
  Response Signed(Visit& visit);
  Response Home(Visit& visit);
  Response Cohort(Visit& visit);
  Response Export(Visit& visit, const std::string& name);
  Response Freshness(Visit& visit);
  Response SignIn(Visit& visit);
  Response SignOut(Visit& visit);
  Response Extend(Visit& visit);
  Response AssetFile(Visit& visit);
  Response Health(Visit& visit);

  // Reads the session behind the cookie; an error means that the keys did not answer.
  absl::Status FindSession(Visit& visit);
  // A POST may act: same origin, and with a session a token of its own.
  bool MayAct(const Visit& visit, std::string_view csrf) const;

  Response Page(Visit& visit, std::string_view route, std::string html, int status = 200);
  Response Problem(Visit& visit, int status, std::string_view lead_key = "", std::string_view help_key = "");
  Response Redirect(Visit& visit, std::string_view route, std::string location);
  Surroundings Around(const Visit& visit, std::string_view current) const;
  Asker AskerOf(const Visit& visit) const;

  const Options options_;
  const Pages& pages_;
  Backend& backend_;
  keys::Keys& keys_;
  const Clock& clock_;
  Sessions sessions_;
};

// Where a form may send its reader back to: a path of ours, never "//host" or a scheme. "/" for anything else.
std::string SafeBackPath(std::string_view path);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_APP_H_
