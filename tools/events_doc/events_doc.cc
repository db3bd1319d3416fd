// Writes docs/events.md out of the event protos and the list of modules: events_doc PROTOSET > docs/events.md
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "compagnon/event/v1/described.pb.h"
#include "compagnon/event/v1/full.pb.h"
#include "compagnon/event/v1/slim.pb.h"
#include "compagnon/modules.h"
#include "platform/bus/topic.h"

namespace compagnon {
namespace {

namespace pb = google::protobuf;
using event::v1::Described;

std::string OneLine(std::string text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') c = ' ';
    if (c == '|') out += '\\';
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string CommentOf(const pb::Descriptor& message) {
  pb::SourceLocation location;
  return message.GetSourceLocation(&location) ? OneLine(location.leading_comments) : "";
}

// A comment may stand over several fields: the ones below it share it.
std::string CommentOf(const pb::FieldDescriptor& field, std::string& last) {
  pb::SourceLocation location;
  if (field.GetSourceLocation(&location) && !location.leading_comments.empty())
    last = OneLine(location.leading_comments);
  return last;
}

std::string TypeOf(const pb::FieldDescriptor& field) {
  std::string type = field.type_name();
  if (field.message_type() != nullptr) type = field.message_type()->name();
  if (field.enum_type() != nullptr) type = field.enum_type()->name();
  return (field.is_repeated() ? "repeated " : "") + type;
}

void WriteFields(const pb::Descriptor& message) {
  std::cout << "\n| field | type | meaning |\n| --- | --- | --- |\n";
  std::string last;
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor& field = *message.field(i);
    const std::string comment = CommentOf(field, last);
    std::cout << "| `" << field.name() << "` | " << TypeOf(field) << " | " << comment << " |\n";
  }
}

std::string PersonalDataOf(const Described& described) {
  switch (described.personal_data()) {
    case event::v1::PERSONAL_DATA_NONE:
      return "none";
    case event::v1::PERSONAL_DATA_PSEUDONYM:
      return "pseudonym";
    case event::v1::PERSONAL_DATA_IDENTITY:
      return "**identity**";
    default:
      return "UNDECLARED";
  }
}

std::string HearersOf(const Described& described) {
  std::string hearers;
  for (const bus::Topology::Queue& queue : TopologyOf(AllModuleNames()).queues) {
    if (queue.exchange != described.exchange()) continue;
    for (const std::string& binding : queue.bindings) {
      if (!bus::TopicMatches(binding, described.routing_key())) continue;
      hearers += (hearers.empty() ? "`" : ", `") + queue.name + "`";
      break;
    }
  }
  return hearers.empty() ? "nobody yet (not published while no listed module binds it)" : hearers;
}

int Run(const char* path) {
  pb::FileDescriptorSet set;
  std::ifstream file(path, std::ios::binary);
  if (!set.ParseFromIstream(&file)) {
    std::cerr << "events_doc: " << path << " is no descriptor set\n";
    return 2;
  }
  pb::SimpleDescriptorDatabase database;
  for (const pb::FileDescriptorProto& one : set.file()) database.Add(one);
  pb::DescriptorPool pool(&database);
  std::cout
      << "# Events\n\nGenerated from proto/compagnon/event/v1 and the list of modules by `tools/events_doc`; do not "
         "edit. A test compares.\n\n"
         "CloudEvents 1.0 in AMQP binary mode: `id` is `<stream>/<pos>` (full rows: `<epoch>/<seq>`), `source` is "
         "`/sites/<site>`. "
         "Delivered at least once; a consumer drops what it has taken already. Order within a stream is by `pos`.\n";
  for (const char* name : {"compagnon.event.v1.SlimEvent", "compagnon.event.v1.FullEvent"}) {
    const pb::Descriptor* envelope = pool.FindMessageTypeByName(name);
    if (envelope == nullptr) return 2;
    std::cout << "\n## " << envelope->name() << "\n\n" << CommentOf(*envelope) << "\n";
    WriteFields(*envelope);
    std::vector<const pb::Descriptor*> bodies;
    for (int i = 0; i < envelope->field_count(); ++i) {
      if (envelope->field(i)->containing_oneof() != nullptr) bodies.push_back(envelope->field(i)->message_type());
    }
    if (bodies.empty()) bodies.push_back(envelope);
    for (const pb::Descriptor* body : bodies) {
      // Options of the file's own pool are unknown fields: read them through the generated type.
      const pb::Descriptor* generated = pb::DescriptorPool::generated_pool()->FindMessageTypeByName(body->full_name());
      if (generated == nullptr) return 2;
      const Described& described = generated->options().GetExtension(event::v1::described);
      if (body != envelope) std::cout << "\n### " << body->name() << "\n\n" << CommentOf(*body) << "\n";
      std::cout << "\n- type: " << described.type() << "\n- exchange `" << described.exchange()
                << "`, routing key such as `" << described.routing_key() << "`\n- sent by " << described.sender()
                << ", heard by " << HearersOf(described) << "\n- personal data: " << PersonalDataOf(described) << "\n";
      if (body != envelope) WriteFields(*body);
    }
  }
  return 0;
}

}  // namespace
}  // namespace compagnon

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: events_doc PROTOSET\n";
    return 2;
  }
  // Linked for their descriptors.
  compagnon::event::v1::SlimEvent::descriptor();
  compagnon::event::v1::FullEvent::descriptor();
  return compagnon::Run(argv[1]);
}
