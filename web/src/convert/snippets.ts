import type { ExportedValue } from "../../../src/export/export-model.ts";
import type { DType } from "../../../src/tensor.ts";

/** A program that runs an ONNX file, in one language. */
export interface Snippet {
  readonly language: "JavaScript" | "Python" | "C#";
  /** The line that installs what the program needs. */
  readonly install: string;
  readonly code: string;
}

export interface SnippetModel {
  /** Name of the ONNX file. */
  readonly file: string;
  readonly inputs: readonly ExportedValue[];
  readonly outputs: readonly ExportedValue[];
  /** Sizes to write for the free dimensions; 1 for those that are missing. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** Programs that run a model on inputs of zeros, with its own names and shapes. */
export function snippets(model: SnippetModel): readonly [Snippet, Snippet, Snippet] {
  return [javascript(model), python(model), csharp(model)];
}

/** How each language makes zeros of an element type. */
interface ElementType {
  /** Array of ONNX Runtime's JavaScript packages. */
  readonly js: string;
  readonly numpy: string;
  readonly csharp: string;
}

const ELEMENT_TYPES: Readonly<Record<DType, ElementType>> = {
  float32: { js: "Float32Array", numpy: "np.float32", csharp: "float" },
  float64: { js: "Float64Array", numpy: "np.float64", csharp: "double" },
  float16: { js: "Uint16Array", numpy: "np.float16", csharp: "Float16" },
  int8: { js: "Int8Array", numpy: "np.int8", csharp: "sbyte" },
  uint8: { js: "Uint8Array", numpy: "np.uint8", csharp: "byte" },
  int16: { js: "Int16Array", numpy: "np.int16", csharp: "short" },
  uint16: { js: "Uint16Array", numpy: "np.uint16", csharp: "ushort" },
  int32: { js: "Int32Array", numpy: "np.int32", csharp: "int" },
  uint32: { js: "Uint32Array", numpy: "np.uint32", csharp: "uint" },
  int64: { js: "BigInt64Array", numpy: "np.int64", csharp: "long" },
  uint64: { js: "BigUint64Array", numpy: "np.uint64", csharp: "ulong" },
  bool: { js: "Uint8Array", numpy: "np.bool_", csharp: "bool" },
  string: { js: "Array", numpy: "object", csharp: "string" },
};

/** Names that the programs use themselves, or that a language keeps. */
const TAKEN: ReadonlySet<string> = new Set(
  (
    "ort session feeds results result np inputs names output name console using class in is as for from new return var let " +
    "const if else while with and or not lambda def del int long float double string object base this"
  ).split(" "),
);

/** A name for each free dimension that every language takes, and the size that it is given. */
function freeSizes({
  inputs,
  sizes,
}: SnippetModel): ReadonlyMap<string, { readonly name: string; readonly size: number }> {
  const found = new Map<string, { readonly name: string; readonly size: number }>();
  const used = new Set(TAKEN);
  for (const dim of inputs.flatMap(({ dims }) => dims)) {
    if (typeof dim === "number" || found.has(dim)) continue;
    const stem = dim.replaceAll(/\W+/gu, "_").replace(/^(?=\d|$)/u, "size_");
    let name = stem;
    for (let count = 2; used.has(name); count++) name = `${stem}_${count}`;
    used.add(name);
    found.set(dim, { name, size: Object.hasOwn(sizes, dim) ? (sizes[dim] ?? 1) : 1 });
  }
  return found;
}

type FreeSizes = ReturnType<typeof freeSizes>;

function written(dims: ExportedValue["dims"], free: FreeSizes): readonly string[] {
  return dims.map((dim) => (typeof dim === "number" ? String(dim) : (free.get(dim)?.name ?? dim)));
}

function product(dims: readonly string[]): string {
  return dims.length === 0 ? "1" : dims.join(" * ");
}

function shapeText({ dtype, dims }: ExportedValue): string {
  return `${dtype} [${dims.join(", ")}]`;
}

function javascript(model: SnippetModel): Snippet {
  const free = freeSizes(model);
  const feeds = model.inputs.map(({ name, dtype, dims }) => {
    const shape = written(dims, free);
    const count = product(shape);
    const data =
      dtype === "string" ? `Array.from({ length: ${count} }, () => "")` : `new ${ELEMENT_TYPES[dtype].js}(${count})`;
    return `  ${JSON.stringify(name)}: new ort.Tensor(${JSON.stringify(dtype)}, ${data}, [${shape.join(", ")}]),`;
  });
  const outputs = model.outputs.map((output) => {
    const access = `results[${JSON.stringify(output.name)}]`;
    return `console.log(${access}.dims, ${access}.data); // ${shapeText(output)}`;
  });
  const code = [
    'import * as ort from "onnxruntime-web"; // in Node: "onnxruntime-node"',
    "",
    `const session = await ort.InferenceSession.create(${JSON.stringify(model.file)});`,
    ...Array.from(free.values(), ({ name, size }) => `const ${name} = ${size};`),
    "const feeds = {",
    ...feeds,
    "};",
    "const results = await session.run(feeds);",
    ...outputs,
  ];
  return { language: "JavaScript", install: "npm install onnxruntime-web", code: lines(code) };
}

function python(model: SnippetModel): Snippet {
  const free = freeSizes(model);
  const feeds = model.inputs.map(({ name, dtype, dims }) => {
    const shape = written(dims, free);
    const tuple = shape.length === 1 ? `(${shape.join("")},)` : `(${shape.join(", ")})`;
    const zeros =
      dtype === "string"
        ? `np.full(${tuple}, "", dtype=object)`
        : `np.zeros(${tuple}, dtype=${ELEMENT_TYPES[dtype].numpy})`;
    return `    ${quoted(name)}: ${zeros},`;
  });
  const code = [
    "import numpy as np",
    "import onnxruntime as ort",
    "",
    `session = ort.InferenceSession(${quoted(model.file)})`,
    ...Array.from(free.values(), ({ name, size }) => `${name} = ${size}`),
    "feeds = {",
    ...feeds,
    "}",
    `names = [${model.outputs.map(({ name }) => quoted(name)).join(", ")}]`,
    "for name, output in zip(names, session.run(names, feeds)):",
    "    print(name, output.shape, output)",
  ];
  return { language: "Python", install: "pip install onnxruntime numpy", code: lines(code) };
}

function csharp(model: SnippetModel): Snippet {
  const free = freeSizes(model);
  const inputs = model.inputs.map(({ name, dtype, dims }) => {
    const shape = written(dims, free);
    return `    NamedOnnxValue.CreateFromTensor(${quoted(name)}, new DenseTensor<${ELEMENT_TYPES[dtype].csharp}>(new int[] { ${shape.join(", ")} })),`;
  });
  const strings = model.inputs.some(({ dtype }) => dtype === "string");
  const outputs = model.outputs.map(({ dtype, name, dims }, index) => {
    const shape = `// ${shapeText({ name, dtype, dims })}`;
    return `Console.WriteLine(results.ElementAt(${index}).AsTensor<${ELEMENT_TYPES[dtype].csharp}>().GetArrayString()); ${shape}`;
  });
  const code = [
    "using Microsoft.ML.OnnxRuntime;",
    "using Microsoft.ML.OnnxRuntime.Tensors;",
    "",
    `using var session = new InferenceSession(${quoted(model.file)});`,
    ...Array.from(free.values(), ({ name, size }) => `int ${name} = ${size};`),
    ...(strings ? ["// Fill tensors of strings before the run: an element that is null is refused."] : []),
    "var inputs = new List<NamedOnnxValue>",
    "{",
    ...inputs,
    "};",
    `using var results = session.Run(inputs, new[] { ${model.outputs.map(({ name }) => quoted(name)).join(", ")} });`,
    ...outputs,
  ];
  return { language: "C#", install: "dotnet add package Microsoft.ML.OnnxRuntime", code: lines(code) };
}

/** A string literal of Python and C#, which both read the escapes of JSON. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function lines(code: readonly string[]): string {
  return `${code.join("\n")}\n`;
}
