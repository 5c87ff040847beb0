/* Loaded before everything else (LD_PRELOAD): the n-th change of a file below a folder fails, or is the last.
 *
 * A process calls failing_from(n, error, how, folder). From its n-th change on, counted over everything that
 * writes, names, removes or syncs below that folder, each one fails with that error number ("how" is FOR_EVER),
 * or the n-th alone does (ONCE), or the folder itself is moved away just before it (LOST), or the process is
 * killed there (KILLED). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FOR_EVER, ONCE, LOST, KILLED };

static long from, passed;
static int code, how;
static char folder[PATH_MAX];

void failing_from(long n, int error, int way, const char *below) {
    from = n, code = error, how = way, passed = 0;
    snprintf(folder, sizeof folder, "%s", below);
}

long failing_passed(void) { return passed; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int below(const char *path) {
    char whole[2 * PATH_MAX];
    if (!folder[0] || !path) return 0;
    if (path[0] != '/') {
        if (!getcwd(whole, PATH_MAX)) return 0;
        strncat(whole, "/", 2);
        strncat(whole, path, PATH_MAX - 1);
        path = whole;
    }
    return !strncmp(path, folder, strlen(folder));
}

static int fails(void) {
    passed++;
    if (!from || passed < from || (how != FOR_EVER && passed > from)) return 0;
    if (how == LOST) {
        char away[PATH_MAX + 8];
        snprintf(away, sizeof away, "%s.lost", folder);
        REAL(rename)(folder, away);
        return 0;
    }
    if (how == KILLED) kill(getpid(), SIGKILL);
    errno = code;
    return 1;
}

static int fails_at(const char *path) { return below(path) && fails(); }

static int fails_in(int file) {
    char link[64], path[PATH_MAX];
    if (!folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path) && fails();
}

#define OPENS(name)                                                              \
    int name(const char *path, int flags, ...) {                                 \
        va_list rest;                                                            \
        va_start(rest, flags);                                                   \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;  \
        va_end(rest);                                                            \
        if ((flags & O_ACCMODE) != O_RDONLY && fails_at(path)) return -1;        \
        return REAL(name)(path, flags, mode);                                    \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                           \
    int name(int at, const char *path, int flags, ...) {                         \
        va_list rest;                                                            \
        va_start(rest, flags);                                                   \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;  \
        va_end(rest);                                                            \
        if ((flags & O_ACCMODE) != O_RDONLY && fails_at(path)) return -1;        \
        return REAL(name)(at, path, flags, mode);                                \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

#define ON_FILE(type, name, given, passed_on)                                    \
    type name given { return fails_in(file) ? -1 : REAL(name) passed_on; }
ON_FILE(ssize_t, write, (int file, const void *data, size_t count), (file, data, count))
ON_FILE(ssize_t, pwrite, (int file, const void *data, size_t count, off_t at), (file, data, count, at))
ON_FILE(ssize_t, pwrite64, (int file, const void *data, size_t count, off64_t at), (file, data, count, at))
ON_FILE(ssize_t, writev, (int file, const struct iovec *parts, int count), (file, parts, count))
ON_FILE(int, ftruncate, (int file, off_t size), (file, size))
ON_FILE(int, ftruncate64, (int file, off64_t size), (file, size))
ON_FILE(int, fsync, (int file), (file))
ON_FILE(int, fdatasync, (int file), (file))

#define ON_PATH(name, given, passed_on)                                          \
    int name given { return fails_at(path) ? -1 : REAL(name) passed_on; }
ON_PATH(unlink, (const char *path), (path))
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(rename, (const char *path, const char *name), (path, name))
ON_PATH(truncate, (const char *path, off_t size), (path, size))
