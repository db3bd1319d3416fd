#include "rules.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compagnon/access/v1/rights.pb.h"

namespace compagnon::proto_check {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorSet;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::SourceLocation;

bool Ours(const std::string& package) { return absl::StartsWith(package, "compagnon."); }

// "LinkState" -> "LINK_STATE".
std::string UpperSnake(const std::string& camel) {
  std::string out;
  for (size_t i = 0; i < camel.size(); ++i) {
    if (i > 0 && absl::ascii_isupper(camel[i]) && !absl::ascii_isupper(camel[i - 1])) out.push_back('_');
    out.push_back(absl::ascii_toupper(camel[i]));
  }
  return out;
}

bool IsString(const FieldDescriptor* field) {
  return field != nullptr && !field->is_repeated() && field->type() == FieldDescriptor::TYPE_STRING;
}

class Checker {
 public:
  std::vector<std::string> found;

  void File(const FileDescriptor& file) {
    for (int i = 0; i < file.message_type_count(); ++i) Message(*file.message_type(i));
    for (int i = 0; i < file.enum_type_count(); ++i) Enum(*file.enum_type(i));
    for (int i = 0; i < file.service_count(); ++i) Service(*file.service(i));
  }

 private:
  template <typename D>
  SourceLocation Where(const D& descriptor) {
    SourceLocation location;
    descriptor.GetSourceLocation(&location);
    return location;
  }
  template <typename D>
  void Say(const D& descriptor, const std::string& text) {
    found.push_back(absl::StrCat(FileOf(descriptor)->name(), ":", Where(descriptor).start_line + 1, ": ",
                                 descriptor.full_name(), " ", text));
  }
  static const FileDescriptor* FileOf(const MethodDescriptor& m) { return m.service()->file(); }
  template <typename D>
  static const FileDescriptor* FileOf(const D& descriptor) {
    return descriptor.file();
  }

  template <typename D>
  bool Commented(const D& descriptor) {
    const SourceLocation location = Where(descriptor);
    return !location.leading_comments.empty() || !location.trailing_comments.empty();
  }

  void Message(const Descriptor& message) {
    if (message.options().map_entry()) return;
    if (!Commented(message)) Say(message, "has no comment");
    int covered_line = -1;  // last line of a field that has a comment, its own or shared
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      const SourceLocation location = Where(field);
      if (Commented(field) || (covered_line >= 0 && location.start_line == covered_line + 1)) {
        covered_line = location.end_line;
      } else {
        Say(field, "has no comment");
        covered_line = -1;
      }
    }
    for (int i = 0; i < message.nested_type_count(); ++i) Message(*message.nested_type(i));
    for (int i = 0; i < message.enum_type_count(); ++i) Enum(*message.enum_type(i));
  }

  void Enum(const EnumDescriptor& type) {
    if (!Commented(type)) Say(type, "has no comment");
    const std::string prefix = UpperSnake(type.name()) + "_";
    for (int i = 0; i < type.value_count(); ++i) {
      const auto& value = *type.value(i);
      if (!absl::StartsWith(value.name(), prefix))
        Say(type, absl::StrCat("has the value ", value.name(), ", which does not begin with ", prefix));
      if (value.number() == 0 && value.name() != prefix + "UNSPECIFIED")
        Say(type, absl::StrCat("has the zero ", value.name(), " instead of ", prefix, "UNSPECIFIED"));
    }
  }

  void Service(const ServiceDescriptor& service) {
    if (!Commented(service)) Say(service, "has no comment");
    for (int i = 0; i < service.method_count(); ++i) {
      const MethodDescriptor& method = *service.method(i);
      if (!Commented(method)) Say(method, "has no comment");
      if (absl::StartsWith(method.name(), "List")) Pages(method);
      Right(method);
    }
  }

  void Pages(const MethodDescriptor& method) {
    const FieldDescriptor* size = method.input_type()->FindFieldByName("page_size");
    if (size == nullptr || size->is_repeated() || size->type() != FieldDescriptor::TYPE_INT32)
      Say(method, "lists without int32 page_size");
    if (!IsString(method.input_type()->FindFieldByName("page_token"))) Say(method, "lists without string page_token");
    if (!IsString(method.output_type()->FindFieldByName("next_page_token")))
      Say(method, "lists without string next_page_token");
  }

