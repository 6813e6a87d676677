package org.scorecam;

import static java.util.stream.Collectors.joining;

import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.LayerException;
import org.scorecam.nn.Layout;
import org.scorecam.nn.Layout.Order;

/**
 * Which layout a layer's output has: the one that was named, or the one that its shape is certain
 * to have.
 *
 * @param layout complete, so that it gives the maps
 * @param note what was taken for granted, if anything was
 */
record LayerMaps(Layout layout, Optional<String> note) {
  private static final String ADVICE = "layout(…) in Java, --layout on the command line";

  /** How many leading tokens networks have, for what is offered where tokens make no grid. */
  private static final int MOST_LEADING = 16;

  /**
   * Finds the layout.
   *
   * @param layer its path
   * @param output what it put out
   * @param images what the network was given, [N, C, H, W]
   * @param named the layout, if it is known
   * @throws LayerException if the output does not have the layout, or may have several
   */
  static LayerMaps of(String layer, Tensor output, Tensor images, Optional<Layout> named) {
    return new Finding(layer, output.shape(), images.shape()).find(named, output.numel() == 0);
  }

  /** The activation maps [N, K, h, w] in the layer's output; needs an open scope. */
  Tensor in(Tensor output) {
    return layout.maps(output);
  }

  @SuppressWarnings("ArrayRecordComponent") // of one call, never compared
  private record Finding(String layer, long[] shape, long[] images) {
    LayerMaps find(Optional<Layout> named, boolean empty) {
      boolean ofInputsRank = shape.length == images.length;
      boolean asTokens = named.map(layout -> layout.order() == Order.TOKENS).orElse(!ofInputsRank);
      boolean fits = asTokens ? shape.length == 3 : ofInputsRank;
      if (!fits || shape[0] != images[0] || empty) {
        throw new LayerException(
            "layer '%s' puts out a tensor of shape %s; activation maps must have the shape %s"
                .formatted(layer, Arrays.toString(shape), wanted(named)));
      }
      return asTokens
          ? of(tokens(named.orElse(Layout.TOKENS)))
          : named.map(Finding::of).orElseGet(this::byShape);
    }

    private static LayerMaps of(Layout layout) {
      return new LayerMaps(layout, Optional.empty());
    }

    private String wanted(Optional<Layout> named) {
      String places = images.length == 4 ? "h, w" : "…";
      String first = "[%d, K, %s]".formatted(images[0], places);
      String last = "[%d, %s, K]".formatted(images[0], places);
      String tokens = "[%d, tokens, K]".formatted(images[0]);
      if (named.isEmpty()) {
        return first + ", " + last + " or " + tokens;
      }
      String shape =
          switch (named.get().order()) {
            case CHANNELS_FIRST -> first;
            case CHANNELS_LAST -> last;
            case TOKENS -> tokens;
          };
      return shape + " of " + named.get();
    }

    /** Where the channels are in a tensor of the input's rank. */
    private LayerMaps byShape() {
      long[] first = Arrays.copyOfRange(shape, 2, shape.length);
      long[] last = Arrays.copyOfRange(shape, 1, shape.length - 1);
      boolean likelyFirst = isProportional(first);
      boolean likelyLast = isProportional(last);
      if (!isWithinInput(last) || (likelyFirst && !likelyLast)) {
        return of(Layout.CHANNELS_FIRST);
      }
      if (!isWithinInput(first) && !likelyFirst) {
        return of(Layout.CHANNELS_LAST);
      }
      String asFirst = "%d maps of %s (channels-first)".formatted(shape[1], times(first));
      String asLast =
          "%d maps of %s (channels-last)".formatted(shape[shape.length - 1], times(last));
      if (likelyLast && !likelyFirst) {
        throw new LayerException(
            "layer '%s' puts out a tensor of shape %s, which can be %s or %s: say which (%s)"
                .formatted(layer, Arrays.toString(shape), asLast, asFirst, ADVICE));
      }
      return new LayerMaps(
          Layout.CHANNELS_FIRST,
          Optional.of(
              "layer '%s' puts out a tensor of shape %s, which was taken for %s; if it is %s, say so (%s)"
                  .formatted(layer, Arrays.toString(shape), asFirst, asLast, ADVICE)));
    }

