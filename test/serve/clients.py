# Triton's own clients against a server, as JSON on stdout: {"case": "ok", or what went wrong}.
# usage: python clients.py HTTP GRPC PICTURES.f32 WANTED.f32 [CONFIG.pbtxt]
import asyncio, json, queue, sys

import numpy as np
import tritonclient.grpc as G
import tritonclient.http as H
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from tritonclient.utils import InferenceServerException

http, grpc, pictures, wanted = sys.argv[1:5]
NAME = "crnn-mnist-best"
x = np.fromfile(pictures, np.float32).reshape(-1, 28, 28, 1)
want = np.fromfile(wanted, np.float32).reshape(-1, 10)
found = {}


def case(name, run):
    try:
        run()
        found[name] = "ok"
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"


def feeds(M, data=x, name="image", **options):
    value = M.InferInput(name, list(data.shape), "FP32")
    value.set_data_from_numpy(data, **options)
    return [value]


def same(result, output):
    got = result.as_numpy(output)
    assert got.tobytes() == want.tobytes(), np.abs(got - want).max()


def refused(run, *texts):
    try:
        run()
    except InferenceServerException as error:
        assert any(text in f"{error.status()} {error}" for text in texts), str(error)
        return
    raise AssertionError("it was not refused")


h = H.InferenceServerClient(http, concurrency=8)
g = G.InferenceServerClient(grpc)
OUTPUT = h.get_model_metadata(NAME)["outputs"][0]["name"]

for label, M, client in (("http", H, h), ("grpc", G, g)):
    case(f"{label} live and ready", lambda: (client.is_server_live() and client.is_server_ready() and client.is_model_ready(NAME, "1")) or 1 / 0)
    case(f"{label} unknown model is not ready", lambda: client.is_model_ready("nope") and 1 / 0)
    case(f"{label} metadata", lambda: (client.get_server_metadata(), client.get_model_metadata(NAME)))
    case(f"{label} config", lambda: client.get_model_config(NAME))
    case(f"{label} statistics", lambda: (client.get_inference_statistics(), client.get_inference_statistics(NAME, "1")))
    case(f"{label} index", lambda: client.get_model_repository_index())
    case(f"{label} unload and load", lambda: (client.unload_model("dense"), client.is_model_ready("dense") and 1 / 0, client.load_model("dense"), client.is_model_ready("dense") or 1 / 0))
    case(f"{label} all outputs", lambda: same(client.infer(NAME, feeds(M)), OUTPUT))
    case(f"{label} with a version, an id and a timeout", lambda: same(client.infer(NAME, feeds(M), model_version="1", request_id="7", timeout=20_000_000), OUTPUT))
    case(f"{label} wrong model", lambda: refused(lambda: client.infer("nope", feeds(M)), "404", "NOT_FOUND"))
    case(f"{label} wrong version", lambda: refused(lambda: client.infer(NAME, feeds(M), model_version="9"), "404", "NOT_FOUND"))
    case(f"{label} wrong input", lambda: refused(lambda: client.infer(NAME, feeds(M, name="nope")), "400", "INVALID_ARGUMENT"))
    case(f"{label} wrong shape", lambda: refused(lambda: client.infer(NAME, feeds(M, x[:, :27])), "400", "INVALID_ARGUMENT"))
    case(f"{label} wrong output", lambda: refused(lambda: client.infer(NAME, feeds(M), outputs=[M.InferRequestedOutput("nope")]), "400", "INVALID_ARGUMENT"))
    case(f"{label} shared memory", lambda: refused(lambda: client.get_system_shared_memory_status(), "404", "UNIMPLEMENTED"))

for binary in (True, False):
    for sent, back in ((None, "gzip"), ("gzip", "deflate"), ("deflate", None)):
        options = {"request_compression_algorithm": sent, "response_compression_algorithm": back}
        outputs = [H.InferRequestedOutput(OUTPUT, binary_data=binary)]
        case(
            f"http binary {binary}, sent {sent}, back {back}",
            lambda: same(h.infer(NAME, feeds(H, binary_data=binary), outputs=outputs, **options), OUTPUT),
        )
case("http at once", lambda: [same(answer.get_result(), OUTPUT) for answer in [h.async_infer(NAME, feeds(H)) for _ in range(3)]])
for compression in ("gzip", "deflate"):
    case(f"grpc {compression}", lambda: same(g.infer(NAME, feeds(G), compression_algorithm=compression), OUTPUT))


def stream():
    answers = queue.Queue()
    client = G.InferenceServerClient(grpc)
    client.start_stream(lambda result, error: answers.put((result, error)))
    for data in (x, x[:, :27], x):
        client.async_stream_infer(NAME, feeds(G, data))
    got = [answers.get(timeout=30) for _ in range(3)]
    client.stop_stream()
    same(got[0][0], OUTPUT)
    assert got[1][1] is not None
    same(got[2][0], OUTPUT)


case("grpc stream", stream)


async def aio():
    import tritonclient.grpc.aio as GA
    import tritonclient.http.aio as HA

    for M, client in ((HA, HA.InferenceServerClient(http)), (GA, GA.InferenceServerClient(grpc))):
        same(await client.infer(NAME, feeds(M)), OUTPUT)
        await client.close()


case("asyncio", lambda: asyncio.run(aio()))


def config():
    for path in sys.argv[5:]:
        parsed = text_format.Parse(open(path).read(), model_config_pb2.ModelConfig())
        served = g.get_model_config(NAME).config
        assert [(v.name, v.data_type, list(v.dims)) for v in parsed.input] == [(v.name, v.data_type, list(v.dims)) for v in served.input]
        assert [(v.name, v.data_type, list(v.dims)) for v in parsed.output] == [(v.name, v.data_type, list(v.dims)) for v in served.output]
        assert parsed.max_batch_size == served.max_batch_size == 64 and len(parsed.model_warmup) == 1


case("config.pbtxt is read by Triton's own protobuf, and says what the server says", config)
print(json.dumps(found))
