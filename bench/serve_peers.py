"""The peers of bench/serve.mjs, and load by Triton's own clients.

usage: serve_peers.py kserve MODEL.onnx HTTP_PORT GRPC_PORT    KServe's Python server with onnxruntime
       serve_peers.py load PLAN.json                           results as JSON on stdout

MLServer has no runtime for ONNX files in the registry; it imports OnnxModel from here.
"""

import json
import os
import sys
import threading
import time


def session_of(file):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


# MLServer imports this file. Its protobuf types and those of Triton's clients cannot be in one process.
if __name__ != "__main__":
    from mlserver import MLModel
    from mlserver.codecs import NumpyCodec
    from mlserver.types import InferenceResponse

    class OnnxModel(MLModel):
        async def load(self):
            self.session = session_of(self.settings.parameters.uri)
            self.names = [output.name for output in self.session.get_outputs()]
            return True

        async def predict(self, payload):
            feeds = {each.name: NumpyCodec.decode_input(each) for each in payload.inputs}
            results = self.session.run(self.names, feeds)
            outputs = [NumpyCodec.encode_output(name, result) for name, result in zip(self.names, results)]
            return InferenceResponse(model_name=self.name, outputs=outputs)


def serve_kserve(file, http_port, grpc_port):
    sys.argv = sys.argv[:1]
    import kserve

    class Served(kserve.Model):
        def load(self):
            self.session = session_of(file)
            self.ready = True
            return True

        async def predict(self, payload, headers=None, response_headers=None):
            results = self.session.run(None, {each.name: each.as_numpy() for each in payload.inputs})
            asked = payload.request_outputs or []
            binary = payload.from_grpc or any((each.parameters or {}).get("binary_data") for each in asked)
            outputs = []
            for output, result in zip(self.session.get_outputs(), results):
                outputs.append(kserve.InferOutput(output.name, list(result.shape), "FP32"))
                outputs[-1].set_data_from_numpy(result, binary_data=binary)
            return kserve.InferResponse(model_name=self.name, infer_outputs=outputs, response_id=payload.id or "0")

    model = Served("crnn")
    model.load()
    server = kserve.ModelServer(http_port=int(http_port), grpc_port=int(grpc_port), workers=1, enable_docs_url=False)
    server.start([model])


def processor_seconds(pid):
    """Of a process and all that come of it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(name)] = (int(fields[1]), int(fields[11]) + int(fields[12]))
    found, ticks = {pid}, 0
    while True:
        more = {each for each, (parent, _) in parents.items() if parent in found} - found
        if not more:
            break
        found |= more
    ticks = sum(parents[each][1] for each in found if each in parents)
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(target, clients, batch, requests):
    """Clients that each send a request once they have the answer to the last one."""
    import numpy as np

    kind, port = target["kind"], target["port"]
    if kind == "grpc":
        import tritonclient.grpc as client
    else:
        import tritonclient.http as client
    data = np.random.default_rng(0).random((batch, 28, 28, 1), dtype=np.float32)
    left, lock, seconds, faults = [requests], threading.Lock(), [], []

    def take():
        with lock:
            left[0] -= 1
            return left[0] >= 0

    def work():
        binary = {} if kind == "grpc" else {"binary_data": kind == "http"}
        connection = client.InferenceServerClient(f"127.0.0.1:{port}")
        while take():
            begin = time.perf_counter()
            try:
                value = client.InferInput("image", list(data.shape), "FP32")
                value.set_data_from_numpy(data, **binary)
                output = client.InferRequestedOutput("softmax", **binary)
                answer = connection.infer("crnn", [value], outputs=[output])
                assert answer.as_numpy("softmax").shape == (batch, 10)
                seconds.append(time.perf_counter() - begin)
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}"[:200])
        connection.close()

    before, begin = processor_seconds(target["pid"]), time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - begin
    used = processor_seconds(target["pid"]) - before
    return {"target": target["label"], "clients": clients, "batch": batch, "cpu": used, "wall": wall, "seconds": seconds, "faults": faults}


def load(plan):
    for target in plan["targets"]:
        measure(target, 8, 1, plan["warm"]["first"])
    for phase in plan["phases"]:
        for target in plan["targets"]:
            measure(target, phase["clients"], phase["batch"], plan["warm"]["each"])
    results = []
    for _ in range(plan["rounds"]):
        for phase in plan["phases"]:
            for target in plan["targets"]:
                results.append(measure(target, phase["clients"], phase["batch"], phase["requests"]))
    print(json.dumps(results))


if __name__ == "__main__":
    if sys.argv[1] == "kserve":
        serve_kserve(*sys.argv[2:])
    else:
        with open(sys.argv[2], encoding="utf-8") as plan_file:
            load(json.load(plan_file))
