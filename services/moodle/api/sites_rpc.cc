#include "moodle/api/sites_rpc.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "compagnon/moodle/v1/sites.grpc.pb.h"
#include "moodle/store/site_store.h"
#include "platform/base/ids.h"
#include "platform/rpc/principal.h"

namespace compagnon::moodle {
namespace {

constexpr std::string_view kPrefix = "sites/";
constexpr int kDefaultPage = 100;
constexpr int kLargestPage = 500;

void Fill(const SiteRecord& record, v1::Site* out) {
  out->set_name(absl::StrCat("sites/", record.config.code));
  out->set_title(record.config.title);
  out->set_url(record.config.url);
  out->set_time_zone(record.config.time_zone);
  out->set_link(static_cast<v1::LinkState>(record.health.link));
  out->set_problem(record.health.problem);
  out->set_last_answer_us(record.health.last_answer_us);
  out->set_last_event_us(record.health.last_event_us);
  out->set_epoch(record.cursor.epoch);
  out->set_seq(record.cursor.seq);
  out->set_backlog(record.health.backlog);
}

class SitesService final : public v1::Sites::Service {
 public:
  SitesService(store::Database& database, const rpc::Guard& guard) : database_(database), guard_(guard) {}

  grpc::Status ListSites(grpc::ServerContext* context, const v1::ListSitesRequest* request,
                         v1::ListSitesResponse* response) override {
    return guard_.Run(
        context, "compagnon.moodle.v1.Sites.ListSites", *request, [&](const rpc::Caller& caller) -> absl::Status {
          if (request->page_size() < 0) return WithReason(absl::InvalidArgumentError("page_size"), "bad_page_size");
          const int size = request->page_size() == 0 ? kDefaultPage : std::min(request->page_size(), kLargestPage);
          std::string after;
          if (!request->page_token().empty() &&
              (!Base64UrlDecode(request->page_token(), &after) || !IsSiteCode(after))) {
            return WithReason(absl::InvalidArgumentError("page_token"), "bad_page_token");
          }
          std::vector<SiteRecord> sites;
          RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
            ASSIGN_OR_RETURN(sites, moodle::ListSites(session, after));
            return absl::OkStatus();
          }));
          for (const SiteRecord& record : sites) {
            // A module that asks for nobody has no scopes of its own: its rpc's option named it as a caller.
            if (caller.module.empty() && !Sees(caller, record.config.code)) continue;
            if (response->sites_size() == size) {
              const std::string_view last = response->sites(size - 1).name();
              response->set_next_page_token(Base64UrlEncode(last.substr(kPrefix.size())));
              break;
            }
            Fill(record, response->add_sites());
          }
          return absl::OkStatus();
        });
  }

  grpc::Status GetSite(grpc::ServerContext* context, const v1::GetSiteRequest* request, v1::Site* response) override {
    return guard_.Run(context, "compagnon.moodle.v1.Sites.GetSite", *request, [&](const rpc::Caller&) -> absl::Status {
      const std::string_view name = request->name();
      if (name.substr(0, kPrefix.size()) != kPrefix || !IsSiteCode(name.substr(kPrefix.size()))) {
        return WithReason(absl::InvalidArgumentError("name: sites/<code> is expected"), "bad_name");
      }
      SiteRecord record;
      RETURN_IF_ERROR(database_.Read([&](store::Session& session) -> absl::Status {
        ASSIGN_OR_RETURN(record, moodle::GetSite(session, name.substr(kPrefix.size())));
        return absl::OkStatus();
      }));
      Fill(record, response);
      return absl::OkStatus();
    });
  }

 private:
  // A scope within the site ("sites/sn1/courses/4") lets its holder see that the site is there and how fresh it is.
  static bool Sees(const rpc::Caller& caller, const std::string& code) {
    const std::string name = absl::StrCat("sites/", code);
    if (rpc::AnyScopeCovers(caller.scopes, name)) return true;
    for (const std::string& scope : caller.scopes) {
      if (rpc::ScopeCovers(name, scope)) return true;
    }
    return false;
  }

  store::Database& database_;
  const rpc::Guard& guard_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewSitesService(store::Database& database, const rpc::Guard& guard) {
  return std::make_unique<SitesService>(database, guard);
}

}  // namespace compagnon::moodle
