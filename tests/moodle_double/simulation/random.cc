#include "moodle_double/simulation/random.h"

namespace compagnon::moodle_double {

uint64_t Random::Next() {
  state_ += 0x9e3779b97f4a7c15u;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

int64_t Random::Below(int64_t n) { return static_cast<int64_t>((Next() >> 1) % static_cast<uint64_t>(n)); }

int64_t Random::Between(int64_t low, int64_t high) { return low + Below(high - low + 1); }

int Random::Successes(int trials, int permille) {
  int n = 0;
  for (int i = 0; i < trials; ++i) n += Chance(permille) ? 1 : 0;
  return n;
}

size_t Random::Pick(std::span<const int> weights) {
  int64_t sum = 0;
  for (int w : weights) sum += w;
  int64_t at = Below(sum);
  for (size_t i = 0; i < weights.size(); ++i) {
    at -= weights[i];
    if (at < 0) return i;
  }
  return weights.size() - 1;
}

uint64_t SeedFor(uint64_t seed, std::string_view part, int64_t number) {
  uint64_t h = 0xcbf29ce484222325u ^ seed;  // FNV-1a over the part's name, then two rounds of mixing
  for (char c : part) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  Random mix(h + 0x632be59bd9b4e019u * static_cast<uint64_t>(number));
  mix.Next();
  return mix.Next();
}

}  // namespace compagnon::moodle_double
