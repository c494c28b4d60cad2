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
        models[name] = {"crnn": crnn, "classifier": classifier, "bidirectional": bidirectional}[name]()
        models[name].compile(optimizer=keras.optimizers.Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])
    return models[name]


def run(name, steps):
    model = model_of(name)
    steps += 1
    shape = model.input_shape[1:]
    generator = np.random.default_rng(1)
    images = generator.random((BATCH * steps, *shape), dtype=np.float32)
    labels = np.eye(10, dtype=np.float32)[generator.integers(0, 10, BATCH * steps)]
    clock = Clock()
    model.fit(images, labels, batch_size=BATCH, epochs=1, verbose=0, callbacks=[clock])
    times = [1e3 * (end - start) for start, end in zip(clock.ends, clock.ends[1:])]
    return {"times": times, "cpu": 1e3 * (clock.last - clock.first) / len(times)}


for line in sys.stdin:
    name, steps = line.split()
    print(json.dumps(run(name, int(steps))), flush=True)
