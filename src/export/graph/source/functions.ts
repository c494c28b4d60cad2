import { ModelFormatError } from "../../../errors.ts";
import { isJsonList, isJsonObject, quoted, shown, type Json, type JsonObject } from "../../source/json.ts";

import { dtypeOf, type GraphDType } from "./dtype.ts";
import type { NodeOutput } from "./node.ts";
import { parseOutput } from "./node-output.ts";
import { readNodes, type GraphNodes } from "./nodes.ts";

/** A function of the model's library: a body of If, While or PartitionedCall. */
export interface GraphFunction {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly dtype: GraphDType | null }[];
  readonly nodes: GraphNodes;
  /** The outputs, of its nodes or its parameters. */
  readonly results: readonly NodeOutput[];
}

/**
 * `library.function` of a GraphDef.
 *
 * @throws {ModelFormatError} when a function contradicts itself.
 */
export function readFunctions(library: Json | undefined): ReadonlyMap<string, GraphFunction> {
  const functions = new Map<string, GraphFunction>();
  if (library === undefined || library === null) return functions;
  if (!isJsonObject(library)) throw new ModelFormatError(`library must be an object; got ${shown(library)}`);
  const list = own(library, "function") ?? [];
  if (!isJsonList(list)) throw new ModelFormatError(`library.function must be a list; got ${shown(list)}`);
  for (const [index, item] of list.entries()) {
    const read = readFunction(item, `library.function[${index}]`);
    if (functions.has(read.name)) throw new ModelFormatError(`two functions have the name ${quoted(read.name)}`);
    functions.set(read.name, read);
  }
  return functions;
}

function readFunction(item: Json, where: string): GraphFunction {
  const signature = isJsonObject(item) ? own(item, "signature") : undefined;
  if (!isJsonObject(item) || !isJsonObject(signature)) {
    throw new ModelFormatError(`${where} must be a function with a signature`);
  }
  const name = own(signature, "name");
  if (typeof name !== "string")
    throw new ModelFormatError(`${where}.signature.name must be a name; got ${shown(name)}`);
  const parameters = readArguments(own(signature, "inputArg"), `the inputs of function ${quoted(name)}`);
  const nodes = readNodes(
    own(item, "nodeDef"),
    `the body of function ${quoted(name)}`,
    parameters.map((each) => each.name),
  );
  const returns = own(item, "ret");
  const results = readArguments(own(signature, "outputArg"), `the outputs of function ${quoted(name)}`).map(
    (output) => {
      const source = isJsonObject(returns) ? own(returns, output.name) : undefined;
      if (typeof source !== "string") {
        throw new ModelFormatError(`function ${quoted(name)}: nothing is returned as ${quoted(output.name)} (ret)`);
      }
      const given = parseOutput(source, (node) => nodes.get(node)?.op);
      // The converter puts the function's name before those of its constants, but not where it says what is returned.
      const renamed = `${name}/${given.node}`;
      const result = !nodes.has(given.node) && nodes.has(renamed) ? { ...given, node: renamed } : given;
      if (nodes.has(result.node) || parameters.some((parameter) => parameter.name === result.node)) return result;
      throw new ModelFormatError(`function ${quoted(name)} returns ${quoted(source)}, which is not in it`);
    },
  );
  return { name, parameters, nodes, results };
}

function readArguments(list: Json | undefined, what: string): GraphFunction["parameters"] {
  const given = list ?? [];
  if (!isJsonList(given)) throw new ModelFormatError(`${what} must be a list; got ${shown(given)}`);
  return given.map((item) => {
    const name = isJsonObject(item) ? own(item, "name") : undefined;
    if (!isJsonObject(item) || typeof name !== "string") {
      throw new ModelFormatError(`${what} must have names; got ${shown(item)}`);
    }
    return { name: parseOutput(name).node, dtype: dtypeOf(own(item, "type")) };
  });
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
}
