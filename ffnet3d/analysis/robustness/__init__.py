"""How a trained network's mIoU falls where its test scenes are corrupted. See docs/robustness.md."""
