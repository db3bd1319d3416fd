#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libpq-fe.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/session.h>
#include <soci/soci.h>

#include <bit>
#include <charconv>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "platform/base/ids.h"
#include "platform/store/binary_format.h"
#include "platform/store/connection.h"
#include "platform/store/statement_text.h"

namespace compagnon::store {
namespace {

constexpr size_t kMaxCachedStatements = 256;
constexpr size_t kCopyChunk = 256 << 10;

struct ResultCloser {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ResultCloser>;

absl::StatusCode CodeOf(std::string_view state) {
  if (state == "23505") return absl::StatusCode::kAlreadyExists;
  if (state == "53100" || state == "53200") return absl::StatusCode::kResourceExhausted;  // disk, memory
  if (state == "53300" || state == "53400") return absl::StatusCode::kUnavailable;        // connections
  if (state == "40001" || state == "40P01" || state == "55P03") return absl::StatusCode::kAborted;
  if (state == "57014") return absl::StatusCode::kDeadlineExceeded;  // statement timeout
  if (state == "42501") return absl::StatusCode::kPermissionDenied;
  if (state == "25006") return absl::StatusCode::kFailedPrecondition;  // read only
  if (state == "0A000") return absl::StatusCode::kAborted;             // see PostgresqlConnection::Check
  const std::string_view group = state.substr(0, 2);
  if (group == "08" || state == "57P01" || state == "57P02" || state == "57P03" || state == "25P03") {
    return absl::StatusCode::kUnavailable;
  }
  if (group == "23") return absl::StatusCode::kFailedPrecondition;
  if (group == "22") return absl::StatusCode::kInvalidArgument;
  return absl::StatusCode::kInternal;
}

class PostgresqlRow final : public Row {
 public:
  explicit PostgresqlRow(const PGresult* result) : result_(result), size_(PQnfields(result)) {}
  void MoveTo(int row) { row_ = row; }

  size_t size() const override { return size_; }
  bool IsNull(size_t column) const override {
    Check(column);
    return PQgetisnull(result_, row_, static_cast<int>(column)) != 0;
  }
  int64_t Int(size_t column) const override {
    const std::string_view text = At(column);
    switch (PQftype(result_, static_cast<int>(column))) {
      case kBoolOid:
        return text == "t" ? 1 : 0;
      case kInt2Oid:
      case kInt4Oid:
      case kInt8Oid:
      case kNumericOid: {  // what sum(bigint) answers
        int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (!text.empty() && (error != std::errc() || end != text.data() + text.size())) {
          Die("a number that is no 64-bit integer was read as one");
        }
        return value;
      }
      default:
        // NULL without a type comes as text.
        if (text.empty() && IsNull(column)) return 0;
        Die("a column that holds no integer was read as one");
    }
  }
  double Double(size_t column) const override {
    const std::string_view text = At(column);
    switch (PQftype(result_, static_cast<int>(column))) {
      case kInt2Oid:
      case kInt4Oid:
      case kInt8Oid:
      case kNumericOid:
      case kFloat4Oid:
      case kFloat8Oid: {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (!text.empty() && (error != std::errc() || end != text.data() + text.size())) Die("a number cannot be read");
        return value;
      }
      default:
        if (text.empty() && IsNull(column)) return 0;
        Die("a column that holds no number was read as one");
    }
  }
  std::string Text(size_t column) const override {
    if (PQftype(result_, static_cast<int>(column)) == kByteaOid) Die("a column of bytes was read as text");
    return std::string(At(column));
  }
  std::string BytesAt(size_t column) const override {
    const std::string_view text = At(column);
    if (PQftype(result_, static_cast<int>(column)) != kByteaOid || text.empty()) return std::string(text);
    std::string bytes;
    // bytea_output is set to hex when the connection opens.
    if (!text.starts_with("\\x") || !HexDecode(text.substr(2), &bytes)) Die("bytes did not come as hex");
    return bytes;
  }

