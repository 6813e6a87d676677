package org.scorecam.image;

import java.util.HexFormat;

/** 256 colours from low to high. */
public enum Colormap {
  /**
   * Five linear ramps from dark blue over cyan, yellow and red to dark red: the customary colours
   * of class activation maps. Not perceptually uniform: it draws edges where the map has none.
   */
  JET {
    @Override
    int[] colours() {
      int[] colours = new int[ENTRIES];
      for (int i = 0; i < ENTRIES; i++) {
        if (i < 32) {
          colours[i] = packed(0, 0, 127 + 4 * i);
        } else if (i < 96) {
          colours[i] = packed(0, 4 * (i - 32), 255);
        } else if (i < 160) {
          colours[i] = packed(4 * (i - 96), 255, 255 - 4 * (i - 96));
        } else if (i < 224) {
          colours[i] = packed(255, 255 - 4 * (i - 160), 0);
        } else {
          colours[i] = packed(255 - 4 * (i - 224), 0, 0);
        }
      }
      return colours;
    }
  },

  /**
   * Perceptually uniform, dark violet over green to yellow; readable without colour vision.
   *
   * <p>S. van der Walt and N. Smith, 2015, published under CC0. Every fifth entry is stored and the
   * others are interpolated, which is nowhere more than 1 of 255 off the published table.
   */
  VIRIDIS {
    @Override
    int[] colours() {
      return interpolated(
          "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a"
              + "3a538b38598c355e8d33638d31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d"
              + "20928c1f978b1e9c891fa18821a58524aa8328ae802eb37c35b7793dbc7446c06f50c46a5ac864"
              + "65cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51dfde725");
    }
  },

  /**
   * Perceptually uniform, black over crimson and orange to pale yellow.
   *
   * <p>N. Smith and S. van der Walt, 2015, published under CC0; stored and accurate as {@link
   * #VIRIDIS}.
   */
  INFERNO {
    @Override
    int[] colours() {
      return interpolated(
          "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c"
              + "59106e61136e69166e71196e781c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557"
              + "bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed6925f1711ff47918f78212f98b0b"
              + "fa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4");
    }
  },

  /**
   * Jet's succession of colours without its false edges.
   *
   * <p>A. Mikhailov, "Turbo, An Improved Rainbow Colormap for Visualization", 2019, published under
   * Apache-2.0; stored and accurate as {@link #VIRIDIS}.
   */
  TURBO {
    @Override
    int[] colours() {
      return interpolated(
          "30123b36215f3b2f803f3e9c424bb54559cb4666dd4773eb4680f6458cfd4099ff38a5fb2fb2f4"
              + "27bee91fc9dd1ad4d018ddc21ae4b622ebaa2ff19b3ff68a52fa7a65fd6979fe598bff4b9cfe40"
              + "a9fb39b7f735c3f134d0ea34dbe236e5d938eecf3af5c53afaba39fdae35fea130fe932afc8423"
              + "f9751df46617ef5811e84b0ce14109d83706ce2d04c32503b71d02a916019b0f018b09027a0403");
    }
  };

  /** How many colours a map has. */
  public static final int ENTRIES = 256;

  /** Entries from one stored colour to the next; it divides {@code ENTRIES - 1}. */
  private static final int STRIDE = 5;

  @SuppressWarnings("ImmutableEnumChecker") // Written once, and never handed out.
  private final int[] table = colours();

  abstract int[] colours();

  /**
   * A colour by its place.
   *
   * @param entry 0, the lowest, to 255
   * @return red, green and blue as {@code 0xRRGGBB}
   * @throws IndexOutOfBoundsException if there is no such entry
   */
  public int rgb(int entry) {
    return table[entry];
  }

  /**
   * The colour of a value, the nearest entry.
   *
   * @param value in [0, 1]; what lies outside takes the colour of the nearer end, NaN that of 0
   * @return red, green and blue as {@code 0xRRGGBB}
   */
  public int rgbOf(float value) {
    float clamped = value > 0 ? Math.min(value, 1) : 0;
    return table[(int) (clamped * (ENTRIES - 1) + 0.5f)];
  }

  private static int packed(int red, int green, int blue) {
    return red << 16 | green << 8 | blue;
  }

  private static int[] interpolated(String hex) {
    byte[] stored = HexFormat.of().parseHex(hex);
    int[] colours = new int[ENTRIES];
    for (int i = 0; i < ENTRIES; i++) {
      int low = 3 * (i / STRIDE);
      int high = Math.min(low + 3, stored.length - 3);
      int between = i % STRIDE;
      for (int channel = 0; channel < 3; channel++) {
        int from = stored[low + channel] & 0xff;
        int to = stored[high + channel] & 0xff;
        int mixed = from * (STRIDE - between) + to * between;
        colours[i] = colours[i] << 8 | (mixed + STRIDE / 2) / STRIDE;
      }
    }
    return colours;
  }
}
