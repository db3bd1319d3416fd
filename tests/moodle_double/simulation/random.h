#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_RANDOM_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace compagnon::moodle_double {

// splitmix64 (Steele, Lea, Flood 2014). Integers only: the standard library's distributions and the mathematics
// library's last bits differ between systems, and the same seed must give the same bytes everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next();
  // 0 <= result < n; n >= 1. The bias of the remainder is below 2^-40 for the small n used here.
  int64_t Below(int64_t n);
  // low <= result <= high.
  int64_t Between(int64_t low, int64_t high);
  bool Chance(int permille) { return Below(1000) < permille; }
  // Successes among `trials` of probability `permille` each.
  int Successes(int trials, int permille);
  // An index, with probability proportional to its weight; the weights' sum is >= 1.
  size_t Pick(std::span<const int> weights);
  size_t Pick(std::initializer_list<int> weights) {
    return Pick(std::span<const int>(weights.begin(), weights.size()));
  }

 private:
  uint64_t state_;
};

// A seed for one part of the simulation, that does not depend on the order in which parts are made.
uint64_t SeedFor(uint64_t seed, std::string_view part, int64_t number = 0);

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_RANDOM_H_
