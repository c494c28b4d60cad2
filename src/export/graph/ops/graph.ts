import { ExportError } from "../../../errors.ts";
import { inputAt, type GraphOpConverter } from "../converter.ts";

/** Operators that hand their input on. TF.js ignores what FakeQuantWithMinMaxVars says; Print prints to the console. */
const passing: GraphOpConverter = {
  tfOps: ["Identity", "StopGradient", "Snapshot", "Print", "FakeQuantWithMinMaxVars"],
  ops: [],
  convert: ({ inputs }) => inputAt(inputs, 0),
};

const identityN: GraphOpConverter = { tfOps: ["IdentityN"], ops: [], convert: ({ inputs }) => inputs };

/** One that is not fed has its default. */
const placeholderWithDefault: GraphOpConverter = {
  tfOps: ["PlaceholderWithDefault"],
  ops: [],
  convert: ({ inputs }) => inputAt(inputs, 0),
};

/** A Placeholder that stands for a hash table; others are inputs of the model. */
const placeholder: GraphOpConverter = {
  tfOps: ["Placeholder"],
  ops: [],
  convert: (_, { name, attributes }) => {
    if (
      attributes.has("dtype") &&
      !attributes.isResource("dtype") &&
      attributes.dtype("dtype", "float32") !== "string"
    ) {
      throw new ExportError("it is no input of the model, and nothing else gives it a value");
    }
    return { kind: "table", node: name };
  },
};

export const graphOps: readonly GraphOpConverter[] = [passing, identityN, placeholderWithDefault, placeholder];
