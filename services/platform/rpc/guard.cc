#include <cxxabi.h>
#include <google/protobuf/descriptor.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <typeinfo>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "compagnon/access/v1/rights.pb.h"
#include "platform/base/log.h"
#include "platform/base/trace.h"
#include "platform/rpc/call.h"

namespace compagnon::rpc {
namespace {

constexpr size_t kCodes = 17;
constexpr size_t kMaxScopeBytes = 512;

absl::string_view Abseil(std::string_view text) { return {text.data(), text.size()}; }

// The one value of a metadata key. Two values are two spellings of who calls: neither is believed.
absl::StatusOr<std::string_view> OneValue(const grpc::ServerContext& context, const char* key) {
  const auto [begin, end] = context.client_metadata().equal_range(key);
  if (begin == end) return std::string_view();
  if (std::next(begin) != end) {
    return WithReason(absl::UnauthenticatedError(absl::StrCat("metadata ", key, " is there twice")),
                      "token_duplicated");
  }
  return std::string_view(begin->second.data(), begin->second.size());
}

// A scope is a path of plain segments. "sites/sn1/../sn2" would be covered by "sites/sn1" and mean another site.
bool WellFormedScope(std::string_view scope) {
  if (scope.empty()) return true;
  if (scope.size() > kMaxScopeBytes) return false;
  for (const absl::string_view segment : absl::StrSplit(Abseil(scope), '/')) {
    if (segment.empty() || segment == "." || segment == "..") return false;
    for (const unsigned char c : segment) {
      if (c < 0x20 || c == 0x7f) return false;
    }
  }
  return true;
}

bool CertificateNames(grpc::string_ref identity, std::string_view module) {
  std::string_view label(identity.data(), identity.size());
  label = label.substr(0, label.find('.'));
  const size_t dash = label.rfind('-');
  return label == module || (dash != std::string_view::npos && label.substr(dash + 1) == module);
}

std::string TypeNameOf(const std::exception& error) {
  int failed = 0;
  char* name = abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &failed);
  std::string text = failed == 0 ? name : typeid(error).name();
  std::free(name);
  return text;
}

absl::Status Denied(std::string_view reason, std::string_view message) {
  return WithReason(absl::PermissionDeniedError(Abseil(message)), reason);
}

// What is known of one rpc once and for all.
struct Method {
  const access::v1::Right* right = nullptr;  // null: refused to all
  const google::protobuf::FieldDescriptor* scope_field = nullptr;
  bool broken = false;  // names a scope field that is not a single string
  prometheus::Histogram* seconds = nullptr;
  mutable std::array<std::atomic<prometheus::Counter*>, kCodes> calls{};
};

}  // namespace

struct Guard::Impl {
  explicit Impl(Options o) : options(std::move(o)) {}

  Options options;
  mutable std::shared_mutex mutex;
  mutable std::map<std::string, std::unique_ptr<Method>, std::less<>> methods;

  const Method& Find(std::string_view rpc) const {
    {
      std::shared_lock lock(mutex);
      if (const auto found = methods.find(rpc); found != methods.end()) return *found->second;
    }
    std::unique_lock lock(mutex);
    std::unique_ptr<Method>& made = methods[std::string(rpc)];
    if (!made) made = Describe(rpc);
    return *made;
  }

  std::unique_ptr<Method> Describe(std::string_view rpc) const {
    auto method = std::make_unique<Method>();
    const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(std::string(rpc));
    if (descriptor == nullptr) Die(absl::StrCat("a handler names an rpc that no proto declares: ", Abseil(rpc)));
    if (descriptor->options().HasExtension(access::v1::right)) {
      method->right = &descriptor->options().GetExtension(access::v1::right);
      const std::string& name = method->right->scope_field();
      if (!name.empty()) {
        method->scope_field = descriptor->input_type()->FindFieldByName(name);
        method->broken = method->scope_field == nullptr || method->scope_field->is_repeated() ||
                         method->scope_field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING;
      }
    }
    if (options.metrics != nullptr) {
      method->seconds = &options.metrics->Seconds(absl::StrCat("compagnon_", options.module, "_rpc_seconds"),
                                                  "Time a call took, refusals included.", {{"rpc", std::string(rpc)}});
    }
    return method;
  }

  void Count(std::string_view rpc, const Method& method, absl::StatusCode code, absl::Duration took) const {
    if (options.metrics == nullptr) return;
    method.seconds->Observe(absl::ToDoubleSeconds(took));
    std::atomic<prometheus::Counter*>& slot = method.calls[std::min(static_cast<size_t>(code), kCodes - 1)];
    prometheus::Counter* counter = slot.load(std::memory_order_acquire);
    if (counter == nullptr) {
      counter = &options.metrics->Counter(absl::StrCat("compagnon_", options.module, "_rpc_calls_total"),
                                          "Calls by rpc and code.",
                                          {{"rpc", std::string(rpc)}, {"code", absl::StatusCodeToString(code)}});
      slot.store(counter, std::memory_order_release);
    }
    counter->Increment();
  }

