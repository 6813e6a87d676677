package org.scorecam.kernel;

import org.bytedeco.javacpp.Loader;

/** The one attempt to load {@code libscorecam}, whose failure all who need it are told of. */
final class CpuLibrary {
  private static final CpuLibrary ATTEMPT = new CpuLibrary();

  private final RuntimeException refusal;
  private final LinkageError absence;

  private CpuLibrary() {
    RuntimeException refused = null;
    LinkageError absent = null;
    try {
      Loader.load(CpuBinding.class);
    } catch (RuntimeException e) {
      refused = e;
    } catch (LinkageError e) {
      absent = e;
    }
    this.refusal = refused;
    this.absence = absent;
  }

  /**
   * Makes sure that it is loaded. LibTorch must be, whose OpenMP runtime it shares.
   *
   * @throws LinkageError if there is none for this machine, as a RuntimeException may say too
   */
  static void load() {
    if (ATTEMPT.refusal != null) {
      throw ATTEMPT.refusal;
    }
    if (ATTEMPT.absence != null) {
      throw ATTEMPT.absence;
    }
  }
}
