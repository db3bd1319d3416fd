#include "moodle/store/coverage.h"

#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "unit/moodle/moodle_store_fixture.h"

namespace compagnon::moodle {
namespace {

using Spans = std::vector<CoverageSpan>;

TEST_CASE("a claim on free ground is taken whole", "[coverage]") {
  CHECK(ClaimCoverage({}, "log/a", 10, 20) == Spans{{"log/a", 10, 20}});
  CHECK(ClaimCoverage({}, "log/a", 20, 20).empty());
}

TEST_CASE("touching and overlapping spans of one source become one", "[coverage]") {
  CHECK(ClaimCoverage({{"log/a", 10, 20}}, "log/a", 20, 30) == Spans{{"log/a", 10, 30}});
  CHECK(ClaimCoverage({{"log/a", 10, 20}}, "log/a", 15, 30) == Spans{{"log/a", 10, 30}});
  CHECK(ClaimCoverage({{"log/a", 10, 20}}, "log/a", 25, 30) == Spans{{"log/a", 10, 20}, {"log/a", 25, 30}});
}

TEST_CASE("the first file keeps what it owns and the second gets what lies around it", "[coverage]") {
  CHECK(ClaimCoverage({{"log/a", 10, 20}}, "log/b", 5, 30) ==
        Spans{{"log/b", 5, 10}, {"log/a", 10, 20}, {"log/b", 20, 30}});
  CHECK(ClaimCoverage({{"log/a", 10, 20}}, "log/b", 12, 18) == Spans{{"log/a", 10, 20}});
}

TEST_CASE("the bridge closes a file's interval where its own begins", "[coverage]") {
  CHECK(ClaimCoverage({{"log/a", 10, 50}}, "bridge/e1", 30, 40) ==
        Spans{{"log/a", 10, 30}, {"bridge/e1", 30, 40}, {"log/a", 40, 50}});
  CHECK(ClaimCoverage({{"log/a", 10, 30}, {"bridge/e1", 30, 40}, {"log/a", 40, 50}}, "bridge/e1", 30, 60) ==
        Spans{{"log/a", 10, 30}, {"bridge/e1", 30, 60}});
}

TEST_CASE("a file imported after the bridge began gets only what came before", "[coverage]") {
  CHECK(ClaimCoverage({{"bridge/e1", 30, 40}}, "log/a", 10, 35) == Spans{{"log/a", 10, 30}, {"bridge/e1", 30, 40}});
}

TEST_CASE("a new epoch takes nothing from the old one", "[coverage]") {
  CHECK(ClaimCoverage({{"bridge/e1", 30, 40}}, "bridge/e2", 35, 60) ==
        Spans{{"bridge/e1", 30, 40}, {"bridge/e2", 40, 60}});
}

TEST_CASE("spans never overlap, no claimed instant is left out and repetition changes nothing", "[coverage]") {
  std::mt19937 random(3);
  const char* const sources[] = {"log/a", "log/b", "bridge/e1", "bridge/e2"};
  for (int round = 0; round < 500; ++round) {
    Spans spans;
    std::vector<std::string> owner(100);  // the same rule, instant by instant
    for (int claim = 0; claim < 6; ++claim) {
      const std::string source = sources[random() % 4];
      const int64_t from = static_cast<int64_t>(random() % 90);
      const int64_t to = from + static_cast<int64_t>(random() % 30);
      spans = ClaimCoverage(spans, source, from, to);
      CHECK(ClaimCoverage(spans, source, from, to) == spans);
      for (int64_t at = from; at < std::min<int64_t>(to, 100); ++at) {
        if (owner[at].empty() || (IsLiveSource(source) && !IsLiveSource(owner[at]))) owner[at] = source;
      }
    }
    for (size_t i = 1; i < spans.size(); ++i) CHECK(spans[i - 1].to_us <= spans[i].from_us);
    for (int64_t at = 0; at < 100; ++at) {
      for (const char* source : sources) CHECK(OwnsInstant(spans, source, at) == (owner[at] == source));
    }
  }
}

STORE_CONTRACT("coverage is published with its marks when it says something new", "[coverage]") {
  MoodleStore store(backend);
  const auto claim = [&](std::string_view source, int64_t from, int64_t to) {
    store.Write([&](store::Session& session) -> absl::Status {
      RETURN_IF_ERROR(AdvanceCoverage(session, "sn1", source, from, to));
      return PublishCoverage(session, "sn1");
    });
  };
  store.Write([&](store::Session& session) { return SetStreamMark(session, "sn1", "log/a", 77, 60); });
  claim("log/a", 10, 50);
  claim("log/a", 10, 50);
  auto published = store.Published();
  REQUIRE(published.size() == 1);
  const event::v1::CoverageState first = published[0].coverage();
  REQUIRE(first.spans_size() == 1);
  CHECK(first.spans(0).source() == "log/a");
  REQUIRE(first.marks_size() == 1);
  CHECK(first.marks(0).pos() == 77);
  CHECK(first.marks(0).events() == 60);

  claim("bridge/e1", 30, 40);
  published = store.Published();
  REQUIRE(published.size() == 2);
  const event::v1::CoverageState second = published[1].coverage();
  CHECK(second.spans_size() == 3);
  REQUIRE(second.marks_size() == 2);
  CHECK(second.marks(1).stream() == "site");
  CHECK(second.marks(1).pos() == 1);
  CHECK(published[1].pos() == 2);
}

STORE_CONTRACT("sources that claim at the same moment leave no overlap", "[coverage]") {
  MoodleStore store(backend);
  auto another = backend.OpenAnother();
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const absl::Status status = (t == 0 ? store.database() : *another).Write([&](store::Session& session) {
          return AdvanceCoverage(session, "sn1", t == 0 ? "bridge/e1" : "log/a", t == 0 ? 100 : 0, 110 + i);
        });
        if (!status.ok()) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Fine(store.database().Read([&](store::Session& session) -> absl::Status {
    const auto spans = CoverageOf(session, "sn1");
    Fine(spans.status());
    CHECK(*spans == Spans{{"log/a", 0, 100}, {"bridge/e1", 100, 129}});
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace compagnon::moodle
