import { readFields } from "./protobuf-fields.ts";

/** Field numbers of onnx.proto (onnx 1.16). */
const MODEL = { graph: 7 };
const GRAPH = { node: 1 };
const NODE = { name: 3, opType: 4, attribute: 5 };
const ATTRIBUTE = { name: 1, strings: 9 };

const RECURRENT: ReadonlySet<string> = new Set(["LSTM", "GRU"]);
/** Activations of the WebGPU kernels of LSTM and GRU; any case. */
const ACTIVATIONS: ReadonlySet<string> = new Set(["sigmoid", "tanh", "relu"]);

/**
 * Names of the nodes that ONNX Runtime's WebGPU provider takes when a session is created and refuses at the first run:
 * LSTM and GRU with activations it has no code for, as hardSigmoid, which is TF.js's default (seen in 1.30). They are to
 * be placed on the CPU by name.
 */
export function refusedOnWebGpu(model: Uint8Array): string[] {
  const names: string[] = [];
  readFields(model, {
    [MODEL.graph]: (reader) =>
      readFields(reader.bytes(), {
        [GRAPH.node]: (inner) => {
          const node = readNode(inner.bytes());
          const refused = node.activations.some((activation) => !ACTIVATIONS.has(activation.toLowerCase()));
          if (RECURRENT.has(node.opType) && refused && node.name !== "") names.push(node.name);
        },
      }),
  });
  return names;
}

interface Node {
  readonly name: string;
  readonly opType: string;
  readonly activations: readonly string[];
}

function readNode(bytes: Uint8Array): Node {
  let name = "";
  let opType = "";
  const activations: string[] = [];
  readFields(bytes, {
    [NODE.name]: (reader) => (name = reader.string()),
    [NODE.opType]: (reader) => (opType = reader.string()),
    [NODE.attribute]: (reader) => activations.push(...readActivations(reader.bytes())),
  });
  return { name, opType, activations };
}

function readActivations(bytes: Uint8Array): readonly string[] {
  let name = "";
  const strings: string[] = [];
  readFields(bytes, {
    [ATTRIBUTE.name]: (reader) => (name = reader.string()),
    [ATTRIBUTE.strings]: (reader) => strings.push(reader.string()),
  });
  return name === "activations" ? strings : [];
}
