#ifndef COMPAGNON_TOOLS_PROTO_CHECK_RULES_H_
#define COMPAGNON_TOOLS_PROTO_CHECK_RULES_H_

#include <google/protobuf/descriptor.pb.h>

#include <string>
#include <vector>

namespace compagnon::proto_check {

// What is wrong with the files of packages compagnon.*, one "file:line: what" each, in the order of the files:
// - every service, rpc, message, enum and field has a comment (a field may share that of the field on the line above
// it);
// - an enum's values begin with its name, its zero is ..._UNSPECIFIED;
// - a List rpc pages: page_size and page_token asked, next_page_token answered;
// - every rpc has a right whose permission is <module>.<resource>.<action> of its own module, whose scope field is a
// single string
//   of its request, and which does not name a scope field and list by scope at once;
// - a rpc that writes (by its action) takes a request_id; an Update besides an update_mask and an etag.
// `set` was written by protoc with --include_source_info.
std::vector<std::string> CheckRules(const google::protobuf::FileDescriptorSet& set);

// What in `now` breaks callers built with `released`: a removed or renamed rpc, message, field or enum value, a changed
// type, label, number or stream. Removing a field is allowed when its number and its name are reserved.
std::vector<std::string> CheckCompatible(const google::protobuf::FileDescriptorSet& released,
                                         const google::protobuf::FileDescriptorSet& now);

}  // namespace compagnon::proto_check

#endif  // COMPAGNON_TOOLS_PROTO_CHECK_RULES_H_
