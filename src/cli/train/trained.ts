import { crc32 } from "node:zlib";

import type * as tfjs from "@tensorflow/tfjs";

import type { RawModel } from "../../export/source/model.ts";
import { readModel } from "../../node/read-model.ts";
import type { Tf } from "../../train/networks.ts";
import type { Teaching } from "../../train/teachers.ts";
import type { TrainSettings } from "../train-settings.ts";

interface Trained {
  readonly name: string;
  readonly raw: RawModel;
}

/** Models that a run begins with or learns from. */
export interface TrainedModels {
  readonly init: Trained | undefined;
  readonly teachers: readonly Trained[];
}

export async function readTrained({ init, teacher }: TrainSettings): Promise<TrainedModels> {
  const read = async (name: string): Promise<Trained> => ({ name, raw: await readModel(name) });
  return {
    init: init === undefined ? undefined : await read(init),
    teachers: await Promise.all(teacher.map((name) => read(name))),
  };
}

/** By their weights: the files may move, but not change. */
export function marksOf(
  { init, teachers }: TrainedModels,
  { teacherShare }: TrainSettings,
): Record<string, string | number> {
  const marks = (models: readonly Trained[]): string =>
    models.map(({ raw }) => crc32(raw.weights ?? "").toString(16)).join(" ");
  return {
    ...(init === undefined ? {} : { init: marks([init]) }),
    ...(teachers.length === 0 ? {} : { teachers: marks(teachers), teacherShare }),
  };
}

/** Gives the network the weights to begin with, if there are some. */
export async function beginWith(tf: Tf, network: tfjs.LayersModel, { init }: TrainedModels): Promise<boolean> {
  if (init === undefined) return false;
  const { copyWeights, loadTrained } = await import("../../train/teachers.ts");
  const model = await loadTrained(tf, init.raw, network, init.name);
  copyWeights(model, network, init.name);
  model.dispose();
  return true;
}

export async function teachingOf(
  tf: Tf,
  network: tfjs.LayersModel,
  { teachers }: TrainedModels,
  share: number,
): Promise<Teaching | undefined> {
  const { loadTrained } = await import("../../train/teachers.ts");
  const models: tfjs.LayersModel[] = [];
  for (const { raw, name } of teachers) models.push(await loadTrained(tf, raw, network, name));
  return models.length === 0 ? undefined : { models, share };
}