  void Right(const MethodDescriptor& method) {
    if (!method.options().HasExtension(access::v1::right)) {
      Say(method, "declares no right");
      return;
    }
    const access::v1::Right& right = method.options().GetExtension(access::v1::right);
    if (right.permission().empty() && right.callers().empty())
      Say(method, "may be called by nobody: neither permission nor callers");
    std::string action;
    if (!right.permission().empty()) {
      static const auto& actions =
          *new std::set<std::string>{"read", "create", "update", "delete", "export", "approve", "administer"};
      const std::vector<std::string> parts = absl::StrSplit(right.permission(), '.');
      const std::vector<std::string> package = absl::StrSplit(method.service()->file()->package(), '.');
      if (parts.size() != 3 || actions.count(parts[2]) == 0) {
        Say(method,
            absl::StrCat("asks for the permission ", right.permission(), ", which is no <module>.<resource>.<action>"));
      } else {
        action = parts[2];
        if (package.size() > 1 && parts[0] != package[1])
          Say(method, absl::StrCat("asks for a permission of another module: ", right.permission()));
      }
    }
    if (!right.scope_field().empty()) {
      if (!IsString(method.input_type()->FindFieldByName(right.scope_field()))) {
        Say(method,
            absl::StrCat("names the scope field ", right.scope_field(), ", which is no single string of its request"));
      }
      if (right.lists_by_scope()) Say(method, "names a scope field and lists by scope");
    }
    if (action.empty() || action == "read" || action == "export") return;
    if (!IsString(method.input_type()->FindFieldByName("request_id"))) Say(method, "writes without string request_id");
    if (!absl::StartsWith(method.name(), "Update")) return;
    const FieldDescriptor* mask = method.input_type()->FindFieldByName("update_mask");
    if (mask == nullptr || mask->message_type() == nullptr ||
        mask->message_type()->full_name() != "google.protobuf.FieldMask") {
      Say(method, "updates without google.protobuf.FieldMask update_mask");
    }
    if (!IsString(method.input_type()->FindFieldByName("etag"))) Say(method, "updates without string etag");
  }
};

// The pool must outlive what is read of it. Answers the files in the set's order.
std::vector<const FileDescriptor*> Build(const FileDescriptorSet& set, DescriptorPool& pool,
                                         std::vector<std::string>& found) {
  std::vector<const FileDescriptor*> files;
  for (const auto& proto : set.file()) {
    const FileDescriptor* file = pool.BuildFile(proto);
    if (file == nullptr) {
      found.push_back(absl::StrCat(proto.name(), ": cannot be built"));
    } else if (Ours(file->package())) {
      files.push_back(file);
    }
  }
  return files;
}

class Comparer {
 public:
  explicit Comparer(const DescriptorPool& now) : now_(now) {}
  std::vector<std::string> found;

  void File(const FileDescriptor& file) {
    for (int i = 0; i < file.message_type_count(); ++i) Message(*file.message_type(i));
    for (int i = 0; i < file.enum_type_count(); ++i) Enum(*file.enum_type(i));
    for (int i = 0; i < file.service_count(); ++i) Service(*file.service(i));
  }

 private:
  void Message(const Descriptor& old) {
    if (old.options().map_entry()) return;
    const Descriptor* now = now_.FindMessageTypeByName(old.full_name());
    if (now == nullptr) {
      found.push_back(absl::StrCat(old.full_name(), ": the message is gone"));
      return;
    }
    for (int i = 0; i < old.field_count(); ++i) Field(*old.field(i), *now);
    for (int i = 0; i < old.nested_type_count(); ++i) Message(*old.nested_type(i));
    for (int i = 0; i < old.enum_type_count(); ++i) Enum(*old.enum_type(i));
  }

