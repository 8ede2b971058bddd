// liballocation.so, put before a program with LD_PRELOAD: the allocation number ALLOCATION_AT (from
// 1) finds no memory, and so do the ALLOCATION_FOR - 1 that follow it. ALLOCATION_LOG gets the
// number of allocations at the end. Counted from main() on: before it, the loader and the CUDA
// runtime, which notes down its kernels there, end the process when they find no memory.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static atomic_long allocations;
static atomic_int in_main;
static long first = -1, last = -1;

__attribute__((constructor)) static void read_environment(void) {
  const char* at = getenv("ALLOCATION_AT");
  const char* count = getenv("ALLOCATION_FOR");
  if (!at) return;
  first = atol(at);
  last = first + (count ? atol(count) : 1) - 1;
}

typedef int (*Main)(int, char**, char**);
typedef int (*Start)(Main, int, char**, Main, void (*)(void), void (*)(void), void*);
static Main real_main;

static int counted_main(int count, char** arguments, char** environment) {
  atomic_store(&allocations, 0);
  atomic_store(&in_main, 1);
  return real_main(count, arguments, environment);
}

int __libc_start_main(Main program, int count, char** arguments, Main init, void (*fini)(void),
                      void (*loader_fini)(void), void* stack_end) {
  real_main = program;
  const Start start = (Start)dlsym(RTLD_NEXT, "__libc_start_main");
  return start(counted_main, count, arguments, init, fini, loader_fini, stack_end);
}

__attribute__((destructor)) static void write_log(void) {
  const char* path = getenv("ALLOCATION_LOG");
  const long total = atomic_load(&allocations);
  if (!path) return;
  FILE* log = fopen(path, "w");
  if (!log) return;
  fprintf(log, "%ld\n", total);
  fclose(log);
}

static int refused(void) {
  const long number = atomic_fetch_add(&allocations, 1) + 1;
  if (!atomic_load(&in_main) || first < 0 || number < first || number > last) return 0;
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) {
  return refused() ? NULL : __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  return refused() ? NULL : __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
  return refused() ? NULL : __libc_realloc(old, size);
}
void* memalign(size_t alignment, size_t size) {
  return refused() ? NULL : __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}
