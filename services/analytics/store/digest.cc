#include "analytics/store/digest.h"

#include <map>
#include <string_view>
#include <utility>

#include "analytics/domain/local_time.h"
#include "analytics/store/layers.h"

namespace compagnon::analytics {
namespace {

// SplitMix64's finaliser.
uint64_t Mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

class Hash {
 public:
  Hash& Add(int64_t value) {
    state_ = Mix(state_ + 0x9e3779b97f4a7c15u + static_cast<uint64_t>(value));
    return *this;
  }
  uint64_t value() const { return state_; }

 private:
  uint64_t state_ = 0;
};

int64_t HashText(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325u;  // FNV-1a
  for (const unsigned char c : text) h = (h ^ c) * 0x100000001b3u;
  return static_cast<int64_t>(Mix(h));
}

using Texts = std::map<int64_t, int64_t>;  // number -> hash of the text

absl::StatusOr<Texts> ReadTexts(store::Session& session, std::string_view sql) {
  Texts texts;
  RETURN_IF_ERROR(session.Query(sql, {}, [&](const store::Row& row) {
    texts[row.Int(0)] = HashText(row.Text(1));
    return absl::OkStatus();
  }));
  return texts;
}

struct Names {
  Texts words, sites, streams;
};

absl::StatusOr<Names> ReadNames(store::Session& session) {
  Names names;
  ASSIGN_OR_RETURN(names.words, ReadTexts(session, "SELECT id, text FROM word"));
  ASSIGN_OR_RETURN(names.sites, ReadTexts(session, "SELECT id, code FROM site"));
  ASSIGN_OR_RETURN(names.streams, ReadTexts(session, "SELECT id, name FROM stream"));
  names.words[-1] = -1;
  return names;
}

absl::StatusOr<LayerDigest> DigestRaw(store::Session& session, const Names& names, DigestOf what) {
  LayerDigest digest{"raw", 0, 0};
  int64_t from = 0, to = -1;
  const bool postgresql = session.dialect() == store::Dialect::kPostgresql;
  RETURN_IF_ERROR(session.Query(postgresql ? "SELECT min(month), max(month), count(*) FROM month_made"
                                           : "SELECT min(min_us), max(max_us), count(*) FROM raw_span",
                                {}, [&](const store::Row& row) {
                                  if (row.Int(2) == 0) return absl::OkStatus();
                                  from = postgresql ? row.Int(0) : UtcMonth(row.Int(0));
                                  to = postgresql ? row.Int(1) : UtcMonth(row.Int(1));
                                  return absl::OkStatus();
                                }));
  for (const auto& [site, code] : names.sites) {
    for (int64_t month = from; month <= to; ++month) {
      RETURN_IF_ERROR(
          ReadRaw(session, site, UtcMonthStart(static_cast<int32_t>(month)),
                  UtcMonthStart(static_cast<int32_t>(month + 1)), [&, code = code](const Activity& e) {
                    Hash hash;
                    hash.Add(code).Add(names.streams.at(e.stream)).Add(e.occurred_us).Add(e.recorded_us);
                    hash.Add(names.words.at(e.name)).Add(e.course).Add(e.traits).Add(e.context_instance).Add(e.object);
                    hash.Add(e.grade_item).Add(e.score_milli);
                    if (what == DigestOf::kDatabase) hash.Add(e.pos).Add(e.person).Add(e.related_person);
                    ++digest.rows;
                    digest.sum += hash.value();
                    return absl::OkStatus();
                  }));
    }
  }
  return digest;
}

// Hashes rows of integers; columns 0 and `stream` are numbers of a site and a stream, those in `words` numbers of
// words.
absl::StatusOr<LayerDigest> DigestRows(store::Session& session, const Names& names, std::string layer,
                                       std::string_view sql, size_t columns, int stream, size_t first_word,
                                       size_t last_word) {
  LayerDigest digest{std::move(layer), 0, 0};
  RETURN_IF_ERROR(session.Query(sql, {}, [&](const store::Row& row) {
    Hash hash;
    hash.Add(names.sites.at(row.Int(0)));
    for (size_t c = 1; c < columns; ++c) {
      const int64_t value = row.Int(c);
      if (static_cast<int>(c) == stream) {
        hash.Add(names.streams.at(value));
      } else if (c >= first_word && c <= last_word) {
        hash.Add(names.words.at(value));
      } else {
        hash.Add(value);
      }
    }
    ++digest.rows;
    digest.sum += hash.value();
    return absl::OkStatus();
  }));
  return digest;
}

}  // namespace

absl::StatusOr<std::vector<LayerDigest>> Digests(store::Database& database, DigestOf what) {
  std::vector<LayerDigest> layers;
  const bool run = what == DigestOf::kRun;
  RETURN_IF_ERROR(database.Read([&](store::Session& session) -> absl::Status {
    layers.clear();
    ASSIGN_OR_RETURN(const Names names, ReadNames(session));
    const auto add = [&](absl::StatusOr<LayerDigest> digest) -> absl::Status {
      if (!digest.ok()) return digest.status();
      layers.push_back(*std::move(digest));
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(add(DigestRaw(session, names, what)));
    // Sums of instants overflow 63 bits after some five thousand of them: they are taken to the day's begin first.
    RETURN_IF_ERROR(add(
        run ? DigestRows(session, names, "learner_day",
                         "SELECT site, course, day, kind, stream, count(*), sum(n), sum(first_us - day * 86400000000),"
                         " sum(last_us - day * 86400000000) FROM learner_day GROUP BY site, course, day, kind, stream",
                         9, 4, 1, 0)
            : DigestRows(session, names, "learner_day",
                         "SELECT site, course, day, kind, stream, person, n, first_us, last_us FROM learner_day", 9, 4,
                         1, 0)));
    RETURN_IF_ERROR(add(run ? DigestRows(session, names, "completed",
                                         "SELECT site, course, stream, at_us, count(*) FROM completed"
                                         " GROUP BY site, course, stream, at_us",
                                         5, 2, 1, 0)
                            : DigestRows(session, names, "completed",
                                         "SELECT site, course, stream, at_us, person FROM completed", 5, 2, 1, 0)));
    return add(
        DigestRows(session, names, "cell",
                   "SELECT site, course, week, indicator, cohort, sex, age, country, numerator, denominator FROM cell",
                   10, -1, 4, 7));
  }));
  return layers;
}

}  // namespace compagnon::analytics
