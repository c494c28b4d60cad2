import { ModelFormatError } from "../../errors.ts";
import { sizeOf } from "../../tensor.ts";

import { isObject as isObj } from "./json.ts";
import type { Call, LayersSource, LayerSpec, LayerWeights, ModelSpec, RawModel, TensorRef, Weight } from "./model.ts";

const isRecord = (v: unknown): v is Record<string, unknown> => isObj(v);

// PLACEHOLDER until the full reader lands: tfjs-layers' and Keras 2's plain files only.
export function readLayersModel(raw: RawModel): LayersSource {
  const manifest = raw.manifest;
  if (!isRecord(manifest)) throw new ModelFormatError("not a model.json");
  let topology: unknown = manifest["modelTopology"];
  if (isRecord(topology) && isRecord(topology["model_config"])) topology = topology["model_config"];
  if (!isRecord(topology)) throw new ModelFormatError("no modelTopology");
  const weights = readWeights(manifest["weightsManifest"], raw.weights ?? new Uint8Array());
  const meta = manifest["userDefinedMetadata"];
  return {
    kind: "layers",
    model: readModel(topology),
    weightsOf: (path) => lookup(weights, [path.at(-1) ?? ""]),
    keras3: false,
    generatedBy: null,
    convertedBy: null,
    metadata: isRecord(meta) ? meta : {},
    parameters: [...weights.values()].reduce((sum, w) => sum + w.data.length, 0),
  };
}

function lookup(weights: ReadonlyMap<string, Weight>, path: readonly string[]): LayerWeights {
  const find = (name: string): Weight | undefined => {
    for (const [key, weight] of weights) {
      const parts = key.replace(/:0$/, "").split("/");
      if (parts.at(-1) !== name) continue;
      if (path.every((each) => parts.includes(each))) return weight;
    }
    return undefined;
  };
  return {
    get(name) {
      const weight = find(name);
      if (weight === undefined) throw new ModelFormatError(`weight ${name} is missing`);
      return weight;
    },
    has: (name) => find(name) !== undefined,
    within: (child) => lookup(weights, [child]),
  };
}

function readWeights(groups: unknown, bytes: Uint8Array): Map<string, Weight> {
  const found = new Map<string, Weight>();
  let offset = 0;
  for (const group of Array.isArray(groups) ? groups : []) {
    if (!isRecord(group) || !Array.isArray(group["weights"])) continue;
    for (const spec of group["weights"] as unknown[]) {
      if (!isRecord(spec)) continue;
      const dims = spec["shape"] as number[];
      const length = sizeOf(dims);
      const buffer = bytes.slice(offset, offset + length * 4).buffer;
      offset += length * 4;
      const dtype = spec["dtype"];
      found.set(
        String(spec["name"]),
        dtype === "int32"
          ? { dtype, dims, data: new Int32Array(buffer) }
          : { dtype: "float32", dims, data: new Float32Array(buffer) },
      );
    }
  }
  return found;
}

function readModel(topology: Record<string, unknown>): ModelSpec {
  const config = topology["config"];
  const list = Array.isArray(config) ? config : isRecord(config) ? config["layers"] : [];
  const layers = (list as unknown[]).filter(isRecord);
  const name = isRecord(config) ? String(config["name"]) : "sequential";
  if (topology["class_name"] === "Sequential") return sequential(name, layers);
  const cfg = config as Record<string, unknown>;
  return {
    name,
    layers: layers.map((layer) => spec(layer, ((layer["inbound_nodes"] as unknown[]) ?? []).map(readCall))),
    inputs: refs(cfg["input_layers"]),
    outputs: refs(cfg["output_layers"]),
  };
}

function refs(value: unknown): TensorRef[] {
  const list = value as unknown[];
  const many = Array.isArray(list[0]) ? list : [list];
  return many.map((each) => {
    const [layer, call, tensor] = each as [string, number, number];
    return { layer, call, tensor };
  });
}

function readCall(node: unknown): Call {
  return { inputs: refs(node), kwargs: {} };
}

function spec(layer: Record<string, unknown>, calls: readonly Call[]): LayerSpec {
  const config = layer["config"] as Record<string, unknown>;
  const className = String(layer["class_name"]);
  const nested = ["Sequential", "Model", "Functional"].includes(className);
  const name = String(config["name"] ?? layer["name"]);
  return { name, className, config, calls, model: nested ? readModel(layer) : null };
}

function sequential(name: string, layers: readonly Record<string, unknown>[]): ModelSpec {
  const specs: LayerSpec[] = [];
  let previous: string | null = null;
  for (const layer of layers) {
    const config = layer["config"] as Record<string, unknown>;
    if (previous === null && layer["class_name"] !== "InputLayer") {
      const own = spec(layer, []);
      const inner = own.model?.layers[0];
      const shape = config["batch_input_shape"] ?? inner?.config["batch_input_shape"];
      previous = `${own.name}_input`;
      specs.push({
        name: previous,
        className: "InputLayer",
        calls: [],
        model: null,
        config: { name: previous, batch_input_shape: shape, dtype: config["dtype"] ?? "float32" },
      });
    }
    const calls = previous === null ? [] : [{ inputs: [{ layer: previous, call: 0, tensor: 0 }], kwargs: {} }];
    const made = spec(layer, calls);
    specs.push(made);
    previous = made.name;
  }
  return {
    name,
    layers: specs,
    inputs: [{ layer: specs[0]?.name ?? "", call: 0, tensor: 0 }],
    outputs: [{ layer: previous ?? "", call: 0, tensor: 0 }],
  };
}
