"""Writes the Graph models of test/export/graph/converted with TensorFlow's own converter.

    python3 -m venv VENV
    VENV/bin/pip install tensorflow-cpu==2.15.1 tf-keras==2.15.1 tensorflow-hub==0.16.1 "numpy<2" "setuptools<70"
    VENV/bin/pip install --no-deps tensorflowjs==4.22.0
    VENV/bin/python tools/graph-models/make.py [NAME ...]

Each model is a function here; its docstring says what it is for. Without names, all are written. Weights are random with a fixed
seed and rounded to multiples of 1/64, so that a file has the same bytes on every machine.
"""

import json
import os
import shutil
import sys
import tempfile
import types

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

# The converter imports both at its start and needs neither here.
sys.modules["tensorflow_decision_forests"] = types.ModuleType("tensorflow_decision_forests")
jax = types.ModuleType("jax")
jax.experimental = types.ModuleType("jax.experimental")
jax.experimental.jax2tf = None
sys.modules["jax"] = jax
sys.modules["jax.experimental"] = jax.experimental

import numpy as np
import tensorflow as tf
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

K = tf.keras
L = K.layers
MODELS = {}
TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/export/graph/converted")
RANDOM = np.random.default_rng(0)


# Models that TF.js 4.22 does not run, or gets wrong: it frees the elements of TensorLists at the end of a While's body, loses values
# in loops with control inputs, takes either value of a Merge of constants, and has no ellipsis in Einsum. TensorFlow's own
# answers are kept beside these.
ANSWERED = ("lstm", "gru", "last-lstm", "two-ways", "masked-lstm", "cells", "conv-lstm", "conditions", "einsums", "mapped")


def model(**options):
    """Registers a function that gives a Keras model, or a tf.Module with a function `call`."""

    def register(make):
        MODELS[make.__name__.replace("_", "-")] = (make, options)
        return make

    return register


def both_control_flows(make):
    """Converted twice: with control flow of TensorFlow 1 (Switch, Merge, ...) and of TensorFlow 2 (If, While)."""
    for version in (1, 2):
        MODELS[f"{make.__name__.replace('_', '-')}-v{version}"] = (make, {"control_flow_v2": version == 2})
    return make


def frozen(**shapes):
    """A function over placeholders of TensorFlow 1, converted from a frozen graph; it gives the outputs."""

    def register(make):
        MODELS[make.__name__.replace("_", "-")] = (make, {"placeholders": shapes})
        return make

    return register


def weights(*shape, scale=1.0):
    return np.round(RANDOM.uniform(-scale, scale, shape) * 64).astype("float32") / 64


def spec(*shape, dtype=tf.float32, name=None):
    return tf.TensorSpec(shape, dtype, name=name)


class Function(tf.Module):
    """A tf.function as a SavedModel. It may return a tuple."""

    def __init__(self, function, *signature):
        super().__init__()

        def call(*inputs):
            result = function(*inputs)
            if not isinstance(result, tuple):
                return {"output": result}
            return {f"output_{index}": each for index, each in enumerate(result)}

        named = [spec(*each.shape, dtype=each.dtype, name=each.name or f"x{index}") for index, each in enumerate(signature)]
        self.call = tf.function(call, input_signature=named)


# Images


@model()
def keras_cnn():
    """Convolution, batch normalisation and ReLU6, depthwise and separable ones, padding, pooling, a classifier."""
    x = first = K.Input((12, 10, 3))
    x = L.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = L.Conv2D(8, 3, strides=2, use_bias=False)(x)
    x = L.BatchNormalization()(x)
    x = L.ReLU(6)(x)
    x = L.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = L.BatchNormalization()(x)
    x = L.Activation("hard_sigmoid")(x)
    y = L.SeparableConv2D(8, 3, padding="same", activation="swish")(x)
    x = L.Add()([x, y])
    x = L.AveragePooling2D(2, padding="same")(x)
    x = L.GlobalAveragePooling2D()(x)
    return K.Model(first, L.Dense(5, activation="softmax")(x))


@model(quantize="uint8")
def keras_cnn_uint8():
    """The same with weights in 8 bits."""
    return keras_cnn()


@model(quantize="float16")
def keras_cnn_float16():
    """The same with weights in float16."""
    return keras_cnn()


