#include "edge/pages/chart.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace compagnon::edge {
namespace {

// Tenths of a unit as "12.3" or "12": integers keep the paths short and equal on every machine.
std::string Tenths(int64_t tenths) {
  std::string out = absl::StrCat(tenths / 10);
  if (tenths % 10 != 0) absl::StrAppend(&out, ".", tenths % 10);
  return out;
}

std::string Box(int64_t x, int64_t width, int64_t bottom, int64_t height) {
  return absl::StrCat("M", Tenths(x), " ", Tenths(bottom), "v-", Tenths(height), "h", Tenths(width), "v",
                      Tenths(height), "z");
}

}  // namespace

int64_t RoundTop(int64_t value) {
  for (const int64_t small : {2, 4, 6, 8}) {
    if (value <= small) return small;
  }
  for (int64_t power = 1; power < INT64_MAX / 1000; power *= 10) {
    for (const int64_t step : {10, 12, 14, 16, 20, 24, 30, 40, 50, 60, 80}) {
      if (step * power >= value) return step * power;
    }
  }
  return value;
}

BarChart DrawBars(const std::vector<Bar>& bars, size_t slots, int width, int height, bool mirrored) {
  BarChart chart;
  chart.width = width;
  chart.height = height;
  int64_t most = 0;
  for (const Bar& bar : bars) most = std::max({most, bar.value, bar.whole});
  chart.top = RoundTop(most);
  chart.grid = absl::StrCat("M0 ", Tenths(height * 5), "H", width, "M0 0H", width);
  if (bars.empty()) return chart;

  const int64_t count = std::max(bars.size(), slots), full = int64_t{width} * 10, bottom = int64_t{height} * 10;
  const int64_t vacant = count - static_cast<int64_t>(bars.size());
  for (int64_t i = vacant; i < count; ++i) {
    const Bar& bar = bars[i - vacant];
    const int64_t place = mirrored ? count - 1 - i : i;
    const int64_t begin = full * place / count, end = full * (place + 1) / count;
    const int64_t gap = (end - begin) / 6;
    const auto height_of = [&](int64_t value) -> int64_t {
      if (value <= 0) return 0;
      // __int128: counts of a national site times tenths of a unit stay far below, hostile ones need not.
      return std::max<int64_t>(10, static_cast<int64_t>(static_cast<__int128>(value) * bottom / chart.top));
    };
    const int64_t x = begin + gap, w = end - begin - 2 * gap;
    if (bar.whole > 0)
      absl::StrAppend(&chart.whole, "M", Tenths(x), " ", Tenths(bottom - height_of(bar.whole)), "h", Tenths(w));
    if (bar.value > 0) absl::StrAppend(bar.weak ? &chart.weak : &chart.value, Box(x, w, bottom, height_of(bar.value)));
  }
  return chart;
}

}  // namespace compagnon::edge
