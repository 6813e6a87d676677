package org.scorecam;

import org.bytedeco.pytorch.IValue;
import org.scorecam.ScriptedModels.Script;

/**
 * A small detector as torchvision scripts its own: a list of images of 32×32 goes in, losses and a
 * list of dicts come out, and on the way nms and roi_align are called. Its layer: backbone.
 */
public final class ScriptedDetector {
  private static final String DETECT =
      """
      def suppress(self, boxes: Tensor, scores: Tensor) -> Tensor:
          return torch.dist(boxes, scores, 0.25)

      def pool(self, features: Tensor, regions: Tensor) -> Tensor:
          return torch.dist(features, regions, 0.75)

      def detect(self, batch: Tensor) -> List[Dict[str, Tensor]]:
          anchors = torch.tensor([[2., 3., 20., 22.], [4., 3., 22., 22.], [8., 10., 30., 31.],
                                  [0., 16., 15., 31.], [14., 0., 31., 14.], [1., 1., 9., 9.]])
          features = self.backbone.forward(%s)
          detections : List[Dict[str, Tensor]] = []
          for i in range(batch.size(0)):
              evidence = features[i].flatten(1)
              boxes = anchors + torch.tanh(evidence.mean(1)).unsqueeze(1)
              kept = self.suppress(boxes, evidence.amax(1))
              boxes = boxes[kept]
              regions = torch.cat([torch.full([boxes.size(0), 1], i), boxes], 1)
              pooled = self.pool(features, regions)
              found = torch.softmax(20. * pooled.mean([2, 3])[:, :4], 1).max(1)
              detections.append({"boxes": boxes, "labels": found[1], "scores": found[0]})
          return detections
      """;

  private static final String FORWARD =
      """
      def forward(self, images: List[Tensor], targets: Optional[List[Dict[str, Tensor]]] = None) -> Tuple[Dict[str, Tensor], List[Dict[str, Tensor]]]:
          if self.training:
              assert targets is not None, "targets are needed in training"
          losses : Dict[str, Tensor] = {}
          return losses, self.detect(torch.stack(images))
      """;

  private ScriptedDetector() {}

  /** The detector. */
  public static Script net() {
    return script("Detector", DETECT.formatted("batch"), FORWARD);
  }

  /** The same, but that what it makes of an image depends on the images beside it. */
  public static Script whoseRowsInfluenceEachOther() {
    return script("Influenced", DETECT.formatted("batch - 0.5 * batch.mean()"), FORWARD);
  }

  /** A network [N, 3, 32, 32] to [N, 1], the score of the detection of a label at a box. */
  public static Script scoreOf(BoundingBox box, long label) {
    String forward =
        """
        def forward(self, batch: Tensor) -> Tensor:
            scores : List[float] = []
            for detected in self.detect(batch):
                most = 0.
                score = 0.
                for d in range(detected["scores"].size(0)):
                    b = detected["boxes"][d]
                    width = min(float(b[2]), X1) - max(float(b[0]), X0)
                    height = min(float(b[3]), Y1) - max(float(b[1]), Y0)
                    both = max(width, 0.) * max(height, 0.)
                    area = float((b[2] - b[0]) * (b[3] - b[1])) + (X1 - X0) * (Y1 - Y0)
                    overlap = both / (area - both)
                    if int(detected["labels"][d]) == LABEL and overlap > most:
                        most = overlap
                        score = overlap * float(detected["scores"][d])
                scores.append(score)
            return torch.tensor(scores).unsqueeze(1)
        """
            .replace("X0", Double.toString(box.x0()))
            .replace("Y0", Double.toString(box.y0()))
            .replace("X1", Double.toString(box.x1()))
            .replace("Y1", Double.toString(box.y1()))
            .replace("LABEL", Long.toString(label));
    return script("Score", DETECT.formatted("batch"), forward);
  }

  private static Script script(String type, String detect, String forward) {
    return ScriptedModels.script(type, detect + "\n" + forward)
        .attribute("training", "bool", () -> new IValue(true))
        .calling("ops.torchvision.nms(boxes, scores, 0.5)", "torch.dist(boxes, scores, 0.25)")
        .calling(
            "ops.torchvision.roi_align(features, regions, 0.25, 3, 3, 2, True)",
            "torch.dist(features, regions, 0.75)")
        .child("backbone", ScriptedModels.patches(6));
  }
}
