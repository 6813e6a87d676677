#include "cpu/block_range.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

#include "common/failure.h"

namespace scorecam {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;

// A while: some hundred chunks of a usual network.
constexpr int kTakesOfAWhile = 1 << 14;

std::atomic<BlockRange *> shared_range{nullptr};

std::size_t system_value(int name) {
  const long value = ::sysconf(name);
  if (value <= 0) fail(SCORECAM_STATUS_NOT_APPLICABLE, "the system does not say how much memory it has");
  return static_cast<std::size_t>(value);
}

// The first line of a file of the kernel's; empty if there is none.
struct Line {
  char text[64] = "";
  explicit Line(const char *path) {
    if (FILE *file = std::fopen(path, "r")) {
      if (std::fgets(text, sizeof text, file) == nullptr) text[0] = '\0';
      std::fclose(file);
    }
  }
};

// Addresses without memory behind them are free, but for where they are counted as if there were.
void require_free_addresses() {
  for (const auto limit : {RLIMIT_AS, RLIMIT_DATA}) {
    struct rlimit allowed;
    if (::getrlimit(limit, &allowed) == 0 && allowed.rlim_cur != RLIM_INFINITY)
      fail(SCORECAM_STATUS_NOT_APPLICABLE, "the process's addresses are limited to %llu MiB",
           static_cast<unsigned long long>(allowed.rlim_cur >> 20));
  }
  if (Line("/proc/sys/vm/overcommit_memory").text[0] == '2')
    fail(SCORECAM_STATUS_NOT_APPLICABLE, "the system grants no addresses without memory (vm.overcommit_memory=2)");
}

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

BlockRange *BlockRange::of_the_process() noexcept { return shared_range; }

BlockRange &BlockRange::make_that_of_the_process() {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (shared_range == nullptr) {
    require_free_addresses();
    // Never deleted: tensors of static objects are freed when the process ends.
    shared_range = new BlockRange(system_value(_SC_PHYS_PAGES) * system_value(_SC_PAGESIZE));
  }
  return *shared_range;
}

BlockRange::BlockRange(std::size_t bytes)
    : page_(system_value(_SC_PAGESIZE)), mapped_(round_up(bytes, kHugePage) + kHugePage) {
  void *mapping =
      ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED)
    fail(SCORECAM_STATUS_NOT_APPLICABLE, "the system does not grant %zu MiB of addresses: %s", mapped_ >> 20,
         std::strerror(errno));
  mapping_ = static_cast<char *>(mapping);
  base_ = mapping_ + (kHugePage - reinterpret_cast<std::uintptr_t>(mapping) % kHugePage) % kHugePage;
  bytes_ = mapped_ - kHugePage;
  try {
    gaps_.emplace(0, bytes_);
  } catch (const std::bad_alloc &) {
    ::munmap(mapping_, mapped_);
    throw;
  }
}

BlockRange::~BlockRange() { ::munmap(mapping_, mapped_); }

void BlockRange::use_huge_pages() {
#if defined(MADV_HUGEPAGE)
  // The mode in force stands in brackets; asking succeeds in all of them.
  const bool never = std::strstr(Line("/sys/kernel/mm/transparent_hugepage/enabled").text, "[never]") != nullptr;
  if (!never && ::madvise(base_, bytes_, MADV_HUGEPAGE) == 0) return;
#endif
  fail(SCORECAM_STATUS_NOT_APPLICABLE, "this system has no huge pages for those who ask");
}

void *BlockRange::take(std::size_t bytes) noexcept {
  if (bytes > bytes_) return nullptr;
  const std::size_t length = std::max(round_up(bytes, page_), page_);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [=](const auto &g) { return g.second >= length; });
  if (gap == gaps_.end()) return nullptr;
  const std::size_t offset = gap->first;
  try {
    if (gap->second > length) gaps_.emplace(offset + length, gap->second - length);
  } catch (const std::bad_alloc &) {
    return nullptr;
  }
  auto node = gaps_.extract(gap);
  node.mapped() = length;
  blocks_.insert(std::move(node));
  in_use_ += length;
  peak_ = std::max(peak_, in_use_);
  count_take(offset + length);
  return base_ + offset;
}

void BlockRange::count_take(std::size_t end) noexcept {
  highest_end_ = std::max(highest_end_, end);
  recent_end_ = std::max(recent_end_, end);
  if (++takes_ == kTakesOfAWhile) {
    release_from(recent_end_);
    recent_end_ = 0;
    takes_ = 0;
  }
}

bool BlockRange::holds(const void *address) const noexcept {
  const auto place = reinterpret_cast<std::uintptr_t>(address), base = reinterpret_cast<std::uintptr_t>(base_);
  return place >= base && place - base < bytes_;
}

std::size_t BlockRange::length_of(const void *block) const noexcept {
  if (!holds(block)) return 0;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = blocks_.find(static_cast<std::size_t>(static_cast<const char *>(block) - base_));
  return found == blocks_.end() ? 0 : found->second;
}

void BlockRange::give_back(void *block) noexcept {
  const std::size_t offset = static_cast<std::size_t>(static_cast<char *>(block) - base_);
  const std::lock_guard<std::mutex> lock(mutex_);
  // The block's own node becomes the gap's, so that giving back needs no memory.
  auto node = blocks_.extract(offset);
  if (node.empty()) return;
  in_use_ -= node.mapped();
  const auto gap = gaps_.insert(std::move(node)).position;
  const auto next = std::next(gap);
  if (next != gaps_.end() && gap->first + gap->second == next->first) {
    gap->second += next->second;
    gaps_.erase(next);
  }
  if (gap == gaps_.begin()) return;
  const auto before = std::prev(gap);
  if (before->first + before->second == gap->first) {
    before->second += gap->second;
    gaps_.erase(gap);
  }
}

void BlockRange::release() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  release_from(0);
}

std::size_t BlockRange::peak() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  return peak_ - forgotten_at_;
}

void BlockRange::forget_peak() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  peak_ = forgotten_at_ = in_use_;
}

void BlockRange::release_from(std::size_t offset) noexcept {
  for (const auto &[start, length] : gaps_) {
    const std::size_t from = std::max(start, offset), to = std::min(start + length, highest_end_);
    if (from < to) ::madvise(base_ + from, to - from, MADV_DONTNEED);
  }
}

}  // namespace scorecam
