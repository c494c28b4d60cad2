"""Run the official checker over ONNX files: their paths on stdin, one a line; one JSON object a line on stdout."""

import json
import sys

import onnx
import onnx.checker
import onnx.shape_inference


def shapes(graph):
    """Shapes of the outputs and of the inner tensors that are described; null for a size that is not known."""
    return {
        value.name: [
            dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
            for dim in value.type.tensor_type.shape.dim
        ]
        for value in [*graph.output, *graph.value_info]
    }


def types(graph):
    return {value.name: value.type.tensor_type.elem_type for value in graph.value_info}


def check(path):
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    declared, declared_types = shapes(model.graph), types(model.graph)
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    for name, dims in shapes(graph).items():
        if name not in declared:
            continue
        pairs = list(zip(dims, declared[name]))
        # An output of unknown rank is inferred as one without dimensions.
        if dims and (len(dims) != len(declared[name]) or any(isinstance(a, int) and a != b for a, b in pairs)):
            raise ValueError(f"{name} is declared {declared[name]}, inferred {dims}")
    for name, kind in types(graph).items():
        if declared_types.get(name, kind) != kind:
            raise ValueError(f"{name} is declared with element type {declared_types[name]}, inferred {kind}")


print(json.dumps({"onnx": onnx.__version__}), flush=True)
for line in sys.stdin:
    path = line.rstrip("\n")
    try:
        check(path)
        error = None
    except Exception as fault:  # whatever the checker throws is its verdict
        error = f"{type(fault).__name__}: {fault}"
    print(json.dumps({"path": path, "error": error}), flush=True)
