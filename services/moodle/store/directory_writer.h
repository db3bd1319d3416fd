#ifndef COMPAGNON_MOODLE_STORE_DIRECTORY_WRITER_H_
#define COMPAGNON_MOODLE_STORE_DIRECTORY_WRITER_H_

#include <string_view>

#include "absl/types/span.h"
#include "moodle/domain/moodle_event.h"
#include "platform/base/status.h"
#include "platform/store/sql.h"

namespace compagnon::moodle {

// Where the directory learns what happened. All calls work inside the caller's transaction and publish the states that
// changed (course, enrolment) through PublishSlim in the same transaction. Safe to repeat: the same input twice changes
// nothing.
class DirectoryWriter {
 public:
  virtual ~DirectoryWriter() = default;

  // Events of one site in order of seq (bridge) or id (log). Reads user_enrolment_*, role_*, user_*, course_*,
  // group_member_*, cohort_member_* and their states. `from_log` events count only as far as a log can tell
  // (indicators.md, "From a log alone").
  virtual absl::Status ApplyEvents(store::Session& session, std::string_view site, absl::Span<const MoodleEvent> events,
                                   bool from_log) = 0;

  // One page of local_compagnon_export: `rows` are JSON objects of `kind`; a row whose object has an event with seq >
  // as_of is ignored. `pass` names the full pass, for mark and sweep.
  virtual absl::Status ApplyExportPage(store::Session& session, std::string_view site, std::string_view kind,
                                       int64_t pass, int64_t as_of, absl::Span<const std::string> rows) = 0;

  // Ends a complete pass of `kind`: closes what it did not show. FailedPrecondition "mass_delete_guard" when that is
  // more than 5 % of what is known (and more than 20 objects): nothing is closed, an operator decides.
  virtual absl::Status SweepPass(store::Session& session, std::string_view site, std::string_view kind,
                                 int64_t pass) = 0;

  // The site's sequence numbers begin again (a new epoch was confirmed): what was known by old numbers no longer holds
  // back an export's rows. Call it in the transaction that takes the new epoch.
  virtual absl::Status StartEpoch(store::Session& session, std::string_view site) = 0;
};

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_STORE_DIRECTORY_WRITER_H_
