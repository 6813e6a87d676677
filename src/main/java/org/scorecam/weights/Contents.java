package org.scorecam.weights;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a reader found in a file.
 *
 * @param key where in a checkpoint's dict the weights lie, such as {@code state_dict}; empty for
 *     the whole file
 * @param tensors by name, in the file's order
 * @param others what has a name among the tensors without being one, and what it is instead
 */
record Contents(String key, Map<String, StoredTensor> tensors, Map<String, String> others) {
  /** Tensors of a file that has nothing else. */
  static Contents of(Map<String, StoredTensor> tensors) {
    return new Contents("", tensors, Map.of());
  }

  /**
   * Only what lies under a key, for a file that was opened with one: its dict was found by it, or
   * else it is the beginning of names.
   */
  Contents under(String wanted) throws MalformedFileException {
    if (wanted.isEmpty() || key.equals(wanted) || key.startsWith(wanted + ".")) {
      return this;
    }
    Contents under = beginningWith(wanted);
    if (under.tensors.isEmpty()) {
      throw nothingUnder(wanted, tensors.keySet());
    }
    return under;
  }

  /** What has names that begin with a key, without it. */
  Contents beginningWith(String wanted) {
    return new Contents(wanted, below(tensors, wanted), below(others, wanted));
  }

  static MalformedFileException nothingUnder(String key, Collection<String> names) {
    return new MalformedFileException(
        "it has nothing under the key '"
            + key
            + "'; its names begin with "
            + NameList.ofFirstParts(names));
  }

  private static <T> Map<String, T> below(Map<String, T> all, String key) {
    Map<String, T> below = new LinkedHashMap<>();
    all.forEach(
        (name, value) -> {
          if (name.startsWith(key + ".")) {
            below.put(name.substring(key.length() + 1), value);
          }
        });
    return below;
  }
}
