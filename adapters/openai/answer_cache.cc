#include "adapters/openai/answer_cache.h"

#include <sqlite3.h>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"

namespace looktwice::openai {
namespace {

namespace fs = std::filesystem;

constexpr int kWaitForOthersMs = 30'000;
constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL, sum TEXT NOT "
    "NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS damaged (key TEXT, answer TEXT, sum TEXT);";

std::string sum_of(const std::string& key, const std::string& answer) {
  return sha256("looktwice answer 1\n" + std::to_string(key.size()) + "\n" + key + answer);
}

bool is_damage(int code) {
  const int kind = code & 0xff;
  return kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_FORMAT ||
         kind == SQLITE_MISMATCH;
}

}  // namespace

// Statements stay prepared: a look-up is made for every question.
struct AnswerStore::Database {
  sqlite3* handle = nullptr;
  sqlite3_stmt *find = nullptr, *put = nullptr;

  ~Database() {
    sqlite3_finalize(find);
    sqlite3_finalize(put);
    sqlite3_close(handle);
  }

  int run(const char* sql) { return sqlite3_exec(handle, sql, nullptr, nullptr, nullptr); }

  int run(const char* sql, const std::vector<const std::string*>& texts) {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr);
    if (code == SQLITE_OK) {
      for (std::size_t i = 0; i < texts.size(); ++i)
        bind(statement, static_cast<int>(i) + 1, *texts[i]);
      code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
  }

  static void bind(sqlite3_stmt* statement, int place, const std::string& text) {
    sqlite3_bind_text(statement, place, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }

  static std::string column(sqlite3_stmt* statement, int place) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, place));
    const int size = sqlite3_column_bytes(statement, place);
    return text ? std::string(text, static_cast<std::size_t>(size)) : std::string();
  }
};

AnswerStore::AnswerStore(fs::path file, Access access) : file_(std::move(file)), access_(access) {
  if (access_ == Access::write) {
    std::error_code failed;
    if (file_.has_parent_path()) fs::create_directories(file_.parent_path(), failed);
    if (failed)
      throw Error(Kind::disk, printable(file_.parent_path().string()) +
                                  ": cannot be made: " + failed.message() +
                                  "; --cache_file names another place, --cache off does without");
  }
  const std::scoped_lock hold(finding_, putting_);
  open();
}

AnswerStore::~AnswerStore() = default;

std::unique_ptr<AnswerStore::Database> AnswerStore::connected(bool putting, int& code) const {
  auto database = std::make_unique<Database>();
  const int flags =
      access_ == Access::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
  code = sqlite3_open_v2(file_.c_str(), &database->handle, flags, nullptr);
  if (code == SQLITE_CANTOPEN && access_ == Access::read) {  // a store that only others may write
    sqlite3_close(database->handle);
    code = sqlite3_open_v2(file_.c_str(), &database->handle, SQLITE_OPEN_READONLY, nullptr);
  }
  sqlite3_busy_timeout(database->handle, kWaitForOthersMs);
  sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  if (code == SQLITE_OK && access_ == Access::write) {
    code = database->run("PRAGMA journal_mode=WAL");
    // Whole after any crash; after one of the machine the last rows may be missing. The journal,
    // which is synced, has those answers.
    if (code == SQLITE_OK) code = database->run("PRAGMA synchronous=NORMAL");
    if (code == SQLITE_OK) code = database->run(kSchema);
  }
  const auto prepare = [&](const char* sql, sqlite3_stmt** statement) {
    if (code == SQLITE_OK)
      code = sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, statement,
                                nullptr);
  };
  if (putting)
    prepare("INSERT OR IGNORE INTO answers (key, answer, sum) VALUES (?1, ?2, ?3)", &database->put);
  else
    prepare("SELECT answer, sum FROM answers WHERE key = ?1", &database->find);
  return database;
}

void AnswerStore::open() {
  std::error_code ignored;
  if (access_ == Access::read && !fs::exists(file_, ignored)) return;
  for (int tries = 0; tries < 2; ++tries) {
    int code = SQLITE_OK;
    finder_ = connected(false, code);
    std::string why = sqlite3_errmsg(finder_->handle);
    if (code == SQLITE_OK && access_ == Access::write) {
      putter_ = connected(true, code);
      why = sqlite3_errmsg(putter_->handle);
    }
    if (code == SQLITE_OK) return;
    finder_.reset();
    putter_.reset();
    if (access_ == Access::read) {  // another's file, or none of ours: nothing is found in it
      ++damaged_;
      return;
    }
    if (!is_damage(code) && (code & 0xff) != SQLITE_ERROR)
      throw Error(Kind::disk, printable(file_.string()) + ": cannot be opened: " + why +
                                  "; --cache_file names another place, --cache off does without");
    close_and_set_aside();
  }
  throw Error(Kind::disk, printable(file_.string()) + ": cannot be made anew");
}

