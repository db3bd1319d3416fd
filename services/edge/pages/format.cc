#include "edge/pages/format.h"

#include <algorithm>
#include <cctype>

namespace compagnon::edge {
namespace {

constexpr char kNarrowSpace[] = "\u202f";
constexpr char kIsolateLeftToRight[] = "\u2066";
constexpr char kIsolate[] = "\u2068";
constexpr char kEndIsolate[] = "\u2069";
constexpr char kMinus[] = "\u2212";

std::string Grouped(uint64_t n, std::string_view separator) {
  const std::string digits = std::to_string(n);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out.append(separator);
    out.push_back(digits[i]);
  }
  return out;
}

// Decodes the character at `text[i]`; returns its length, 0 when invalid.
int Decode(std::string_view text, size_t i, uint32_t* point) {
  const unsigned char c = text[i];
  int length = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 0;
  if (length == 0 || i + length > text.size()) return 0;
  *point = length == 1 ? c : c & (0xff >> (length + 1));
  for (int k = 1; k < length; ++k) {
    const unsigned char next = text[i + k];
    if ((next & 0xc0) != 0x80) return 0;
    *point = (*point << 6) | (next & 0x3f);
  }
  static constexpr uint32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (*point < kLowest[length] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff)) return 0;
  return length;
}

bool IsInvisibleControl(uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x061c || point == 0x200e || point == 0x200f ||
         (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
         (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe0fff);
}

}  // namespace

std::string Format::Number(int64_t n) const {
  const uint64_t magnitude = n < 0 ? 0 - static_cast<uint64_t>(n) : static_cast<uint64_t>(n);
  const std::string digits = Grouped(magnitude, language() == Language::kEnglish ? "," : kNarrowSpace);
  return n < 0 ? LeftToRight(kMinus + digits) : digits;
}

std::string Format::LeftToRight(std::string text) const {
  return language() == Language::kArabic ? kIsolateLeftToRight + text + kEndIsolate : text;
}

std::string Format::Foreign(std::string_view text) const {
  return language() == Language::kArabic ? kIsolate + std::string(text) + kEndIsolate : std::string(text);
}

std::string Format::Signed(int64_t n) const {
  if (n < 0) return Number(n);
  return LeftToRight((n == 0 ? "±" : "+") + Number(n));
}

std::string Format::Percent(int64_t numerator, int64_t denominator) const {
  int64_t percent = (numerator * 200 + denominator) / (denominator * 2);
  std::string bound;
  if (percent == 0 && numerator > 0) {
    bound = "<";
    percent = 1;
  } else if (percent == 100 && numerator < denominator) {
    bound = ">";
    percent = 99;
  }
  switch (language()) {
    case Language::kFrench:
      return (bound.empty() ? "" : bound + kNarrowSpace) + Number(percent) + kNarrowSpace + "%";
    case Language::kEnglish:
      return bound + Number(percent) + "%";
    case Language::kArabic:
      // With no blank between, the sign follows its number in either direction.
      return bound.empty() ? Number(percent) + "%" : LeftToRight(bound + Number(percent) + "%");
  }
  return {};
}

std::string Format::BasisPoints(int32_t bp) const {
  const std::string percent = Number(bp / 100);
  return language() == Language::kFrench ? percent + kNarrowSpace + "%" : percent + "%";
}

std::string Format::Date(absl::CivilDay day, bool year) const {
  const std::string& month = catalogue_.Text("month." + std::to_string(day.month()));
  const std::string number = day.day() == 1 && language() == Language::kFrench ? "1er" : std::to_string(day.day());
  if (!year) return catalogue_.Text("date.short", {{"day", number}, {"month", month}});
  return catalogue_.Text("date.long", {{"day", number}, {"month", month}, {"year", std::to_string(day.year())}});
}

std::string Format::DateOf(absl::Time t, const absl::TimeZone& zone, bool year) const {
  return Date(absl::ToCivilDay(t, zone), year);
}

std::string Format::DateTime(absl::Time t, const absl::TimeZone& zone) const {
  return catalogue_.Text("date.time", {{"date", DateOf(t, zone)}, {"time", absl::FormatTime("%H:%M", t, zone)}});
}

std::string Format::WeekSpan(std::string_view week, int64_t year) const {
  const std::optional<absl::CivilDay> monday = MondayOf(week);
  if (!monday) return std::string(week);
  const absl::CivilDay sunday = *monday + 6;
  const bool same_month = monday->month() == sunday.month(), two_years = monday->year() != sunday.year();
  const std::string first =
      same_month ? (monday->day() == 1 && language() == Language::kFrench ? "1er" : std::to_string(monday->day()))
                 : Date(*monday, two_years);
  return catalogue_.Text("week.span", {{"first", first}, {"last", Date(sunday, two_years || sunday.year() != year)}});
}

std::string Format::WeekShort(std::string_view week, int64_t year) const {
  const std::optional<absl::CivilDay> monday = MondayOf(week);
  if (!monday) return std::string(week);
  return catalogue_.Text("week.short", {{"number", week.substr(6)}, {"date", Date(*monday, monday->year() != year)}});
}

std::string Format::Count(std::string_view key, int64_t n, Catalogue::Arguments arguments) const {
  return catalogue_.Count(key, n, Number(n), arguments);
}

std::optional<absl::CivilDay> MondayOf(std::string_view week) {
  if (week.size() != 8 || week.substr(4, 2) != "-W") return std::nullopt;
  for (const size_t digit : {0, 1, 2, 3, 6, 7}) {
    if (!std::isdigit(static_cast<unsigned char>(week[digit]))) return std::nullopt;
  }
  const int year = std::stoi(std::string(week.substr(0, 4))), number = std::stoi(std::string(week.substr(6, 2)));
  // 4 January lies in week 1 (ISO 8601).
  const absl::CivilDay fourth(year, 1, 4);
  const absl::CivilDay first = absl::PrevWeekday(fourth + 1, absl::Weekday::monday);
  const absl::CivilDay monday = first + 7 * (number - 1);
  // The week belongs to the year of its Thursday.
  if (number < 1 || (monday + 3).year() != year) return std::nullopt;
  return monday;
}

std::string DisplayName(std::string_view name) {
  constexpr int kLongest = 80;
  std::string out;
  int characters = 0;
  bool blank = false;
  for (size_t i = 0; i < name.size();) {
    uint32_t point = 0xfffd;
    const int length = Decode(name, i, &point);
    const std::string_view bytes = length == 0 ? "\ufffd" : name.substr(i, length);
    i += std::max(length, 1);
    if (point == ' ' || point == '\t' || point == '\n' || point == '\r' || point == 0xa0) {
      blank = !out.empty();
      continue;
    }
    if (length != 0 && IsInvisibleControl(point)) continue;
    if (characters >= kLongest) return out + "…";
    if (blank) {
      out.push_back(' ');
      ++characters;
    }
    blank = false;
    out.append(bytes);
    ++characters;
  }
  return out;
}

}  // namespace compagnon::edge
