package org.scorecam.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.Pointer;

/**
 * The memory that this process could still take without swapping: what the machine has left, or
 * less where a control group of Linux limits the process, as containers do.
 *
 * <p>A group's limit holds for those in it together, and so do the limits of the groups around it.
 * Files that it has cached and not used lately can be reclaimed at once, and count as free.
 */
final class AvailableMemory {
  private static final Pattern AVAILABLE = Pattern.compile("MemAvailable:\\s+(\\d+) kB");
  private static final long KIBIBYTE = 1024;

  /** A line of /proc/self/cgroup: hierarchy, controllers, the group's path. */
  private static final Pattern GROUP = Pattern.compile("(\\d+):([^:]*):/(.*)");

  /** What the two versions of control groups call the same, and where they are mounted. */
  private enum Version {
    ONE(
        "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file "),
    TWO("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ");

    private final String mount;
    private final String limit;
    private final String usage;
    private final String cached;

    Version(String mount, String limit, String usage, String cached) {
      this.mount = mount;
      this.limit = limit;
      this.usage = usage;
      this.cached = cached;
    }
  }

  private final Path root;

  /**
   * The memory of this machine.
   *
   * @param root of its file system
   */
  AvailableMemory(Path root) {
    this.root = root;
  }

  static AvailableMemory ofThisMachine() {
    return new AvailableMemory(Path.of("/"));
  }

  /** Bytes, or nothing where the system does not say. */
  OptionalLong bytes() {
    OptionalLong ofMachine = ofMachine();
    return LongStream.concat(ofMachine.stream(), ofGroups()).min();
  }

  private OptionalLong ofMachine() {
    for (String line : linesOf(root.resolve("proc/meminfo"))) {
      Matcher available = AVAILABLE.matcher(line);
      if (available.matches()) {
        return OptionalLong.of(Long.parseLong(available.group(1)) * KIBIBYTE);
      }
    }
    LibTorch.load();
    long bytes = Pointer.availablePhysicalBytes();
    return bytes > 0 ? OptionalLong.of(bytes) : OptionalLong.empty();
  }

  private LongStream ofGroups() {
    List<Long> left = new ArrayList<>();
    for (String line : linesOf(root.resolve("proc/self/cgroup"))) {
      Matcher group = GROUP.matcher(line);
      if (!group.matches()) {
        continue;
      }
      if (group.group(1).equals("0")) {
        leftIn(Version.TWO, group.group(3)).forEach(left::add);
      } else if (Arrays.asList(group.group(2).split(",")).contains("memory")) {
        leftIn(Version.ONE, group.group(3)).forEach(left::add);
      }
    }
    return left.stream().mapToLong(Long::longValue);
  }

  /** What a group and each one around it have left. */
  private LongStream leftIn(Version version, String path) {
    Path mount = root.resolve(version.mount);
    LongStream.Builder left = LongStream.builder();
    // In a container the path may be the one outside of it; then only the mount itself is there.
    Path group = mount.resolve(path).normalize();
    Path folder = group.startsWith(mount) ? group : mount;
    for (; folder.startsWith(mount); folder = folder.getParent()) {
      leftIn(version, folder).ifPresent(left);
    }
    return left.build();
  }

  private static OptionalLong leftIn(Version version, Path folder) {
    OptionalLong limit = number(linesOf(folder.resolve(version.limit)), "");
    OptionalLong usage = number(linesOf(folder.resolve(version.usage)), "");
    if (limit.isEmpty() || usage.isEmpty()) {
      return OptionalLong.empty();
    }
    long cached = number(linesOf(folder.resolve("memory.stat")), version.cached).orElse(0);
    return OptionalLong.of(Math.max(0, limit.getAsLong() - usage.getAsLong() + cached));
  }

  /** The number after a word; none if there is another word, such as {@code max}. */
  private static OptionalLong number(List<String> lines, String word) {
    Pattern pattern = Pattern.compile(Pattern.quote(word) + "(\\d{1,18})");
    return lines.stream()
        .map(pattern::matcher)
        .filter(Matcher::matches)
        .mapToLong(found -> Long.parseLong(found.group(1)))
        .findFirst();
  }

  private static List<String> linesOf(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      return List.of();
    }
  }
}