 private:
  void Check(size_t column) const {
    if (column >= size_) Die("a column beyond the row was read");
  }
  std::string_view At(size_t column) const {
    Check(column);
    const int c = static_cast<int>(column);
    return {PQgetvalue(result_, row_, c), static_cast<size_t>(PQgetlength(result_, row_, c))};
  }
  const PGresult* result_;
  size_t size_;
  int row_ = 0;
};

// Parameters in binary form. A value's type is told to the server except NULL's, which it infers: CAST(:p1 AS bigint)
// where it cannot.
class BoundParameters {
 public:
  explicit BoundParameters(size_t size) {
    types_.reserve(size), values_.reserve(size), lengths_.reserve(size), formats_.reserve(size);
    numbers_.reserve(size);  // pointers into it stay
  }
  absl::Status Add(const Value& value) {
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      AddNumber(kInt8Oid, static_cast<uint64_t>(*integer));
    } else if (const auto* real = std::get_if<double>(&value)) {
      AddNumber(kFloat8Oid, std::bit_cast<uint64_t>(*real));
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      if (!IsStorableText(*text)) return absl::InvalidArgumentError("a text is not UTF-8 or holds NUL");
      AddRaw(kTextOid, text->data(), text->size());
    } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
      AddRaw(kByteaOid, bytes->data.data(), bytes->data.size());
    } else {
      AddRaw(0, nullptr, 0);
    }
    return absl::OkStatus();
  }
  void AddRaw(unsigned type, const char* data, size_t size) {
    types_.push_back(type);
    values_.push_back(data);
    lengths_.push_back(static_cast<int>(size));
    formats_.push_back(1);
  }
  int size() const { return static_cast<int>(types_.size()); }
  const ::Oid* types() const { return types_.data(); }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }
  // Tells apart the uses of one text with different types: each is a prepared statement of its own.
  std::string Signature() const { return fmt::format("{}", fmt::join(types_, ",")); }

 private:
  void AddNumber(unsigned type, uint64_t value) {
    numbers_.push_back(BigEndian(value));
    AddRaw(type, reinterpret_cast<const char*>(&numbers_.back()), 8);
  }
  std::vector<::Oid> types_;
  std::vector<const char*> values_;
  std::vector<int> lengths_, formats_;
  std::vector<uint64_t> numbers_;
};

class PostgresqlConnection final : public Connection {
 public:
  PostgresqlConnection(std::string connect_string, std::string schema)
      : connect_string_(std::move(connect_string)), schema_(std::move(schema)) {}

  Dialect dialect() const override { return Dialect::kPostgresql; }