  void Field(const FieldDescriptor& old, const Descriptor& message) {
    const FieldDescriptor* now = message.FindFieldByNumber(old.number());
    if (now == nullptr) {
      if (!message.IsReservedNumber(old.number()) || !message.IsReservedName(old.name())) {
        found.push_back(absl::StrCat(old.full_name(), ": the field is gone and its number or name is not reserved"));
      }
      return;
    }
    if (now->name() != old.name())
      found.push_back(absl::StrCat(old.full_name(), ": the field is now called ", now->name()));
    if (now->is_repeated() != old.is_repeated())
      found.push_back(absl::StrCat(old.full_name(), ": one became many or many one"));
    if (now->type() != old.type()) {
      found.push_back(absl::StrCat(old.full_name(), ": ", old.type_name(), " became ", now->type_name()));
    } else if (TypeOf(*now) != TypeOf(old)) {
      found.push_back(absl::StrCat(old.full_name(), ": ", TypeOf(old), " became ", TypeOf(*now)));
    }
    // A field that enters or leaves a oneof loses its neighbours' values; a `optional` is a oneof of its own and may
    // come.
    const auto* old_oneof = old.real_containing_oneof();
    const auto* now_oneof = now->real_containing_oneof();
    if ((old_oneof == nullptr) != (now_oneof == nullptr))
      found.push_back(absl::StrCat(old.full_name(), ": entered or left a oneof"));
  }

  static std::string TypeOf(const FieldDescriptor& field) {
    if (field.message_type() != nullptr) return field.message_type()->full_name();
    if (field.enum_type() != nullptr) return field.enum_type()->full_name();
    return "";
  }

  void Enum(const EnumDescriptor& old) {
    const EnumDescriptor* now = now_.FindEnumTypeByName(old.full_name());
    if (now == nullptr) {
      found.push_back(absl::StrCat(old.full_name(), ": the enum is gone"));
      return;
    }
    for (int i = 0; i < old.value_count(); ++i) {
      const auto* value = now->FindValueByNumber(old.value(i)->number());
      if (value == nullptr || value->name() != old.value(i)->name()) {
        found.push_back(absl::StrCat(old.full_name(), ": ", old.value(i)->name(), " = ", old.value(i)->number(),
                                     " is gone or renamed"));
      }
    }
  }

  void Service(const ServiceDescriptor& old) {
    for (int i = 0; i < old.method_count(); ++i) {
      const MethodDescriptor& method = *old.method(i);
      const MethodDescriptor* now = now_.FindMethodByName(method.full_name());
      if (now == nullptr) {
        found.push_back(absl::StrCat(method.full_name(), ": the rpc is gone"));
        continue;
      }
      if (now->input_type()->full_name() != method.input_type()->full_name() ||
          now->output_type()->full_name() != method.output_type()->full_name()) {
        found.push_back(absl::StrCat(method.full_name(), ": asks or answers another message"));
      }
      if (now->client_streaming() != method.client_streaming() ||
          now->server_streaming() != method.server_streaming()) {
        found.push_back(absl::StrCat(method.full_name(), ": became a stream or stopped being one"));
      }
    }
  }

  const DescriptorPool& now_;
};

}  // namespace

std::vector<std::string> CheckRules(const FileDescriptorSet& set) {
  // On top of the program's own pool the options would be read as the generated class reads them; a pool of its own
  // knows the extension from the set, and its bytes are the same.
  DescriptorPool pool;
  Checker checker;
  for (const FileDescriptor* file : Build(set, pool, checker.found)) checker.File(*file);
  return std::move(checker.found);
}

std::vector<std::string> CheckCompatible(const FileDescriptorSet& released, const FileDescriptorSet& now) {
  DescriptorPool old_pool, new_pool;
  std::vector<std::string> broken;
  const auto old_files = Build(released, old_pool, broken);
  Build(now, new_pool, broken);
  Comparer comparer(new_pool);
  comparer.found = std::move(broken);
  for (const FileDescriptor* file : old_files) comparer.File(*file);
  return std::move(comparer.found);
}

}  // namespace compagnon::proto_check
