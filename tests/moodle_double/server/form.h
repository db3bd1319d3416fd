#ifndef COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_FORM_H_
#define COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_FORM_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace compagnon::moodle_double {

// The fields of a form-encoded body or a query string, with PHP's flattened names kept as they are ("values[0]",
// "options[1][name]").
class Form {
 public:
  static Form Parse(std::string_view encoded);

  bool Has(std::string_view name) const;
  std::string Text(std::string_view name, std::string_view otherwise = "") const;
  // `otherwise` when absent; INT64_MIN when present and not an integer, as Moodle's invalidparameter.
  int64_t Int(std::string_view name, int64_t otherwise) const;
  // name[0], name[1]... in order.
  std::vector<std::string> List(std::string_view name) const;
  // name[i][name] = key, name[i][value] = value: Moodle's option lists.
  std::map<std::string, std::string> Options(std::string_view name, std::string_view key = "name",
                                             std::string_view value = "value") const;
  const std::map<std::string, std::string, std::less<>>& fields() const { return fields_; }

 private:
  std::map<std::string, std::string, std::less<>> fields_;
};

}  // namespace compagnon::moodle_double

#endif  // COMPAGNON_TESTS_MOODLE_DOUBLE_SERVER_FORM_H_
