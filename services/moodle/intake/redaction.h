#ifndef COMPAGNON_MOODLE_INTAKE_REDACTION_H_
#define COMPAGNON_MOODLE_INTAKE_REDACTION_H_

#include "moodle/domain/moodle_event.h"

namespace compagnon::moodle {

// Takes out of an event, wherever it came from, what is never kept (bridge.md, 4): identities and exact times of
// anonymous feedback, session ids, configuration values whose name says password, secret, key, token or salt, e-mail
// and names of a deleted user. `raw`, when present, is rewritten to match. True when something was taken out.
bool RedactAtIntake(MoodleEvent& event);

// occurred more than 5 minutes ahead of recorded is flagged and set to recorded (indicators.md).
void FlagFutureTime(MoodleEvent& event);

}  // namespace compagnon::moodle

#endif  // COMPAGNON_MOODLE_INTAKE_REDACTION_H_