@model()
def mobile_block():
    """An inverted residual with squeeze and excitation and hard-swish at free sizes, as MobileNet V3 has it."""

    def hard_swish(x):
        return x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0)

    x = first = K.Input((None, None, 4))
    y = L.Conv2D(8, 1, use_bias=False)(x)
    y = L.BatchNormalization(epsilon=1e-3)(y)
    y = L.Lambda(hard_swish)(y)
    y = L.DepthwiseConv2D(5, padding="same", use_bias=False)(y)
    y = L.BatchNormalization()(y)
    s = L.GlobalAveragePooling2D(keepdims=True)(y)
    s = L.Conv2D(4, 1, activation="relu")(s)
    s = L.Conv2D(8, 1, activation="hard_sigmoid")(s)
    y = L.Multiply()([y, s])
    y = L.Conv2D(4, 1)(y)
    y = L.PReLU(shared_axes=[1, 2])(y)
    return K.Model(first, L.Add()([x, y]))


@model()
def segmentation():
    """Dilated convolutions, SpaceToBatchND and BatchToSpaceND, bilinear resizing to the size of the input, argmax."""
    a, b, c = weights(3, 3, 3, 6), weights(3, 3, 6, 1), weights(1, 1, 6, 4)

    def call(x):
        y = tf.nn.relu(tf.nn.conv2d(x, a, 2, "SAME"))
        y = tf.nn.depthwise_conv2d(y, b, [1, 1, 1, 1], "SAME", dilations=[2, 2])
        y = tf.nn.leaky_relu(y, 0.1)
        y = tf.nn.convolution(y, c[:, :, :, :], padding="SAME", dilations=2)
        z = tf.space_to_batch(y, [2, 2], [[2, 2 + tf.shape(y)[1] % 2], [2, 2 + tf.shape(y)[2] % 2]])
        z = tf.nn.relu6(z)
        z = tf.batch_to_space(z, [2, 2], [[2, 2 + tf.shape(y)[1] % 2], [2, 2 + tf.shape(y)[2] % 2]])
        y = tf.image.resize(y + z, tf.shape(x)[1:3])
        return y, tf.argmax(y, -1, output_type=tf.int32)

    return Function(call, spec(None, None, None, 3))


@model()
def dilated():
    """A dilated depthwise convolution of fixed size, which TensorFlow 1 wrote as SpaceToBatchND ... BatchToSpaceND."""
    kernel = weights(3, 3, 4, 1)

    def call(x):
        y = tf.raw_ops.SpaceToBatchND(input=x, block_shape=[2, 2], paddings=[[2, 2], [2, 2]])
        y = tf.nn.depthwise_conv2d(y, kernel, [1, 1, 1, 1], "VALID")
        y = tf.raw_ops.BatchToSpaceND(input=y, block_shape=[2, 2], crops=[[0, 0], [0, 0]])
        return tf.nn.relu6(y)

    return Function(call, spec(None, 8, 6, 4))


@model()
def style():
    """Reflect padding, instance normalisation from moments, nearest resizing, transposed convolution."""
    a, b, scale, shift = weights(3, 3, 3, 6), weights(3, 3, 3, 6), weights(6), weights(6)

    def call(x):
        y = tf.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]], "REFLECT")
        y = tf.nn.conv2d(y, a, 1, "VALID")
        mean, variance = tf.nn.moments(y, [1, 2], keepdims=True)
        y = tf.nn.batch_normalization(y, mean, variance, shift, scale, 1e-5)
        y = tf.nn.elu(y)
        size = tf.shape(y)
        y = tf.image.resize(y, [size[1] * 2, size[2] * 2], "nearest")
        y = tf.nn.conv2d_transpose(y, b, [1, size[1] * 4, size[2] * 4, 3], 2)
        return tf.sigmoid(y) * 255.0

    return Function(call, spec(1, None, None, 3))


@model()
def crops():
    """crop_and_resize of boxes that are fed, and resizing both ways."""

    def call(image, boxes):
        boxes = tf.sigmoid(boxes)
        index = tf.zeros([tf.shape(boxes)[0]], tf.int32)
        patches = tf.image.crop_and_resize(image, boxes, index, [5, 4])
        small = tf.compat.v1.image.resize_bilinear(image, [4, 6], align_corners=True)
        near = tf.compat.v1.image.resize_nearest_neighbor(image, [5, 3], half_pixel_centers=True)
        flipped = tf.image.flip_left_right(image)[:, 1:-1, ::2]
        return patches, small, near, flipped, tf.image.rgb_to_grayscale(image)

    return Function(call, spec(1, None, None, 3, name="image"), spec(None, 4, name="boxes"))


