package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What control groups leave of the machine's memory, by files as Linux has them. */
class AvailableMemoryTest {
  private static final long MACHINE = 8_000_000L * 1024;

  @TempDir private Path root;

  @BeforeEach
  void machineHasEightGigabytes() throws IOException {
    write("proc/meminfo", "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n");
  }

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  private void assertAvailable(long expected) {
    assertEquals(OptionalLong.of(expected), new AvailableMemory(root).bytes());
  }

  @Test
  void withoutGroupsItIsTheMachines() {
    assertAvailable(MACHINE);
  }

  @Test
  void aContainersLimitLeavesLess() throws IOException {
    write("proc/self/cgroup", "0::/\n");
    write("sys/fs/cgroup/memory.max", "1000000000\n");
    write("sys/fs/cgroup/memory.current", "300000000\n");
    assertAvailable(700_000_000);
    write("sys/fs/cgroup/memory.stat", "anon 200000000\nfile 100000000\ninactive_file 50000000\n");
    assertAvailable(750_000_000);
  }

  @Test
  void noLimitLeavesAll() throws IOException {
    write("proc/self/cgroup", "0::/user.slice/me\n");
    write("sys/fs/cgroup/user.slice/me/memory.max", "max\n");
    write("sys/fs/cgroup/user.slice/me/memory.current", "300000000\n");
    assertAvailable(MACHINE);
  }

  @Test
  void theTightestOfTheGroupsAroundCounts() throws IOException {
    write("proc/self/cgroup", "0::/user.slice/me\n");
    write("sys/fs/cgroup/user.slice/me/memory.max", "900000000\n");
    write("sys/fs/cgroup/user.slice/me/memory.current", "100000000\n");
    write("sys/fs/cgroup/user.slice/memory.max", "1000000000\n");
    write("sys/fs/cgroup/user.slice/memory.current", "950000000\n");
    assertAvailable(50_000_000);
  }

  @Test
  void aGroupAboveItsLimitHasNothingLeft() throws IOException {
    write("proc/self/cgroup", "0::/\n");
    write("sys/fs/cgroup/memory.max", "1000\n");
    write("sys/fs/cgroup/memory.current", "2000\n");
    assertAvailable(0);
  }

  @Test
  void theFirstVersionOfGroupsIsReadToo() throws IOException {
    // As in a container that sees its path outside, but only its own folder.
    write("proc/self/cgroup", "12:cpu,cpuacct:/docker/1f\n4:hugetlb,memory:/docker/1f\n0::/\n");
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "500000000\n");
    write("sys/fs/cgroup/memory/memory.usage_in_bytes", "100000000\n");
    write("sys/fs/cgroup/memory/memory.stat", "cache 9\ntotal_inactive_file 10000000\n");
    assertAvailable(410_000_000);
    // What the first version writes for no limit.
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assertAvailable(MACHINE);
  }

  @Test
  void pathsThatLeadOutOfTheMountAreNotFollowed() throws IOException {
    write("proc/self/cgroup", "0::/../../../elsewhere\n");
    write("elsewhere/memory.max", "1000\n");
    write("elsewhere/memory.current", "0\n");
    assertAvailable(MACHINE);
    write("sys/fs/cgroup/memory.max", "3000\n");
    write("sys/fs/cgroup/memory.current", "1000\n");
    assertAvailable(2000);
  }

  @Test
  void thisMachineHasSome() {
    assertTrue(AvailableMemory.ofThisMachine().bytes().orElseThrow() > 0);
  }
}
