/* Preloaded into a child of the tests: makes the SHIM_AT-th sync or write on a file whose path
 * contains SHIM_PATH fail (SHIM_ACT=eio, enospc) or fall short (short); counts those calls as the
 * length of the file SHIM_LOG. SHIM_CALL says which calls: sync or write. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int seen;

static int matches(int fd, const char *call) {
  const char *wanted = getenv("SHIM_CALL"), *part = getenv("SHIM_PATH");
  char link[64], path[4096];
  if (!wanted || !part || strcmp(wanted, call)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (!strstr(path, part)) return 0;
  const char *log = getenv("SHIM_LOG");
  if (log) {
    int out = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    syscall(SYS_write, out, ".", 1);
    syscall(SYS_close, out);
  }
  const char *at = getenv("SHIM_AT");
  return __sync_add_and_fetch(&seen, 1) == (at ? atoi(at) : -1);
}

static int failure(void) {
  const char *act = getenv("SHIM_ACT");
  if (act && !strcmp(act, "eio")) return EIO;
  if (act && !strcmp(act, "enospc")) return ENOSPC;
  return 0;
}

static int sync_by(long number, int fd) {
  if (matches(fd, "sync")) { errno = failure(); return -1; }
  return syscall(number, fd);
}

static ssize_t write_by(int fd, const void *data, size_t size, off_t offset, int at) {
  if (matches(fd, "write")) {
    if (failure()) { errno = failure(); return -1; }
    size = size > 1 ? size / 2 : size;
  }
  return at ? syscall(SYS_pwrite64, fd, data, size, offset) : syscall(SYS_write, fd, data, size);
}

int fsync(int fd) { return sync_by(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }
ssize_t write(int fd, const void *data, size_t size) { return write_by(fd, data, size, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  return write_by(fd, data, size, offset, 1);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) {
  return write_by(fd, data, size, offset, 1);
}
