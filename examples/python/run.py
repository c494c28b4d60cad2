"""Run an exported file with ONNX Runtime in Python.

    pip install onnxruntime numpy
    python run.py model.onnx
"""

import sys

import numpy as np
import onnxruntime as ort

session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
feeds = {}
for given in session.get_inputs():
    shape = [size if isinstance(size, int) else 1 for size in given.shape]
    feeds[given.name] = np.zeros(shape, np.float32)
for output, value in zip(session.get_outputs(), session.run(None, feeds)):
    print(output.name, value.dtype, value.shape)
    print(" ".join(f"{number:.3f}" for number in value.ravel()[:10]))
