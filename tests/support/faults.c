// libfaults.so, put before a program with LD_PRELOAD: counts what the program asks of the file
// system below one folder and lets exactly one call (or every one from there on) go wrong. Nothing
// else of the program changes.
//
// FAULTS_UNDER  folder; calls on paths and descriptors below it are counted from 1, in their order
// FAULTS_AT     number of the call that goes wrong
// FAULTS_FOR    how many calls from there on, default 1; 0 = all that follow
// FAULTS_LOG    gets a line per call: number, name, bytes, path, words, with tabs between; the
//               words are the values of FAULTS_DO that mean something for that call, any other
//               value lets it through
// FAULTS_DO     what happens:
//   count        every call goes through
//   kill_before  SIGKILL instead of the call
//   kill_half    half of the bytes of the write, then SIGKILL
//   kill_after   the call, then SIGKILL
//   short        half of the bytes, reported as such
//   enospc edquot eio erofs eintr eagain
//                the call does nothing and fails with that (but a close does close)
//   full         the folder takes FAULTS_AT more bytes; what goes beyond fails with ENOSPC
//
// Seen: calls through libc, fopen and fclose too. Not seen: what stdio writes from its own buffer,
// and writes to mapped memory. Each process counts for itself, so a child starts at 1 again.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))

enum Fault { COUNT, KILL_BEFORE, KILL_HALF, KILL_AFTER, SHORT, FULL, FAIL };

static const struct {
  const char* word;
  enum Fault fault;
  int error;
} kFaults[] = {
    {"count", COUNT, 0},         {"kill_before", KILL_BEFORE, 0},
    {"kill_half", KILL_HALF, 0}, {"kill_after", KILL_AFTER, 0},
    {"short", SHORT, 0},         {"full", FULL, ENOSPC},
    {"enospc", FAIL, ENOSPC},    {"edquot", FAIL, EDQUOT},
    {"eio", FAIL, EIO},          {"erofs", FAIL, EROFS},
    {"eintr", FAIL, EINTR},      {"eagain", FAIL, EAGAIN},
};

// What may go wrong with each sort of call, as a real file system would have it.
#define KILL "kill_before kill_after"
static const char kRead[] = "short eio eintr eagain";
static const char kWrite[] = KILL " kill_half short enospc edquot eio erofs eintr eagain full";
static const char kOneByte[] = KILL " enospc edquot eio erofs eintr eagain full";
static const char kSync[] = KILL " enospc edquot eio eintr";
static const char kMake[] = KILL " enospc edquot eio erofs";
static const char kOpenNew[] = KILL " enospc edquot eio erofs eintr";
static const char kOpenOld[] = KILL " eio erofs eintr";
static const char kOpenRead[] = KILL " eio eintr";
static const char kDrop[] = KILL " eio erofs";
static const char kResize[] = KILL " eio erofs eintr";
static const char kClose[] = KILL " enospc eio eintr";

static struct {
  char under[PATH_MAX];
  size_t under_length;
  enum Fault fault;
  char word[16];
  int error;
  long at, repeat;
  const char* log;
} plan;
static atomic_long calls;
static atomic_long room;  // bytes left, for "full"
static pthread_once_t once = PTHREAD_ONCE_INIT;

// path with its folder resolved; the last part stays, since it may not exist yet or be a link that
// is meant.
static void resolve(int folder, const char* path, char out[PATH_MAX]) {
  char joined[2 * PATH_MAX + 2];
  char parent[PATH_MAX];
  if (path[0] == '/') {
    snprintf(joined, sizeof joined, "%s", path);
  } else {
    char link[64];
    if (folder == AT_FDCWD)
      snprintf(link, sizeof link, "/proc/self/cwd");
    else
      snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    const ssize_t size = readlink(link, parent, sizeof parent - 1);
    parent[size < 0 ? 0 : size] = 0;
    snprintf(joined, sizeof joined, "%s/%s", parent, path);
  }
  size_t length = strlen(joined);
  while (length > 1 && joined[length - 1] == '/') joined[--length] = 0;
  char* slash = strrchr(joined, '/');
  if (slash == NULL || slash == joined) {
    snprintf(out, PATH_MAX, "%.*s", PATH_MAX - 1, joined);
    return;
  }
  *slash = 0;
  if (realpath(joined, parent) != NULL)
    snprintf(out, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2, parent, PATH_MAX / 2 - 2, slash + 1);
  else
    snprintf(out, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2, joined, PATH_MAX / 2 - 2, slash + 1);
}

