"""Prints what TensorBoard reads of the folder or file of events that is named: scalars and images by tag, as JSON."""

import base64
import json
import sys
import types

# Keeps TensorBoard from loading TensorFlow where there is one, which takes half a minute.
sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = EventAccumulator(sys.argv[1])
run.Reload()
tags = run.Tags()
scalars = {tag: [[event.step, event.value] for event in run.Scalars(tag)] for tag in tags["scalars"]}
images = {
    tag: [
        [event.step, event.width, event.height, base64.b64encode(event.encoded_image_string).decode()]
        for event in run.Images(tag)
    ]
    for tag in tags["images"]
}
print(json.dumps({"scalars": scalars, "images": images}))
