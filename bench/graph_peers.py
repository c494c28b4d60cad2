"""What a user of Python would do with the same model: one export, timed, in this process.

usage: graph_peers.py tf2onnx|keras.export MODEL.json ORDERED.bin OUT.onnx     (two exports; prints one JSON line)
       graph_peers.py onnxslim IN.onnx OUT.onnx
"""

import json
import os
import sys
import time

started = time.perf_counter()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

KEYS = {
    "Dense": ["units", "activation", "use_bias"],
    "Conv2D": ["filters", "kernel_size", "strides", "padding", "activation", "use_bias"],
    "Conv2DTranspose": ["filters", "kernel_size", "strides", "padding", "activation", "use_bias"],
    "DepthwiseConv2D": ["kernel_size", "strides", "padding", "activation", "use_bias"],
    "MaxPooling2D": ["pool_size", "strides", "padding"],
    "BatchNormalization": ["axis", "epsilon"],
    "ReLU": ["max_value"],
    "Activation": ["activation"],
    "Reshape": ["target_shape"],
    "Embedding": ["input_dim", "output_dim"],
    "LSTM": ["units", "activation", "recurrent_activation", "use_bias", "return_sequences"],
    "GlobalAveragePooling2D": [],
}


def layer_of(keras, spec):
    name, config = spec["class_name"], spec["config"]
    if name == "Bidirectional":
        return keras.layers.Bidirectional(layer_of(keras, config["layer"]), merge_mode=config["merge_mode"])
    return getattr(keras.layers, name)(**{key: config[key] for key in KEYS[name] if key in config})


def keras_model(keras, path, weights):
    """The Keras model of a TF.js Sequential model.json, with weights listed layer by layer."""
    import numpy as np

    specs = json.load(open(path))["modelTopology"]["config"]["layers"]
    shape = specs[0]["config"]["batch_input_shape"][1:]
    model = keras.Sequential([keras.layers.Input(shape), *(layer_of(keras, spec) for spec in specs)])
    data = np.fromfile(weights, "float32")
    for layer in model.layers:
        own = []
        for weight in layer.get_weights():
            own.append(data[: weight.size].reshape(weight.shape))
            data = data[weight.size :]
        layer.set_weights(own)
    if data.size:
        raise SystemExit(f"{data.size} weights are left")
    return model


def export(kind, path, weights, out):
    import keras
    import tensorflow as tf
    import tf2onnx

    model = keras_model(keras, path, weights)
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="input")]

    def go():
        if kind == "keras.export":
            model.export(out, format="onnx", verbose=False)
            return
        function = tf.function(lambda input: model(input, training=False), input_signature=signature)
        tf2onnx.convert.from_function(function, input_signature=signature, opset=17, output_path=out)

    if kind == "keras.export":
        import numpy as np

        model(np.zeros((1, *model.input_shape[1:]), "float32"))
    times = []
    ready = time.perf_counter() - started
    for _ in range(2):
        begun = time.perf_counter()
        go()
        times.append(time.perf_counter() - begun)
    print("JSON " + json.dumps({"ready": ready, "times": times}))


if sys.argv[1] == "onnxslim":
    import onnx
    import onnxslim

    onnx.save(onnxslim.slim(sys.argv[2]), sys.argv[3])
else:
    export(*sys.argv[1:5])