  absl::Status Begin(Access access) override {
    failure_ = absl::OkStatus();
    if (connection_ != nullptr && PQstatus(connection_) != CONNECTION_OK) Close();
    if (connection_ == nullptr) RETURN_IF_ERROR(Connect());
    return Command(access == Access::kWrite ? "BEGIN ISOLATION LEVEL READ COMMITTED"
                                            : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .status();
  }

  absl::Status Commit() override {
    if (!failure_.ok()) {
      Rollback();
      return failure_;
    }
    // Outside a transaction COMMIT answers COMMIT as well: a statement that ended it by itself must not pass for this
    // one.
    if (PQtransactionStatus(connection_) == PQTRANS_IDLE)
      return Fail(absl::InternalError("postgresql: the transaction was over before COMMIT"));
    absl::StatusOr<Result> result = Command("COMMIT");
    if (!result.ok()) {
      const bool lost = connection_ == nullptr;
      Rollback();
      // The server may have committed and died before it could say so.
      return lost ? absl::UnknownError(fmt::format("postgresql: connection lost during COMMIT: {}",
                                                   std::string(result.status().message())))
                  : result.status();
    }
    // COMMIT of an aborted transaction succeeds as a command and says ROLLBACK.
    const std::string_view tag = PQcmdStatus(result->get());
    if (tag != "COMMIT")
      return Fail(absl::InternalError(fmt::format("postgresql: the transaction was aborted, COMMIT answered {}", tag)));
    return absl::OkStatus();
  }

  void Rollback() override {
    if (connection_ == nullptr) return;
    const PGTransactionStatusType state = PQtransactionStatus(connection_);
    if (state == PQTRANS_IDLE) return;
    if ((state != PQTRANS_INTRANS && state != PQTRANS_INERROR) || !Command("ROLLBACK").ok()) Close();
  }

  absl::StatusOr<int64_t> Execute(std::string_view sql, absl::Span<const Value> params) override {
    ASSIGN_OR_RETURN(Result result, Run(sql, params));
    int64_t changed = 0;
    if (PQresultStatus(result.get()) == PGRES_COMMAND_OK || PQnfields(result.get()) > 0) {
      // Empty for what changes no rows; SELECT counts what it read, which is no change.
      const std::string_view tuples = PQcmdTuples(result.get());
      if (!std::string_view(PQcmdStatus(result.get())).starts_with("SELECT")) {
        std::from_chars(tuples.data(), tuples.data() + tuples.size(), changed);
      }
    }
    return changed;
  }

  absl::Status Query(std::string_view sql, absl::Span<const Value> params,
                     absl::FunctionRef<absl::Status(const Row&)> row) override {
    ASSIGN_OR_RETURN(Result result, Run(sql, params));
    PostgresqlRow current(result.get());
    const int rows = PQntuples(result.get());
    for (int r = 0; r < rows; ++r) {
      current.MoveTo(r);
      RETURN_IF_ERROR(row(current));
    }
    return absl::OkStatus();
  }

  absl::Status BulkInsert(std::string_view table, absl::Span<const std::string_view> columns,
                          absl::Span<const std::vector<Value>> rows) override {
    if (!failure_.ok()) return failure_;
    if (rows.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<unsigned>* types, TypesOf(table, columns));
    RETURN_IF_ERROR(StartCopy(table, columns));
    std::string buffer(kCopyHeader);
    for (const std::vector<Value>& row : rows) {
      if (row.size() != columns.size())
        return AbandonCopy(absl::InternalError("a row has more or fewer values than there are columns"));
      AppendBigEndian<uint16_t>(&buffer, static_cast<uint16_t>(row.size()));
      for (size_t c = 0; c < row.size(); ++c) {
        if (absl::Status status = AppendField(&buffer, row[c], (*types)[c]); !status.ok())
          return AbandonCopy(std::move(status));
      }
      if (buffer.size() >= kCopyChunk) RETURN_IF_ERROR(PutCopy(&buffer));
    }
    return FinishCopy(&buffer);
  }

  absl::Status BulkInsertInts(std::string_view table, absl::Span<const std::string_view> columns,
                              absl::Span<const std::vector<int64_t>> values) override {
    if (!failure_.ok()) return failure_;
    RETURN_IF_ERROR(CheckShape(columns, values));
    if (columns.empty() || values[0].empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<unsigned>* types, TypesOf(table, columns));
    std::vector<int> widths;
    for (const unsigned type : *types) {
      if (type != kInt8Oid && type != kInt4Oid && type != kInt2Oid) {
        return Fail(absl::InternalError(fmt::format("{} has a column that is no integer", table)));
      }
      widths.push_back(type == kInt8Oid ? 8 : type == kInt4Oid ? 4 : 2);
    }
    RETURN_IF_ERROR(StartCopy(table, columns));
    const size_t rows = values[0].size();
    const size_t block = std::max<size_t>(1, kCopyChunk / (2 + 12 * columns.size()));
    std::string buffer(kCopyHeader);
    for (size_t begin = 0; begin < rows; begin += block) {
      if (!AppendIntRows(&buffer, values, widths, begin, std::min(rows, begin + block), kNullInt)) {
        return AbandonCopy(absl::InvalidArgumentError("an integer does not fit its column"));
      }
      RETURN_IF_ERROR(PutCopy(&buffer));
    }
    return FinishCopy(&buffer);
  }

  absl::Status UpsertInts(std::string_view table, absl::Span<const std::string_view> columns,
                          std::string_view conflict_columns, std::string_view on_conflict,
                          absl::Span<const std::vector<int64_t>> values) override {
    if (!failure_.ok()) return failure_;
    RETURN_IF_ERROR(CheckShape(columns, values));
    if (columns.empty() || values[0].empty()) return absl::OkStatus();
    std::string sql = fmt::format("INSERT INTO {} ({}) SELECT * FROM unnest(", table, fmt::join(columns, ", "));
    BoundParameters bound(columns.size());
    std::vector<std::string> arrays;
    arrays.reserve(columns.size());
    for (size_t c = 0; c < columns.size(); ++c) {
      sql += fmt::format("{}${}::int8[]", c > 0 ? ", " : "", c + 1);
      arrays.push_back(BinaryInt8Array(values[c], kNullInt));
      bound.AddRaw(1016, arrays.back().data(), arrays.back().size());  // int8[]
    }
    sql.append(")").append(OnConflict(conflict_columns, on_conflict));
    return RunBound(sql, bound).status();
  }

 private:
  struct Statement {
    StatementText text;
    int uses = 0;
    absl::flat_hash_map<std::string, std::string> prepared;  // signature of the types -> name
  };

  absl::Status Connect() {
    try {
      session_ = std::make_unique<soci::session>(soci::postgresql, connect_string_);
    } catch (const std::exception& e) {
      session_.reset();
      return absl::UnavailableError(fmt::format("postgresql: {}", e.what()));
    }
    connection_ = static_cast<soci::postgresql_session_backend*>(session_->get_backend())->conn_;
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
    const absl::Status status = Configure();
    if (!status.ok()) Close();
    return status;
  }

  absl::Status Configure() {
    RETURN_IF_ERROR(
        Command("SET client_encoding = 'UTF8'; SET bytea_output = 'hex'; SET extra_float_digits = 1;"
                " SET client_min_messages = warning; SET timezone = 'UTC'; SET standard_conforming_strings = on")
            .status());
    if (schema_.empty()) return absl::OkStatus();
    const std::string name = fmt::format("\"{}\"", schema_);
    // A role that may not create schemas is refused even when the schema is there: look first.
    ASSIGN_OR_RETURN(Result found, Command(fmt::format("SELECT 1 FROM pg_namespace WHERE nspname = '{}'", schema_)));
    if (PQntuples(found.get()) == 0) {
      const absl::Status created = Command("CREATE SCHEMA IF NOT EXISTS " + name).status();
      // Two processes starting together: the loser finds it made.
      if (!created.ok() && created.code() != absl::StatusCode::kAlreadyExists) return created;
    }
    return Command("SET search_path = " + name).status();
  }

  void Close() {
    statements_.clear();
    column_types_.clear();
    session_.reset();
    connection_ = nullptr;
  }

  // The error of a result; a dead connection is closed here, so that the next Begin opens another.
  absl::StatusOr<Result> Check(Result result) {
    const ExecStatusType status = PQresultStatus(result.get());
    if (result != nullptr && (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN))
      return result;
    const char* field = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    const std::string state = field == nullptr ? "" : field;
    // Class 22 quotes the value it refuses, DETAIL the key: neither goes further, they may be personal data.
    const char* primary = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
    std::string message =
        fmt::format("postgresql: {} {}", state, primary == nullptr || state.starts_with("22") ? "" : primary);
    absl::StatusCode code = state.empty() ? absl::StatusCode::kInternal : CodeOf(state);
    if (state == "0A000") {
      // "cached plan must not change result type": a migration ran since this was prepared. Run again, it is prepared
      // afresh.
      const bool plan = message.find("cached plan") != std::string::npos;
      if (plan) forget_statements_ = true;
      code = plan ? absl::StatusCode::kAborted : absl::StatusCode::kInternal;
    }
    if (PQstatus(connection_) != CONNECTION_OK) {
      code = absl::StatusCode::kUnavailable;
      if (state.empty()) message = "postgresql: connection lost";
      result.reset();
      Close();
    }
    return absl::Status(code, message);
  }

  absl::StatusOr<Result> Command(const std::string& sql) { return Check(Result(PQexec(connection_, sql.c_str()))); }

  static absl::Status CheckShape(absl::Span<const std::string_view> columns,
                                 absl::Span<const std::vector<int64_t>> values) {
    if (values.size() != columns.size()) return absl::InternalError("more or fewer value lists than columns");
    for (const std::vector<int64_t>& column : values) {
      if (column.size() != values[0].size()) return absl::InternalError("columns of different lengths");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Result> Run(std::string_view sql, absl::Span<const Value> params) {
    if (!failure_.ok()) return failure_;
    BoundParameters bound(params.size());
    for (const Value& value : params) {
      if (absl::Status status = bound.Add(value); !status.ok()) return Fail(std::move(status));
    }
    return RunBound(sql, bound);
  }

  absl::StatusOr<Result> RunBound(std::string_view sql, const BoundParameters& bound) {
    absl::StatusOr<Result> result = RunCached(sql, bound);
    if (!result.ok()) return Fail(result.status());
    return result;
  }

  absl::StatusOr<Result> RunCached(std::string_view sql, const BoundParameters& bound) {
    if (forget_statements_ || statements_.size() >= kMaxCachedStatements) {
      forget_statements_ = false;
      statements_.clear();
      RETURN_IF_ERROR(Command("DEALLOCATE ALL").status());
    }
    Statement& statement = statements_[std::string(sql)];
    if (statement.text.sql.empty()) {
      statement.text = NumberParameters(sql, '$');
    }
    // Texts that already carry $1 (UpsertInts) count none.
    if (statement.text.parameters > 0 && statement.text.parameters != bound.size()) {
      return absl::InternalError(
          fmt::format("the statement takes {} parameters, not {}", statement.text.parameters, bound.size()));
    }
    // Preparing costs a round trip of its own: it pays from the third run on.
    if (++statement.uses < 3) {
      return Check(Result(PQexecParams(connection_, statement.text.sql.c_str(), bound.size(), bound.types(),
                                       bound.values(), bound.lengths(), bound.formats(), 0)));
    }
    std::string& name = statement.prepared[bound.Signature()];
    if (name.empty()) {
      const std::string fresh = fmt::format("s{}", ++statement_counter_);
      RETURN_IF_ERROR(
          Check(Result(PQprepare(connection_, fresh.c_str(), statement.text.sql.c_str(), bound.size(), bound.types())))
              .status());
      name = fresh;
    }
    return Check(Result(
        PQexecPrepared(connection_, name.c_str(), bound.size(), bound.values(), bound.lengths(), bound.formats(), 0)));
  }

  // Binary COPY wants each value in the column's own width, so the columns are described first; kept while the
  // connection lasts.
  absl::StatusOr<const std::vector<unsigned>*> TypesOf(std::string_view table,
                                                       absl::Span<const std::string_view> columns) {
    const std::string key = fmt::format("{}({})", table, fmt::join(columns, ", "));
    std::unique_ptr<std::vector<unsigned>>& types = column_types_[key];
    if (types == nullptr) {
      absl::StatusOr<Result> described =
          Command(fmt::format("SELECT {} FROM {} LIMIT 0", fmt::join(columns, ", "), table));
      if (!described.ok()) {
        column_types_.erase(key);
        return Fail(described.status());
      }
      types = std::make_unique<std::vector<unsigned>>();
      for (int c = 0; c < PQnfields(described->get()); ++c) types->push_back(PQftype(described->get(), c));
    }
    return types.get();
  }

  absl::Status StartCopy(std::string_view table, absl::Span<const std::string_view> columns) {
    const absl::Status status =
        Command(fmt::format("COPY {} ({}) FROM STDIN WITH (FORMAT binary)", table, fmt::join(columns, ", "))).status();
    return status.ok() ? status : Fail(status);
  }

  absl::Status PutCopy(std::string* buffer) {
    // What the server thinks of the rows comes at the end; here only the connection can fail.
    if (PQputCopyData(connection_, buffer->data(), static_cast<int>(buffer->size())) != 1) {
      return Fail(Check(Result(PQgetResult(connection_))).status());
    }
    buffer->clear();
    return absl::OkStatus();
  }

  absl::Status FinishCopy(std::string* buffer) {
    buffer->append(kCopyTrailer);
    RETURN_IF_ERROR(PutCopy(buffer));
    if (PQputCopyEnd(connection_, nullptr) != 1) return Fail(Check(nullptr).status());
    return EndCopy();
  }

  absl::Status EndCopy() {
    absl::Status first;
    while (connection_ != nullptr) {
      Result result(PQgetResult(connection_));
      if (result == nullptr) break;
      const absl::Status status = Check(std::move(result)).status();
      if (first.ok()) first = status;
    }
    if (!first.ok()) {
      column_types_.clear();  // the table may have changed since it was described
      return Fail(first);
    }
    return absl::OkStatus();
  }

  // Ends a COPY that was begun and cannot be filled; the transaction is spoilt by it.
  absl::Status AbandonCopy(absl::Status why) {
    if (failure_.ok()) failure_ = why;
    if (PQputCopyEnd(connection_, "abandoned") == 1) (void)EndCopy();
    return why;
  }

  static absl::Status AppendField(std::string* buffer, const Value& value, unsigned type) {
    const auto fixed = [&](auto number) {
      AppendBigEndian<uint32_t>(buffer, sizeof(number));
      AppendBigEndian(buffer, number);
      return absl::OkStatus();
    };
    const auto raw = [&](std::string_view data) {
      AppendBigEndian<uint32_t>(buffer, static_cast<uint32_t>(data.size()));
      buffer->append(data);
      return absl::OkStatus();
    };
    const absl::Status unfit = absl::InvalidArgumentError("a value does not fit its column");
    if (std::holds_alternative<std::monostate>(value)) {
      AppendBigEndian<uint32_t>(buffer, UINT32_MAX);
      return absl::OkStatus();
    }
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      const int64_t n = *integer;
      switch (type) {
        case kInt8Oid:
          return fixed(static_cast<uint64_t>(n));
        case kInt4Oid:
          return n == static_cast<int32_t>(n) ? fixed(static_cast<uint32_t>(n)) : unfit;
        case kInt2Oid:
          return n == static_cast<int16_t>(n) ? fixed(static_cast<uint16_t>(n)) : unfit;
        case kFloat8Oid:
          return fixed(std::bit_cast<uint64_t>(static_cast<double>(n)));
        default:
          return unfit;
      }
    }
    if (const auto* real = std::get_if<double>(&value))
      return type == kFloat8Oid ? fixed(std::bit_cast<uint64_t>(*real)) : unfit;
    if (const auto* text = std::get_if<std::string>(&value)) {
      if (!IsStorableText(*text)) return absl::InvalidArgumentError("a text is not UTF-8 or holds NUL");
      return type == kTextOid || type == kVarcharOid || type == kBpcharOid || type == kJsonOid ? raw(*text) : unfit;
    }
    return type == kByteaOid ? raw(std::get<Bytes>(value).data) : unfit;
  }

  const std::string connect_string_;
  const std::string schema_;
  std::unique_ptr<soci::session> session_;
  PGconn* connection_ = nullptr;  // owned by session_
  absl::flat_hash_map<std::string, Statement> statements_;
  absl::flat_hash_map<std::string, std::unique_ptr<std::vector<unsigned>>> column_types_;
  int64_t statement_counter_ = 0;
  bool forget_statements_ = false;
};

// 'value' as a connection string writes it.
std::string Quoted(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\\' || c == '\'') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> NewPostgresqlConnection(const DatabaseOptions& options) {
  for (const char c : options.schema) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_') {
      return absl::InvalidArgumentError("a schema's name holds letters, digits and _ only");
    }
  }
  // A URI or key=value pairs; both end as pairs, the password among them.
  char* error = nullptr;
  PQconninfoOption* parsed = PQconninfoParse(options.postgresql_url.c_str(), &error);
  if (parsed == nullptr) {
    PQfreemem(error);  // it quotes the text, which may hold a password after all
    return absl::InvalidArgumentError("store.postgresql_url is no connection string libpq understands");
  }
  // A server that vanished without a word is noticed within seconds, not after TCP's two hours.
  absl::flat_hash_map<std::string, std::string> pairs = {{"connect_timeout", "5"},  {"tcp_user_timeout", "10000"},
                                                         {"keepalives_idle", "30"}, {"keepalives_interval", "5"},
                                                         {"keepalives_count", "3"}, {"application_name", "compagnon"}};
  for (const PQconninfoOption* option = parsed; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) pairs[option->keyword] = option->val;
  }
  PQconninfoFree(parsed);
  if (!options.postgresql_password.empty()) pairs["password"] = options.postgresql_password;
  std::string connect_string;
  for (const auto& [key, value] : pairs) connect_string += fmt::format("{}={} ", key, Quoted(value));
  return std::make_unique<PostgresqlConnection>(std::move(connect_string), options.schema);
}

}  // namespace compagnon::store
