package org.scorecam.graph;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.NamedJitModule;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.named_module_iterator;
import org.bytedeco.pytorch.named_module_list;
import org.scorecam.runtime.NativeScope;

/** The submodules of a TorchScript module by their dotted paths. */
public final class TorchScriptModules {
  private TorchScriptModules() {}

  /**
   * The modules' classes.
   *
   * @param root the network
   * @return dotted paths to class names without packages, parents before children, without the root
   */
  public static Map<String, String> typesOf(JitModule root) {
    Map<String, String> types = new LinkedHashMap<>();
    try (NativeScope scope = NativeScope.open()) {
      named_module_list modules = root.named_modules();
      named_module_iterator end = modules.end();
      for (named_module_iterator it = modules.begin(); it.notEquals(end); it = it.increment()) {
        NamedJitModule named = it.access();
        BytePointer path = named.name();
        // The root's name is the empty string, which the presets hand over as null.
        if (path != null && path.limit() > 0) {
          types.put(path.getString(), typeOf(named.value()));
        }
      }
    }
    return Collections.unmodifiableMap(types);
  }

  /** The module's class without its package and TorchScript's mangling. */
  private static String typeOf(JitModule module) {
    return module.type().name().get().name().getString();
  }

  /**
   * A type as Python writes it, without the packages and mangling of TorchScript's classes. Needs
   * an open scope.
   *
   * @param type any type
   * @return such as {@code Optional[Tensor]}
   */
  public static String nameOf(Type type) {
    return type.annotation_str().getString().replaceAll("\\b__torch__\\.(\\w+\\.)*", "");
  }

  /** The submodule at a path that exists; lives as long as the scope that is open. */
  static JitModule find(JitModule root, String path) {
    JitModule module = root;
    for (String name : path.isEmpty() ? new String[0] : path.split("\\.", -1)) {
      module = new JitModule(module.attr(name).toObject());
    }
    return module;
  }
}