@model()
def detector():
    """Boxes decoded from anchors, scores, non-maximum suppression by class, the best of all: as detection models end."""
    anchors = weights(12, 4)

    def call(boxes, logits):
        centers = boxes[:, :2] * 0.1 + anchors[:, :2]
        sizes = tf.exp(boxes[:, 2:] * 0.2) * tf.abs(anchors[:, 2:])
        corners = tf.concat([centers - sizes / 2, centers + sizes / 2], -1)
        scores = tf.sigmoid(logits)
        kept, found, classes = [], [], []
        for label in range(3):
            indices, values = tf.image.non_max_suppression_with_scores(
                corners, scores[:, label], 5, iou_threshold=0.5, score_threshold=0.3
            )
            kept.append(tf.gather(corners, indices))
            found.append(values)
            classes.append(tf.fill(tf.shape(values), float(label)))
        found = tf.concat(found, 0)
        best, order = tf.math.top_k(found, tf.minimum(6, tf.size(found)))
        return (tf.gather(tf.concat(kept, 0), order), best, tf.gather(tf.concat(classes, 0), order), tf.size(best))

    return Function(call, spec(12, 4, name="boxes"), spec(12, 3, name="logits"))


@model()
def keypoints():
    """Peaks of a heat map: max pooling, equality, top_k over all of it, gather_nd of offsets, integer division."""

    def call(heat, offsets):
        peaks = tf.where(tf.equal(heat, tf.nn.max_pool2d(heat, 3, 1, "SAME")), heat, 0.0)
        width, channels = tf.shape(heat)[2], tf.shape(heat)[3]
        scores, places = tf.math.top_k(tf.reshape(peaks, [tf.shape(heat)[0], -1]), 4)
        column = places // channels % width
        row = places // (channels * width)
        batch = tf.tile(tf.range(tf.shape(heat)[0])[:, None], [1, 4])
        moved = tf.gather_nd(offsets, tf.stack([batch, row, column], -1))
        return scores, tf.cast(tf.stack([row, column], -1), tf.float32) + moved

    return Function(call, spec(None, 5, 7, 2, name="heat"), spec(None, 5, 7, 2, name="offsets"))


@model()
def volumes():
    """Conv3D, average and max pooling of volumes, Conv1D."""
    x = first = K.Input((4, 5, 6, 2))
    x = L.Conv3D(4, 3, padding="same", activation="relu")(x)
    x = L.MaxPooling3D((1, 2, 2))(x)
    x = L.AveragePooling3D(2, padding="same")(x)
    x = L.Reshape((-1, 4))(x)
    x = L.Conv1D(5, 3, padding="causal", dilation_rate=2)(x)
    return K.Model(first, L.GlobalMaxPooling1D()(x))


# Sequences


@both_control_flows
def lstm():
    """An LSTM over free time steps that gives every step."""
    x = K.Input((None, 3))
    return K.Model(x, L.Dense(2)(L.LSTM(4, return_sequences=True)(x)))


@both_control_flows
def gru():
    """A GRU that gives every step and its state."""
    x = K.Input((None, 3))
    return K.Model(x, L.GRU(4, return_sequences=True, return_state=True)(x))


@both_control_flows
def last_lstm():
    """Two LSTMs over a fixed number of steps, the second of which gives the last step."""
    x = K.Input((5, 3))
    return K.Model(x, L.LSTM(4)(L.LSTM(4, return_sequences=True)(x)))


@both_control_flows
def two_ways():
    """A bidirectional LSTM and a bidirectional GRU."""
    x = K.Input((None, 3))
    y = L.Bidirectional(L.LSTM(4, return_sequences=True))(x)
    return K.Model(x, L.Bidirectional(L.GRU(2))(y))


@both_control_flows
def masked_lstm():
    """An LSTM whose steps are masked by an embedding."""
    x = K.Input((None,), dtype="int32")
    y = L.Embedding(7, 3, mask_zero=True)(x)
    return K.Model(x, L.LSTM(4, return_sequences=True)(y))


