"""Export: networks as ONNX and TFLite files."""