static void read_plan(void) {
  const char* under = getenv("FAULTS_UNDER");
  const char* word = getenv("FAULTS_DO");
  const char* at = getenv("FAULTS_AT");
  const char* repeat = getenv("FAULTS_FOR");
  plan.log = getenv("FAULTS_LOG");
  if (under == NULL || word == NULL) return;
  plan.at = at != NULL ? atol(at) : 0;
  plan.repeat = repeat != NULL ? atol(repeat) : 1;
  for (size_t i = 0; i < sizeof kFaults / sizeof kFaults[0]; ++i)
    if (strcmp(word, kFaults[i].word) == 0) {
      plan.fault = kFaults[i].fault;
      plan.error = kFaults[i].error;
      snprintf(plan.word, sizeof plan.word, "%s", word);
      atomic_store(&room, plan.at);
      resolve(AT_FDCWD, under, plan.under);
      plan.under_length = strlen(plan.under);
      return;
    }
  static const char message[] = "libfaults: unknown FAULTS_DO\n";
  syscall(SYS_write, 2, message, sizeof message - 1);
  _exit(99);  // a misspelt fault must not look like a survived one
}

static int below(const char* path) {
  return plan.under_length > 0 && strncmp(path, plan.under, plan.under_length) == 0 &&
         (path[plan.under_length] == '/' || path[plan.under_length] == 0);
}

static int means(const char* words) {
  const size_t length = strlen(plan.word);
  for (const char* found = words; (found = strstr(found, plan.word)) != NULL; found += length)
    if ((found == words || found[-1] == ' ') && (found[length] == ' ' || found[length] == 0))
      return 1;
  return 0;
}

// Counts the call and says what becomes of it; COUNT: let it through.
static enum Fault verdict(const char* name, long bytes, const char* path, const char* words) {
  const long number = atomic_fetch_add(&calls, 1) + 1;
  if (plan.log != NULL) {
    char line[PATH_MAX + 256];
    const int size = snprintf(line, sizeof line, "%ld\t%s\t%ld\t%.*s\t%s\n", number, name, bytes,
                              PATH_MAX, path, words);
    const long log = syscall(SYS_openat, AT_FDCWD, plan.log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log >= 0) {
      syscall(SYS_write, log, line, size);
      syscall(SYS_close, log);
    }
  }
  if (plan.fault == COUNT || !means(words)) return COUNT;
  if (plan.fault == FULL) return FULL;
  const int hit = number >= plan.at && (plan.repeat == 0 || number < plan.at + plan.repeat);
  return hit ? plan.fault : COUNT;
}

static enum Fault verdict_fd(const char* name, int fd, long bytes, const char* words) {
  pthread_once(&once, read_plan);
  if (plan.under_length == 0) return COUNT;
  const int saved = errno;
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  errno = saved;
  if (size <= 0) return COUNT;
  path[size] = 0;
  return below(path) ? verdict(name, bytes, path, words) : COUNT;
}

static enum Fault verdict_path(const char* name, int folder, const char* given, const char* words) {
  pthread_once(&once, read_plan);
  if (plan.under_length == 0) return COUNT;
  const int saved = errno;
  char path[PATH_MAX];
  resolve(folder, given, path);
  errno = saved;
  return below(path) ? verdict(name, 0, path, words) : COUNT;
}

