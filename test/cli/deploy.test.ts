import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, expect, test } from "vitest";

import { readOnnxHeader } from "../../src/onnx/header.ts";
import { runCommand } from "../helpers/command.ts";
import { pythonWith, type Python } from "../helpers/python-package.ts";

const root = resolve(import.meta.dirname, "../..");
const model = join(root, "models", "crnn-mnist");
const types = join(root, "test", "helpers", "deploy_types.py");
const folder = mkdtempSync(join(tmpdir(), "tfjs-to-onnx-deploy-"));
const config = join(folder, "repository", "digits", "config.pbtxt");
const service = join(folder, "service.yaml");

afterAll(() => rmSync(folder, { recursive: true }));

function typed({ command, env }: Python, kind: "triton" | "kserve", file: string): unknown {
  const { status, stdout, stderr } = spawnSync(command, [types, kind, file], { env, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

test("export --triton and --kserve write a repository and a service, and refuse options that do not fit", () => {
  const deploy = ["--triton", "repository", "--kserve", "service.yaml", "--name", "digits"];
  const uri = ["--storage-uri", "s3://bucket/models"];
  const made = runCommand(["export", model, ...deploy, ...uri, "--no-verify"], { cwd: folder });
  expect(made).toMatchObject({
    status: 0,
    stderr: expect.stringContaining(`wrote ${join("repository", "digits")}`) as unknown,
  });
  const header = readOnnxHeader(readFileSync(join(config, "..", "1", "model.onnx")));
  expect(header.inputs).toMatchObject([{ name: "image", dims: ["batch", 28, 28, 1] }]);
  expect([existsSync(config), existsSync(service)]).toEqual([true, true]);
  for (const [args, said] of [
    [["--triton", "other", "-o", "other.onnx"], "--triton says where the ONNX file goes"],
    [["--triton", "other", ...uri], "--storage-uri is for --kserve"],
    [["--name", "digits"], "--name is for --triton and --kserve"],
    [["--triton", "other", "--name", "a/b"], 'got "a/b"'],
  ] as const) {
    expect(runCommand(["export", model, ...args], { cwd: folder })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(said) as unknown,
    });
  }
  expect(existsSync(join(folder, "other"))).toBe(false);
});

test(
  "Triton's own protobuf reads the config, which says what the file says",
  { timeout: 300_000 },
  async ({ skip }) => {
    const found = await pythonWith("tritonclient[http,grpc]==2.73.0", "tritonclient.grpc");
    const python: Python = typeof found === "string" ? skip(found) : found;
    expect(typed(python, "triton", config)).toEqual({
      name: "digits",
      backend: "onnxruntime",
      max_batch_size: 64,
      input: [{ name: "image", data_type: "TYPE_FP32", dims: ["28", "28", "1"] }],
      output: [{ name: "softmax", data_type: "TYPE_FP32", dims: ["10"] }],
      dynamic_batching: { max_queue_delay_microseconds: "2000" },
      instance_group: [{ kind: "KIND_CPU", count: 1 }],
      parameters: { intra_op_thread_count: { string_value: "1" } },
      version_policy: { latest: { num_versions: 1 } },
      model_warmup: [
        {
          name: "first",
          batch_size: 1,
          inputs: { image: { data_type: "TYPE_FP32", dims: ["28", "28", "1"], zero_data: true } },
        },
      ],
    });
  },
);

test("the types of KServe's SDK have every field of the service", { timeout: 300_000 }, async ({ skip }) => {
  // Without the packages that only its server needs, so that it cannot be imported as a whole.
  const found = await pythonWith(
    "kserve==0.21.0",
    "six, urllib3, yaml, importlib.metadata as it; it.version('kserve')",
    ["--no-deps", "six==1.17.0", "urllib3==2.7.0", "pyyaml==6.0.3"],
  );
  const python: Python = typeof found === "string" ? skip(found) : found;
  expect(typed(python, "kserve", service)).toEqual({
    service: {
      apiVersion: "serving.kserve.io/v1beta1",
      kind: "InferenceService",
      metadata: { name: "digits" },
      spec: {
        predictor: {
          minReplicas: 1,
          maxReplicas: 4,
          model: {
            modelFormat: { name: "onnx" },
            protocolVersion: "v2",
            runtime: "kserve-tritonserver",
            storageUri: "s3://bucket/models",
            resources: { requests: { cpu: "1", memory: "640Mi" }, limits: { cpu: "2", memory: "1280Mi" } },
          },
        },
      },
    },
    faults: [],
  });
  const wrong = join(folder, "wrong.yaml");
  writeFileSync(wrong, readFileSync(service, "utf8").replace("maxReplicas: 4", 'maxReplica: 4\n    timeout: "soon"'));
  expect(typed(python, "kserve", wrong)).toMatchObject({
    faults: [
      "service.spec.predictor.maxReplica is not in V1beta1PredictorSpec",
      "service.spec.predictor.timeout is no int",
    ],
  });
});
