// Calls every rpc of every service of the suite, all modules in one process, as callers who must be refused and as one
// who must not. Driven by the protos' descriptors: an rpc added tomorrow is called tomorrow.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/generic/generic_stub.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "compagnon/access/v1/rights.pb.h"
#include "compagnon/modules.h"
#include "compagnon/parts.h"
#include "platform/rpc/server.h"

namespace compagnon {
namespace {

using google::protobuf::MethodDescriptor;

struct Rpc {
  const MethodDescriptor* method;
  std::string module;
  access::v1::Right right;
};

// Every rpc of the packages compagnon.*, from the descriptor set the build wrote.
std::vector<Rpc> AllRpcs() {
  std::ifstream in(COMPAGNON_PROTOSET, std::ios::binary);
  google::protobuf::FileDescriptorSet set;
  REQUIRE(set.ParseFromIstream(&in));
  std::vector<Rpc> rpcs;
  for (const auto& file : set.file()) {
    if (!absl::StartsWith(file.package(), "compagnon.")) continue;
    const std::vector<std::string> package = absl::StrSplit(file.package(), '.');
    for (const auto& service : file.service()) {
      for (const auto& proto : service.method()) {
        const std::string name = absl::StrCat(file.package(), ".", service.name(), ".", proto.name());
        const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
        REQUIRE(method != nullptr);
        rpcs.push_back({method, package[1], method->options().GetExtension(access::v1::right)});
      }
    }
  }
  return rpcs;
}

// The suite in one process on embedded parts, without its consumers and pollers: what handlers need and no more.
class Suite {
 public:
  Suite() {
    std::filesystem::create_directories(".run/integration");
    std::string pattern = ".run/integration/rights.XXXXXX";
    config_.data_dir = mkdtemp(pattern.data());
    config_.edge.listen = "127.0.0.1:0";
    for (const ModuleEntry& module : AllModules()) names_.emplace_back(module.name);
    config_.modules = names_;
    bus_ = std::move(OpenBus(config_)).value();
    REQUIRE(bus_->Declare(TopologyOf(names_)).ok());
    keys_ = std::move(OpenKeys(config_, SystemClock())).value();
    parts_ = std::move(ProcessParts::Make(config_, names_, SystemClock(), metrics_, *bus_, *keys_)).value();
    server_ = std::move(rpc::Server::Open({})).value();
    std::vector<grpc::Service*> services;
    for (const ModuleEntry& entry : AllModules()) {
      modules_.push_back(entry.make(parts_->For(std::string(entry.name))));
      const absl::Status prepared = modules_.back()->Prepare();
      INFO(prepared);
      REQUIRE(prepared.ok());
      for (grpc::Service* service : modules_.back()->Services()) services.push_back(service);
    }
    REQUIRE(server_->Serve(services).ok());
    parts_->SetServer(server_.get());
    channel_ = server_->InProcessChannel();
  }
  ~Suite() {
    channel_.reset();
    server_.reset();
    modules_.clear();
    std::filesystem::remove_all(config_.data_dir);
  }

  const std::vector<std::string>& names() const { return names_; }

  std::string Person(const std::string& audience, std::vector<std::string> permissions, std::vector<std::string> scopes,
                     absl::Time at = absl::Now()) {
    rpc::Caller person;
    person.person = "p-1";
    person.permissions = std::move(permissions);
    person.scopes = std::move(scopes);
    return rpc::SignPerson(*parts_->For("edge").person_key, audience, person, at);
  }
  std::string Service(const std::string& issuer, const std::string& audience) {
    return parts_->For(issuer).service_token(audience);
  }