static void die(void) {
  syscall(SYS_kill, (long)getpid(), SIGKILL);
  for (;;) pause();
}

static long failed(void) {
  errno = plan.error;
  return -1;
}

// A call that happens whole or not at all.
#define WHOLE(verdict, call)                  \
  do {                                        \
    const enum Fault fault_ = (verdict);      \
    if (fault_ == KILL_BEFORE) die();         \
    if (fault_ == FAIL) return (int)failed(); \
    const long result_ = (call);              \
    if (fault_ == KILL_AFTER) die();          \
    return (int)result_;                      \
  } while (0)

// A transfer of `size` bytes: `call` may use `count`, the bytes that go through.
#define TRANSFER(verdict, size, call)                                      \
  do {                                                                     \
    size_t count = (size);                                                 \
    const enum Fault fault_ = (verdict);                                   \
    if (fault_ == KILL_BEFORE) die();                                      \
    if (fault_ == FAIL) return failed();                                   \
    if ((fault_ == SHORT || fault_ == KILL_HALF) && count > 1) count /= 2; \
    if (fault_ == FULL) {                                                  \
      const long left = atomic_fetch_sub(&room, (long)count);              \
      if (left <= 0) return failed();                                      \
      if ((size_t)left < count) count = (size_t)left;                      \
    }                                                                      \
    const ssize_t result_ = (call);                                        \
    if (fault_ == KILL_AFTER || fault_ == KILL_HALF) die();                \
    return result_;                                                        \
  } while (0)

static const char* write_words(size_t size) {
  return size > 1 ? kWrite : kOneByte;
}

SEEN ssize_t write(int fd, const void* bytes, size_t size) {
  TRANSFER(verdict_fd("write", fd, (long)size, write_words(size)), size,
           syscall(SYS_write, fd, bytes, count));
}

SEEN ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  TRANSFER(verdict_fd("pwrite", fd, (long)size, write_words(size)), size,
           syscall(SYS_pwrite64, fd, bytes, count, offset));
}
SEEN ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return pwrite(fd, bytes, size, offset);
}

SEEN ssize_t read(int fd, void* bytes, size_t size) {
  TRANSFER(verdict_fd("read", fd, (long)size, kRead), size, syscall(SYS_read, fd, bytes, count));
}
SEEN ssize_t __read_chk(int fd, void* bytes, size_t size, size_t room_there) {
  (void)room_there;
  return read(fd, bytes, size);
}

SEEN ssize_t pread(int fd, void* bytes, size_t size, off_t offset) {
  TRANSFER(verdict_fd("pread", fd, (long)size, kRead), size,
           syscall(SYS_pread64, fd, bytes, count, offset));
}
SEEN ssize_t pread64(int fd, void* bytes, size_t size, off64_t offset) {
  return pread(fd, bytes, size, offset);
}

// A part of a gather-write goes out as plain writes, so that "half" has a meaning across its
// pieces.
static ssize_t gather(int fd, const struct iovec* pieces, int number, size_t count) {
  ssize_t total = 0;
  for (int i = 0; i < number && count > 0; ++i) {
    const size_t size = pieces[i].iov_len < count ? pieces[i].iov_len : count;
    const ssize_t done = syscall(SYS_write, fd, pieces[i].iov_base, size);
    if (done < 0) return total > 0 ? total : -1;
    total += done;
    count -= (size_t)done;
    if ((size_t)done < size) break;
  }
  return total;
}
SEEN ssize_t writev(int fd, const struct iovec* pieces, int number) {
  size_t size = 0;
  for (int i = 0; i < number; ++i) size += pieces[i].iov_len;
  TRANSFER(
      verdict_fd("writev", fd, (long)size, write_words(size)), size,
      count == size ? syscall(SYS_writev, fd, pieces, number) : gather(fd, pieces, number, count));
}