// Other processes that have it open go on with the file they have; nothing of it is read again.
void AnswerStore::close_and_set_aside() {
  finder_.reset();
  putter_.reset();
  ++generation_;
  ++damaged_;
  if (access_ == Access::read) return;
  std::error_code failed;
  for (int n = 1; n < 1000; ++n) {
    const fs::path aside = file_.string() + ".damaged-" + std::to_string(n);
    if (fs::exists(aside, failed)) continue;
    fs::rename(file_, aside, failed);
    // A journal of the old file must not be played into the new one.
    for (const char* tail : {"-wal", "-shm", "-journal"})
      fs::rename(file_.string() + tail, aside.string() + tail, failed);
    return;
  }
}

// True: the file was damaged and a new one is in its place, made here or, since `generation`, by
// the other thread.
bool AnswerStore::recovered(int code, std::int64_t generation) {
  if (!is_damage(code)) return false;
  const std::scoped_lock hold(finding_, putting_);
  if (generation != generation_) return true;
  close_and_set_aside();
  if (access_ == Access::write) open();
  return true;
}

void AnswerStore::set_aside(const std::string& key) {
  ++damaged_;
  if (access_ != Access::write) return;
  if (finder_->run("INSERT INTO damaged SELECT key, answer, sum FROM answers WHERE key = ?1",
                   {&key}) == SQLITE_OK)
    finder_->run("DELETE FROM answers WHERE key = ?1", {&key});
}

std::optional<std::string> AnswerStore::find(const std::string& key) {
  std::unique_lock hold(finding_);
  if (!finder_) return {};
  sqlite3_stmt* statement = finder_->find;
  Database::bind(statement, 1, key);
  const int code = sqlite3_step(statement);
  std::optional<std::string> answer;
  bool intact = true;
  if (code == SQLITE_ROW) {
    answer = Database::column(statement, 0);
    intact = Database::column(statement, 1) == sum_of(key, *answer);
  }
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (!intact) {
    set_aside(key);
    return {};
  }
  const std::int64_t generation = generation_;
  hold.unlock();
  if (code != SQLITE_ROW && code != SQLITE_DONE) recovered(code, generation);
  return answer;
}

void AnswerStore::put(const std::vector<std::pair<std::string, std::string>>& rows) {
  if (rows.empty()) return;
  for (int tries = 0; tries < 2; ++tries) {
    std::unique_lock hold(putting_);
    if (!putter_) return;
    int code = putter_->run("BEGIN IMMEDIATE");
    for (const auto& [key, answer] : rows) {
      if (code != SQLITE_OK) break;
      const std::string sum = sum_of(key, answer);
      Database::bind(putter_->put, 1, key);
      Database::bind(putter_->put, 2, answer);
      Database::bind(putter_->put, 3, sum);
      const int stepped = sqlite3_step(putter_->put);
      code = stepped == SQLITE_DONE ? SQLITE_OK : stepped;
      sqlite3_reset(putter_->put);
      sqlite3_clear_bindings(putter_->put);
    }
    if (code == SQLITE_OK) code = putter_->run("COMMIT");
    if (code == SQLITE_OK) return;
    last_failure_ = sqlite3_errmsg(putter_->handle);
    putter_->run("ROLLBACK");
    const std::int64_t generation = generation_;
    hold.unlock();
    if (tries == 0 && recovered(code, generation)) continue;
    failures_ += static_cast<std::int64_t>(rows.size());
    return;
  }
}

std::int64_t AnswerStore::size() {
  const std::lock_guard hold(finding_);
  if (!finder_) return 0;
  sqlite3_stmt* statement = nullptr;
  std::int64_t count = 0;
  if (sqlite3_prepare_v2(finder_->handle, "SELECT count(*) FROM answers", -1, &statement,
                         nullptr) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW)
    count = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return count;
}

}  // namespace looktwice::openai
