"""Networks as ONNX and TFLite files."""
