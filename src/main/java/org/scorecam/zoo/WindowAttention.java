package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.parameter;
import static org.scorecam.zoo.Layers.relu;

import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.LinearOptions;
import org.bytedeco.pytorch.NormalizeFuncOptions;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;

/**
 * Swin's attention: of the places in a window with each other, softmax(Q·Kᵀ / √d + B)·V for each
 * head, with a bias B that the places' distance chooses from a table.
 *
 * <p>Where windows are shifted, by half of their side, those at the end of a side hold places of
 * both ends, which do not see each other. In V2 Q and K are normalised and scaled by a learnt
 * number for each head, and the table is what a small network makes of the distances' logarithms.
 */
final class WindowAttention extends Network {
  private static final double LARGEST_LOG_SCALE = Math.log(100);
  private static final double OF_OTHER_END = -100;

  private final boolean cosine;
  private final long window;
  private final long shift;
  private final long heads;
  private final Submodule qkv;
  private final Submodule proj;
  private final Submodule distances;

  /**
   * Builds.
   *
   * @param cosine whether it is V2's
   * @param window the side of a window
   * @param shifted whether windows are shifted by half of it
   */
  WindowAttention(boolean cosine, long channels, long heads, long window, boolean shifted) {
    this.cosine = cosine;
    this.window = window;
    this.shift = shifted ? window / 2 : 0;
    this.heads = heads;
    qkv = child("qkv", new LinearImpl(channels, 3 * channels));
    proj = child("proj", new LinearImpl(channels, channels));
    long side = 2 * window - 1;
    register_buffer("relative_position_index", places());
    if (cosine) {
      register_buffer("relative_coords_table", distanceTable().view(1, side, side, 2));
      register_parameter(
          "logit_scale", torch.full(new long[] {heads, 1, 1}, new Scalar(Math.log(10))));
      LinearOptions withoutBias = new LinearOptions(512, heads);
      withoutBias.bias().put(false);
      distances =
          child(
              "cpb_mlp",
              new SequentialNetwork(new LinearImpl(2, 512), relu(), new LinearImpl(withoutBias)));
    } else {
      distances = null;
      register_parameter(
          "relative_position_bias_table", torch.randn(side * side, heads).mul_(new Scalar(0.02)));
    }
  }

