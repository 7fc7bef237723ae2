/* Preloaded into the harness's children: counts the calls that change files under one directory,
 * across all threads, and lets the n-th one fail as asked:
 *   kill   the process dies before the call      torn   half of the data is written, then it dies
 *   eio    the call fails                        short  half of the data is written and reported
 *   enospc the call fails                        count  nothing fails
 * Armed by a call, so that a process can be forked once everything is loaded. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[4096];
static size_t root_length;
static char mode[16];
static long at, seen;
static int names = -1;

void fault_arm(const char *directory, const char *how, long when, int log) {
  snprintf(mode, sizeof mode, "%s", how);
  at = when;
  seen = 0;
  names = log;
  snprintf(root, sizeof root, "%s", directory);
  root_length = strlen(root);
}

void fault_disarm(void) { root_length = 0; }

long fault_count(void) { return seen; }

static void die(void) {
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  for (;;) syscall(SYS_pause);
}

static int hit(const char *call, const char *path) {
  if (!root_length || !path || strncmp(path, root, root_length)) return 0;
  long number = __sync_add_and_fetch(&seen, 1);
  if (names >= 0) {
    char line[4200];
    int size = snprintf(line, sizeof line, "%s %s\n", call, path + root_length);
    syscall(SYS_write, names, line, size);
  }
  if (number != at) return 0;
  if (!strcmp(mode, "kill")) die();
  if (!strcmp(mode, "eio")) { errno = EIO; return -1; }
  if (!strcmp(mode, "enospc")) { errno = ENOSPC; return -1; }
  return 1;
}

static int hit_fd(const char *call, int fd) {
  if (!root_length) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return hit(call, path);
}

static ssize_t put(const char *call, int fd, const void *data, size_t size, off_t offset, int there) {
#define RAW(n) (there ? syscall(SYS_pwrite64, fd, data, n, offset) : syscall(SYS_write, fd, data, n))
  int what = hit_fd(call, fd);
  if (what < 0) return -1;
  if (what && !strcmp(mode, "torn")) { RAW(size / 2); die(); }
  if (what && !strcmp(mode, "short") && size > 1) return RAW(size / 2);
  return RAW(size);
}

ssize_t write(int fd, const void *data, size_t size) { return put("write", fd, data, size, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  return put("pwrite64", fd, data, size, offset, 1);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) {
  return put("pwrite64", fd, data, size, offset, 1);
}

#define BY_FD(name, number)                        \
  int name(int fd) {                               \
    if (hit_fd(#name, fd) < 0) return -1;          \
    return syscall(number, fd);                    \
  }
BY_FD(fsync, SYS_fsync)
BY_FD(fdatasync, SYS_fdatasync)

int ftruncate(int fd, off_t size) {
  if (hit_fd("ftruncate", fd) < 0) return -1;
  return syscall(SYS_ftruncate, fd, size);
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int rename(const char *from, const char *to) {
  if (hit("rename", from) < 0) return -1;
  return syscall(SYS_rename, from, to);
}
int link(const char *from, const char *to) {
  if (hit("link", to) < 0) return -1;
  return syscall(SYS_link, from, to);
}
int unlink(const char *path) {
  if (hit("unlink", path) < 0) return -1;
  return syscall(SYS_unlink, path);
}
int mkdir(const char *path, mode_t bits) {
  if (hit("mkdir", path) < 0) return -1;
  return syscall(SYS_mkdir, path, bits);
}

static int opening(int directory, const char *path, int flags, mode_t bits) {
  if ((flags & O_CREAT) && path[0] == '/' && hit("openat", path) < 0) return -1;
  return syscall(SYS_openat, directory, path, flags, bits);
}

#define BITS                                                     \
  mode_t bits = 0;                                               \
  if (flags & (O_CREAT | O_TMPFILE)) {                           \
    va_list rest;                                                \
    va_start(rest, flags);                                       \
    bits = va_arg(rest, int);                                    \
    va_end(rest);                                                \
  }
int open(const char *path, int flags, ...) { BITS return opening(AT_FDCWD, path, flags, bits); }
int open64(const char *path, int flags, ...) { BITS return opening(AT_FDCWD, path, flags, bits); }
int openat(int directory, const char *path, int flags, ...) {
  BITS return opening(directory, path, flags, bits);
}
