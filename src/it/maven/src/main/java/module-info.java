/** Someone who uses scorecam. */
module example {
  requires org.scorecam;
}
