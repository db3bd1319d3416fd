#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "moodle_double/server/core_answers.h"
#include "moodle_double/simulation/concat.h"

namespace compagnon::moodle_double {
namespace {

using Json = nlohmann::ordered_json;

const Module* FeedbackModule(const World& world, int64_t feedback) {
  for (const Module& m : world.modules()) {
    if (m.kind == ModuleKind::kFeedback && m.instance == feedback) return &m;
  }
  return nullptr;
}

Json ItemRow(const FeedbackItem& item, int position) {
  return {{"id", item.id},
          {"feedback", item.feedback},
          {"template", 0},
          {"name", item.name},
          {"nameformat", 1},
          {"label", item.label},
          {"presentation", item.presentation},
          {"presentationformat", 1},
          {"typ", item.typ},
          {"hasvalue", 1},
          {"position", position},
          {"required", position == 1},
          {"dependitem", 0},
          {"dependvalue", ""},
          {"options", item.typ == "multichoicerated" ? "h" : ""},
          {"itemfiles", Json::array()},
          {"itemnumber", position},
          {"otherdata", nullptr}};
}

std::vector<const FeedbackItem*> ItemsOf(const World& world, int64_t feedback) {
  std::vector<const FeedbackItem*> out;
  for (const FeedbackItem& item : world.feedback_items()) {
    if (item.feedback == feedback) out.push_back(&item);
  }
  return out;
}

// "r>>>>>1####Non|2####Oui" -> Non, Oui.
std::vector<std::string> Choices(std::string_view presentation) {
  std::vector<std::string> out;
  const size_t begin = presentation.rfind(">>>>>");
  if (begin != std::string_view::npos) presentation.remove_prefix(begin + 5);
  while (!presentation.empty()) {
    const size_t end = std::min(presentation.find('|'), presentation.size());
    std::string_view choice = presentation.substr(0, end);
    const size_t text = choice.find("####");
    if (text != std::string_view::npos) choice.remove_prefix(text + 4);
    out.emplace_back(choice);
    presentation.remove_prefix(std::min(end + 1, presentation.size()));
  }
  return out;
}

CoreAnswer Analysis(const CoreCall& call, int64_t feedback) {
  std::set<int64_t> completed;
  Json items = Json::array();
  int position = 0;
  for (const FeedbackItem* item : ItemsOf(call.world, feedback)) {
    std::map<int, int64_t> counts;
    int64_t answers = 0;
    Json data = Json::array();
    for (const Answer& a : call.world.answers()) {
      if (a.item != item->id) continue;
      completed.insert(a.completed);
      ++counts[a.value];
      ++answers;
      if (item->typ == "numeric") data.push_back(std::to_string(a.value));
    }
    if (item->typ == "multichoicerated") {
      int value = 0;
      for (const std::string& choice : Choices(item->presentation)) {
        ++value;
        const int64_t n = counts.contains(value) ? counts[value] : 0;
        const double share = answers == 0 ? 0 : static_cast<double>(n) / static_cast<double>(answers);
        data.push_back(Json{
            {"answertext", choice},
            {"answercount", n},
            {"avg", share * value},
            {"value", std::to_string(value)},
            {"quotient",
             share}}.dump());
      }
    }
    items.push_back({{"item", ItemRow(*item, ++position)}, {"data", data}});
  }
  return {Json{{"completedcount", completed.size()},
               {"itemscount", items.size()},
               {"itemsdata", items},
               {"warnings", Json::array()}}
              .dump(),
          ""};
}

CoreAnswer Responses(const CoreCall& call, int64_t feedback, const Module& m) {
  const size_t page = static_cast<size_t>(std::max<int64_t>(0, call.form.Int("page", 0)));
  const size_t per_page = static_cast<size_t>(std::max<int64_t>(0, call.form.Int("perpage", 0)));
  const auto items = ItemsOf(call.world, feedback);
  std::map<int64_t, std::vector<const Answer*>> by_submission;
  for (const Answer& a : call.world.answers()) {
    if (call.world.feedback_items()[static_cast<size_t>(a.item - 1)].feedback == feedback)
      by_submission[a.completed].push_back(&a);
  }
  Json named = Json::array(), anonymous = Json::array();
  size_t n = 0;
  for (const auto& [id, answers] : by_submission) {
    const size_t at = n++;
    if (per_page > 0 && (at < page * per_page || at >= (page + 1) * per_page)) continue;
    Json responses = Json::array();
    for (const Answer* a : answers) {
      const FeedbackItem& item = call.world.feedback_items()[static_cast<size_t>(a->item - 1)];
      const std::string raw = a->value < 0 ? "" : std::to_string(a->value);
      std::string shown = raw;
      if (item.typ == "multichoicerated" && a->value >= 1)
        shown = Choices(item.presentation)[static_cast<size_t>(a->value - 1)];
      responses.push_back(
          {{"id", item.id}, {"name", Concat("(", item.label, ") ", item.name)}, {"printval", shown}, {"rawval", raw}});
    }
    if (m.anonymous) {
      anonymous.push_back({{"id", id}, {"courseid", 0}, {"number", at + 1}, {"responses", responses}});
    } else {
      const User& u = call.world.user(answers.front()->user);
      named.push_back({{"id", id},
                       {"courseid", 0},
                       {"userid", u.id},
                       {"timemodified", answers.front()->modified},
                       {"fullname", u.firstname + " " + u.lastname},
                       {"responses", responses}});
    }
  }
  const size_t total = by_submission.size();
  return {Json{{"attempts", named},
               {"totalattempts", m.anonymous ? 0 : total},
               {"anonattempts", anonymous},
               {"totalanonattempts", m.anonymous ? total : 0},
               {"warnings", Json::array()}}
              .dump(),
          ""};
}

CoreAnswer NonRespondents(const CoreCall& call, int64_t feedback, const Module& m) {
  if (m.anonymous)
    return {R"({"exception":"core\\exception\\moodle_exception","errorcode":"anonymous","message":"Anonymous"})", ""};
  std::set<int64_t> answered;
  for (const Answer& a : call.world.answers()) {
    if (call.world.feedback_items()[static_cast<size_t>(a.item - 1)].feedback == feedback) answered.insert(a.user);
  }
  const size_t page = static_cast<size_t>(std::max<int64_t>(0, call.form.Int("page", 0)));
  const size_t per_page = static_cast<size_t>(std::max<int64_t>(0, call.form.Int("perpage", 0)));
  Json users = Json::array();
  size_t total = 0;
  const auto& all = call.world.participations();
  for (int i = 0; i < static_cast<int>(all.size()); ++i) {
    const Participation& p = all[static_cast<size_t>(i)];
    if (p.course != m.course || p.role != 5 || !call.world.IsOpen(i) || answered.contains(p.user)) continue;
    const size_t at = total++;
    if (per_page > 0 && (at < page * per_page || at >= (page + 1) * per_page)) continue;
    const User& u = call.world.user(p.user);
    users.push_back(
        {{"courseid", 0}, {"userid", u.id}, {"fullname", u.firstname + " " + u.lastname}, {"started", false}});
  }
  return {Json{{"users", users}, {"total", total}, {"warnings", Json::array()}}.dump(), ""};
}

}  // namespace

std::optional<CoreAnswer> AnswerFeedback(std::string_view function, const CoreCall& call) {
  if (!function.starts_with("mod_feedback_")) return std::nullopt;
  if (function == "mod_feedback_get_feedbacks_by_courses") {
    const auto courses = call.form.List("courseids");
    Json rows = Json::array();
    for (const Module& m : call.world.modules()) {
      if (m.kind != ModuleKind::kFeedback) continue;
      if (!courses.empty() && std::find(courses.begin(), courses.end(), std::to_string(m.course)) == courses.end())
        continue;
      rows.push_back({{"id", m.instance},
                      {"course", m.course},
                      {"name", m.name},
                      {"intro", ""},
                      {"introformat", 1},
                      {"lang", nullptr},
                      {"anonymous", m.anonymous ? 1 : 2},
                      {"multiple_submit", false},
                      {"autonumbering", false},
                      {"page_after_submitformat", 0},
                      {"publish_stats", false},
                      {"completionsubmit", m.tracking == 2},
                      {"coursemodule", m.id},
                      {"introfiles", Json::array()}});
    }
    return CoreAnswer{Json{{"feedbacks", rows}, {"warnings", Json::array()}}.dump(), ""};
  }
  const int64_t feedback = call.form.Int("feedbackid", 0);
  const Module* m = FeedbackModule(call.world, feedback);
  if (function == "mod_feedback_get_items" || function == "mod_feedback_get_analysis" ||
      function == "mod_feedback_get_responses_analysis" || function == "mod_feedback_get_non_respondents") {
    if (m == nullptr) return CoreAnswer{"", "error-course-not-found"};
    if (function == "mod_feedback_get_analysis") return Analysis(call, feedback);
    if (function == "mod_feedback_get_responses_analysis") return Responses(call, feedback, *m);
    if (function == "mod_feedback_get_non_respondents") return NonRespondents(call, feedback, *m);
    Json items = Json::array();
    int position = 0;
    for (const FeedbackItem* item : ItemsOf(call.world, feedback)) items.push_back(ItemRow(*item, ++position));
    return CoreAnswer{Json{{"items", items}, {"warnings", Json::array()}}.dump(), ""};
  }
  return std::nullopt;
}

}  // namespace compagnon::moodle_double