@both_control_flows
def cells():
    """Recurrences that are none of ONNX's: relu, a GRU that resets before, two cells in one step."""
    x = K.Input((None, 3))
    y = L.SimpleRNN(3, return_sequences=True, activation="relu")(x)
    y = L.RNN([L.GRUCell(3, reset_after=False), L.LSTMCell(2)], return_sequences=True)(y)
    return K.Model(x, y)


@model()
def conv_lstm():
    """A recurrence of pictures."""
    x = K.Input((4, 5, 6, 2))
    return K.Model(x, L.ConvLSTM2D(3, 3, padding="same", return_sequences=True)(x))


@model()
def transformer():
    """Embeddings, attention over masked words, layer normalisation, GELU in both forms."""
    words = K.Input((None,), dtype="int32", name="words")
    mask = K.Input((None,), dtype="int32", name="mask")
    x = L.Embedding(11, 8)(words)
    y = L.MultiHeadAttention(2, 4)(x, x, attention_mask=tf.cast(mask, tf.bool)[:, None, :])
    x = L.LayerNormalization(epsilon=1e-6)(L.Add()([x, y]))
    y = L.Dense(16, activation="gelu")(x)
    y = L.Dense(8, activation=lambda value: K.activations.gelu(value, approximate=True))(y)
    x = L.LayerNormalization(epsilon=1e-12)(L.Add()([x, y]))
    pooled = L.Dense(8, activation="tanh")(x[:, 0])
    return K.Model([words, mask], [x, tf.math.l2_normalize(pooled, -1)])


@model()
def einsums():
    """Contractions of several shapes, some with a batch or an ellipsis."""
    kernel = weights(4, 2, 3)

    def call(a):
        b = tf.reverse(a, [1])
        heads = tf.einsum("btd,dhk->bhtk", a, kernel)
        scores = tf.einsum("bhtk,bhsk->bhts", heads, heads)
        return scores, tf.einsum("btd,bsd->bts", a, b), tf.einsum("...td->...dt", a), tf.einsum("btd,btd->b", a, b)

    return Function(call, spec(None, None, 4))


# Control flow and lists


@both_control_flows
def while_loop():
    """Newton's method: as many steps as the numbers need, with a condition in the loop."""

    def call(x, limit):
        x = tf.abs(x) + 1.0

        def going(step, root):
            return tf.logical_and(step < limit, tf.reduce_max(tf.abs(root * root - x)) > 1e-3)

        def next_step(step, root):
            halved = tf.cond(step % 2 < 1, lambda: (root + x / root) / 2, lambda: root - (root * root - x) / (2 * root))
            return step + 1, halved

        return tuple(tf.while_loop(going, next_step, (0, tf.ones_like(x))))

    return Function(call, spec(None), spec(dtype=tf.int32, name="limit"))


@both_control_flows
def conditions():
    """A condition in a condition, both of what is fed."""

    def call(x, flag):
        def yes():
            return tf.cond(tf.reduce_sum(x) > 0, lambda: (x * 2, tf.shape(x)[0]), lambda: (tf.tanh(x), 7))

        return tf.cond(flag, yes, lambda: (x - 1, 3))

    return Function(call, spec(None, 3), spec(dtype=tf.bool, name="flag"))


@both_control_flows
def mapped():
    """map_fn over rows, scan, and an array written in reverse."""

    def call(x):
        rows = tf.map_fn(lambda row: tf.reduce_sum(row) * row, x)
        sums = tf.scan(lambda total, row: total * 0.5 + row, x)
        count = tf.shape(x)[0]
        array = tf.TensorArray(tf.float32, count, element_shape=[3])
        _, array = tf.while_loop(
            lambda i, _: i < count,
            lambda i, items: (i + 1, items.write(count - 1 - i, x[i] * tf.cast(i, tf.float32))),
            (0, array),
        )
        return rows, sums, array.stack()

    return Function(call, spec(None, 3))


@both_control_flows
def nested_loops():
    """A loop in a loop, in a branch."""

    def call(x, outer, inner):
        def run():
            def row(i, total):
                _, grown = tf.while_loop(lambda j, _: j < i + inner, lambda j, y: (j + 1, y * 0.5 + x), (0, total))
                return i + 1, grown

            return tf.while_loop(lambda i, _: i < outer, row, (0, tf.zeros_like(x)))[1]

        return tf.cond(outer > 0, run, lambda: x)

    return Function(call, spec(2, 3), spec(dtype=tf.int32, name="outer"), spec(dtype=tf.int32, name="inner"))


