"""What the peers' own types make of the files that `export --triton` and `--kserve` write, as JSON on stdout.

usage: deploy_types.py triton config.pbtxt    the ModelConfig that tritonclient's protobuf reads
       deploy_types.py kserve service.yaml    {"service": the YAML, "faults": [what the types of KServe's SDK do not have]}
"""

import importlib.util
import json
import re
import sys
import types


def triton(text):
    from google.protobuf import json_format, text_format
    from tritonclient.grpc import model_config_pb2

    config = text_format.Parse(text, model_config_pb2.ModelConfig())
    return json_format.MessageToDict(config, preserving_proto_field_name=True)


SCALARS = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def faults(value, name, models, at):
    """Fields that the type has not, and scalars of another type; kinds of Kubernetes itself are not looked into."""
    listed = re.fullmatch(r"list\[(.+)\]", name, re.IGNORECASE)
    if listed:
        if not isinstance(value, list):
            return [f"{at} is no list"]
        return [fault for index, each in enumerate(value) for fault in faults(each, listed[1], models, f"{at}[{index}]")]
    if name in SCALARS:
        return [] if isinstance(value, SCALARS[name]) else [f"{at} is no {name}"]
    known = getattr(models, name, None)
    if known is None:
        return []
    if not isinstance(value, dict):
        return [f"{at} is no {name}"]
    fields = {json_name: python_name for python_name, json_name in known.attribute_map.items()}
    unknown = [f"{at}.{key} is not in {name}" for key in value if key not in fields]
    inner = [
        fault
        for key, each in value.items()
        if key in fields
        for fault in faults(each, known.openapi_types[fields[key]], models, f"{at}.{key}")
    ]
    return unknown + inner


def kserve(text):
    import yaml

    # The package itself imports its server and what that needs; its types do without.
    package = types.ModuleType("kserve")
    package.__path__ = list(importlib.util.find_spec("kserve").submodule_search_locations)
    sys.modules["kserve"] = package
    from kserve import models

    service = yaml.safe_load(text)
    return {"service": service, "faults": faults(service, "V1beta1InferenceService", models, "service")}


kind, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    print(json.dumps({"triton": triton, "kserve": kserve}[kind](file.read())))