  // Calls a rpc of any kind by name; of a stream's messages only the end matters.
  absl::Status Call(const Rpc& rpc, const std::string& token, const std::string& scope) {
    google::protobuf::DynamicMessageFactory factory;
    const std::unique_ptr<google::protobuf::Message> request(factory.GetPrototype(rpc.method->input_type())->New());
    if (!rpc.right.scope_field().empty()) {
      request->GetReflection()->SetString(request.get(),
                                          rpc.method->input_type()->FindFieldByName(rpc.right.scope_field()), scope);
    }
    grpc::Slice slice(request->SerializeAsString());
    const grpc::ByteBuffer bytes(&slice, 1);
    grpc::ClientContext context;
    rpc::Prepare(context, {absl::Seconds(30), token, ""});
    grpc::CompletionQueue queue;
    grpc::GenericStub stub(channel_);
    const std::string path = absl::StrCat("/", rpc.method->service()->full_name(), "/", rpc.method->name());
    const auto call = stub.PrepareCall(&context, path, &queue);
    const auto wait = [&] {
      void* tag = nullptr;
      bool ok = false;
      REQUIRE(queue.Next(&tag, &ok));
      return ok;
    };
    call->StartCall(nullptr);
    if (wait()) {
      call->WriteLast(bytes, grpc::WriteOptions(), nullptr);
      wait();
      grpc::ByteBuffer answer;
      do {
        call->Read(&answer, nullptr);
      } while (wait());
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    wait();
    return rpc::FromGrpc(status);
  }

 private:
  Config config_;
  std::vector<std::string> names_;
  Metrics metrics_;
  std::unique_ptr<bus::Bus> bus_;
  std::unique_ptr<keys::Keys> keys_;
  std::unique_ptr<ProcessParts> parts_;
  std::vector<std::unique_ptr<Module>> modules_;
  std::unique_ptr<rpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

// What a refusal by rights looks like; anything else means that the handler ran.
bool Refused(const absl::Status& status) { return absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status); }

TEST_CASE("every rpc refuses no principal and the wrong permission and the wrong scope") {
  const std::vector<Rpc> rpcs = AllRpcs();
  REQUIRE(rpcs.size() >= 11);
  std::set<std::string> permissions;
  for (const Rpc& rpc : rpcs) permissions.insert(rpc.right.permission());
  Suite suite;
  for (const Rpc& rpc : rpcs) {
    INFO(rpc.method->full_name());
    REQUIRE(std::find(suite.names().begin(), suite.names().end(), rpc.module) != suite.names().end());
    const auto reason = [&](const std::string& token, const std::string& scope) {
      return ReasonOf(suite.Call(rpc, token, scope));
    };
    const std::string here = "sites/sn1", there = "sites/elsewhere";
    std::vector<std::string> others(permissions.begin(), permissions.end());
    others.erase(std::remove(others.begin(), others.end(), rpc.right.permission()), others.end());

    CHECK(reason("", here) == "token_missing");
    CHECK(reason("garbage", here) == "token_malformed");
    CHECK(reason(suite.Person(rpc.module, {rpc.right.permission()}, {"*"}, absl::Now() - absl::Minutes(5)), here) ==
          "token_expired");
    CHECK(reason(suite.Person(rpc.module == "edge" ? "moodle" : "edge", {rpc.right.permission()}, {"*"}), here) ==
          "token_audience_wrong");
    CHECK(reason(suite.Person(rpc.module, others, {"*"}), here) == "permission_missing");
    CHECK(reason(suite.Person(rpc.module, {}, {"*"}), here) == "permission_missing");
    // A List by scope has no wrong scope to ask for; its handler sees the held ones only, and without any nobody gets
    // in.
    const std::vector<std::string> wrong = rpc.right.lists_by_scope()
                                               ? std::vector<std::string>{}
                                               : std::vector<std::string>{there, here + "0", here + "/courses/1"};
    CHECK(reason(suite.Person(rpc.module, {rpc.right.permission()}, wrong), here) == "scope_not_held");

    // "*" only where nothing less would do: whoever holds the one scope asked for must be let in by it.
    const bool scoped = !rpc.right.scope_field().empty() || rpc.right.lists_by_scope();
    const std::vector<std::string> enough = {scoped ? here : "*"};
    const absl::Status allowed = suite.Call(rpc, suite.Person(rpc.module, {rpc.right.permission()}, enough), here);
    INFO(allowed);
    CHECK_FALSE(Refused(allowed));
    CHECK_FALSE(absl::IsUnimplemented(allowed));
    CHECK_FALSE(absl::IsInternal(allowed));
  }
}

TEST_CASE("every rpc lets in the modules it lists and no other") {
  Suite suite;
  for (const Rpc& rpc : AllRpcs()) {
    for (const std::string& module : suite.names()) {
      INFO(rpc.method->full_name() << " called by " << module);
      const auto& callers = rpc.right.callers();
      const bool listed = std::find(callers.begin(), callers.end(), module) != callers.end();
      const absl::Status status = suite.Call(rpc, suite.Service(module, rpc.module), "sites/sn1");
      CHECK(Refused(status) == !listed);
      if (!listed) CHECK(ReasonOf(status) == "caller_not_listed");
    }
  }
}

}  // namespace
}  // namespace compagnon
