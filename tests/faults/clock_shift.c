// Preloaded into a process, moves its time of day by what a file says: eight bytes, nanoseconds, in
// the order of this machine's bytes. The environment's CLOCK_SHIFT_FILE names it. Whoever changes
// the file makes the process's clock jump. CLOCK_MONOTONIC goes on as it was.
//
// What a program is told by the kernel in other ways, such as when a file was changed, keeps the
// time of the machine.

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* shift;

// The dynamic loader runs this before main().
__attribute__((constructor)) static void open_file(void) {
  const char* path = getenv("CLOCK_SHIFT_FILE");
  if (path == NULL) return;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  void* page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) {
    perror(path);
    _exit(127);
  }
  close(file);
  shift = page;
}

static const int64_t kSecond = 1000000000;

static void move(struct timespec* time) {
  if (shift == NULL) return;
  int64_t sum = time->tv_sec * kSecond + time->tv_nsec + *shift;
  time->tv_sec = sum / kSecond;
  time->tv_nsec = sum % kSecond;
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) move(time);
  return result;
}

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(struct timespec* time, int base) {
  if (base != TIME_UTC) return 0;
  clock_gettime(CLOCK_REALTIME, time);
  return base;
}
