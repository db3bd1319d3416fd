#ifndef COMPAGNON_EDGE_PAGES_PAGES_H_
#define COMPAGNON_EDGE_PAGES_PAGES_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "edge/http/encoding.h"
#include "edge/pages/catalogue.h"
#include "edge/pages/format.h"
#include "edge/pages/models.h"
#include "edge/pages/template_set.h"
#include "platform/base/status.h"

namespace compagnon::edge {

// A file with its content's hash in its name, so that it may be kept for ever; compressed once.
struct Asset {
  std::string content_type;
  std::shared_ptr<const std::string> identity, gzip, brotli;
};

// A page that only says something: errors, sign-out. Keys are of the catalogue.
struct Message {
  std::string title_key, lead_key, help_key;  // help_key "" = none
  std::string reference;                      // request id to quote, "" = none
  bool home_link = true;
};

// The pages, rendered from plain models: no I/O, no clock. Immutable after Load, so safe from any thread.
class Pages {
 public:
  // `idle` sets when the notice of a closing session shows itself. Fails on any missing text, template or lint finding.
  static absl::StatusOr<Pages> Load(int idle_minutes);

  std::string Home(Language language, const Surroundings& around, const HomePage& page) const;
  std::string Cohort(Language language, const Surroundings& around, const CohortPage& page) const;
  std::string Freshness(Language language, const Surroundings& around, const FreshnessPage& page) const;
  // The page a link opens: who one becomes, and a button. `token` is base64url.
  std::string SignInOffer(Language language, const Surroundings& around, std::string_view token,
                          std::string_view profile) const;
  std::string Say(Language language, const Surroundings& around, const Message& message) const;
  std::string Accessibility(Language language, const Surroundings& around) const;
  std::string Privacy(Language language, const Surroundings& around) const;

  // By name with hash ("site.1a2b3c4d.css"); null when there is none.
  const Asset* FindAsset(std::string_view name) const;
  const std::map<Language, Catalogue>& catalogues() const { return *catalogues_; }

 private:
  Pages() = default;
  View Layout(const Format& format, const Surroundings& around, std::string_view title) const;
  std::string Render(std::string_view name, const Format& format, View layout, View page) const;

  // Behind pointers: Format holds references to catalogues, which must not move.
  std::unique_ptr<std::map<Language, Catalogue>> catalogues_;
  std::unique_ptr<TemplateSet> templates_;
  std::map<std::string, Asset, std::less<>> assets_;
  std::string css_, icon_;
};

// Views of single pages, for Pages and for tests.
View HomeView(const Format& format, const HomePage& page);
View CohortView(const Format& format, const CohortPage& page);
View FreshnessView(const Format& format, const FreshnessPage& page);
// The cards of sites; `detail` adds counts and spans.
View FreshnessCards(const Format& format, const std::vector<SiteFreshness>& freshness,
                    const std::map<std::string, SiteInfo>& sites, bool detail);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_PAGES_H_
