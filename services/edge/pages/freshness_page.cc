#include "edge/pages/pages.h"
#include "edge/pages/wording.h"

namespace compagnon::edge {
namespace {

std::string LinkKey(SiteInfo::Link link) {
  switch (link) {
    case SiteInfo::Link::kUnknown:
      return "link.unknown";
    case SiteInfo::Link::kOk:
      return "link.ok";
    case SiteInfo::Link::kCatchingUp:
      return "link.catching_up";
    case SiteInfo::Link::kUnreachable:
      return "link.unreachable";
    case SiteInfo::Link::kNeedsOperator:
      return "link.needs_operator";
    case SiteInfo::Link::kFileOnly:
      return "link.file_only";
  }
  return "link.unknown";
}

std::string SourceName(const Format& format, const std::string& source) {
  if (source.starts_with("bridge/")) return format.texts().Text("freshness.source_bridge");
  const std::string name = source.starts_with("log/") ? source.substr(4) : source;
  return format.texts().Text("freshness.source_log", {{"name", DisplayName(name)}});
}

}  // namespace

View FreshnessCards(const Format& format, const std::vector<SiteFreshness>& freshness,
                    const std::map<std::string, SiteInfo>& sites, bool detail) {
  const Catalogue& texts = format.texts();
  View::List cards;
  for (const SiteFreshness& fresh : freshness) {
    const auto known = sites.find(fresh.site);
    SiteInfo site;
    if (known != sites.end()) site = known->second;
    if (site.name.empty()) site.name = fresh.site;
    const absl::TimeZone zone = ZoneOf(site);
    const auto instant = [&](int64_t us) {
      return us == 0 ? texts.Text("freshness.nothing") : format.DateTime(absl::FromUnixMicros(us), zone);
    };
    View card;
    card.Set("title", TitleOf(site));
    const bool alert = site.link == SiteInfo::Link::kUnreachable || site.link == SiteInfo::Link::kNeedsOperator;
    card.Set(alert ? "link_alert" : "link", texts.Text(LinkKey(site.link)));
    if (detail && site.last_answer_us != 0) {
      card.Set("last_answer", texts.Text("link.last_answer", {{"when", instant(site.last_answer_us)}}));
    }
    card.Set("watermark", instant(fresh.watermark_us));
    const Ratio& share = fresh.completeness;
    std::string completeness = texts.Text("figure.unmeasured");
    if (share.numerator >= 0 && share.denominator > 0) {
      completeness = format.Percent(share.numerator, share.denominator) + " · " + PartsOf(format, share);
    }
    card.Set("completeness", completeness);
    card.Set("detail", detail);
    if (detail) {
      card.Set("last_ingest", instant(fresh.last_ingest_us));
      card.Set("events", format.Number(fresh.events)).Set("late", format.Number(fresh.late));
      card.Set("rejected", format.Number(fresh.rejected)).Set("duplicates", format.Number(fresh.duplicates));
      card.Set("backlog", known == sites.end() ? texts.Text("figure.missing") : format.Number(site.backlog));
      View::List items;
      for (const SiteFreshness::Span& span : fresh.coverage) {
        View item;
        item.Set("text", texts.Text("freshness.span", {{"from", instant(span.from_us)},
                                                       {"to", instant(span.to_us)},
                                                       {"source", SourceName(format, span.source)}}));
        items.push_back(std::move(item));
      }
      if (!items.empty()) {
        View spans;
        spans.Set("items", std::move(items));
        card.Set("spans", std::move(spans));
      }
    }
    cards.push_back(std::move(card));
  }
  View result;
  result.Set("sites", std::move(cards));
  return result;
}

View FreshnessView(const Format& format, const FreshnessPage& page) {
  View view;
  View::List notes;
  const auto note = [&](std::string_view key) {
    View item;
    item.Set("text", format.texts().Text(key));
    notes.push_back(std::move(item));
  };
  if (page.freshness_missing == Missing::kForbidden) note("missing.freshness_forbidden");
  if (page.freshness_missing == Missing::kUnavailable) note("missing.freshness");
  // A site the figures do not know yet still has a link to report.
  std::vector<SiteFreshness> freshness = page.freshness;
  for (const auto& [name, site] : page.sites) {
    bool listed = false;
    for (const SiteFreshness& fresh : freshness) listed = listed || fresh.site == name;
    if (listed) continue;
    SiteFreshness bare;
    bare.site = name;
    bare.completeness.numerator = -1;
    freshness.push_back(bare);
  }
  view.Set("notes", std::move(notes));
  view.Set("freshness", FreshnessCards(format, freshness, page.sites, /*detail=*/true));
  return view;
}

}  // namespace compagnon::edge
