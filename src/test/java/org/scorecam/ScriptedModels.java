package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.QualifiedNameOptional;
import org.bytedeco.pytorch.StringVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TupleType;
import org.bytedeco.pytorch.TypeVector;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * Networks written in TorchScript by the tests themselves, for code that no golden network has.
 *
 * <pre>{@code
 * Script net =
 *     ScriptedModels.script("Net", "def forward(self, x: Tensor) -> Tensor: …")
 *         .child("block", ScriptedModels.timesPlus(2, 1));
 * try (HookedModel model = net.load(folder)) { … }
 * }</pre>
 */
public final class ScriptedModels {
  private ScriptedModels() {}

  /** A module: the source of its methods, its buffers and its children. */
  public static final class Script {
    private final String type;
    private final String source;
    private final Map<String, Script> children = new LinkedHashMap<>();
    private final Map<String, Values> buffers = new LinkedHashMap<>();
    private final List<String> fields = new ArrayList<>();

    private final Map<String, Attribute> attributes = new LinkedHashMap<>();

    private final Map<String, String> operators = new LinkedHashMap<>();

    private record Values(List<Float> values, List<Long> shape) {}

    private record Attribute(String type, Supplier<IValue> value) {}

    private Script(String type, String source) {
      this.type = type;
      this.source = source;
    }

    public Script child(String name, Script module) {
      children.put(name, module);
      return this;
    }

    /** Adds a buffer of one number. */
    public Script number(String name, double value) {
      buffers.put(name, new Values(List.of((float) value), List.of(1L)));
      return this;
    }

    /** Adds an attribute; its type as in an operator's schema, such as {@code Tensor?}. */
    public Script attribute(String name, String type, Supplier<IValue> value) {
      attributes.put(name, new Attribute(type, value));
      return this;
    }

    /** Adds a buffer of numbers between -0.1 and 0.1, which its name determines. */
    public Script weight(String name, long... shape) {
      Random random = new Random(name.hashCode());
      List<Float> values =
          Stream.generate(() -> 0.2f * random.nextFloat() - 0.1f)
              .limit(LongStream.of(shape).reduce(1, Math::multiplyExact))
              .toList();
      buffers.put(name, new Values(values, LongStream.of(shape).boxed().toList()));
      return this;
    }

    /** Makes the tuple that {@code forward} returns a named one. */
    public Script namedTuple(String... names) {
      fields.addAll(List.of(names));
      return this;
    }

    /**
     * Calls an operator of another library where the source has some expression of LibTorch's own:
     * only files may call others. The file has each expression once.
     */
    public Script calling(String operator, String expression) {
      operators.put(expression, operator);
      return this;
    }

    /** Writes the file {@code TYPE.pt}. */
    public Path save(Path folder) {
      return save(folder, ScalarType.Float);
    }

    /** The same with all buffers in a type. */
    public Path save(Path folder, ScalarType dtype) {
      Path file = folder.resolve(type + ".pt");
      try (NativeScope scope = NativeScope.open()) {
        JitModule module = compile("root");
        module.to(dtype, false);
        module.save(file.toString());
      }
      if (!operators.isEmpty()) {
        putOperatorsInto(file);
      }
      return file;
    }