@both_control_flows
def greedy_decoder():
    """Words one after the other: a loop whose sizes grow, and which stops when the last word is found."""
    table, out = weights(6, 4), weights(4, 6)

    def call(state):
        def going(words, _, done):
            return tf.logical_and(tf.shape(words)[1] < 7, tf.logical_not(done))

        def step(words, hidden, _):
            hidden = tf.tanh(hidden + tf.gather(table, words[:, -1]))
            word = tf.argmax(tf.matmul(hidden, out), -1, output_type=tf.int32)
            return tf.concat([words, word[:, None]], 1), hidden, tf.reduce_all(tf.equal(word, 5))

        start = tf.zeros([tf.shape(state)[0], 1], tf.int32)
        shapes = (tf.TensorShape([None, None]), tf.TensorShape([None, 4]), tf.TensorShape([]))
        words, hidden, _ = tf.while_loop(going, step, (start, state, False), shapes)
        return words, hidden

    return Function(call, spec(None, 4))


# Data


@model()
def vocabulary():
    """A hash table of words, its values looked up in an embedding."""

    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            keys = tf.constant(["the", "cat", "sat"])
            values = tf.constant([1, 2, 3], tf.int32)
            self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0)
            self.rows = tf.Variable(weights(4, 3))

        @tf.function(input_signature=[spec(None, None, dtype=tf.string, name="words")])
        def call(self, words):
            places = self.table.lookup(words)
            return {"rows": tf.gather(self.rows, places), "places": places}

    return Net()


@model()
def ragged():
    """Rows of several lengths as values and splits, made dense."""

    def call(values, splits):
        lengths = splits[1:] - splits[:-1]
        place = tf.range(tf.reduce_max(lengths))
        index = splits[:-1, None] + place[None, :]
        valid = place[None, :] < lengths[:, None]
        picked = tf.gather(values, tf.where(valid, index, 0))
        return tf.where(valid, picked, -1.0), lengths

    return Function(call, spec(6, name="values"), spec(4, dtype=tf.int32, name="splits"))


@model()
def selections():
    """What depends on data: boolean_mask, unique, where, sort, scatter, segments by one-hot."""

    def call(x, labels):
        positive = tf.boolean_mask(x, x[:, 0] > 0)
        names, index = tf.unique(labels)
        sums = tf.matmul(tf.one_hot(index, tf.size(names)), x, transpose_a=True)
        order = tf.argsort(labels, stable=True)
        low = tf.cast(tf.where(labels < 3), tf.int32)
        scattered = tf.tensor_scatter_nd_update(x, low, tf.zeros([tf.size(low), 3]))
        return positive, sums, tf.gather(x, order), scattered, tf.math.cumsum(x, 0, exclusive=True, reverse=True)

    return Function(call, spec(5, 3), spec(5, dtype=tf.int32, name="labels"))


@model()
def arithmetic():
    """Integer division and modulo of either sign, rounding, powers, comparisons, selections by broadcasting."""

    def call(a):
        b = tf.reverse(a, [1])
        whole = tf.cast(a * 4, tf.int32)
        other = tf.cast(b * 3, tf.int32) * 2 + 1
        return (
            whole // other,
            whole % other,
            tf.round(a * 2),
            tf.floor(a) - tf.math.floormod(a, 0.7),
            tf.sign(b),
            tf.where(a > b, a[:, :1], b),
            tf.pow(tf.abs(a) + 0.1, b),
            tf.math.atan2(a, b),
            tf.math.rsqrt(a * a + 1),
            tf.math.squared_difference(a, b),
            tf.math.log1p(tf.abs(b)),
            tf.nn.softplus(a),
            tf.nn.selu(b),
            tf.math.erf(a),
            tf.reduce_logsumexp(a, -1),
            tf.math.reduce_std(b, 0),
            tf.cast(tf.reduce_any(a > 1, 1), tf.float32),
        )

    return Function(call, spec(None, 4))


