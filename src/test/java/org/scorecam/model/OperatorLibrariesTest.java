package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.ScriptedModels;
import org.scorecam.error.ModelException;
import org.scorecam.error.NativeLibraryException;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.kernel.VisionOperators;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Networks that call operators of other libraries, and the libraries. */
class OperatorLibrariesTest {
  /** An operator that gives its argument back, registered through LibTorch's stable interface. */
  private static final String SOURCE =
      """
      #include <stdint.h>
      int32_t aoti_torch_library_init_def(const char *, const char *, uint32_t, void **);
      int32_t aoti_torch_library_init_impl(
          const char *, const char *, const char *, uint32_t, void **);
      int32_t aoti_torch_library_def(void *, const char *);
      int32_t aoti_torch_library_impl(
          void *, const char *, void (*)(uint64_t *, uint64_t, uint64_t));
      static void same(uint64_t *stack, uint64_t inputs, uint64_t outputs) {}
      __attribute__((constructor)) static void define(void) {
        void *library;
        aoti_torch_library_init_def("scorecam_test", __FILE__, __LINE__, &library);
        aoti_torch_library_def(library, "same(Tensor x) -> Tensor");
        aoti_torch_library_init_impl("scorecam_test", "CPU", __FILE__, __LINE__, &library);
        aoti_torch_library_impl(library, "same", same);
      }
      """;

  @TempDir Path folder;

  /** A network whose program calls an operator. */
  private Path calling(String operator) {
    return ScriptedModels.script(
            "Net",
            """
            def forward(self, x: Tensor) -> Tensor:
                return torch.neg(x)
            """)
        .calling(operator + "(", "torch.neg(")
        .save(folder);
  }

  @Test
  void operatorsThatAreMissingAreNamedWithTheirLibrary() {
    Path file = calling("ops.strange_library.magic");
    ModelException thrown =
        assertThrows(ModelException.class, () -> TorchScriptModel.load(file, Device.cpu()));
    String message = thrown.getMessage();
    assertTrue(message.contains("does not have: strange_library::magic."), message);
    assertTrue(message.contains("part of strange_library"), message);
    assertTrue(message.contains("built for LibTorch 2."), message);
    assertTrue(message.contains("--operators FILE"), message);
  }

  @Test
  void aLibrarysOperatorsRunOnceItIsLoaded() throws IOException, InterruptedException {
    Path library = compiled();
    assertEquals(Set.of("scorecam_test::same"), LibTorch.loadOperators(library));
    assertEquals(Set.of(), LibTorch.loadOperators(library));
    try (NativeScope scope = NativeScope.open();
        HookedModel model = TorchScriptModel.load(calling("ops.scorecam_test.same"), Device.cpu());
        Tensor input = Tensors.of(new float[] {1, 2}, 1, 2);
        ModelOutput output = model.forward(input)) {
      assertTrue(output.tensor().equal(input));
    }
  }

  /** Skipped where there is no C compiler. */
  private Path compiled() throws IOException, InterruptedException {
    assumeTrue(Loader.getPlatform().startsWith("linux"), "a library for Linux");
    LibTorch.load();
    Path libtorch = Path.of(Loader.load(torch.class)).resolveSibling("libtorch_cpu.so");
    assumeTrue(Files.exists(libtorch), () -> libtorch + " does not exist");
    Path source = Files.writeString(folder.resolve("same.c"), SOURCE);
    Path library = folder.resolve("libsame.so");
    ProcessBuilder compiler =
        new ProcessBuilder(
                "cc",
                "-shared",
                "-fPIC",
                "-Wl,--unresolved-symbols=ignore-all",
                "-o",
                library.toString(),
                source.toString(),
                libtorch.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("cc.log").toFile());
    try {
      assertEquals(0, compiler.start().waitFor(), () -> "see " + folder.resolve("cc.log"));
    } catch (IOException e) {
      assumeTrue(false, "no C compiler: " + e.getMessage());
    }
    return library;
  }

  private static String refusal(Path library) {
    return assertThrows(NativeLibraryException.class, () -> LibTorch.loadOperators(library))
        .getMessage();
  }

  @Test
  void whatIsNoLibraryIsRefused() throws IOException {
    Path none = folder.resolve("none.so");
    assertTrue(refusal(none).contains(none + " does not exist"));
    assertTrue(refusal(folder).contains("is not a file"));
    Path text = Files.writeString(folder.resolve("text.so"), "no library");
    assertTrue(refusal(text).contains("the operators of " + text + " cannot be loaded: "));
  }

  @Test
  void aLibraryOfAnotherLibTorchIsNotLoaded() throws IOException {
    // Its names may lie across the blocks that it is read in.
    byte[] content = new byte[(1 << 20) + 100];
    byte[] name = "libtorch_cpu.so.1.13".getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(name, 0, content, (1 << 20) - 5, name.length);
    Path library = Files.write(folder.resolve("other.so"), content);
    String message = refusal(library);
    assertTrue(message.contains("it needs libtorch_cpu.so.1.13, another LibTorch"), message);
    assertTrue(message.contains("built for LibTorch 2."), message);
  }

  @Test
  void aLibraryWithAnOperatorThatWeDefinedIsNotLoadedAfterwards() throws IOException {
    NativeBuild.require();
    assertTrue(VisionOperators.define(Set.of("torchvision::nms")));
    Path library =
        Files.writeString(
            folder.resolve("vision.so"), "\0torchvision::nms(Tensor dets, Tensor scores\0");
    String message = refusal(library);
    assertTrue(message.contains("scorecam has defined torchvision::nms itself"), message);
    assertTrue(message.contains("Load the library before the first network"), message);
    assertTrue(message.contains("-Dscorecam.visionOperators=off"), message);
    // What is only named alike is tried.
    Path other = Files.writeString(folder.resolve("other.so"), "\0my_nms(Tensor x\0");
    assertTrue(refusal(other).contains("built for LibTorch 2."));
  }
}
