#ifndef COMPAGNON_EDGE_PAGES_CHART_H_
#define COMPAGNON_EDGE_PAGES_CHART_H_

#include <cstdint>
#include <string>
#include <vector>

namespace compagnon::edge {

// One bar: `value` filled up under a mark at `whole` (the denominator; 0 = no mark).
struct Bar {
  int64_t value = 0;
  int64_t whole = 0;
  bool weak = false;  // incomplete data: drawn apart, and said in words beside the chart
};

// The paths of a bar chart in a box of `width` x `height` units, stretched by the page; text stays outside, so that it
// never shrinks. Each path is the d attribute of one <path>: a whole chart is four elements, however many weeks it
// shows.
struct BarChart {
  int width = 0, height = 0;
  int64_t top = 0;    // the value at the upper edge, RoundTop of the largest
  std::string whole;  // marks
  std::string value;
  std::string weak;
  std::string grid;  // half and top
};

// The axis has room for at least `slots` bars; fewer stand at its newest end.
// `mirrored` runs time from right to left, as Arabic reads. A value above 0 is never drawn lower than one unit.
BarChart DrawBars(const std::vector<Bar>& bars, size_t slots, int width, int height, bool mirrored);

// The upper end of an axis: the next round even number >= `value`, at least 2, so that its half is whole.
int64_t RoundTop(int64_t value);

}  // namespace compagnon::edge

#endif  // COMPAGNON_EDGE_PAGES_CHART_H_
