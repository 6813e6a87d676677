package org.scorecam;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.bytedeco.pytorch.global.torch.Float32Backend;
import org.bytedeco.pytorch.global.torch.Float32Op;
import org.scorecam.kernel.Winograd;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.LibTorchSettings;

/**
 * A host in a process of its own, which has LibTorch in use before it explains with us, and says
 * what was changed by that.
 */
public final class GuestProbe {
  /** System property: {@code off} has the host say so by the API. */
  private static final String API = "guest.api";

  private GuestProbe() {}

  /** Prints one line for each fact. */
  public static void main(String[] arguments) throws Exception {
    Loader.load(openblas.class);
    Loader.load(torch.class);
    torch.ones(1).close();
    Map<String, Object> before = ofTheProcess();
    if (System.getProperty(API) != null) {
      LibTorch.use(LibTorchSettings.defaults().withSetUp(false));
    }
    explain();
    Map<String, Object> after = ofTheProcess();
    List<String> changed =
        Stream.concat(before.keySet().stream(), after.keySet().stream())
            .distinct()
            .filter(name -> !Objects.equals(before.get(name), after.get(name)))
            .toList();
    System.out.println("changed: " + (changed.isEmpty() ? "nothing" : changed));
    SetUpProbe.report();
  }

  private static void explain() throws IOException {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer2").build()) {
      cam.explain(input, Target.ofClass(3)).close();
    }
  }

  private static Map<String, Object> ofTheProcess()
      throws InterruptedException, ExecutionException {
    Context context = torch.globalContext();
    Map<String, Object> facts = new LinkedHashMap<>();
    System.getProperties().forEach((name, value) -> facts.put("property " + name, value));
    facts.put("allocator", torch.GetAllocator(DeviceType.CPU).address());
    facts.put("operators", hasOperators());
    facts.put("JavaCPP's limit", Pointer.maxPhysicalBytes());
    facts.put("threads", torch.get_num_threads());
    facts.put("threads of a new thread", threadsOfANewThread());
    facts.put("threads between operations", torch.get_num_interop_threads());
    facts.put("NNPACK", context.userEnabledNNPACK());
    facts.put("oneDNN", context.userEnabledMkldnn());
    facts.put("cuDNN", context.userEnabledCuDNN());
    facts.put("cuDNN benchmark", context.benchmarkCuDNN());
    facts.put("cuDNN deterministic", context.deterministicCuDNN());
    facts.put("deterministic", context.deterministicAlgorithms());
    facts.put("TF32 of cuDNN", context.allowTF32CuDNN());
    facts.put("TF32 of cuBLAS", context.allowTF32CuBLAS());
    facts.put("precision of products", context.float32MatmulPrecision().intern());
    for (Float32Backend backend : List.of(Float32Backend.CUDA, Float32Backend.MKLDNN)) {
      for (Float32Op operation : Float32Op.values()) {
        facts.put(backend + " " + operation, context.float32Precision(backend, operation).intern());
      }
    }
    facts.put("gradients", torch.ones(1).add(torch.ones(1)).requires_grad());
    facts.put("default type", torch.get_default_dtype_as_scalartype().intern());
    return facts;
  }

  private static int threadsOfANewThread() throws InterruptedException, ExecutionException {
    FutureTask<Integer> threads = new FutureTask<>(torch::get_num_threads);
    new Thread(threads).start();
    return threads.get();
  }

  private static boolean hasOperators() {
    try (PointerScope scope = new PointerScope()) {
      return torch.getAllOperatorsFor(Symbol.fromQualString(Winograd.OPERATOR)).size() > 0;
    }
  }
}
