#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_HAPPENING_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_HAPPENING_H_

#include <cstdint>

#include "moodle_double/simulation/event.h"

namespace compagnon::moodle_double {

enum class Act : uint8_t {
  kCreateUser,  // what = user
  kUpdateUser,  // what = user
  kDeleteUser,  // what = user
  kEnrol,       // value = EnrolMethod
  kUnenrol,     // value = EnrolMethod, or -1 for all
  kSuspend,
  kReactivate,
  kJoinGroup,   // what = group
  kJoinCohort,  // what = cohort
  kLogIn,
  kLogInFailed,
  kLogOut,
  kLogInAs,  // by the coordinator
  kViewDashboard,
  kViewCourse,
  kViewModule,  // what = module index
  kCompleteByView,
  kStartQuiz,
  kSubmitQuiz,      // value = thousandths
  kPlayScorm,       // value = thousandths, -1 = left unfinished
  kViewDiscussion,  // what = module, value = discussion
  kAsk,             // starts a discussion; what = module
  kReply,           // value = post
  kAnnounce,        // a tutor's message in the news forum; what = module
  kAnswerSurvey,    // value = satisfaction * 100 + recommendation
  kSubmitAssignment,
  kGradeAssignment,  // who = learner, value = thousandths
  kCertify,          // value = 1: a badge too
  kViewUserReport,
  kViewGraderReport,
  kViewParticipants,
  kViewProfile,     // what = user
  kSendMessage,     // what = user
  kCallWebservice,  // value = index into the mobile app's functions
  kMoveCourseEnd,   // what = course, value = days
};

enum class EnrolMethod : int32_t { kManual, kCohort, kSelf };

struct Happening {
  int64_t us = 0;
  uint64_t order = 0;
  Act act = Act::kViewCourse;
  Origin origin = Origin::kWeb;
  int32_t who = -1;  // participation of the person who acts (or whom it concerns)
  int32_t what = 0;
  int32_t value = 0;
};

struct LaterHappening {
  bool operator()(const Happening& a, const Happening& b) const {
    return a.us != b.us ? a.us > b.us : a.order > b.order;
  }
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SIMULATION_HAPPENING_H_
