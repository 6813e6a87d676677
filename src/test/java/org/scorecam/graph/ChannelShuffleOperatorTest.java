package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OptionalType;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** Shuffled channels as LibTorch's dispatcher calls them, against its own. */
class ChannelShuffleOperatorTest extends NativeOperatorTest {
  private static List<Tensor> call(String operator, long groups, Tensor... inputs) {
    GenericList list = new GenericList(OptionalType.ofTensor().get().containedType(0));
    for (Tensor input : inputs) {
      list.push_back(new IValue(input));
    }
    IValueVector stack = new IValueVector(new IValue(list), new IValue(groups));
    Dispatcher dispatcher = Dispatcher.singleton();
    dispatcher.callBoxed(dispatcher.findSchemaOrThrow(operator, ""), stack);
    return List.of(stack.get()).stream().map(IValue::toTensor).map(Tensor::new).toList();
  }

  @Test
  void isLibTorchs() {
    Tensor one = torch.randn(2, 6, 5, 3);
    Tensor two = torch.randn(2, 10, 5, 3).contiguous(MemoryFormat.ChannelsLast);
    Tensor expected = torch.channel_shuffle(torch.cat(new TensorVector(one, two), 1), 4);
    Tensor all = call(ChannelShuffle.OPERATOR, 4, one, two).get(0);
    assertTrue(all.equal(expected), "another output");
    assertTrue(all.is_contiguous(MemoryFormat.ChannelsLast), "another layout");
    List<Tensor> halves = call(ChannelShuffle.HALVING_OPERATOR, 4, one, two);
    for (int half = 0; half < 2; half++) {
      assertTrue(halves.get(half).equal(expected.narrow(1, 8L * half, 8)), "another half");
      assertTrue(halves.get(half).is_contiguous(MemoryFormat.ChannelsLast), "another layout");
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    Tensor image = torch.ones(1, 3, 4, 4);
    assertRefused(
        () -> call(ChannelShuffle.OPERATOR, 2, image), "3 channels are not 2 equal groups");
    assertRefused(
        () -> call(ChannelShuffle.HALVING_OPERATOR, 3, image), "3 channels are not 2 equal parts");
    assertRefused(
        () -> call(ChannelShuffle.OPERATOR, 1, image, torch.ones(1, 3, 4, 5)), "cannot be joined");
    assertRefused(
        () -> call(ChannelShuffle.OPERATOR, 3, image.to(ScalarType.Double)),
        "an input is not float32");
  }
}