  // Who calls, or why nobody is believed to.
  absl::StatusOr<Caller> Identify(const grpc::ServerContext& context) const {
    ASSIGN_OR_RETURN(const std::string_view token, OneValue(context, "compagnon-principal-bin"));
    ASSIGN_OR_RETURN(Caller caller, options.verifier->Verify(token, options.now()));
    const auto transport = context.auth_context();
    if (transport != nullptr && transport->IsPeerAuthenticated()) {
      const std::string_view acting =
          caller.module.empty() ? std::string_view("edge") : std::string_view(caller.module);
      const std::vector<grpc::string_ref> names = transport->GetPeerIdentity();
      const bool named =
          std::any_of(names.begin(), names.end(), [&](grpc::string_ref n) { return CertificateNames(n, acting); });
      if (!named) {
        return WithReason(absl::UnauthenticatedError("the certificate names another module than the token"),
                          "certificate_mismatch");
      }
    }
    return caller;
  }

  absl::Status Allow(const Method& method, const google::protobuf::Message& request, Caller& caller) const {
    if (method.right == nullptr) return Denied("right_undeclared", "this rpc declares no right and is refused to all");
    if (method.broken) return Denied("right_broken", "this rpc's right names no string field of its request");
    const access::v1::Right& right = *method.right;
    std::string scope;
    if (method.scope_field != nullptr) {
      scope = request.GetReflection()->GetString(request, method.scope_field);
      if (!WellFormedScope(scope)) {
        return WithReason(absl::InvalidArgumentError("the scope asked for is no resource path"), "scope_malformed");
      }
    }
    if (!caller.module.empty()) {
      const bool listed =
          std::find(right.callers().begin(), right.callers().end(), caller.module) != right.callers().end();
      if (!listed) return Denied("caller_not_listed", "this module is no caller of this rpc");
      caller.scopes = {"*"};
      return absl::OkStatus();
    }
    const bool permitted =
        !right.permission().empty() &&
        std::find(caller.permissions.begin(), caller.permissions.end(), right.permission()) != caller.permissions.end();
    if (!permitted) return Denied("permission_missing", "the caller lacks this rpc's permission");
    if (right.lists_by_scope()) {
      if (caller.scopes.empty()) return Denied("scope_not_held", "the caller holds no scope");
      return absl::OkStatus();
    }
    // Without a scope field the rpc concerns the platform as a whole: only "*" covers that.
    const bool covered = method.scope_field != nullptr && !scope.empty()
                             ? AnyScopeCovers(caller.scopes, scope)
                             : std::find(caller.scopes.begin(), caller.scopes.end(), "*") != caller.scopes.end();
    if (!covered) return Denied("scope_not_held", "the caller's scopes do not cover what is asked for");
    return absl::OkStatus();
  }

  absl::Status RunHandler(std::string_view rpc, const Caller& caller,
                          const std::function<absl::Status(const Caller&)>& handler) const {
    try {
      return handler(caller);
    } catch (const std::exception& error) {
      // Only the type: what() of a database error may quote a row.
      Log(LogLevel::kError, "a handler threw", {{"rpc", rpc}, {"type", TypeNameOf(error)}});
    } catch (...) {
      Log(LogLevel::kError, "a handler threw", {{"rpc", rpc}, {"type", "unknown"}});
    }
    return WithReason(absl::InternalError("internal error"), "handler_threw");
  }
};

Guard::Guard(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {
  if (impl_->options.verifier == nullptr) Die("a guard without a verifier");
  if (!impl_->options.now) impl_->options.now = [] { return absl::Now(); };
}

Guard::~Guard() = default;

grpc::Status Guard::Run(grpc::ServerContext* context, std::string_view rpc_full_name,
                        const google::protobuf::Message& request,
                        const std::function<absl::Status(const Caller&)>& handler) const {
  const absl::Time start = absl::Now();
  const Method& method = impl_->Find(rpc_full_name);
  const auto traceparent = OneValue(*context, "traceparent");
  std::string_view trace = traceparent.ok() ? TraceIdOf(*traceparent) : std::string_view();
  const std::string fresh = trace.empty() ? NewTraceparent() : std::string();
  if (trace.empty()) trace = TraceIdOf(fresh);
  const ScopedLogModule scope(impl_->options.module, trace);

  Caller caller;
  absl::Status status;
  bool refused = true;
  if (auto identified = impl_->Identify(*context); !identified.ok()) {
    status = identified.status();
  } else {
    caller = *std::move(identified);
    status = impl_->Allow(method, request, caller);
    refused = !status.ok();
  }
  if (refused) {
    const std::string reason = ReasonOf(status);
    Log(LogLevel::kWarning, "call refused", {{"rpc", rpc_full_name}, {"reason", reason}, {"caller", caller.module}});
    if (impl_->options.on_refusal) impl_->options.on_refusal(rpc_full_name, reason, caller);
  } else if (context->IsCancelled()) {
    // Its caller has gone or waited too long in the queue: work done now helps nobody.
    status = absl::DeadlineExceededError("the call was cancelled before it began");
  } else {
    status = impl_->RunHandler(rpc_full_name, caller, handler);
    if (absl::IsInternal(status) || absl::IsUnknown(status) || absl::IsDataLoss(status)) {
      Log(LogLevel::kError, "call failed",
          {{"rpc", rpc_full_name},
           {"code", absl::StatusCodeToString(status.code())},
           {"reason", ReasonOf(status)},
           {"error", std::string_view(status.message().data(), std::min<size_t>(status.message().size(), 300))}});
    }
  }
  impl_->Count(rpc_full_name, method, status.code(), absl::Now() - start);
  const auto locale = OneValue(*context, "compagnon-locale");
  return ToGrpc(status, locale.ok() ? *locale : std::string_view());
}

}  // namespace compagnon::rpc