    private void putOperatorsInto(Path file) {
      Map<String, byte[]> contents = new LinkedHashMap<>();
      int replaced = 0;
      try (ZipFile zip = new ZipFile(file.toFile())) {
        for (ZipEntry entry : Collections.list(zip.entries())) {
          byte[] content;
          try (InputStream in = zip.getInputStream(entry)) {
            content = in.readAllBytes();
          }
          String text = new String(content, StandardCharsets.ISO_8859_1);
          for (Map.Entry<String, String> operator : operators.entrySet()) {
            String[] around = text.split(Pattern.quote(operator.getKey()), -1);
            if (entry.getName().endsWith(".py")) {
              replaced += around.length - 1;
              text = String.join(operator.getValue(), around);
            }
          }
          contents.put(entry.getName(), text.getBytes(StandardCharsets.ISO_8859_1));
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      assertEquals(operators.size(), replaced, "expressions in place of operators");
      try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
        for (Map.Entry<String, byte[]> content : contents.entrySet()) {
          zip.putNextEntry(new ZipEntry(content.getKey()));
          zip.write(content.getValue());
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Writes the file and loads it on the CPU. */
    public HookedModel load(Path folder) {
      return TorchScriptModel.load(save(folder), Device.cpu());
    }

    /** Needs an open scope. The place makes the class's name unique, as PyTorch's mangling does. */
    private JitModule compile(String place) {
      JitModule module = new JitModule(new QualifiedName("__torch__." + place + "." + type));
      buffers.forEach(
          (name, buffer) -> {
            float[] values = new float[buffer.values.size()];
            for (int i = 0; i < values.length; i++) {
              values[i] = buffer.values.get(i);
            }
            long[] shape = buffer.shape.stream().mapToLong(Long::longValue).toArray();
            try (Tensor tensor = Tensors.of(values, shape)) {
              module.register_buffer(name, tensor);
            }
          });
      attributes.forEach(
          (name, attribute) ->
              module.register_attribute(
                  name,
                  torch.parseSchema("f(%s x) -> ()".formatted(attribute.type)).arguments().type(),
                  attribute.value.get(),
                  false,
                  false));
      children.forEach(
          (name, child) -> module.register_module(name, child.compile(place + "_" + name)));
      if (!source.isEmpty()) {
        module.define(source);
      }
      if (!fields.isEmpty()) {
        nameFields(module.get_method("forward").graph().outputs().at(0));
      }
      return module;
    }

    /** The source cannot say so, since a class would have to be declared beside the method. */
    private void nameFields(Value tuple) {
      TypeVector types = new TypeVector();
      for (long i = 0; i < fields.size(); i++) {
        types.push_back(tuple.type().get().containedType(i));
      }
      QualifiedName name = new QualifiedName("__torch__." + type + "Outputs");
      TupleType named =
          TupleType.createNamed(
              new QualifiedNameOptional(name),
              new StringVector(fields.toArray(String[]::new)),
              types);
      tuple.setType(named.createWithContained(types));
    }
  }

  public static Script script(String type, String source) {
    return new Script(type, source);
  }

  /** y = a·x + b, a layer whose outputs are known without running it. */
  public static Script timesPlus(double a, double b) {
    return script(
            "TimesPlus",
            """
            def forward(self, x: Tensor) -> Tensor:
                return x * self.a + self.b
            """)
        .number("a", a)
        .number("b", b);
  }

  /**
   * A network [N, 3, H, W] to [N, 40] with scores around 100,000 that differ by less than bfloat16
   * can tell apart there. Its layer: maps.
   */
  public static Script fineScores() {
    return script(
            "FineScores",
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.maps.forward(x)
                return 100000. + 500. * torch.mean(torch.abs(y), [2, 3])
            """)
        .child("maps", patches(40));
  }

  /** A layer [N, 3, H, W] to [N, K, H / 4, W / 4], without a bias. */
  public static Script patches(long channels) {
    return script(
            "Patches",
            """
            def forward(self, x: Tensor) -> Tensor:
                return torch.conv2d(x, self.w, None, [4, 4], [0, 0], [1, 1], 1)
            """)
        .weight("w", channels, 3, 4, 4);
  }

  /** A network [N, 3, H, W] to [N, 2] whose maps are negative and whose scores are always 0. */
  public static Script blankMaps() {
    return script(
            "BlankMaps",
            """
            def forward(self, x: Tensor) -> Tensor:
                y = self.maps.forward(x)
                return torch.mean(y, [2, 3])[:, :2] * 0.
            """)
        .child(
            "maps",
            script(
                    "NegativeMaps",
                    """
                    def forward(self, x: Tensor) -> Tensor:
                        return -torch.abs(torch.conv2d(x, self.w, None, [4, 4], [0, 0], [1, 1], 1))
                    """)
                .weight("w", 8, 3, 4, 4));
  }

  /** A container whose children are called one by one, as {@code ModuleList} is. */
  public static Script moduleList(Script... children) {
    Script list = script("ModuleList", "");
    for (int i = 0; i < children.length; i++) {
      list.child(Integer.toString(i), children[i]);
    }
    return list;
  }

  /** [N, K, h, w] to [N, h, w, K]. */
  public static Script channelsLast() {
    return script(
        "Last",
        """
        def forward(self, x: Tensor) -> Tensor:
            return x.permute(0, 2, 3, 1)
        """);
  }
}
