"""Read a list of pictures on Ray Data with ONNX Runtime in Python, without Node.js.

usage: python read_pictures.py LIST OUT MODEL.onnx

LIST has a path a line; OUT is a new folder of JSON lines. The model prepares pictures itself:

    tfjs-to-onnx export my-model -o model.onnx --with-preprocessing
    pip install "ray[data]" onnxruntime pillow
"""

import sys

import numpy as np


class Reader:
    """An actor: it loads the model once and reads many batches."""

    def __init__(self, model):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options)

    def __call__(self, batch):
        answers = [self.read(path) for path in batch["item"]]
        return {key: np.array([answer[key] for answer in answers], dtype=object) for key in answers[0]}

    def read(self, path):
        """An answer for every picture; one that cannot be read says why and must not fail its batch."""
        from PIL import Image, ImageOps

        try:
            # Pixels as they lie in the file are not turned as the camera was held.
            picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            return {"input": path, "text": "", "confidence": 0.0, "error": str(error)}
        image = np.asarray(picture, np.uint8)[None]
        label, confidence = self.session.run(["label", "confidence"], {"image": image})
        error = "" if label[0] else "the picture is blank"
        return {"input": path, "text": str(label[0]), "confidence": float(confidence[0]), "error": error}


def read(paths, model, actors=2):
    """A dataset of answers, a row for every path."""
    import ray

    return ray.data.from_items(paths).map_batches(
        Reader, fn_constructor_args=[model], batch_size=64, concurrency=actors, num_cpus=1
    )


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python read_pictures.py LIST OUT MODEL.onnx")
    with open(sys.argv[1], encoding="utf-8") as lines:
        paths = [line.rstrip("\n") for line in lines]
    read(paths, sys.argv[3]).write_json(sys.argv[2])
