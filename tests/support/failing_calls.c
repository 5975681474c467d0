/* Makes a counted call of the system fail, in a process and in those that it starts (LD_PRELOAD).
 *
 * Counted are the calls that write below $TOKIO_FAIL_BELOW. $TOKIO_FAIL_STATE is a file of
 * numbers of 64 bits that the processes share, see below. Each call that fails is a line of
 * $TOKIO_FAIL_LOG: call and path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct state {
    int64_t calls;  /* so far */
    int64_t failed; /* of them */
    int64_t from;   /* the first call that may fail, from 1 */
    int64_t many;   /* how many fail of those that can fail with the error */
    int64_t error;
};
static struct state *state;
static const char *below;
static int log_file = -1;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("TOKIO_FAIL_STATE");
    int (*open_file)(const char *, int, ...) = real("open");
    below = getenv("TOKIO_FAIL_BELOW");
    if (!file || !below) return;
    int handle = open_file(file, O_RDWR);
    void *place = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    close(handle);
    if (place == MAP_FAILED) return;
    log_file = open_file(getenv("TOKIO_FAIL_LOG"), O_WRONLY | O_APPEND | O_CLOEXEC);
    state = place;
}

static int can_fail(const char *call) {
    int opens = strcmp(call, "open") == 0;
    int error_number = state->error;
    int writes = strcmp(call, "write") == 0 || strcmp(call, "fsync") == 0;
    if (error_number == EMFILE) return opens;
    if (error_number == EACCES) return !writes;
    if (error_number == ENOSPC || error_number == EDQUOT)
        return strcmp(call, "unlink") != 0;
    return 1;
}

static int fails(const char *call, const char *path) {
    if (!state || !path || strncmp(path, below, strlen(below)) != 0) return 0;
    int64_t number = __atomic_add_fetch(&state->calls, 1, __ATOMIC_SEQ_CST);
    if (number < state->from || !can_fail(call)) return 0;
    if (__atomic_add_fetch(&state->failed, 1, __ATOMIC_SEQ_CST) > state->many) return 0;
    char line[PATH_MAX + 32];
    int size = snprintf(line, sizeof line, "%s\t%s\n", call, path);
    ssize_t (*write_text)(int, const void *, size_t) = real("write");
    (void)!write_text(log_file, line, size);
    errno = state->error;
    return 1;
}

static const char *path_of(int handle, char *place) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", handle);
    ssize_t size = readlink(name, place, PATH_MAX - 1);
    if (size < 0) return NULL;
    place[size] = 0;
    return place;
}

static const char *path_at(int folder, const char *path, char *place) {
    if (!path || path[0] == '/' || folder == AT_FDCWD) return path;
    char above[PATH_MAX];
    if (!path_of(folder, above)) return NULL;
    snprintf(place, PATH_MAX, "%.2000s/%.2000s", above, path);
    return place;
}

#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))
#define MODE(flags, mode)                     \
    mode_t mode = 0;                          \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {  \
        va_list more;                         \
        va_start(more, flags);                \
        mode = va_arg(more, mode_t);          \
        va_end(more);                         \
    }
#define OPEN(name)                                                     \
    int name(const char *path, int flags, ...) {                       \
        MODE(flags, mode)                                              \
        if (WRITES(flags) && fails("open", path)) return -1;           \
        return ((int (*)(const char *, int, ...))real(#name))(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
#define OPENAT(name)                                                   \
    int name(int folder, const char *path, int flags, ...) {           \
        char place[PATH_MAX];                                          \
        MODE(flags, mode)                                              \
        if (WRITES(flags) && fails("open", path_at(folder, path, place))) return -1; \
        return ((int (*)(int, const char *, int, ...))real(#name))(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

#define ON_HANDLE(result, name, call, arguments, given)                \
    result name arguments {                                            \
        char place[PATH_MAX];                                          \
        if (state && handle > 2 && fails(call, path_of(handle, place))) return -1; \
        return ((result(*) arguments)real(#name)) given;               \
    }
ON_HANDLE(ssize_t, write, "write", (int handle, const void *data, size_t size), (handle, data, size))
ON_HANDLE(ssize_t, writev, "write", (int handle, const struct iovec *data, int count),
          (handle, data, count))
ON_HANDLE(ssize_t, pwrite, "write", (int handle, const void *data, size_t size, off_t at),
          (handle, data, size, at))
ON_HANDLE(ssize_t, pwrite64, "write", (int handle, const void *data, size_t size, off64_t at),
          (handle, data, size, at))
ON_HANDLE(int, ftruncate, "write", (int handle, off_t size), (handle, size))
ON_HANDLE(int, ftruncate64, "write", (int handle, off64_t size), (handle, size))
ON_HANDLE(int, fsync, "fsync", (int handle), (handle))
ON_HANDLE(int, fdatasync, "fsync", (int handle), (handle))

#define ON_PATH(name, call, arguments, subject, given)                 \
    int name arguments {                                               \
        if (fails(call, subject)) return -1;                           \
        return ((int(*) arguments)real(#name)) given;                  \
    }
ON_PATH(rename, "rename", (const char *old, const char *new), new, (old, new))
/* of a folder that is there the system says so, whatever else is wrong */
ON_PATH(mkdir, "mkdir", (const char *path, mode_t mode), access(path, F_OK) ? path : NULL,
        (path, mode))
ON_PATH(unlink, "unlink", (const char *path), path, (path))
ON_PATH(rmdir, "unlink", (const char *path), path, (path))

int unlinkat(int folder, const char *path, int flags) {
    char place[PATH_MAX];
    if (fails("unlink", path_at(folder, path, place))) return -1;
    return ((int (*)(int, const char *, int))real("unlinkat"))(folder, path, flags);
}
