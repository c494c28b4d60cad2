import { UnsupportedMethodError } from "../errors.ts";

const TRAIN_HINT = "load the model with TF.js for that, and convert it again when it is trained";
const WEIGHTS_HINT = "load the model with TF.js for its weights; the loader of tfjs-to-onnx/drop-in does not hold them";

/** @param method As users call it: `fit` */
export function noTraining(method: string): UnsupportedMethodError {
  return new UnsupportedMethodError(`${method}: a converted model can be run, not trained or scored`, {
    hint: TRAIN_HINT,
  });
}

export function noWeights(method: string): UnsupportedMethodError {
  return new UnsupportedMethodError(`${method}: a converted model does not give or take its weights`, {
    hint: WEIGHTS_HINT,
  });
}

export function noSaving(): UnsupportedMethodError {
  return new UnsupportedMethodError("save: a converted model is not saved in TF.js's format", {
    hint: "for the ONNX file call exportModel of tfjs-to-onnx, or run: tfjs-to-onnx export MODEL",
  });
}

export function noGraph(method: string, hint: string): UnsupportedMethodError {
  return new UnsupportedMethodError(`${method}: a converted model has no layers that can be computed one by one`, {
    hint,
  });
}