SEEN ssize_t copy_file_range(int in, off64_t* in_offset, int out, off64_t* out_offset, size_t size,
                             unsigned flags) {
  TRANSFER(verdict_fd("copy_file_range", out, (long)size, write_words(size)), size,
           syscall(SYS_copy_file_range, in, in_offset, out, out_offset, count, flags));
}
SEEN ssize_t sendfile(int out, int in, off_t* offset, size_t size) {
  TRANSFER(verdict_fd("sendfile", out, (long)size, write_words(size)), size,
           syscall(SYS_sendfile, out, in, offset, count));
}
SEEN ssize_t sendfile64(int out, int in, off64_t* offset, size_t size) {
  return sendfile(out, in, offset, size);
}

SEEN int fsync(int fd) {
  WHOLE(verdict_fd("fsync", fd, 0, kSync), syscall(SYS_fsync, fd));
}
SEEN int fdatasync(int fd) {
  WHOLE(verdict_fd("fdatasync", fd, 0, kSync), syscall(SYS_fdatasync, fd));
}
SEEN int ftruncate(int fd, off_t size) {
  WHOLE(verdict_fd("ftruncate", fd, size, kResize), syscall(SYS_ftruncate, fd, size));
}
SEEN int ftruncate64(int fd, off64_t size) {
  return ftruncate(fd, size);
}
SEEN int truncate(const char* path, off_t size) {
  WHOLE(verdict_path("truncate", AT_FDCWD, path, kResize), syscall(SYS_truncate, path, size));
}
SEEN int truncate64(const char* path, off64_t size) {
  return truncate(path, size);
}
SEEN int fallocate(int fd, int mode, off_t offset, off_t size) {
  WHOLE(verdict_fd("fallocate", fd, size, kMake), syscall(SYS_fallocate, fd, mode, offset, size));
}
SEEN int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  return fallocate(fd, mode, offset, size);
}

// Linux lets go of the descriptor whatever close() reports.
SEEN int close(int fd) {
  const enum Fault fault = verdict_fd("close", fd, 0, kClose);
  if (fault == KILL_BEFORE) die();
  const long result = syscall(SYS_close, fd);
  if (fault == KILL_AFTER) die();
  return fault == FAIL ? (int)failed() : (int)result;
}

