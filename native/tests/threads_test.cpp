// Which threads there are after an operation, and after they were dismissed.
#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <random>

#include "arrays.h"
#include "check.h"
#include "scorecam.h"

namespace {

int threads() {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  while (const dirent *task = readdir(tasks)) count += task->d_name[0] != '.';
  closedir(tasks);
  return count;
}

// What is joined may be listed a moment longer.
void expect_threads(int expected) {
  for (int wait = 0; threads() != expected && wait < 1000; ++wait) usleep(1000);
  CHECK(threads() == expected, "%d threads, not %d", threads(), expected);
}

void pool() {
  constexpr int64_t kSide = 256, kChannels = 16;
  arrays::Dense input(kSide * kSide * kChannels), output(kSide * kSide * kChannels / 4);
  std::mt19937 random(1);
  input.fill(random);
  const scorecam_max_pool pool = {1, kSide, kSide, kChannels, {{2, 2}, {2, 2}, {0, 0}, {1, 1}}, 0, 0, input.data(),
                                  output.data()};
  CHECK(scorecam_max_pool_batch(&pool) == SCORECAM_STATUS_OK, "%s", scorecam_last_message());
}

}  // namespace

int main() {
  const int before = threads();
  scorecam_dismiss_threads();  // none yet
  pool();
  const int during = threads();
  if (during == before) {
    std::printf("skipped: the operation ran on one thread\n");
    return 77;
  }
  CHECK(during == before + 2, "%d threads, of %d", during, before);
  for (int time = 0; time < 3; ++time) {
    scorecam_dismiss_threads();
    expect_threads(before);
    scorecam_dismiss_threads();
    pool();
    expect_threads(during);
  }
  return check::report();
}
