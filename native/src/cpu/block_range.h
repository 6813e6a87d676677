#pragma once

#include <cstddef>
#include <map>
#include <mutex>

namespace scorecam {

// Addresses that large blocks of memory are taken from and given back to.
//
// A network that runs on chunk after chunk takes the same blocks in the same order. Each goes to the lowest gap that
// it fits into, so that every chunk after the first finds its blocks where they were, with their pages behind them,
// and all that is in use lies together at the low end. What was above everything taken for a while goes back to the
// system.
class BlockRange {
 public:
  // Smaller blocks the C library keeps by itself.
  static constexpr std::size_t kLarge = std::size_t{1} << 18;

  // The one that all large blocks of the process come from; null as long as there is none.
  static BlockRange *of_the_process() noexcept;

  // Makes it, as large as the machine's memory, the first time; it lives as long as the process. Fails as the
  // constructor does, and where addresses count against a limit that others need.
  static BlockRange &make_that_of_the_process();

  // Takes addresses alone: memory comes when it is written to. Fails if the system does not grant so many.
  explicit BlockRange(std::size_t bytes);
  ~BlockRange();
  BlockRange(const BlockRange &) = delete;
  BlockRange &operator=(const BlockRange &) = delete;

  // Asks for huge pages; whether the system gives them can only be seen in what it reports of the process.
  void use_huge_pages();

  // A block that begins with a page; null if no gap has room for it.
  void *take(std::size_t bytes) noexcept;

  bool holds(const void *address) const noexcept;

  // Of the block that begins there; 0 if none does.
  std::size_t length_of(const void *block) const noexcept;

  // Takes back what take() gave.
  void give_back(void *block) noexcept;

  // Gives the memory of all gaps to the system.
  void release() noexcept;

  // The most bytes of blocks that there were at once since forget_peak(), above those that there were then.
  std::size_t peak() noexcept;
  void forget_peak() noexcept;

 private:
  void count_take(std::size_t end) noexcept;
  void release_from(std::size_t offset) noexcept;

  const std::size_t page_, mapped_;
  char *mapping_;
  char *base_;
  std::size_t bytes_;

  mutable std::mutex mutex_;
  // From offsets to lengths.
  std::map<std::size_t, std::size_t> gaps_, blocks_;
  // Where the highest block ended: ever, and since takes_ was 0.
  std::size_t highest_end_ = 0, recent_end_ = 0;
  int takes_ = 0;
  // Bytes of all blocks: now, at most, and when the peak was forgotten.
  std::size_t in_use_ = 0, peak_ = 0, forgotten_at_ = 0;
};

}  // namespace scorecam
