package org.scorecam.zoo;

import static org.scorecam.zoo.InceptionNetwork.BasicConv.column;
import static org.scorecam.zoo.InceptionNetwork.BasicConv.halving;
import static org.scorecam.zoo.InceptionNetwork.BasicConv.pointwise;
import static org.scorecam.zoo.InceptionNetwork.BasicConv.row;
import static org.scorecam.zoo.InceptionNetwork.BasicConv.square;
import static org.scorecam.zoo.Layers.averagePoolTo;
import static org.scorecam.zoo.Layers.concatenate;
import static org.scorecam.zoo.Layers.maxPool;

import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;

/**
 * Inception v3, of Szegedy et al., "Rethinking the Inception Architecture for Computer Vision"
 * (arXiv 1512.00567). Published weights are for inputs of 299×299.
 */
final class InceptionV3 extends InceptionNetwork {
  private final Submodule[] features;
  private final Submodule avgpool;
  private final Submodule dropout;
  private final Submodule fc;

  InceptionV3(ZooOptions options) {
    super(options);
    features =
        new Submodule[] {
          child("Conv2d_1a_3x3", halving(options.inputChannels(), 32)),
          child("Conv2d_2a_3x3", new BasicConv(32, 32, 3, 1, 0)),
          child("Conv2d_2b_3x3", square(32, 64)),
          child("maxpool1", maxPool(3, 2, 0)),
          child("Conv2d_3b_1x1", pointwise(64, 80)),
          child("Conv2d_4a_3x3", new BasicConv(80, 192, 3, 1, 0)),
          child("maxpool2", maxPool(3, 2, 0)),
          child("Mixed_5b", new BlockA(192, 32)),
          child("Mixed_5c", new BlockA(256, 64)),
          child("Mixed_5d", new BlockA(288, 64)),
          child("Mixed_6a", new BlockB()),
          child("Mixed_6b", new BlockC(128)),
          child("Mixed_6c", new BlockC(160)),
          child("Mixed_6d", new BlockC(160)),
          child("Mixed_6e", new BlockC(192)),
          child("Mixed_7a", new BlockD()),
          child("Mixed_7b", new BlockE(1280)),
          child("Mixed_7c", new BlockE(2048)),
        };
    avgpool = child("avgpool", averagePoolTo(1));
    dropout = child("dropout", new DropoutImpl());
    fc = child("fc", new LinearImpl(2048, options.classes()));
  }

  /**
   * The network.
   *
   * @param x [N, C, H, W], with sides of at least 75; three channels as ImageNet's
   * @return [N, classes]
   */
  @Override
  public Tensor forward(Tensor x) {
    Tensor pooled = sequence(sequence(toUnitRange(x), features), avgpool, dropout);
    return fc.forward(pooled.flatten(1, -1));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("Mixed_7c");
  }

  /** The paper's figure 5, but with a 5×5 convolution. */
  private static final class BlockA extends Network {
    private final Submodule branch1x1;
    private final Submodule[] branch5x5;
    private final Submodule[] branch3x3;
    private final Submodule branchPool;

    BlockA(long in, long pooled) {
      branch1x1 = child("branch1x1", pointwise(in, 64));
      branch5x5 =
          new Submodule[] {
            child("branch5x5_1", pointwise(in, 48)),
            child("branch5x5_2", new BasicConv(48, 64, 5, 1, 2)),
          };
      branch3x3 =
          new Submodule[] {
            child("branch3x3dbl_1", pointwise(in, 64)),
            child("branch3x3dbl_2", square(64, 96)),
            child("branch3x3dbl_3", square(96, 96)),
          };
      branchPool = child("branch_pool", pointwise(in, pooled));
    }

    @Override
    public Tensor forward(Tensor x) {
      return concatenate(
          branch1x1.forward(x),
          sequence(x, branch5x5),
          sequence(x, branch3x3),
          branchPool.forward(smoothed(x)));
    }
  }

  /** Halves both sides: the paper's figure 10. */
  private static final class BlockB extends Network {
    private final Submodule branch3x3;
    private final Submodule[] branch3x3dbl;

