package org.scorecam.nn;

import static java.util.Objects.requireNonNull;
import static java.util.stream.Collectors.joining;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;

/**
 * How a layer's output holds its K activation maps of h×w values.
 *
 * @param order where the channels are
 * @param leading of tokens how many come before those of the places, such as the class token;
 *     nothing where that follows from their number
 * @param grid of tokens h and w; empty where they follow from the input's proportions
 */
public record Layout(Order order, OptionalInt leading, List<Long> grid) {
  /** [N, K, h, w], as convolutions put it out. */
  public static final Layout CHANNELS_FIRST = new Layout(Order.CHANNELS_FIRST);

  /** [N, h, w, K], as Swin's blocks put it out. */
  public static final Layout CHANNELS_LAST = new Layout(Order.CHANNELS_LAST);

  /** [N, h·w, K] or [N, 1 + h·w, K], whichever it can be; see {@link #tokens}. */
  public static final Layout TOKENS = new Layout(Order.TOKENS);

  private static final Pattern TOKENS_AS_WRITTEN =
      Pattern.compile("tokens(?::(\\d{1,6})(?::(\\d{1,6}(?:x\\d{1,6})*))?)?");

  /** Where the channels are. */
  public enum Order {
    /** [N, K, h, w]. */
    CHANNELS_FIRST("channels-first"),
    /** [N, h, w, K]. */
    CHANNELS_LAST("channels-last"),
    /** [N, leading + h·w, K], the places row by row. */
    TOKENS("tokens");

    private final String name;

    Order(String name) {
      this.name = name;
    }
  }

  /**
   * Checks and copies the values.
   *
   * @param order where the channels are
   * @param leading of tokens how many come before those of the places
   * @param grid of tokens h and w
   * @throws IllegalArgumentException if a number is negative or an extent 0, or if there are
   *     leading tokens or a grid of what has no tokens
   */
  public Layout {
    requireNonNull(order, "order");
    grid = List.copyOf(grid);
    if (leading.orElse(0) < 0 || grid.stream().anyMatch(extent -> extent < 1)) {
      throw new IllegalArgumentException(
          "there are 0 or more leading tokens, and a grid's extents are at least 1: not %d and %s"
              .formatted(leading.orElse(0), grid));
    }
    if (order != Order.TOKENS && (leading.isPresent() || !grid.isEmpty())) {
      throw new IllegalArgumentException(
          "only tokens have leading ones and a grid, not " + order.name);
    }
  }

  private Layout(Order order) {
    this(order, OptionalInt.empty(), List.of());
  }

  /**
   * [N, leading + h·w, K], as transformers put it out.
   *
   * @param leading how many tokens come before those of the places: 1 for ViT's class token, 2 for
   *     DeiT's distilled networks, 5 for DINOv2 with registers, 0 where there are none
   * @param grid h and w, where they are not those of square patches of the input
   * @return the layout
   * @throws IllegalArgumentException as the constructor
   */
  public static Layout tokens(int leading, long... grid) {
    return new Layout(Order.TOKENS, OptionalInt.of(leading), LongStream.of(grid).boxed().toList());
  }

  /**
   * Reads a layout.
   *
   * @param text {@code channels-first}, {@code channels-last}, {@code tokens}, {@code tokens:1} for
   *     one leading token, or {@code tokens:1:8x16} for one and 8 rows of 16 places
   * @return the layout
   * @throws IllegalArgumentException if it is none
   */
  public static Layout parse(String text) {
    if (text.equals(Order.CHANNELS_FIRST.name)) {
      return CHANNELS_FIRST;
    }
    if (text.equals(Order.CHANNELS_LAST.name)) {
      return CHANNELS_LAST;
    }
    Matcher tokens = TOKENS_AS_WRITTEN.matcher(text);
    if (!tokens.matches()) {
      throw new IllegalArgumentException(
          ("'%s' is not a layout; write channels-first, channels-last, or tokens, with the number of"
                  + " leading ones (tokens:1), and with rows and columns (tokens:1:8x16)")
              .formatted(text));
    }
    if (tokens.group(1) == null) {
      return TOKENS;
    }
    String[] extents = tokens.group(2) == null ? new String[0] : tokens.group(2).split("x");
    return tokens(
        Integer.parseInt(tokens.group(1)),
        Arrays.stream(extents).mapToLong(Long::parseLong).toArray());
  }

  /**
   * The dimension of a layer's output that its channels are in.
   *
   * @return 1, or -1 for the last
   */
  public long channelDimension() {
    return order == Order.CHANNELS_FIRST ? 1 : -1;
  }

  /**
   * The activation maps in a layer's output, or in any tensor of its shape.
   *
   * @param output [N, K, h, w], [N, h, w, K] or [N, leading + h·w, K]; of tokens the leading ones
   *     and the grid must be known
   * @return a view [N, K, h, w] of the same memory, owned by the caller or the scope it has open
   */
  public Tensor maps(Tensor output) {
    return switch (order) {
      case CHANNELS_FIRST -> output.alias();
      case CHANNELS_LAST -> output.movedim(-1, 1);
      case TOKENS -> {
        long first = leading.orElseThrow();
        Tensor places = output.narrow(1, first, output.size(1) - first).transpose(1, 2);
        yield places.unflatten(2, grid.stream().mapToLong(Long::longValue).toArray());
      }
    };
  }

  /**
   * The layout as it is written.
   *
   * @return what {@link #parse} reads
   */
  @Override
  public String toString() {
    return order.name
        + (leading.isPresent() ? ":" + leading.getAsInt() : "")
        + (grid.isEmpty() ? "" : grid.stream().map(String::valueOf).collect(joining("x", ":", "")));
  }
}
