#ifndef COMPAGNON_EDGE_PAGES_CHART_H_
#define COMPAGNON_EDGE_PAGES_CHART_H_

#include <cstdint>
#include <string>
#include <vector>

namespace compagnon::edge {

// One bar: `value` filled inside a frame of `whole` (the denominator; 0 = no frame).
struct Bar {
  int64_t value = 0;
  int64_t whole = 0;
  bool weak = false;  // incomplete data: drawn apart, and said in words beside the chart
};

// The paths of a bar chart in a box of `width` x `height` units, stretched by the page; text stays outside, so that it never
// shrinks. Each path is the d attribute of one <path>: a whole chart is four elements, however many weeks it shows.
struct BarChart {
  int width = 0, height = 0;
  int64_t top = 0;    // the value at the upper edge: 1, 2 or 5 times a power of ten, or the next multiple that fits
  std::string whole;  // frames
  std::string value;
  std::string weak;
  std::string grid;   // half and top
};

// `mirrored` runs time from right to left, as Arabic reads. A value above 0 is never drawn lower than one unit.
BarChart DrawBars(const std::vector<Bar>& bars, int width, int height, bool mirrored);

// The smallest of 1, 2, 4, 5, 6, 8, 10 times a power of ten that is >= `value` and even from 2 on; at least 2.
int64_t RoundTop(int64_t value);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_CHART_H_