@model()
def sizes():
    """Sizes computed from sizes: Shape, StridedSlice, Pack, Reshape, Range, Fill, Tile, meshgrid, padding of free sizes."""

    def call(x):
        batch, height, width = tf.shape(x)[0], tf.shape(x)[1], tf.shape(x)[2]
        flat = tf.reshape(x, tf.stack([batch, height * width, 2]))
        rows, columns = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
        grid = tf.cast(tf.stack([rows, columns], -1), tf.float32)[None] + x
        padded = tf.pad(x, [[0, 0], [0, 4 - height % 4], [width % 3, 0], [0, 0]])
        even = tf.reshape(padded, [batch, tf.shape(padded)[1] // 4, 4, -1, 2])
        tiled = tf.tile(x[:, :1, :1], [1, height, width, 1]) - x
        parts = tf.split(tf.transpose(flat, [2, 0, 1]), 2)
        return flat, grid, tf.reduce_max(even, 2), tiled, tf.squeeze(parts[1], 0), tf.ones([height, 2]) * 0.5

    return Function(call, spec(None, None, None, 2))


@model()
def spectrum():
    """A spectrogram: frames, a window, a Fourier transform, decibels, a filter bank."""
    mel = np.abs(weights(9, 4))

    def call(x):
        frames = tf.signal.frame(x, 16, 8)
        power = tf.abs(tf.signal.rfft(frames * np.hanning(16).astype("float32"))) ** 2
        decibels = 10.0 * tf.math.log(tf.maximum(power, 1e-3)) / tf.math.log(10.0)
        return decibels, tf.tensordot(power, mel, 1)

    return Function(call, spec(None, 64))


@model()
def preprocessed():
    """Preprocessing layers of Keras: resizing, rescaling, normalisation, cropping, one-hot encoding of integers."""
    image = K.Input((None, None, 3), name="image")
    label = K.Input((1,), dtype="int32", name="label")
    x = L.Resizing(6, 5)(image)
    x = L.Rescaling(1 / 127.5, -1)(x)
    x = L.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 1.0, 2.0])(x)
    y = L.CategoryEncoding(4, output_mode="one_hot")(label)
    return K.Model([image, label], [L.CenterCrop(4, 3)(x), y])


def answers(saved):
    """Two sets of inputs of a SavedModel, and what TensorFlow gives for them."""
    function = tf.saved_model.load(saved).signatures["serving_default"]
    rounds = []
    for sizes in ([2, 6, 3], [1, 5, 3]):
        feeds = {}
        for name, given in function.structured_input_signature[1].items():
            shape = [sizes[axis] if size is None else size for axis, size in enumerate(given.shape)]
            if given.dtype == tf.bool:
                feeds[name] = tf.constant(sizes[0] == 2)
            elif given.dtype == tf.int32:
                feeds[name] = tf.constant(RANDOM.integers(0, 7, shape), tf.int32)
            else:
                feeds[name] = tf.constant(weights(*shape, scale=2))
        given = function(**feeds)
        rounds.append({"inputs": plain(feeds), "outputs": plain(given)})
    return rounds


def plain(tensors):
    return {
        name: {
            "dtype": tensor.dtype.name,
            "dims": tensor.shape.as_list(),
            "data": [float(each) for each in np.ravel(tensor.numpy())],
        }
        for name, tensor in tensors.items()
    }


# TensorFlow 1


@frozen(x=(None, None, 3))
def basic_lstm(x):
    """dynamic_rnn over a BasicLSTMCell: TensorArrays, one product of the input and the state side by side, a forget bias."""
    cell = tf.compat.v1.nn.rnn_cell.BasicLSTMCell(4)
    outputs, state = tf.compat.v1.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    return outputs, state.h


@frozen(x=(None, None, None, 3))
def preprocessor(x):
    """What detectors of TensorFlow 1 begin with: each image of a batch resized in a loop over TensorArrays."""

    def resize(image):
        return tf.compat.v1.image.resize_images(image, [6, 5], align_corners=False), tf.shape(image)

    images, sizes = tf.map_fn(resize, x, dtype=(tf.float32, tf.int32))
    images = images * (2.0 / 255.0) - 1.0
    features = tf.nn.relu6(tf.nn.conv2d(images, weights(3, 3, 3, 4), 2, "SAME"))
    return features, tf.cast(sizes, tf.float32)