    private boolean isWithinInput(long[] grid) {
      return IntStream.range(0, grid.length).allMatch(i -> grid[i] <= images[i + 2]);
    }

    /** Whether rows are to columns as the input's, within the rounding of each. */
    private boolean isProportional(long[] grid) {
      if (grid.length < 2) {
        return false;
      }
      long rows = grid[grid.length - 2];
      long columns = grid[grid.length - 1];
      long height = images[images.length - 2];
      long width = images[images.length - 1];
      return (rows - 1) * width <= (columns + 1) * height
          && (columns - 1) * height <= (rows + 1) * width;
    }

    /** The tokens with what is not known of them. */
    private Layout tokens(Layout asked) {
      List<Integer> leading =
          asked.leading().isPresent() ? List.of(asked.leading().getAsInt()) : List.of(0, 1);
      List<Layout> possible = leading.stream().flatMap(each -> tokens(each, asked)).toList();
      if (possible.size() == 1) {
        return possible.get(0);
      }
      String found =
          "layer '%s' puts out %d tokens (a tensor of shape %s), which, with %s leading,"
              .formatted(
                  layer,
                  shape[1],
                  Arrays.toString(shape),
                  leading.size() == 1 ? leading.get(0) : "none or one of them");
      if (!possible.isEmpty()) {
        throw new LayerException(
            "%s can be %s: say which (%s)".formatted(found, oneOf(possible), ADVICE));
      }
      List<Layout> others =
          IntStream.range(0, MOST_LEADING)
              .boxed()
              .flatMap(each -> tokens(each, Layout.TOKENS))
              .toList();
      throw new LayerException(
          "%s do not form %s; %ssay how they are laid out (%s)"
              .formatted(
                  found,
                  asked.grid().isEmpty()
                      ? "a grid of square patches of an input of " + times(extents())
                      : "a grid of "
                          + times(asked.grid().stream().mapToLong(Long::longValue).toArray()),
                  others.isEmpty() ? "" : "they can be %s; ".formatted(oneOf(others)),
                  ADVICE));
    }

    private static String oneOf(List<Layout> layouts) {
      return layouts.stream().map(Layout::toString).collect(joining(" or "));
    }

    /** With so many leading ones, as far as they can be so. */
    private Stream<Layout> tokens(int leading, Layout asked) {
      long places = shape[1] - leading;
      if (places < 1) {
        return Stream.empty();
      }
      List<List<Long>> grids = asked.grid().isEmpty() ? gridsOf(places) : List.of(asked.grid());
      return grids.stream()
          .filter(grid -> grid.size() == images.length - 2)
          .filter(grid -> grid.stream().reduce(1L, (a, b) -> a * b) == places)
          .map(grid -> new Layout(Order.TOKENS, OptionalInt.of(leading), grid));
    }

    /** Those of square patches of the input, and of any depth. */
    private List<List<Long>> gridsOf(long places) {
      if (images.length == 3) {
        return List.of(List.of(places));
      }
      long height = images[images.length - 2];
      long width = images[images.length - 1];
      Set<List<Long>> grids = new LinkedHashSet<>();
      for (long side = 1; side <= Math.max(height, width); side++) {
        addGrid(places, height / side, width / side, grids);
        // As of an input that is padded.
        addGrid(places, (height + side - 1) / side, (width + side - 1) / side, grids);
      }
      return List.copyOf(grids);
    }

    private void addGrid(long places, long rows, long columns, Set<List<Long>> grids) {
      long plane = rows * columns;
      if (plane < 1 || places % plane != 0) {
        return;
      }
      if (images.length == 4 && places == plane) {
        grids.add(List.of(rows, columns));
      } else if (images.length == 5 && places / plane <= images[2]) {
        grids.add(List.of(places / plane, rows, columns));
      }
    }

    private long[] extents() {
      return Arrays.copyOfRange(images, 2, images.length);
    }

    private static String times(long[] extents) {
      return LongStream.of(extents).mapToObj(String::valueOf).collect(joining("×"));
    }
  }
}
