package org.scorecam.weights;

import java.util.List;

/**
 * A tensor as a pickle describes it, before anyone knows where its storage lies.
 *
 * @param storage the elements
 * @param offset of the first element from the storage's start, in elements
 * @param shape the sizes
 * @param strides in elements
 */
record PickledTensor(Storage storage, long offset, List<Long> shape, List<Long> strides) {
  /** The tensor within its storage's bytes; an error if it is not within. */
  StoredTensor in(Storage.Region region, String name) throws MalformedFileException {
    if (storage.elements() < 0 || storage.bytes() > region.size()) {
      throw new MalformedFileException(
          String.format(
              "storage '%s' of tensor '%s' would hold %d elements of %s, but it has %d bytes",
              storage.key(), name, storage.elements(), storage.dtype(), region.size()));
    }
    return StoredTensor.within(
        name,
        new TensorInfo(storage.dtype(), shape),
        strides,
        offset,
        region.begin(),
        region.begin() + storage.bytes());
  }
}
