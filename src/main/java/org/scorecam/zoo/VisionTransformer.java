package org.scorecam.zoo;

import static org.scorecam.zoo.Layers.concatenate;
import static org.scorecam.zoo.Layers.conv;
import static org.scorecam.zoo.Layers.layerNorm;
import static org.scorecam.zoo.Layers.parameter;
import static org.scorecam.zoo.Layers.perceptron;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.InputException;
import org.scorecam.nn.Layout;
import org.scorecam.nn.Network;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.nn.Submodule;
import org.scorecam.tensor.Tensors;

/**
 * ViT, of Dosovitskiy et al., "An Image is Worth 16x16 Words" (arXiv 2010.11929): square patches
 * become tokens, beside a class token that the output is read from.
 *
 * <p>Its customary layer is the norm that the last block's attention begins with: what comes after
 * the attention of that block no longer goes from one token to the other.
 */
final class VisionTransformer extends Network {
  private static final double EPSILON = 1e-6;

  private final long side;
  private final long depth;
  private final Submodule convProj;
  private final Submodule encoder;
  private final Submodule heads;

  /**
   * Builds.
   *
   * @param patch height and width of a patch
   * @param width channels of a token
   * @param depth how many blocks
   * @param heads of each attention
   * @throws IllegalArgumentException if the inputs' side is no multiple of the patches'
   */
  VisionTransformer(long patch, long width, long depth, long heads, ZooOptions options) {
    this.side = options.inputSide();
    this.depth = depth;
    if (side % patch != 0) {
      throw new IllegalArgumentException(
          "inputs of %d×%d cannot be cut into patches of %d×%d"
              .formatted(side, side, patch, patch));
    }
    convProj = child("conv_proj", conv(options.inputChannels(), width, patch, patch, 0));
    register_parameter("class_token", torch.zeros(1, 1, width));
    long tokens = 1 + side / patch * (side / patch);
    encoder = child("encoder", new Encoder(tokens, width, depth, heads));
    this.heads =
        child(
            "heads",
            new SequentialNetwork(Map.of("head", new LinearImpl(width, options.classes()))));
  }

  /**
   * The network.
   *
   * @param x [N, C, side, side]
   * @return [N, classes]
   * @throws InputException if the input has another size
   */
  @Override
  public Tensor forward(Tensor x) {
    if (x.dim() != 4 || x.size(2) != side || x.size(3) != side) {
      throw new InputException(
          "this ViT has position embeddings for inputs of %d×%d, not for one of shape %s"
              .formatted(side, side, Tensors.shapeOf(x)));
    }
    Tensor patches = convProj.forward(x).flatten(2, -1).transpose(1, 2);
    Tensor classToken = parameter(this, 0, patches).expand(x.size(0), -1, -1);
    Tensor encoded = encoder.forward(concatenate(classToken, patches));
    return heads.forward(encoded.select(1, 0));
  }

  @Override
  public Optional<String> defaultLayer() {
    return Optional.of("encoder.layers.encoder_layer_%d.ln_1".formatted(depth - 1));
  }

  @Override
  public Optional<Layout> layoutOf(String layer) {
    return layer.startsWith("encoder") ? Optional.of(Layout.tokens(1)) : Optional.empty();
  }

  /** Adds the positions, and runs the blocks. */
  private static final class Encoder extends Network {
    private final Submodule dropout;
    private final Submodule layers;
    private final Submodule ln;

    Encoder(long tokens, long width, long depth, long heads) {
      register_parameter("pos_embedding", torch.randn(1, tokens, width).mul_(new Scalar(0.02)));
      dropout = child("dropout", new DropoutImpl(0));
      Map<String, Module> blocks = new LinkedHashMap<>();
      for (int i = 0; i < depth; i++) {
        blocks.put("encoder_layer_" + i, new Block(width, heads));
      }
      layers = child("layers", new SequentialNetwork(blocks));
      ln = child("ln", layerNorm(width, EPSILON));
    }

    @Override
    public Tensor forward(Tensor x) {
      return sequence(x.add(parameter(this, 0, x)), dropout, layers, ln);
    }
  }

  /** y = x + attention(norm(x)), then y + perceptron(norm(y)). */
  private static final class Block extends Network {
    private final Submodule norm1;
    private final Submodule attention;
    private final Submodule dropout;
    private final Submodule norm2;
    private final Submodule mlp;

    Block(long width, long heads) {
      norm1 = child("ln_1", layerNorm(width, EPSILON));
      attention = child("self_attention", new SelfAttention(width, heads));
      dropout = child("dropout", new DropoutImpl(0));
      norm2 = child("ln_2", layerNorm(width, EPSILON));
      mlp = child("mlp", perceptron(width, 4 * width));
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor y = sequence(x, norm1, attention, dropout).add(x);
      return sequence(y, norm2, mlp).add(y);
    }
  }

  /** Of all tokens with all: softmax(Q·Kᵀ / √d)·V for each head. */
  private static final class SelfAttention extends Network {
    private final long heads;
    private final Submodule inProj;
    private final Submodule outProj;

    SelfAttention(long width, long heads) {
      this.heads = heads;
      LinearImpl projection = new LinearImpl(width, 3 * width);
      register_parameter("in_proj_weight", torch.xavier_uniform_(projection.weight()));
      register_parameter("in_proj_bias", torch.zeros_(projection.bias()));
      inProj = part(projection);
      outProj = child("out_proj", new LinearImpl(width, width));
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor parts =
          inProj
              .forward(x)
              .unflatten(2, 3, heads, x.size(2) / heads)
              .permute(2, 0, 3, 1, 4); // [3, N, heads, T, d]
      Tensor attended =
          torch.scaled_dot_product_attention(
              parts.select(0, 0), parts.select(0, 1), parts.select(0, 2));
      return outProj.forward(attended.transpose(1, 2).flatten(2, -1));
    }
  }
}
