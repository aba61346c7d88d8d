/*
 * Work that several threads share. The chunks of a work are claimed one by one, so that a slow thread, or one that other
 * processes hold up, delays nobody. The helpers wait, asleep, between fills, and run on the CPUs of the thread that leads one; a
 * fork ends them first, in both processes the next fill starts new ones.
 */
#if !defined(_WIN32)
#define _GNU_SOURCE /* sched_getaffinity */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>
#endif
#include <time.h>

#include "fill.h"
#include "fpenv.h"

void fi_set_work(fi_work *work, const fi_kernels *kernels, fi_task *tasks, size_t count) {
    *work = (fi_work){.kernels = kernels, .tasks = tasks, .task_count = count};
    for (size_t i = 0; i < count; i++) {
        tasks[i].chunks_before = work->chunks;
        work->chunks += tasks[i].region.chunks;
        work->element_count += fi_region_work(&tasks[i].region);
    }
}

/* To look at the clock takes as long as to fill an array of a few dozen elements, which may be all of a chunk. */
enum { ELEMENTS_A_LOOK = 1 << 12 };

/*
 * Does one chunk, and returns the number of its elements, or ELEMENTS_A_LOOK if it is one of several. at is the task of the
 * chunk that this thread did before, or 0: the next is mostly the same or close by.
 */
static size_t do_chunk(const fi_work *work, size_t chunk, size_t *at) {
    size_t low = *at, high = work->task_count; /* the last task with no more than chunk before it lies in [low, high) */
    for (size_t step = 1; high - low > step; step *= 2) {
        if (work->tasks[low + step].chunks_before > chunk) {
            high = low + step;
        } else {
            low += step;
        }
    }
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        *(work->tasks[middle].chunks_before <= chunk ? &low : &high) = middle;
    }
    *at = low;
    const fi_task *const task = &work->tasks[low];
    fi_fill_chunk(work->kernels, &task->fill, &task->region, chunk - task->chunks_before);
    return task->region.chunks > 1 ? ELEMENTS_A_LOOK : fi_region_work(&task->region);
}

static double now(void);

/* Whether the time is over, as far as one looks: elements are those that were done since the last look. */
static int is_over(size_t *elements, double end) {
    if (*elements < ELEMENTS_A_LOOK) return 0;
    *elements = 0;
    return now() > end;
}

#if defined(_WIN32)

/* One thread: nobody has written others yet. */
static double now(void) { return (double)clock() / CLOCKS_PER_SEC; }

int fi_threads(void) { return 1; }

void fi_set_threads(int threads) { (void)threads; }

static int do_work(fi_work *work, double seconds) {
    const double end = now() + seconds;
    size_t task = 0, elements = 0;
    while (work->next_chunk < work->chunks) {
        elements += do_chunk(work, work->next_chunk++, &task);
        if (is_over(&elements, end)) break;
    }
    return work->next_chunk == work->chunks;
}

#else

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- How many threads ---------------------------------------------------------------------------------------------- */

static atomic_int threads_set; /* 0: none was set */

typedef struct {
#if defined(__linux__)
    cpu_set_t set[8]; /* of 1024 CPUs each */
#else
    int none;
#endif
} cpu_sets;

#if defined(__linux__)
/* Asks which CPUs the calling thread may run on; returns whether there was an answer. */
static bool get_cpus(cpu_sets *cpus) { return sched_getaffinity(0, sizeof *cpus, cpus->set) == 0; }
#endif

/* How many CPUs the calling thread may run on. */
static int cpus(void) {
#if defined(__linux__)
    cpu_sets own;
    if (get_cpus(&own)) return CPU_COUNT_S(sizeof own, own.set);
#endif
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* no cover */
    return online < 1 ? 1 : (int)online;               /* no cover */
}

int fi_threads(void) {
    const int set = atomic_load(&threads_set);
    const int threads = set ? set : cpus();
    return threads < FI_THREADS_MAX ? threads : FI_THREADS_MAX;
}

void fi_set_threads(int threads) { atomic_store(&threads_set, threads); }

/* ---- Helpers ------------------------------------------------------------------------------------------------------- */

/* How often to look whether the helpers are done before going to sleep: some microseconds, a part of what waking up takes. */
enum { SPINS = 500 };

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("yield")
#else
#define PAUSE() ((void)0)
#endif

/* A work in progress, on the stack of the thread that leads it. What is not atomic, the pool's lock guards. */
typedef struct job {
    const fi_work *work;
    atomic_size_t next_chunk;
    atomic_bool stopped;
    int wanted;          /* threads that may still join in */
    atomic_int helpers;  /* those that are at it */
    pthread_cond_t left; /* the last helper has left */
    struct job *next;
    const cpu_sets *cpus; /* those of the leader, or NULL */
} job;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, forked;
    job *jobs;
    atomic_bool ending; /* the helpers are to end; none are started */
    int started;
    pthread_t helper[FI_THREADS_MAX];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .forked = PTHREAD_COND_INITIALIZER};

/* Claims a chunk and does it; returns whether there was one. Adds to the elements what do_chunk returns. */
static bool do_next_chunk(job *j, size_t *task, size_t *elements) {
    const size_t chunk = atomic_fetch_add_explicit(&j->next_chunk, 1, memory_order_relaxed);
    if (chunk >= j->work->chunks) return false;
    *elements += do_chunk(j->work, chunk, task);
    return true;
}

