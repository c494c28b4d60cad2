import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";

import { headers, type TensorFlowPin } from "../../../src/train/native/pins.ts";
import { makePlan, type NativePlan } from "../../../src/train/native/plan.ts";

/** A small wheel with the members of TensorFlow's, and a tfjs-node to compile against it. */
export interface Fabricated {
  readonly pin: TensorFlowPin;
  readonly wheel: string;
  readonly tfjsNode: string;
}

const version = "9.9.9";
const project = "fabricated-tensorflow";

const mac = process.platform === "darwin";
const libraries = mac
  ? ["libtensorflow_cc.2.dylib", "libtensorflow_framework.2.dylib"]
  : ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];

/**
 * Make a wheel whose libraries export one function each, and a tfjs-node whose addon calls it.
 *
 * @param padding bytes appended to the first library, which nobody reads.
 */
export function fabricate(folder: string, padding: number): Fabricated {
  mkdirSync(folder, { recursive: true });
  const contents = libraries.map((name, index) => compileLibrary(folder, name, index));
  const padded = Buffer.concat([contents[0] ?? Buffer.alloc(0), Buffer.alloc(padding)]);
  const members = [
    { name: `tensorflow/${libraries[0]}`, data: padded },
    { name: `tensorflow/${libraries[1]}`, data: contents[1] ?? Buffer.alloc(0) },
    ...headers.map((name) => ({ name: `tensorflow/include/${name}`, data: Buffer.from("#pragma once\n") })),
  ];
  const wheelPlatform = mac ? "macosx_12_0_arm64" : "manylinux2014_x86_64";
  const info = `${project.replace("-", "_")}-${version}`;
  const wheel = join(folder, `${info}-cp312-cp312-${wheelPlatform}.whl`);
  const metadata = `Metadata-Version: 2.1\nName: ${project}\nVersion: ${version}\n`;
  const zip = makeZip([
    ...members,
    { name: "tensorflow/python/unwanted.py", data: Buffer.from("pass\n") },
    { name: `${info}.dist-info/METADATA`, data: Buffer.from(metadata) },
    { name: `${info}.dist-info/WHEEL`, data: Buffer.from("Wheel-Version: 1.0\n") },
    { name: `${info}.dist-info/RECORD`, data: Buffer.from("") },
  ]);
  writeFileSync(wheel, zip);
  const pin = {
    version,
    target: `${process.platform}-${process.arch}`,
    project,
    wheelPlatform,
    sha256: createHash("sha256").update(zip).digest("hex"),
    bytes: zip.length,
    unpackedBytes: members.reduce((sum, { data }) => sum + data.length, 0),
    libraries,
  };
  return { pin, wheel, tfjsNode: makeTfjsNode(folder) };
}

/** A plan that takes the fabricated wheel from its file. */
export function fabricatedPlan(made: Fabricated, root: string, env: NodeJS.ProcessEnv = {}): NativePlan {
  const wheel = { TFJS_TO_ONNX_TENSORFLOW_WHEEL: made.wheel };
  return makePlan({ pin: made.pin, root, tfjsNode: made.tfjsNode, env: { ...process.env, ...wheel, ...env } });
}

function compileLibrary(folder: string, name: string, index: number): Buffer {
  const source = join(folder, `part${index}.cc`);
  const library = join(folder, name);
  writeFileSync(source, `extern "C" int fabricated_${index}() { return ${index}; }\n`);
  const soname = mac ? `-Wl,-install_name,@rpath/${name}` : `-Wl,-soname,${name}`;
  execFileSync("c++", ["-shared", "-fPIC", soname, source, "-o", library]);
  return readFileSync(library);
}

function makeTfjsNode(folder: string): string {
  const copied = join(folder, "tfjs-node");
  mkdirSync(join(copied, "binding"), { recursive: true });
  writeFileSync(join(copied, "package.json"), '{ "version": "4.22.0" }');
  const source = [
    '#include "tensorflow/c/c_api.h"',
    "#include <node_api.h>",
    'extern "C" int fabricated_0();',
    "NAPI_MODULE_INIT() {",
    "  napi_value answer;",
    "  napi_create_int32(env, 42 + fabricated_0(), &answer);",
    "  return answer;",
    "}",
  ];
  writeFileSync(join(copied, "binding", "tfjs_binding.cc"), `${source.join("\n")}\n`);
  return copied;
}

interface ZipMember {
  readonly name: string;
  readonly data: Buffer;
}

/** A zip file of deflated members (PKWARE's APPNOTE, 4.3). */
function makeZip(members: readonly ZipMember[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, data } of members) {
    const packed = deflateRawSync(data, { level: 1 });
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    locals.push(Buffer.from("PK\u0003\u0004", "latin1"), common, Buffer.from(name), packed);
    centrals.push(Buffer.from("PK\u0001\u0002\u0014\u0000", "latin1"), common, place, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + packed.length;
  }
  const central = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006", "latin1");
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}
