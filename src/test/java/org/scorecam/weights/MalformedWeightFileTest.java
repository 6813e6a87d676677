package org.scorecam.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.ModelException;

/** Each bad file fails when it is opened, and says why. */
class MalformedWeightFileTest {
  @TempDir Path folder;

  @Test
  void nothingToRead() {
    Path absent = folder.resolve("absent.pth");
    assertEquals(absent + " does not exist", messageOf(absent));
    assertEquals(
        folder
            + " cannot be used: it is a folder without an index of shards (*.index.json);"
            + " give the weight file itself",
        messageOf(folder));
    requireMessage(new byte[0], "it is empty; download or save it again");
    requireMessage(
        new byte[] {1, 2, 3},
        "neither a .safetensors file nor one that torch.save or torch.jit.save wrote, and only 3"
            + " bytes long");
    byte[] random = new byte[1000];
    new Random(1).nextBytes(random);
    requireMessage(random, "neither a .safetensors file nor one that torch.save");
  }

  @Test
  void lengthOfTenGigabytesInEightBytes() {
    requireMessage(
        littleEndian(10L << 30),
        "neither a .safetensors file nor one that torch.save or torch.jit.save wrote, and only 8"
            + " bytes long");
  }

  @ParameterizedTest
  @ValueSource(longs = {4, 10L << 30, Long.MAX_VALUE, -1})
  void headerLargerThanTheFile(long length) {
    byte[] file = Arrays.copyOf(littleEndian(length), 11);
    file[8] = '{';
    requireMessage(
        file,
        "its header is said to be "
            + Long.toUnsignedString(length)
            + " bytes long, but the file has 11");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'a':{'dtype':'F32','shape':[3],'data_offsets':[0,12]}} | [0, 12], but the file has 8 bytes",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[8,4]}} | data_offsets [8, 4]",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,8]}} | takes 4 bytes, but its data_offsets",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | its tensors end at byte 4",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | leaving a gap after the one",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'b':{'dtype':'F16','shape':[1],"
            + "'data_offsets':[4,6]}} | tensor 'b' begins at byte 4 of the data, overlapping",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'a':{'dtype':'F32','shape':[1],"
            + "'data_offsets':[4,8]}} | 'a' comes twice",
        "{'a':{'dtype':'F32','shape':[9223372036854775807,2],'data_offsets':[0,8]}} | 64 bits",
        "{'a':{'dtype':'F32','shape':[4611686018427387904],'data_offsets':[0,8]}} | 64 bits",
        "{'a':{'dtype':'F32','shape':[4294967296,4294967296,0],'data_offsets':[0,0]}} | 64 bits",
        "{'a':{'dtype':'F32','shape':[9223372036854775808],'data_offsets':[0,8]}} | 63 bits",
        "{'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}} | has the size or offset -2",
        "{'a':{'dtype':'F32','shape':[2.0],'data_offsets':[0,8]}} | has the size or offset 2.0",
        "{'a':{'dtype':'F32','shape':['2'],'data_offsets':[0,8]}} | STRING where a NUMBER belongs",
        "{'a':{'dtype':'F32','shape':[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],'data_offsets':[0,8]}} |"
            + " 17 dimensions",
        "{'a':{'dtype':'F4','shape':[2],'data_offsets':[0,8]}} | the dtype 'F4', which is not",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4,8]}} | two data_offsets",
        "{'a':{'dtype':'F32','data_offsets':[0,8]}} | needs a dtype, a shape",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8],'x':1}} | an unknown field 'x'",
        "{'a':{'dtype':'F32','dtype':'F16','shape':[2],'data_offsets':[0,8]}} | the field 'dtype' twice",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}{} | not a JSON object of tensors",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]} | not a JSON object of tensors",
        "{'a':[]} | not a JSON object of tensors",
        "{'__metadata__':{'x':1}} | NUMBER where a STRING belongs",
        "{'__metadata__':{},'__metadata__':{}} | '__metadata__' comes twice",
        "{a:1} | not a JSON object of tensors",
        "{} | its tensors end at byte 0",
      })
  void badSafetensorsHeader(String header, String message) {
    requireMessage(TestFiles.safetensors(header.replace('\'', '"'), new byte[8]), message);
  }

  @Test
  void headerThatIsNoText() {
    byte[] file = TestFiles.safetensors("{\"aa\":1}", new byte[0]);
    file[10] = (byte) 0xff;
    requireMessage(file, "its header is not UTF-8");
  }

  @Test
  void deepJson() {
    requireMessage(
        TestFiles.safetensors("{\"a\":" + "[".repeat(100_000), new byte[0]),
        "not a JSON object of tensors");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 30, 500, 1500, 3000, 3400, 3435})
  void truncatedZip(int length) throws IOException {
    byte[] whole = Files.readAllBytes(TestFiles.resource("state_dict.pth"));
    requireMessage(
        Arrays.copyOf(whole, length),
        length < 4
            ? "it is a text file that begins 'P', perhaps an error message in place of a download"
            : "its zip directory cannot be read; the download may have been interrupted");
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 100, 700, 1500, 1907})
  void truncatedLegacyFile(int length) throws IOException {
    byte[] whole = Files.readAllBytes(TestFiles.resource("legacy.pth"));
    requireMessage(Arrays.copyOf(whole, length), "bytes are needed at byte");
  }

  @ParameterizedTest
  @CsvSource({
    "posix, system",
    "os, system",
    "builtins, eval",
    "builtins, getattr",
    "subprocess, Popen",
    "torch, load",
    "torch._utils, _rebuild_qtensor",
    "argparse, Namespace",
    "numpy.core.multiarray, _reconstruct"
  })
  void pickleThatCallsSomethingRunsNothing(String module, String name) {
    Path marker = folder.resolve("marker");
    String call = "c" + module + "\n" + name + "\n" + TestFiles.text("touch " + marker) + "\u0085R";
    requireMessage(
        TestFiles.torchZip(TestFiles.pickle(call), new byte[4]),
        "it has no tensors; it holds an object of "
            + module
            + "."
            + name
            + ", of which nothing was run");
    requireMessage(
        TestFiles.torchZip(TestFiles.stateDict(call), new byte[4]),
        "it has no tensors; it has the keys 'w'");
    requireMessage(
        concat(TestFiles.pickle(call), new byte[8]), "a pickle, but not one that torch.save wrote");
    // Beside weights, and with a state, it does as little.
    String tensor = TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085");
    byte[] beside =
        TestFiles.pickle(
            "}("
                + (TestFiles.text("w") + tensor)
                + (TestFiles.text("n") + call + "}" + TestFiles.text("x") + "K\u0001sb")
                + "u");
    try (WeightFile file =
        WeightFile.open(TestFiles.write(folder, TestFiles.torchZip(beside, new byte[16])))) {
      assertEquals(Set.of("w"), file.tensors().keySet());
    }
    assertFalse(Files.exists(marker));
  }

  @ParameterizedTest
  @CsvSource({
    "4, 1, 4, 1, needs 20 bytes; but its storage has 16",
    "4, 0, 2, 4, needs 20 bytes; but its storage has 16",
    "5, 0, 1, 1, storage '0' of tensor 'w' would hold 5 elements of float32; but it has 16 bytes",
    "65535, 0, 65535, 1, would hold 65535 elements",
  })
  void tensorBeyondItsStorage(int elements, int offset, int size, int stride, String message) {
    String tensor =
        TestFiles.tensor(
            elements,
            offset,
            TestFiles.number(size) + "\u0085",
            TestFiles.number(stride) + "\u0085");
    requireMessage(
        TestFiles.torchZip(TestFiles.stateDict(tensor), new byte[16]), message.replace(';', ','));
  }

  @ParameterizedTest
  @CsvSource({
    // Sizes, then strides, as LONG1 of 8 bytes each.
    "2147483647, 2147483647, 4, 0, larger than 64 bits",
    "9223372036854775807, 1, 1, 1, larger than 64 bits",
    "2, 1, 9223372036854775807, 1, larger than 64 bits",
    "2, 2, 4611686018427387904, 4611686018427387904, larger than 64 bits",
    "-1, 1, 1, 1, negative size",
    "1, 1, -1, 1, negative size",
    "-9223372036854775808, 1, 1, 1, negative size",
  })
  void tensorBeyondSixtyFourBits(
      long size0, long size1, long stride0, long stride1, String message) {
    String tensor =
        TestFiles.tensor(
            4,
            0,
            long1(size0) + long1(size1) + "\u0086",
            long1(stride0) + long1(stride1) + "\u0086");
    requireMessage(TestFiles.torchZip(TestFiles.stateDict(tensor), new byte[16]), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "V                     | opcode 0x56",
        "0                     | stack is empty",
        "1                     | no mark",
        "(o                    | an object without a class",
        "i                     | opcode 0x69",
        "t                     | no mark",
        "\\205               | stack is empty",
        "h\\007              | refers to memo entry 7",
        "Ra                    | stack is empty",
        "NNa                   | None where a list belongs",
        "}]Ns                  | it is an empty dict",
        "]NNs                  | puts 2 keys and values into a list",
        "}(Nu                  | puts 1 keys and values into a dict",
        "N)R                   | calls None",
        "NNb                   | gives a state to None",
        "NQ                    | refers to something other than a storage",
        "K\\005              | has no tensors; it holds the number 5",
        "}                     | has no tensors; it is an empty dict",
        "}U\\001aU\\001bs  | has no tensors; it has the keys 'a'",
        "X\\377\\377\\377\\177 | 2147483647 bytes are needed",
        "X\\377\\377\\377\\377 | 4294967295 bytes are needed",
        "\\200\\011         | protocol 9",
        "ctorch._utils\\n_rebuild_tensor_v2\\n)R | too few arguments",
        "ctorch._utils\\n_rebuild_tensor_v2\\n(NNtR | without storage or offset",
      })
  void badPickle(String opcodes, String message) {
    byte[] pickle = TestFiles.pickle(opcodes.strip().translateEscapes());
    requireMessage(TestFiles.torchZip(pickle, new byte[0]), message);
  }

  @Test
  void modulesThatContainThemselves() {
    String module = "c__torch__\nM\n)\u0081q\u0000";
    byte[] pickle = TestFiles.pickle(module + "}" + TestFiles.text("self") + "h\u0000sb");
    requireMessage(TestFiles.torchZip(pickle, new byte[0]), "its modules contain each other");
  }

  @Test
  void modulesThatMultiply() {
    StringBuilder opcodes = new StringBuilder("Nq\u0000");
    for (int i = 0; i < 60; i++) {
      opcodes
          .append("c__torch__\nM\n)\u0081}(")
          .append(TestFiles.text("a") + "h\u0000" + TestFiles.text("b") + "h\u0000ubq\u0000");
    }
    requireMessage(
        TestFiles.torchZip(TestFiles.pickle(opcodes.toString()), new byte[0]),
        "the names in its modules are over");
  }

  @Test
  void numpysArraysAreNamed() {
    String array = "cnumpy.core.multiarray\n_reconstruct\n)R";
    requireMessage(
        TestFiles.torchZip(TestFiles.stateDict(array), new byte[4]),
        "it has no tensors; it has the keys 'w', whose values are NumPy arrays. Save the network's"
            + " weights with torch.save(model.state_dict(), FILE)");
  }

  @Test
  void manyMarks() {
    // A million nested lists cost no Java stack.
    requireMessage(
        TestFiles.torchZip(
            TestFiles.pickle("(".repeat(1_000_000) + "N" + "t".repeat(1_000_000)), new byte[0]),
        "it has no tensors; it holds a list");
  }

  @Test
  void storagesThatAreNotThere() throws IOException {
    byte[] pickle = TestFiles.stateDict(TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085"));
    requireMessage(
        TestFiles.zip(Map.of("archive/data.pkl", pickle), ZipEntry.STORED),
        "without the record 'archive/data/0'");
    requireMessage(TestFiles.legacy(pickle, "]", 4), "the storage of tensor 'w' is missing");
    requireMessage(
        TestFiles.legacy(pickle, "](" + TestFiles.text("1") + "e", 4),
        "lists '1', which is not the key");
    requireMessage(
        TestFiles.legacy(pickle, "](" + TestFiles.text("0") + "e", 3), "has 3 elements here and 4");
    requireMessage(
        TestFiles.legacy(pickle, "](" + TestFiles.text("0").repeat(2) + "e", 4),
        "bytes are needed");
  }

  @Test
  void zipFilesOfOtherKinds() {
    requireMessage(
        TestFiles.zip(Map.of("readme.txt", new byte[3]), ZipEntry.STORED),
        "a zip file without the record 'data.pkl'");
    requireMessage(
        TestFiles.zip(Map.of("a/data.pkl", TestFiles.pickle("}")), ZipEntry.DEFLATED),
        "the record 'a/data.pkl' is compressed");
    requireMessage(
        TestFiles.zip(
            Map.of(
                "a/data.pkl",
                TestFiles.pickle("}"),
                "a/byteorder",
                "big".getBytes(StandardCharsets.US_ASCII)),
            ZipEntry.STORED),
        "big-endian");
  }

  @Test
  void namesAreCutAndKeepToOneLine() {
    String name = "a\\n".repeat(5000);
    ModelException error =
        assertThrows(
            ModelException.class,
            () ->
                open(
                    TestFiles.safetensors(
                        "{\""
                            + name
                            + "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9]}}",
                        new byte[8])));
    assertTrue(error.getMessage().length() < 2000);
    assertTrue(error.getMessage().contains("'a?a?a?"), error::getMessage);
  }

  private String messageOf(Path path) {
    return assertThrows(ModelException.class, () -> WeightFile.open(path)).getMessage();
  }

  private void open(byte[] content) {
    WeightFile.open(TestFiles.write(folder, content)).close();
  }

  @Test
  void namesOfAnyLengthAreCutInMessages() {
    String name = "a" + " ".repeat(1 << 20) + "b";
    byte[] bytes = TestFiles.safetensors("{\"" + name + "\":{\"shape\"}}", new byte[0]);
    ModelException error =
        assertThrows(ModelException.class, () -> WeightFile.open(TestFiles.write(folder, bytes)));
    assertTrue(error.getMessage().contains("not a JSON object of tensors: "), error::getMessage);
    assertTrue(error.getMessage().length() < 1000, () -> "" + error.getMessage().length());
  }

  private void requireMessage(byte[] content, String part) {
    ModelException error = assertThrows(ModelException.class, () -> open(content));
    assertTrue(error.getMessage().contains(part), error::getMessage);
    assertTrue(error.getMessage().startsWith(folder.toString()), error::getMessage);
  }

  private static byte[] concat(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  private static byte[] littleEndian(long value) {
    byte[] bytes = new byte[Long.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(value);
    return bytes;
  }

  private static String long1(long value) {
    return "\u008a\u0008" + new String(littleEndian(value), StandardCharsets.ISO_8859_1);
  }
}