/* Two for each that wakes: so all are awake after a few steps, and the leader has little to do with it. */
static void wake_helpers(int wanted) {
    for (int i = 0; i < 2 && i < wanted; i++) pthread_cond_signal(&pool.wake);
}

/*
 * A helper comes with the CPUs of the leader that started it, or of the one before. Their own are what a caller may have chosen
 * for a fill: so it moves to them, unless the system refuses.
 */
static void move_to_leader(const job *j) {
#if defined(__linux__)
    cpu_sets own;
    if (!j->cpus || !get_cpus(&own) || CPU_EQUAL_S(sizeof own, own.set, j->cpus->set)) return;
    sched_setaffinity(0, sizeof own, j->cpus->set);
#else
    (void)j;
#endif
}

static void *help(void *unused) {
    (void)unused;
    pthread_mutex_lock(&pool.lock);
    while (!pool.ending) {
        job *j = pool.jobs;
        while (j && !j->wanted) j = j->next;
        if (!j) {
            pthread_cond_wait(&pool.wake, &pool.lock);
            continue;
        }
        const int wanted = --j->wanted;
        j->helpers++;
        pthread_mutex_unlock(&pool.lock);
        wake_helpers(wanted);
        move_to_leader(j);
        size_t task = 0, elements = 0;
        while (!j->stopped && !pool.ending && do_next_chunk(j, &task, &elements)) continue;
        pthread_mutex_lock(&pool.lock);
        if (--j->helpers == 0) pthread_cond_signal(&j->left);
    }
    pthread_mutex_unlock(&pool.lock);
    return NULL;
}

/* The lock is held from before a fork until after it, and no helper is left that the child would miss. */
static void end_helpers(void) {
    pthread_mutex_lock(&pool.lock);
    while (pool.ending) pthread_cond_wait(&pool.forked, &pool.lock);
    pool.ending = true;
    pthread_cond_broadcast(&pool.wake);
    while (pool.started) {
        const pthread_t helper = pool.helper[--pool.started];
        pthread_mutex_unlock(&pool.lock);
        pthread_join(helper, NULL);
        pthread_mutex_lock(&pool.lock);
    }
}

static void go_on_in_parent(void) {
    pool.ending = false;
    pthread_cond_signal(&pool.forked);
    pthread_mutex_unlock(&pool.lock);
}

/* What other threads led is not continued here, and nobody waits. */
static void go_on_in_child(void) {
    pool.jobs = NULL;
    pool.ending = false;
    /* Their other users may have been in the midst of it. */
    pthread_cond_init(&pool.wake, NULL);
    pthread_cond_init(&pool.forked, NULL);
    pthread_mutex_unlock(&pool.lock);
}

static bool forks_watched;

/* When the library is loaded: a fork that began before might find the lock taken and would never know. */
__attribute__((constructor)) static void watch_forks(void) {
    forks_watched = pthread_atfork(end_helpers, go_on_in_parent, go_on_in_child) == 0;
}

/* Starts helpers until there are count, or as many as the system lets; the lock is held. */
static void start_helpers(int count) {
    pthread_attr_t attributes;
    sigset_t blocked, before;
    if (pool.started >= count || !forks_watched) return;
    if (pthread_attr_init(&attributes)) return;
    pthread_attr_setstacksize(&attributes, 1 << 19);
    sigfillset(&blocked); /* signals are for the program's own threads, unless they tell of a fault of this one */
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGFPE);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    while (pool.started < count && !pthread_create(&pool.helper[pool.started], &attributes, help, NULL)) pool.started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

/* own is room for the CPUs of the leader. */
static void join_pool(job *j, cpu_sets *own) {
    const int wanted = j->wanted;
#if defined(__linux__)
    if (get_cpus(own)) j->cpus = own;
#else
    (void)own;
#endif
    pthread_mutex_lock(&pool.lock);
    if (!pool.ending) start_helpers(wanted);
    j->next = pool.jobs;
    pool.jobs = j;
    pthread_mutex_unlock(&pool.lock);
    wake_helpers(wanted);
}

static void leave_pool(job *j) {
    pthread_mutex_lock(&pool.lock);
    job **link = &pool.jobs;
    while (*link != j) link = &(*link)->next;
    *link = j->next;
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < SPINS && j->helpers; i++) PAUSE();
    pthread_mutex_lock(&pool.lock);
    while (j->helpers) pthread_cond_wait(&j->left, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}

static int do_work(fi_work *work, double seconds) {
    const double end = now() + seconds;
    const size_t most = work->element_count / FI_THREAD_ELEMENTS;
    const int threads = most < 2 ? 1 : (int)fi_smaller(most, (size_t)fi_threads());
    job j = {.work = work, .next_chunk = work->next_chunk, .wanted = threads - 1, .left = PTHREAD_COND_INITIALIZER};
    cpu_sets own; /* not in the job: most have no use for them, and it begins with zeros */
    size_t task = 0, elements = 0;

    if (threads > 1) join_pool(&j, &own);
    while (do_next_chunk(&j, &task, &elements)) {
        if (is_over(&elements, end)) break;
    }
    j.stopped = true;
    if (threads > 1) leave_pool(&j);
    pthread_cond_destroy(&j.left);
    work->next_chunk = fi_smaller(j.next_chunk, work->chunks);
    return work->next_chunk == work->chunks;
}

#endif

/* The time is counted in double, which a caller may have set to trap. */
int fi_do_work(fi_work *work, double seconds) {
    const fi_fpenv caller = fi_fpenv_enter();
    const int done = do_work(work, seconds);
    fi_fpenv_leave(caller);
    return done;
}