@frozen(x=(None, 6, 4))
def batch_of_boxes(x):
    """Suppression for each image of a batch in a loop, the results padded to one size, as in BatchMultiClassNonMaxSuppression."""

    def suppress(rows):
        boxes = tf.concat([rows[:, :2], rows[:, :2] + tf.abs(rows[:, 2:]) + 0.1], 1)
        scores = tf.sigmoid(rows[:, 3])
        chosen = tf.image.non_max_suppression(boxes, scores, 4, 0.4)
        count = tf.shape(chosen)[0]
        kept = tf.pad(tf.gather(boxes, chosen), [[0, 4 - count], [0, 0]])
        kept.set_shape([4, 4])
        return kept, count

    boxes, counts = tf.map_fn(suppress, x, dtype=(tf.float32, tf.int32))
    return boxes, counts, tf.where(counts > 2)[:, 0]


@frozen(x=(2, 5, 4))
def misc(x):
    """Gathers with batches, bands, reversed sequences, one-hot places, depth to space."""
    order = tf.argsort(x[:, :, 0], axis=1, direction="DESCENDING")
    sorted_rows = tf.gather(x, order, batch_dims=1)
    band = tf.compat.v1.matrix_band_part(tf.matmul(x, x, transpose_b=True), 1, 1)
    grid = tf.reshape(x, [1, 2, 5, 4])
    deep = tf.nn.depth_to_space(grid, 2)
    spread = tf.scatter_nd([[1], [3]], x[:, 0], [5, 4])
    return sorted_rows, band, deep, spread, x[..., 2, :], tf.unstack(x, axis=1)[3]


def frozen_graph(make, shapes, path):
    """A graph of TensorFlow 1 with constants for its variables. @returns the names of its outputs"""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        v1.disable_control_flow_v2()
        inputs = {name: v1.placeholder(tf.float32, shape, name) for name, shape in shapes.items()}
        outputs = [tf.identity(each, f"output_{index}") for index, each in enumerate(make(**inputs))]
        for variable in v1.global_variables():
            session.run(v1.assign(variable, weights(*variable.shape)))
        names = [each.op.name for each in outputs]
        definition = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), names)
        v1.enable_control_flow_v2()
    with open(path, "wb") as file:
        file.write(definition.SerializeToString())
    return names


def seed(net):
    """Weights that are multiples of 1/64; variances are positive."""
    for variable in net.variables:
        if variable.dtype.is_floating:
            value = weights(*variable.shape)
            variable.assign(np.abs(value) + 0.5 if "variance" in variable.name else value)


def write(name):
    global RANDOM
    RANDOM = np.random.default_rng(sum(name.encode()))
    K.backend.clear_session()
    make, options = MODELS[name]
    net = None if "placeholders" in options else make()
    folder = os.path.join(TARGET, name)
    shutil.rmtree(folder, ignore_errors=True)
    settings = {"control_flow_v2": options.get("control_flow_v2", False), "strip_debug_ops": True}
    if "quantize" in options:
        settings["quantization_dtype_map"] = {options["quantize"]: "*"}
    with tempfile.TemporaryDirectory() as saved:
        if net is None:
            path = os.path.join(saved, "frozen.pb")
            names = frozen_graph(make, options["placeholders"], path)
            converter.convert_tf_frozen_model(path, ",".join(names), folder, strip_debug_ops=True)
        elif isinstance(net, K.Model):
            seed(net)
            net.save(saved, save_format="tf")
        else:
            tf.saved_model.save(net, saved, signatures=net.call)
        if net is not None:
            converter.convert_tf_saved_model(saved, folder, **settings)
        if name.removesuffix("-v1").removesuffix("-v2") in ANSWERED:
            with open(os.path.join(folder, "tensorflow.json"), "w", encoding="utf8") as file:
                json.dump(answers(saved), file, separators=(",", ":"))
                file.write("\n")
    with open(os.path.join(folder, "model.json"), encoding="utf8") as file:
        manifest = json.load(file)
    # The version of TensorFlow is no part of a model.
    manifest.pop("generatedBy", None)
    with open(os.path.join(folder, "model.json"), "w", encoding="utf8") as file:
        json.dump(manifest, file, separators=(",", ":"))
        file.write("\n")
    nodes = manifest["modelTopology"]["node"]
    size = sum(os.path.getsize(os.path.join(folder, each)) for each in os.listdir(folder))
    print(f"{name}: {len(nodes)} nodes, {size} bytes", flush=True)


def main(names):
    failed = []
    for name in names or MODELS:
        try:
            write(name)
        except Exception as error:  # the other models are written all the same
            failed.append(name)
            print(f"{name}: {type(error).__name__}: {str(error)[:600]}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
