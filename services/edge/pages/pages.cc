#include "edge/pages/pages.h"

#include "absl/strings/str_cat.h"
#include "edge/http/request_rules.h"
#include "edge/pages/embedded_files.h"
#include "edge/pages/wording.h"
#include "platform/base/ids.h"

namespace compagnon::edge {
namespace {

constexpr int kNoticeMinutes = 5;  // the notice shows so long before the session closes

std::string_view NameOf(Language language) {
  switch (language) {
    case Language::kFrench:
      return "Français";
    case Language::kEnglish:
      return "English";
    case Language::kArabic:
      return "العربية";
  }
  return "";
}

Asset MakeAsset(std::string content_type, std::string content) {
  Asset asset;
  asset.content_type = std::move(content_type);
  asset.gzip = std::make_shared<const std::string>(Encode(Coding::kGzip, content, Effort::kBest));
  asset.brotli = std::make_shared<const std::string>(Encode(Coding::kBrotli, content, Effort::kBest));
  asset.identity = std::make_shared<const std::string>(std::move(content));
  return asset;
}

// "assets/site.css" -> "site.1a2b3c4d.css"
std::string HashedName(std::string_view path, std::string_view content) {
  const std::string_view file = path.substr(path.rfind('/') + 1);
  const size_t dot = file.rfind('.');
  return std::string(file.substr(0, dot)) + "." + HexEncode(Sha256(content)).substr(0, 10) +
         std::string(file.substr(dot));
}

}  // namespace

absl::StatusOr<Pages> Pages::Load(int idle_minutes) {
  Pages pages;
  pages.catalogues_ = std::make_unique<std::map<Language, Catalogue>>();
  std::map<std::string, std::string> templates;
  for (const EmbeddedFile& file : EmbeddedFiles()) {
    const size_t slash = file.path.rfind('/'), dot = file.path.rfind('.');
    const std::string_view folder = file.path.substr(0, slash), stem = file.path.substr(slash + 1, dot - slash - 1);
    if (folder == "templates") {
      templates.emplace(stem, file.content);
    } else if (folder == "i18n") {
      const std::optional<Language> language = LanguageOf(stem);
      if (!language) return absl::InvalidArgumentError(absl::StrCat("no such language: ", std::string(stem)));
      ASSIGN_OR_RETURN(Catalogue catalogue, Catalogue::Parse(*language, file.content));
      pages.catalogues_->emplace(*language, std::move(catalogue));
    } else if (file.path == "assets/site.css") {
      std::string css(file.content);
      const int seconds = std::max(idle_minutes - kNoticeMinutes, 1) * 60;
      const size_t at = css.find("@notice@s");
      if (at == std::string::npos) return absl::InvalidArgumentError("site.css has no place for the notice's delay");
      css.replace(at, 9, absl::StrCat(seconds, "s"));
      pages.css_ = HashedName(file.path, css);
      pages.assets_[pages.css_] = MakeAsset("text/css; charset=utf-8", std::move(css));
    } else if (file.path == "assets/icon.svg") {
      pages.icon_ = HashedName(file.path, file.content);
      pages.assets_[pages.icon_] = MakeAsset("image/svg+xml", std::string(file.content));
    }
  }
  for (const Language language : kLanguages) {
    if (!pages.catalogues_->contains(language)) {
      return absl::InvalidArgumentError(absl::StrCat("no catalogue ", std::string(CodeOf(language))));
    }
  }
  ASSIGN_OR_RETURN(TemplateSet set, TemplateSet::Load(templates, *pages.catalogues_));
  pages.templates_ = std::make_unique<TemplateSet>(std::move(set));
  return pages;
}

const Asset* Pages::FindAsset(std::string_view name) const {
  const auto found = assets_.find(name);
  return found == assets_.end() ? nullptr : &found->second;
}

View Pages::Layout(const Format& format, const Surroundings& around, std::string_view title) const {
  View layout;
  layout.Set("title", title).Set("css", css_).Set("icon", icon_);
  layout.Set("test", around.test_environment).Set("signed_in", around.signed_in);
  layout.Set("at_home", around.current == "home").Set("at_freshness", around.current == "freshness");
  layout.Set("csrf", kCsrfPlaceholder).Set("path", around.path).Set("rest", around.query);
  View::List tongues;
  for (const Language language : kLanguages) {
    View tongue;
    tongue.Set("code", CodeOf(language)).Set("name", NameOf(language)).Set("here", language == format.language());
    tongues.push_back(std::move(tongue));
  }
  layout.Set("tongues", std::move(tongues));
  if (around.signed_in) {
    const std::string key = "profile." + around.profile;
    layout.Set("profile", format.texts().Has(key) ? format.texts().Text(key) : around.profile);
    layout.Set("session_rule", format.texts().Text("session.rule", {{"idle", std::to_string(around.idle_minutes)},
                                                                    {"hours", std::to_string(around.session_hours)}}));
  }
  return layout;
}

std::string Pages::Render(std::string_view name, const Format& format, View layout, View page) const {
  // The page's own fields come first: they win over the layout's of the same name.
  View whole = std::move(page);
  whole.Append(std::move(layout));
  return templates_->Render(name, format.language(), whole);
}

std::string Pages::Home(Language language, const Surroundings& around, const HomePage& page) const {
  const Format format(catalogues_->at(language));
  return Render("home", format, Layout(format, around, format.texts().Text("home.title")), HomeView(format, page));
}

std::string Pages::Cohort(Language language, const Surroundings& around, const CohortPage& page) const {
  const Format format(catalogues_->at(language));
  const std::string title = DisplayName(page.course_full_name) + " – " + CohortTitle(format, page.cohort);
  return Render("cohort", format, Layout(format, around, title), CohortView(format, page));
}

std::string Pages::Freshness(Language language, const Surroundings& around, const FreshnessPage& page) const {
  const Format format(catalogues_->at(language));
  return Render("freshness", format, Layout(format, around, format.texts().Text("freshness.title")),
                FreshnessView(format, page));
}

std::string Pages::SignInOffer(Language language, const Surroundings& around, std::string_view token,
                               std::string_view profile) const {
  const Format format(catalogues_->at(language));
  const Catalogue& texts = format.texts();
  const std::string key = "profile." + std::string(profile);
  const std::string title = texts.Text("sign_in.ready_title");
  View page;
  page.Set("title", title).Set("lead", texts.Text("sign_in.ready")).Set("token", PercentEncode(token));
  page.Set("offer", texts.Text("sign_in.offer", {{"profile", texts.Has(key) ? texts.Text(key) : profile}}));
  return Render("sign_in", format, Layout(format, around, title), std::move(page));
}

std::string Pages::Say(Language language, const Surroundings& around, const Message& message) const {
  const Format format(catalogues_->at(language));
  const Catalogue& texts = format.texts();
  const std::string title = texts.Text(message.title_key);
  View page;
  page.Set("title", title).Set("lead", texts.Text(message.lead_key)).Set("home", message.home_link);
  page.Set("help", message.help_key.empty() ? "" : texts.Text(message.help_key));
  page.Set("reference", message.reference.empty() ? "" : texts.Text("error.reference", {{"id", message.reference}}));
  return Render("message", format, Layout(format, around, title), std::move(page));
}

std::string Pages::Accessibility(Language language, const Surroundings& around) const {
  const Format format(catalogues_->at(language));
  return Render("accessibility", format, Layout(format, around, format.texts().Text("nav.accessibility")), View());
}

std::string Pages::Privacy(Language language, const Surroundings& around) const {
  const Format format(catalogues_->at(language));
  return Render("privacy", format, Layout(format, around, format.texts().Text("nav.privacy")), View());
}

}  // namespace compagnon::edge