  /** Of each pair of places in a window the place of their distance in the table. */
  private Tensor places() {
    int side = (int) window;
    int count = side * side;
    long[] places = new long[count * count];
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < count; j++) {
        int down = i / side - j / side + side - 1;
        int right = i % side - j % side + side - 1;
        places[i * count + j] = (long) down * (2 * side - 1) + right;
      }
    }
    return Tensor.create(places);
  }

  /** sign(d)·log₂(|d| + 1) / 3 of distances d from -8 to 8, down and right. */
  private Tensor distanceTable() {
    int side = (int) (2 * window - 1);
    float[] table = new float[side * side * 2];
    for (int i = 0; i < side * side; i++) {
      table[2 * i] = logarithm(i / side);
      table[2 * i + 1] = logarithm(i % side);
    }
    return Tensor.create(table);
  }

  private float logarithm(int place) {
    double distance = 8.0 * (place - (window - 1)) / (window - 1);
    return (float) (Math.signum(distance) * Math.log(Math.abs(distance) + 1) / Math.log(2) / 3);
  }

  /**
   * Attends.
   *
   * @param x [N, H, W, C]
   * @return [N, H, W, C]
   */
  @Override
  public Tensor forward(Tensor x) {
    long rows = (x.size(1) + window - 1) / window;
    long columns = (x.size(2) + window - 1) / window;
    long down = rows > 1 ? shift : 0;
    long right = columns > 1 ? shift : 0;
    boolean shifted = down + right > 0;
    Tensor places =
        torch.constant_pad_nd(
            x, 0, 0, 0, columns * window - x.size(2), 0, rows * window - x.size(1));
    if (shifted) {
      places = places.roll(new long[] {-down, -right}, 1, 2);
    }
    Tensor windows =
        places
            .unflatten(1, rows, window)
            .unflatten(3, columns, window)
            .permute(0, 1, 3, 2, 4, 5)
            .reshape(x.size(0) * rows * columns, window * window, x.size(3));
    Tensor bias = bias(x);
    if (shifted) {
      Tensor ofEnds = ends(x, rows, columns, down, right); // [windows, 1, T, T]
      bias = bias.add(ofEnds).repeat(x.size(0), 1, 1, 1);
    }
    Tensor attended = proj.forward(attend(windows, bias));
    Tensor back =
        attended
            .view(x.size(0), rows, columns, window, window, x.size(3))
            .permute(0, 1, 3, 2, 4, 5)
            .reshape(places.shape());
    if (shifted) {
      back = back.roll(new long[] {down, right}, 1, 2);
    }
    return back.narrow(1, 0, x.size(1)).narrow(2, 0, x.size(2)).contiguous();
  }

  /** [windows, T, C] with a bias [1 or windows, heads, T, T] to [windows, T, C]. */
  private Tensor attend(Tensor windows, Tensor bias) {
    Tensor parts =
        projected(windows)
            .unflatten(2, 3, heads, windows.size(2) / heads)
            .permute(2, 0, 3, 1, 4); // [3, windows, heads, T, d]
    Tensor queries = parts.select(0, 0);
    Tensor keys = parts.select(0, 1);
    DoubleOptional scale = new DoubleOptional();
    if (cosine) {
      Tensor logScale = parameter(this, 0, windows).clamp_max(new Scalar(LARGEST_LOG_SCALE));
      queries = normalised(queries).mul(logScale.exp());
      keys = normalised(keys);
      scale = new DoubleOptional(1);
    }
    Tensor attended =
        torch.scaled_dot_product_attention(
            queries, keys, parts.select(0, 2), new TensorOptional(bias), 0, false, scale, false);
    return attended.transpose(1, 2).flatten(2, -1);
  }

  /** Q, K and V beside each other; in V2 K has no bias, whatever the weights say. */
  private Tensor projected(Tensor windows) {
    if (!cosine) {
      return qkv.forward(windows);
    }
    LinearImpl linear = qkv.module().asLinear();
    Tensor bias = linear.bias().to(windows).clone();
    bias.narrow(0, windows.size(2), windows.size(2)).zero_();
    return torch.linear(windows, linear.weight().to(windows), bias);
  }

  private static Tensor normalised(Tensor vectors) {
    NormalizeFuncOptions options = new NormalizeFuncOptions();
    options.dim().put(-1);
    return torch.normalize(vectors, options);
  }

  /** B as [1, heads, T, T]. */
  private Tensor bias(Tensor x) {
    try (TensorVector buffers = buffers(false)) {
      Tensor table =
          cosine ? distances.forward(buffers.get(1).to(x)).view(-1, heads) : parameter(this, 0, x);
      long count = window * window;
      Tensor bias =
          table.index_select(0, buffers.get(0)).view(1, count, count, heads).permute(0, 3, 1, 2);
      return (cosine ? bias.sigmoid().mul(new Scalar(16)) : bias).contiguous();
    }
  }

  /**
   * What keeps places of different ends apart, like x [windows, 1, T, T]: 0, or little enough. Made
   * on its device, since the host would wait for a copy.
   */
  private Tensor ends(Tensor x, long rows, long columns, long down, long right) {
    Tensor regions =
        regions(x, rows, down)
            .mul(new Scalar(3))
            .unsqueeze(1)
            .add(regions(x, columns, right))
            .view(rows, window, columns, window)
            .permute(0, 2, 1, 3)
            .reshape(rows * columns, 1, window * window);
    Tensor apart = regions.unsqueeze(2).ne(regions.unsqueeze(3));
    return apart.to(x).mul(new Scalar(OF_OTHER_END));
  }

  /** Of each place along a side 0, 1 in the last window, 2 what was shifted around its end. */
  private Tensor regions(Tensor x, long windows, long shifted) {
    long size = windows * window;
    TensorOptions there =
        new TensorOptions(torch.ScalarType.Float).device(new DeviceOptional(x.device()));
    Tensor places = torch.arange(new Scalar((double) size), there);
    return places
        .ge(new Scalar((double) size - window))
        .to(torch.ScalarType.Float)
        .add(places.ge(new Scalar((double) size - shifted)).to(torch.ScalarType.Float));
  }
}
