package org.scorecam.runtime;

import org.bytedeco.pytorch.global.torch;

/** A process that gets hardly anything of a core, since it sleeps. */
final class CoreShareProbe {
  private CoreShareProbe() {}

  public static void main(String[] arguments) throws InterruptedException {
    System.clearProperty("scorecam.threads"); // The tests' own.
    LibTorch.load();
    // As a program of ours sets it for its own thread.
    LibTorch.threadCounts().setOfThisThread(4);
    print("at first: " + CoreShare.isScarce());
    try (LibTorchWork work = LibTorchWork.begin(1)) {
      for (int i = 0; i < 50; i++) {
        CoreShare.measure().close();
      }
    }
    print("after short stretches: " + CoreShare.isScarce());
    sleep();
    print("after waiting for helpers: " + CoreShare.isScarce());
    try (LibTorchWork work = LibTorchWork.begin(1)) {
      sleep();
    }
    print("scarce: " + CoreShare.isScarce());
    System.out.println("afterwards: " + torch.get_num_threads());
    try (LibTorchWork work = LibTorchWork.begin(3)) {
      System.out.println("a worker's own: " + torch.get_num_threads());
    }
    LibTorch.setThreads(4);
    print("named");
  }

  private static void sleep() throws InterruptedException {
    for (int i = 0; i < 20; i++) {
      try (CoreShare share = CoreShare.measure()) {
        Thread.sleep(5);
      }
    }
  }

  /** How many threads an operation has now, and how many it would have if all cores were free. */
  private static void print(String words) {
    try (LibTorchWork work = LibTorchWork.begin()) {
      System.out.println(
          "%s%s%d of %d"
              .formatted(
                  words,
                  words.contains(":") ? ", " : ": ",
                  torch.get_num_threads(),
                  LibTorch.threads()));
    }
  }
}
