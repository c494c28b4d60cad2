"""Run the official checker over ONNX files: their paths on stdin, one a line; one JSON object a line on stdout."""

import json
import sys

import onnx
import onnx.checker
import onnx.shape_inference


def shapes(graph):
    """Types and shapes of the outputs; null for what is not known."""
    return {
        output.name: [
            dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
            for dim in output.type.tensor_type.shape.dim
        ]
        for output in graph.output
    }


def check(path):
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    declared = shapes(model.graph)
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = shapes(onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph)
    for name, dims in inferred.items():
        pairs = list(zip(dims, declared[name]))
        # An output of unknown rank is inferred as one without dimensions.
        if dims and (len(dims) != len(declared[name]) or any(isinstance(a, int) and a != b for a, b in pairs)):
            raise ValueError(f"output {name} is declared {declared[name]}, inferred {dims}")


print(json.dumps({"onnx": onnx.__version__}), flush=True)
for line in sys.stdin:
    path = line.rstrip("\n")
    try:
        check(path)
        error = None
    except Exception as fault:  # whatever the checker throws is its verdict
        error = f"{type(fault).__name__}: {fault}"
    print(json.dumps({"path": path, "error": error}), flush=True)