    BlockB() {
      branch3x3 = child("branch3x3", halving(288, 384));
      branch3x3dbl =
          new Submodule[] {
            child("branch3x3dbl_1", pointwise(288, 64)),
            child("branch3x3dbl_2", square(64, 96)),
            child("branch3x3dbl_3", halving(96, 96)),
          };
    }

    @Override
    public Tensor forward(Tensor x) {
      return concatenate(branch3x3.forward(x), sequence(x, branch3x3dbl), maxPooled(x));
    }
  }

  /** The paper's figure 6 with n = 7. */
  private static final class BlockC extends Network {
    private final Submodule branch1x1;
    private final Submodule[] branch7x7;
    private final Submodule[] branch7x7dbl;
    private final Submodule branchPool;

    BlockC(long width) {
      branch1x1 = child("branch1x1", pointwise(768, 192));
      branch7x7 =
          new Submodule[] {
            child("branch7x7_1", pointwise(768, width)),
            child("branch7x7_2", row(width, width, 7)),
            child("branch7x7_3", column(width, 192, 7)),
          };
      branch7x7dbl =
          new Submodule[] {
            child("branch7x7dbl_1", pointwise(768, width)),
            child("branch7x7dbl_2", column(width, width, 7)),
            child("branch7x7dbl_3", row(width, width, 7)),
            child("branch7x7dbl_4", column(width, width, 7)),
            child("branch7x7dbl_5", row(width, 192, 7)),
          };
      branchPool = child("branch_pool", pointwise(768, 192));
    }

    @Override
    public Tensor forward(Tensor x) {
      return concatenate(
          branch1x1.forward(x),
          sequence(x, branch7x7),
          sequence(x, branch7x7dbl),
          branchPool.forward(smoothed(x)));
    }
  }

  /** Halves both sides. */
  private static final class BlockD extends Network {
    private final Submodule[] branch3x3;
    private final Submodule[] branch7x7;

    BlockD() {
      branch3x3 =
          new Submodule[] {
            child("branch3x3_1", pointwise(768, 192)), child("branch3x3_2", halving(192, 320)),
          };
      branch7x7 =
          new Submodule[] {
            child("branch7x7x3_1", pointwise(768, 192)),
            child("branch7x7x3_2", row(192, 192, 7)),
            child("branch7x7x3_3", column(192, 192, 7)),
            child("branch7x7x3_4", halving(192, 192)),
          };
    }

    @Override
    public Tensor forward(Tensor x) {
      return concatenate(sequence(x, branch3x3), sequence(x, branch7x7), maxPooled(x));
    }
  }

  /** The paper's figure 7. */
  private static final class BlockE extends Network {
    private final Submodule branch1x1;
    private final Submodule branch3x3;
    private final Submodule branch3x3Row;
    private final Submodule branch3x3Column;
    private final Submodule[] branch3x3dbl;
    private final Submodule branch3x3dblRow;
    private final Submodule branch3x3dblColumn;
    private final Submodule branchPool;

    BlockE(long in) {
      branch1x1 = child("branch1x1", pointwise(in, 320));
      branch3x3 = child("branch3x3_1", pointwise(in, 384));
      branch3x3Row = child("branch3x3_2a", row(384, 384, 3));
      branch3x3Column = child("branch3x3_2b", column(384, 384, 3));
      branch3x3dbl =
          new Submodule[] {
            child("branch3x3dbl_1", pointwise(in, 448)), child("branch3x3dbl_2", square(448, 384)),
          };
      branch3x3dblRow = child("branch3x3dbl_3a", row(384, 384, 3));
      branch3x3dblColumn = child("branch3x3dbl_3b", column(384, 384, 3));
      branchPool = child("branch_pool", pointwise(in, 192));
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor square = branch3x3.forward(x);
      Tensor twice = sequence(x, branch3x3dbl);
      return concatenate(
          branch1x1.forward(x),
          branch3x3Row.forward(square),
          branch3x3Column.forward(square),
          branch3x3dblRow.forward(twice),
          branch3x3dblColumn.forward(twice),
          branchPool.forward(smoothed(x)));
    }
  }
}
