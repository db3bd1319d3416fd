#ifndef COMPAGNON_EDGE_PAGES_FORMAT_H_
#define COMPAGNON_EDGE_PAGES_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "edge/pages/catalogue.h"

namespace compagnon::edge {

// How one language writes numbers, dates and counts. Holds a reference to the catalogue, which must outlive it.
class Format {
 public:
  explicit Format(const Catalogue& catalogue) : catalogue_(catalogue) {}
  const Catalogue& texts() const { return catalogue_; }
  Language language() const { return catalogue_.language(); }

  // 12 345 (fr, ar), 12,345 (en), always in the digits 0-9, as in the Maghreb's Arabic.
  std::string Number(int64_t n) const;
  // "+8", "−3", "±0"; kept from turning round in Arabic.
  std::string Signed(int64_t n) const;
  // Whole per cent, rounded to nearest, halves up; "< 1 %" and "> 99 %" so that only nobody is 0 % and only all are 100
  // %. `denominator` > 0.
  std::string Percent(int64_t numerator, int64_t denominator) const;
  // Ten-thousandths as whole per cent, rounded down: 99.9 % of the data is not all of it.
  std::string BasisPoints(int32_t bp) const;
  // "16 mars 2026", "16 mars" when `year` is false.
  std::string Date(absl::CivilDay day, bool year = true) const;
  // "16 mars 2026 à 14:05".
  std::string DateTime(absl::Time t, const absl::TimeZone& zone) const;
  std::string DateOf(absl::Time t, const absl::TimeZone& zone, bool year = true) const;
  // Of ISO week "2026-W12": "du 16 au 22 mars", with its year unless that is `year`, which goes without saying; the
  // week itself when it is malformed.
  std::string WeekSpan(std::string_view week, int64_t year) const;
  // "S12 · 16 mars", for the edge of a chart.
  std::string WeekShort(std::string_view week, int64_t year) const;
  // A text whose language is not the page's (a name, a code): in Arabic it is isolated, so that its direction moves
  // nothing around it.
  std::string Foreign(std::string_view text) const;
  // "{n} apprenants" by the plural rules, n written by Number.
  std::string Count(std::string_view key, int64_t n, Catalogue::Arguments arguments = {}) const;

 private:
  std::string LeftToRight(std::string text) const;

  const Catalogue& catalogue_;
};

// Monday of ISO week "2026-W12"; nothing when malformed or when that year has no such week.
std::optional<absl::CivilDay> MondayOf(std::string_view week);

// A name as safe to show: invalid UTF-8 replaced, control and bidirectional control characters removed, blanks folded,
// cut after 80 characters. Names come from Moodle, where people write what they like.
std::string DisplayName(std::string_view name);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_FORMAT_H_
