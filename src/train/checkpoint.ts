import { readFile } from "node:fs/promises";
import { crc32 } from "node:zlib";

import { TrainError } from "../errors.ts";
import { writeAside } from "../node/write-aside.ts";

import type { StepState, VariableState } from "./compile/index.ts";
import type { EpochRecord } from "./history.ts";

/** What decides a run: a checkpoint goes on only with the same. */
export interface RunIdentity {
  readonly network: string;
  readonly dataset: string;
  readonly images: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly learningRate: number;
  /** Whatever else was set, by its name. */
  readonly [setting: string]: string | number;
}

/** What may be changed when a run goes on. */
export interface RunPlan {
  readonly epochs: number;
  readonly schedule: string;
  readonly cooldownEpochs: number;
}

/** A run between two steps. */
export interface Checkpoint {
  readonly run: RunIdentity;
  readonly plan: RunPlan;
  /** Epochs done. */
  readonly epoch: number;
  /** Batches of the current epoch done. */
  readonly batch: number;
  /** Samples of the current epoch done, and sums over them. */
  readonly samples: number;
  readonly lossSum: number;
  readonly correct: number;
  readonly trainingMs: number;
  readonly history: readonly EpochRecord[];
  readonly state: StepState;
}

const MAGIC = "tfjs-to-onnx checkpoint 3\n";

/** Layout: magic, header length and CRC-32 of all that follows (little-endian uint32), header (JSON), values. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { state, ...position } = checkpoint;
  const { variables, ...rest } = state;
  const described = variables.map(({ name, shape, values }) => ({ name, shape, type: typeOf(values) }));
  const header = Buffer.from(JSON.stringify({ ...position, state: rest, variables: described }));
  const body = Buffer.concat([
    header,
    ...variables.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
  ]);
  const lead = Buffer.alloc(8);
  lead.writeUInt32LE(header.length, 0);
  lead.writeUInt32LE(crc32(body), 4);
  await writeAside(path, Buffer.concat([Buffer.from(MAGIC), lead, body]));
}

/** @throws {TrainError} when there is none, or it is damaged, or it belongs to another run */
export async function readCheckpoint(path: string, wanted: RunIdentity): Promise<Checkpoint> {
  const checkpoint = decode(path, await bytesOf(path));
  for (const key of new Set([...Object.keys(wanted), ...Object.keys(checkpoint.run)])) {
    const [found, value] = [checkpoint.run[key], wanted[key]];
    if (found === value) continue;
    const had = found === undefined ? `without ${key}` : `with ${key} ${found}`;
    const wish = value === undefined ? "without" : `${found === undefined ? "with " : ""}${value}`;
    throw new TrainError(`${path} is of a run ${had}, not ${wish}`, {
      hint: `give the options of that run, or train afresh without --resume`,
    });
  }
  return checkpoint;
}

/** How far the run of a checkpoint has come. */
export interface CheckpointProgress {
  readonly network: string;
  /** Epochs done, of `epochs`. */
  readonly epoch: number;
  readonly epochs: number;
  /** Batches of the current epoch done. */
  readonly batch: number;
}

/** The progress of a checkpoint that `train --resume` can go on from; null when there is none, or it is damaged. */
export async function checkpointProgress(path: string): Promise<CheckpointProgress | null> {
  try {
    const { run, plan, epoch, batch } = decode(path, await bytesOf(path));
    return { network: run.network, epoch, epochs: plan.epochs, batch };
  } catch (error) {
    if (error instanceof TrainError) return null;
    throw error;
  }
}

async function bytesOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new TrainError(`there is no checkpoint to go on from: ${path}`, {
      hint: "train without --resume first, or name the folder of the run by --out",
      cause,
    });
  }
}

function decode(path: string, bytes: Buffer): Checkpoint {
  const damaged = (): never => {
    throw new TrainError(`${path} is damaged, or not a checkpoint of this version`, {
      hint: "train afresh without --resume",
    });
  };
  const start = MAGIC.length + 8;
  if (bytes.length < start || bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) return damaged();
  const body = bytes.subarray(start);
  if (crc32(body) !== bytes.readUInt32LE(MAGIC.length + 4)) return damaged();
  const headerLength = bytes.readUInt32LE(MAGIC.length);
  const header = parseHeader(body.toString("utf8", 0, headerLength));
  const { variables, state, ...position } = header;
  let offset = headerLength;
  const restored = variables.map(({ name, shape, type }): VariableState => {
    const size = shape.reduce((product, dim) => product * dim, 1) * (type === "uint8" ? 1 : 4);
    const values = valuesOf(type, new Uint8Array(body.subarray(offset, offset + size)));
    offset += size;
    return { name, shape, values };
  });
  return { ...position, state: { ...state, variables: restored } };
}

/** The checksum has vouched for everything this file's own writer put there. */
function parseHeader(text: string): Header {
  const parsed: unknown = JSON.parse(text);
  if (isHeader(parsed)) return parsed;
  throw new TrainError("the checkpoint's header is no object");
}

function isHeader(value: unknown): value is Header {
  return typeof value === "object" && value !== null && "variables" in value && "state" in value;
}

interface Header extends Omit<Checkpoint, "state"> {
  readonly state: Omit<StepState, "variables">;
  readonly variables: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly type: ValueType;
  }[];
}

type ValueType = "float32" | "int32" | "uint8";

function typeOf(values: VariableState["values"]): ValueType {
  if (values instanceof Float32Array) return "float32";
  return values instanceof Int32Array ? "int32" : "uint8";
}

function valuesOf(type: ValueType, bytes: Uint8Array<ArrayBuffer>): VariableState["values"] {
  if (type === "uint8") return bytes;
  return type === "int32" ? new Int32Array(bytes.buffer) : new Float32Array(bytes.buffer);
}