static const char* open_words(int flags) {
  if (flags & O_CREAT) return kOpenNew;
  return (flags & O_ACCMODE) == O_RDONLY ? kOpenRead : kOpenOld;
}
static int open_seen(int folder, const char* path, int flags, mode_t mode) {
  WHOLE(verdict_path("open", folder, path, open_words(flags)),
        syscall(SYS_openat, folder, path, flags, mode));
}
static mode_t mode_of(int flags, va_list rest) {
  return (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
}
#define OPEN(folder)                        \
  va_list rest;                             \
  va_start(rest, flags);                    \
  const mode_t mode = mode_of(flags, rest); \
  va_end(rest);                             \
  return open_seen(folder, path, flags, mode)
SEEN int open(const char* path, int flags, ...) {
  OPEN(AT_FDCWD);
}
SEEN int open64(const char* path, int flags, ...) {
  OPEN(AT_FDCWD);
}
SEEN int openat(int folder, const char* path, int flags, ...) {
  OPEN(folder);
}
SEEN int openat64(int folder, const char* path, int flags, ...) {
  OPEN(folder);
}
SEEN int __open_2(const char* path, int flags) {
  return open_seen(AT_FDCWD, path, flags, 0);
}
SEEN int __open64_2(const char* path, int flags) {
  return open_seen(AT_FDCWD, path, flags, 0);
}
SEEN int __openat_2(int folder, const char* path, int flags) {
  return open_seen(folder, path, flags, 0);
}
SEEN int __openat64_2(int folder, const char* path, int flags) {
  return open_seen(folder, path, flags, 0);
}
SEEN int creat(const char* path, mode_t mode) {
  return open_seen(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
SEEN int creat64(const char* path, mode_t mode) {
  return creat(path, mode);
}

// stdio is shown at its doors only: libc calls its own write from inside.
static void* next(const char* name) {
  return dlsym(RTLD_NEXT, name);
}
static FILE* fopen_seen(const char* name, const char* path, const char* mode) {
  const int flags = mode[0] == 'r' ? (strchr(mode, '+') ? O_RDWR : O_RDONLY) : O_CREAT | O_WRONLY;
  const enum Fault fault = verdict_path("open", AT_FDCWD, path, open_words(flags));
  if (fault == KILL_BEFORE) die();
  if (fault == FAIL) {
    errno = plan.error;
    return NULL;
  }
  FILE* (*real)(const char*, const char*) = NULL;
  *(void**)&real = next(name);
  FILE* file = real(path, mode);
  if (fault == KILL_AFTER) die();
  return file;
}
SEEN FILE* fopen(const char* path, const char* mode) {
  return fopen_seen("fopen", path, mode);
}
SEEN FILE* fopen64(const char* path, const char* mode) {
  return fopen_seen("fopen64", path, mode);
}
SEEN int fclose(FILE* file) {
  const enum Fault fault = verdict_fd("close", fileno(file), 0, kClose);
  if (fault == KILL_BEFORE) die();
  int (*real)(FILE*) = NULL;
  *(void**)&real = next("fclose");
  const int result = real(file);
  if (fault == KILL_AFTER) die();
  return fault == FAIL ? (int)failed() : result;
}

static int rename_seen(int from_folder, const char* from, int to_folder, const char* to,
                       unsigned flags) {
  WHOLE(verdict_path("rename", to_folder, to, kMake),
        syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}
SEEN int rename(const char* from, const char* to) {
  return rename_seen(AT_FDCWD, from, AT_FDCWD, to, 0);
}
SEEN int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  return rename_seen(from_folder, from, to_folder, to, 0);
}
SEEN int renameat2(int from_folder, const char* from, int to_folder, const char* to,
                   unsigned flags) {
  return rename_seen(from_folder, from, to_folder, to, flags);
}

static int link_seen(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  WHOLE(verdict_path("link", to_folder, to, kMake),
        syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
}
SEEN int link(const char* from, const char* to) {
  return link_seen(AT_FDCWD, from, AT_FDCWD, to, 0);
}
SEEN int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  return link_seen(from_folder, from, to_folder, to, flags);
}
SEEN int symlink(const char* target, const char* path) {
  WHOLE(verdict_path("symlink", AT_FDCWD, path, kMake),
        syscall(SYS_symlinkat, target, AT_FDCWD, path));
}

static int unlink_seen(const char* name, int folder, const char* path, int flags) {
  WHOLE(verdict_path(name, folder, path, kDrop), syscall(SYS_unlinkat, folder, path, flags));
}
SEEN int unlink(const char* path) {
  return unlink_seen("unlink", AT_FDCWD, path, 0);
}
SEEN int unlinkat(int folder, const char* path, int flags) {
  return unlink_seen(flags & AT_REMOVEDIR ? "rmdir" : "unlink", folder, path, flags);
}
SEEN int rmdir(const char* path) {
  return unlink_seen("rmdir", AT_FDCWD, path, AT_REMOVEDIR);
}
SEEN int remove(const char* path) {
  const int result = unlink(path);
  return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

static int mkdir_seen(int folder, const char* path, mode_t mode) {
  WHOLE(verdict_path("mkdir", folder, path, kMake), syscall(SYS_mkdirat, folder, path, mode));
}
SEEN int mkdir(const char* path, mode_t mode) {
  return mkdir_seen(AT_FDCWD, path, mode);
}
SEEN int mkdirat(int folder, const char* path, mode_t mode) {
  return mkdir_seen(folder, path, mode);
}
