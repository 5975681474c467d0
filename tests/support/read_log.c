/* Reads a log by libdarshan-util as pipeline/sources/darshan/libdarshan.py does, and nothing else, so
 * that a checker of memory sees the library alone:
 *
 *     read_log LIBRARY LOG [MODULE ...]
 *
 * The modules are numbers; with "open" in their place the log is opened and closed. Records are put
 * into blocks that the library allocates.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    int64_t uid, start_sec, start_nsec, end_sec, end_nsec, nprocs, jobid;
    char metadata[1024];
};
struct mount { char type[3015], path[3015]; };
struct module { char *name; int len, ver, idx, partial; };
struct name { uint64_t id; char *name; };

static void *library;

static void *call(const char *name) {
    void *found = dlsym(library, name);
    if (!found) exit(3);
    return found;
}

int main(int count, char **given) {
    library = dlopen(given[1], RTLD_NOW);
    if (!library) return 3;
    void *(*open_log)(char *) = call("darshan_log_open");
    void (*close_log)(void *) = call("darshan_log_close");
    int (*get_job)(void *, struct job *) = call("darshan_log_get_job");
    int (*get_exe)(void *, char *) = call("darshan_log_get_exe");
    int (*get_mounts)(void *, struct mount **, int *) = call("darshan_log_get_mounts");
    void (*get_modules)(void *, struct module **, int *) = call("darshan_log_get_modules");
    void (*get_names)(void *, struct name **, int *) = call("darshan_log_get_name_records");
    int (*get_runtime)(void *, struct job, double *) = call("darshan_log_get_job_runtime");
    int (*get_record)(void *, int, void **) = call("darshan_log_get_record");
    void (*free_block)(void *) = call("darshan_free");

    void *log = open_log(given[2]);
    if (!log) return 1;
    struct module *modules = NULL;
    int some = 0;
    get_modules(log, &modules, &some);
    free_block(modules);
    if (count > 3 && strcmp(given[3], "open") == 0) {
        close_log(log);
        return 0;
    }
    struct job job;
    char *exe = calloc(1, 8192);
    double runtime;
    if (get_job(log, &job) || get_exe(log, exe) || get_runtime(log, job, &runtime)) return 1;
    free(exe);
    struct mount *mounts = NULL;
    if (get_mounts(log, &mounts, &some) == 0) {
        free_block(mounts);
    } else {
        close_log(log);
        if (!(log = open_log(given[2]))) return 1;
    }
    struct name *names = NULL;
    get_names(log, &names, &some);
    for (int n = 0; n < some; n++) free_block(names[n].name);
    if (names) free_block(names);
    for (int n = 3; n < count; n++) {
        int code;
        void *record = NULL;
        while ((code = get_record(log, atoi(given[n]), &record)) > 0) {
            free_block(record);
            record = NULL;
        }
        if (code < 0) {
            close_log(log);
            if (!(log = open_log(given[2]))) return 1;
        }
    }
    close_log(log);
    return 0;
}
