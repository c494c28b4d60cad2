"""Keras's side of bench/train.mjs: trains with fit, as its users do, and says what each step took.

Reads lines `NETWORK STEPS` from standard input and answers each with a line of JSON: milliseconds between the ends of
successive batches, so that feeding the batch is part of them, and of processor time in the mean.
"""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import numpy as np  # noqa: E402

layers = keras.layers
BATCH = 128
# Lines of train-worker.mjs.
LINES = {"batch": 32, "width": 400, "characters": 95, "length": 20}


def crnn():
    value = inputs = layers.Input((28, 28, 1))
    for filters, pool in ((32, (2, 2)), (64, (2, 2)), (128, (2, 1)), (256, None)):
        value = layers.Conv2D(filters, 3, padding="same", activation="relu")(value)
        if pool:
            value = layers.MaxPooling2D(pool, pool)(value)
    value = layers.Reshape((-1, 256))(value)
    value = layers.LSTM(128, return_sequences=True)(value)
    value = layers.LSTM(128)(value)
    return keras.Model(inputs, layers.Softmax()(layers.Dense(10)(value)))


def classifier():
    value = inputs = layers.Input((28, 28, 1))
    for filters in (32, 64, 128):
        value = layers.Conv2D(filters, 3, padding="same", use_bias=False)(value)
        value = layers.BatchNormalization()(value)
        value = layers.Activation("relu")(value)
        value = layers.MaxPooling2D(2)(value)
    value = layers.Dropout(0.25)(layers.Flatten()(value))
    value = layers.Dropout(0.5)(layers.Dense(128, activation="relu")(value))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(value))


def bidirectional():
    inputs = layers.Input((28, 28))
    value = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(inputs)
    value = layers.Bidirectional(layers.LSTM(64))(value)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(value))


def line_network():
    """The network of src/train/networks/line.ts, its masks of padding included."""
    image = layers.Input((32, LINES["width"], 1))
    known = {}

    def mask(columns):
        if columns not in known:
            value = layers.MaxPooling2D((32, columns), (32, columns))(image)
            known[columns] = layers.ReLU(max_value=1)(layers.Rescaling(1, 1)(value))
        return known[columns]

    def block(value, chain, pool):
        for layer in chain:
            value = layer(value)
        if pool:
            value = layers.MaxPooling2D(pool, pool)(value)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(value))

    def separable(value, filters, columns, pool=None):
        value = layers.Multiply()([value, mask(columns)])
        depth = layers.DepthwiseConv2D(3, padding="same", use_bias=False)
        return block(value, [depth, layers.Conv2D(filters, 1, use_bias=False)], pool)

    value = layers.ReLU()(image)
    value = block(value, [layers.Conv2D(24, 5, strides=2, padding="same", use_bias=False)], None)
    value = separable(value, 48, 2, (2, 2))
    value = separable(value, 96, 4)
    value = separable(value, 96, 4, (2, 1))
    value = separable(value, 160, 4)
    value = separable(value, 160, 4, (2, 1))
    outside = layers.Rescaling(-1, 1)(layers.Reshape((-1, 1))(mask(4)))

    def padded(value):
        return layers.Concatenate()([layers.Dropout(0.1)(value), outside])

    value = layers.Reshape((-1, 2 * 160))(layers.Permute((2, 1, 3))(value))
    value = layers.Dense(160, activation="relu")(value)
    for _ in range(2):
        value = layers.Bidirectional(layers.LSTM(128, return_sequences=True))(padded(value))
    return keras.Model(image, layers.Dense(LINES["characters"] + 1)(padded(value)))


class Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())
        self.last = time.process_time()
        if batch == 0:
            self.first = self.last


models = {}


def model_of(name):
    if name not in models:
        networks = {"crnn": crnn, "classifier": classifier, "bidirectional": bidirectional, "line": line_network}
        models[name] = networks[name]()
        ctc = {"loss": keras.losses.CTC()}
        classes = {"loss": "categorical_crossentropy", "metrics": ["accuracy"]}
        models[name].compile(optimizer=keras.optimizers.Adam(1e-3), **(ctc if name == "line" else classes))
    return models[name]


def run(name, steps):
    model = model_of(name)
    steps += 1
    shape = model.input_shape[1:]
    generator = np.random.default_rng(1)
    batch = LINES["batch"] if name == "line" else BATCH
    images = generator.random((batch * steps, *shape), dtype=np.float32)
    if name == "line":
        # Class 0 is the blank of Keras' CTC.
        labels = 1 + generator.integers(0, LINES["characters"], (batch * steps, LINES["length"]))
    else:
        labels = np.eye(10, dtype=np.float32)[generator.integers(0, 10, batch * steps)]
    clock = Clock()
    model.fit(images, labels, batch_size=batch, epochs=1, verbose=0, callbacks=[clock])
    times = [1e3 * (end - start) for start, end in zip(clock.ends, clock.ends[1:])]
    return {"times": times, "cpu": 1e3 * (clock.last - clock.first) / len(times)}


for line in sys.stdin:
    name, steps = line.split()
    print(json.dumps(run(name, int(steps))), flush=True)
