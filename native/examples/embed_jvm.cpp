// A C++ program that starts a JVM, gives scorecam the address of a picture, and gets the address of the map.
//
//     embed_jvm CLASSPATH NETWORK LAYER
//
// It calls static functions of a small class in Java, as such a program has one of its own; this one's is
// src/test/java/org/scorecam/EmbeddedNeighbour.java. CLASSPATH has it, scorecam and all that scorecam needs.
// src/site/markdown/cpp.md says more.
#include <jni.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kSide = 64;

[[noreturn]] void fail(JNIEnv *env, const char *what) {
  std::fprintf(stderr, "%s\n", what);
  if (env != nullptr && env->ExceptionCheck()) env->ExceptionDescribe();
  std::exit(1);
}

// Any call may leave a Java exception, which is to be looked at before the next one.
template <class Result>
Result checked(JNIEnv *env, Result result, const char *what) {
  if (env->ExceptionCheck() || !result) fail(env, what);
  return result;
}

// The neighbour: functions of a Java class, found once, and called from any thread that is attached.
struct Neighbour {
  jclass type;
  jmethodID open, explain, map, close_saliency, close;
};

Neighbour find(JNIEnv *env) {
  const auto local = checked(env, env->FindClass("org/scorecam/EmbeddedNeighbour"), "the class is not there");
  Neighbour found{};
  found.type = static_cast<jclass>(checked(env, env->NewGlobalRef(local), "no reference"));
  const auto method = [&](const char *name, const char *signature) {
    return checked(env, env->GetStaticMethodID(found.type, name, signature), name);
  };
  found.open = method("open", "(Ljava/lang/String;Ljava/lang/String;)V");
  found.explain = method("explain", "(JII)J");
  found.map = method("map", "(J)J");
  found.close_saliency = method("closeSaliency", "(J)V");
  found.close = method("close", "()V");
  return found;
}

// Explains a picture in a thread of the program's own, and reads the map where it is.
void explain(JavaVM *jvm, const Neighbour &neighbour) {
  JNIEnv *env = nullptr;
  if (jvm->AttachCurrentThread(reinterpret_cast<void **>(&env), nullptr) != JNI_OK) fail(nullptr, "not attached");
  {
    // 1 x 3 x H x W; must live until `explain` has returned.
    std::vector<float> picture(3 * kSide * kSide);
    for (std::size_t i = 0; i < picture.size(); ++i) picture[i] = static_cast<float>(i % 97) / 97.0f;
    const auto address = static_cast<jlong>(reinterpret_cast<std::intptr_t>(picture.data()));
    const jlong saliency =
        env->CallStaticLongMethod(neighbour.type, neighbour.explain, address, jint{kSide}, jint{kSide});
    if (env->ExceptionCheck()) fail(env, "no explanation");
    const jlong map = env->CallStaticLongMethod(neighbour.type, neighbour.map, saliency);
    if (env->ExceptionCheck() || map == 0) fail(env, "no map");

    // H x W floats, readable until the saliency is closed.
    const auto *values = reinterpret_cast<const float *>(static_cast<std::intptr_t>(map));
    double sum = 0;
    for (int i = 0; i < kSide * kSide; ++i) {
      if (!std::isfinite(values[i]) || values[i] < 0) fail(nullptr, "the map has a value that no map has");
      sum += static_cast<double>(values[i]);
    }
    std::printf("sum %.9g\n", sum);
    env->CallStaticVoidMethod(neighbour.type, neighbour.close_saliency, saliency);
    if (env->ExceptionCheck()) fail(env, "not closed");
  }
  jvm->DetachCurrentThread();
}

}  // namespace

int main(int count, char **arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: %s CLASSPATH NETWORK LAYER\n", arguments[0]);
    return 2;
  }
  std::string class_path = std::string("-Djava.class.path=") + arguments[1];
  std::string heap = "-Xmx256m";
  // The JVM sets no handlers of SIGINT, SIGTERM, SIGHUP and SIGQUIT, which stay the program's.
  std::string signals = "-Xrs";
  JavaVMOption options[3] = {};
  options[0].optionString = &class_path[0];
  options[1].optionString = &heap[0];
  options[2].optionString = &signals[0];
  JavaVMInitArgs settings = {};
  settings.version = JNI_VERSION_10;
  settings.nOptions = 3;
  settings.options = options;
  JavaVM *jvm = nullptr;
  JNIEnv *env = nullptr;
  if (JNI_CreateJavaVM(&jvm, reinterpret_cast<void **>(&env), &settings) != JNI_OK) fail(nullptr, "no JVM");

  const Neighbour neighbour = find(env);
  const jstring network = checked(env, env->NewStringUTF(arguments[2]), "no memory");
  const jstring layer = checked(env, env->NewStringUTF(arguments[3]), "no memory");
  env->CallStaticVoidMethod(neighbour.type, neighbour.open, network, layer);
  if (env->ExceptionCheck()) fail(env, "the network cannot be opened");

  std::thread(explain, jvm, neighbour).join();
  std::thread(explain, jvm, neighbour).join();
  env->CallStaticVoidMethod(neighbour.type, neighbour.close);
  if (env->ExceptionCheck()) fail(env, "the network cannot be closed");
  // Waits for threads that are attached and not daemons. A process has one JVM in its life.
  jvm->DestroyJavaVM();
  return 0;
}
