#include "cpu/block_range.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "common/failure.h"

using scorecam::BlockRange;

namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;
constexpr std::size_t kRange = 64 * kMebibyte;

bool resident(void *address) {
  unsigned char state = 0;
  if (::mincore(address, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), &state) != 0) return false;
  return state & 1;
}

// A network's blocks, chunk after chunk: each must be where it was.
void same_blocks_come_back() {
  BlockRange range(kRange);
  const std::size_t sizes[] = {9 * kMebibyte, 3 * kMebibyte + 5, 700000, 3 * kMebibyte + 5, 5 * kMebibyte};
  std::vector<void *> first;
  for (int chunk = 0; chunk < 50; ++chunk) {
    std::vector<void *> blocks;
    void *before = nullptr;
    for (const std::size_t size : sizes) {
      void *block = range.take(size);
      blocks.push_back(block);
      if (before != nullptr) range.give_back(before);
      before = block;
    }
    range.give_back(before);
    if (chunk == 0) first = blocks;
    CHECK(blocks == first, "chunk %d has other blocks", chunk);
  }
}

void what_is_given_back_joins() {
  BlockRange range(kRange);
  std::vector<void *> blocks;
  for (int i = 0; i < 64; ++i) blocks.push_back(range.take(kMebibyte));
  CHECK(range.take(1) == nullptr, "a full range gives a block");
  for (int step : {1, 3, 5, 7})
    for (int i = 0; i < 8; ++i) range.give_back(blocks[static_cast<std::size_t>(i * 8 + step)]);
  CHECK(range.take(2 * kMebibyte) == nullptr, "blocks of one MiB each give one of two");
  for (int step : {0, 2, 4, 6})
    for (int i = 0; i < 8; ++i) range.give_back(blocks[static_cast<std::size_t>(i * 8 + step)]);
  void *all = range.take(kRange);
  CHECK(all == blocks[0], "the gaps have not become one");
  CHECK(range.length_of(all) == kRange && range.length_of(static_cast<char *>(all) + 4096) == 0, "another length");
  range.give_back(all);
  CHECK(range.length_of(all) == 0 && range.length_of(nullptr) == 0, "a length of what is no block");
  range.give_back(all);
  CHECK(range.take(kRange) == all, "giving back twice does harm");
  CHECK(range.take(SIZE_MAX) == nullptr, "more than there is");
}

void blocks_do_not_overlap() {
  BlockRange range(kRange);
  struct Block {
    unsigned char *data;
    std::size_t size;
    unsigned char value;
  };
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&range, &wrong, t] {
      std::mt19937 random(t);
      std::vector<Block> blocks;
      for (int i = 0; i < 2000; ++i) {
        if (blocks.size() < 6 && random() % 2 == 0) {
          const std::size_t size = 1 + random() % (2 * kMebibyte);
          auto *data = static_cast<unsigned char *>(range.take(size));
          if (data == nullptr) continue;
          const auto value = static_cast<unsigned char>(random());
          data[0] = data[size / 2] = data[size - 1] = value;
          blocks.push_back({data, size, value});
        } else if (!blocks.empty()) {
          const Block block = blocks[random() % blocks.size()];
          wrong[t] += block.data[0] != block.value || block.data[block.size / 2] != block.value ||
                      block.data[block.size - 1] != block.value || !range.holds(block.data + block.size - 1);
          for (std::size_t b = 0; b < blocks.size(); ++b)
            if (blocks[b].data == block.data) blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(b));
          range.give_back(block.data);
        }
        if (i % 500 == 0) range.release();
      }
      for (const Block &block : blocks) range.give_back(block.data);
    });
  for (std::thread &thread : threads) thread.join();
  for (const int count : wrong) CHECK(count == 0, "%d blocks changed", count);
  CHECK(range.take(kRange) != nullptr, "something was not given back");
  int other = 0;
  CHECK(!range.holds(&other) && !range.holds(nullptr), "holds what is not its own");
}

void memory_goes_back_when_asked() {
  BlockRange range(kRange);
  void *kept = range.take(kMebibyte), *freed = range.take(8 * kMebibyte);
  std::memset(kept, 1, kMebibyte);
  std::memset(freed, 2, 8 * kMebibyte);
  range.give_back(freed);
  CHECK(resident(freed), "given back before it was asked for");
  range.release();
  CHECK(!resident(freed), "still there");
  CHECK(resident(kept) && *static_cast<char *>(kept) == 1, "a block in use was touched");
}

void what_was_not_used_for_a_while_goes_back() {
  BlockRange range(kRange);
  void *low = range.take(kMebibyte), *high = range.take(8 * kMebibyte);
  std::memset(low, 1, kMebibyte);
  std::memset(high, 2, 8 * kMebibyte);
  range.give_back(high);
  range.give_back(low);
  for (int i = 0; i < 3 << 14; ++i) {
    CHECK(range.take(kMebibyte) == low, "not the lowest gap");
    range.give_back(low);
  }
  CHECK(resident(low), "in use all the time, and given back");
  CHECK(!resident(high), "not used for long, and still there");
}

void the_peak_is_what_was_in_use_at_once() {
  BlockRange range(kRange);
  void *before = range.take(kMebibyte);
  CHECK(range.peak() == kMebibyte, "%zu bytes", range.peak());
  range.forget_peak();
  CHECK(range.peak() == 0, "%zu bytes are not forgotten", range.peak());
  for (int i = 0; i < 3; ++i) {
    void *one = range.take(2 * kMebibyte), *two = range.take(3 * kMebibyte);
    range.give_back(one);
    range.give_back(two);
    range.give_back(two);
  }
  CHECK(range.peak() == 5 * kMebibyte, "%zu bytes", range.peak());
  range.give_back(before);
  CHECK(range.peak() == 5 * kMebibyte, "%zu bytes", range.peak());
  range.forget_peak();
  range.give_back(range.take(1));
  CHECK(range.peak() > 0 && range.peak() < kMebibyte, "%zu bytes", range.peak());
}

void too_many_addresses_are_refused() {
  try {
    BlockRange range(std::size_t{1} << 60);
    CHECK(false, "an exbibyte is granted");
  } catch (const scorecam::Failure &failure) {
    CHECK(failure.status() == SCORECAM_STATUS_NOT_APPLICABLE, "status %d", failure.status());
    CHECK(std::strstr(failure.what(), "does not grant") != nullptr, "%s", failure.what());
  }
}

}  // namespace

int main() {
  same_blocks_come_back();
  what_is_given_back_joins();
  blocks_do_not_overlap();
  memory_goes_back_when_asked();
  what_was_not_used_for_a_while_goes_back();
  the_peak_is_what_was_in_use_at_once();
  too_many_addresses_are_refused();
  return check::report();
}
