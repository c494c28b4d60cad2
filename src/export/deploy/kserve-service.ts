const MEBIBYTE = 2 ** 20;
/** Of Triton with ONNX Runtime and no model. */
const BASE_MEMORY = 512;
/** The weights in the file, in ONNX Runtime's own layout, and values between layers. */
const MEMORY_OF_WEIGHTS = 3;

export interface KserveOptions {
  readonly name: string;
  /** Where the model repository is, as KServe reads it: `s3://…`, `gs://…`, `pvc://…`. */
  readonly storageUri: string;
  /** Size of the ONNX file. */
  readonly byteLength: number;
}

/**
 * An InferenceService of KServe that runs a Triton model repository, as YAML.
 *
 * @source serving.kserve.io/v1beta1
 */
export function kserveService({ name, storageUri, byteLength }: KserveOptions): string {
  const memory = Math.ceil((BASE_MEMORY + (MEMORY_OF_WEIGHTS * byteLength) / MEBIBYTE) / 128) * 128;
  return `apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: ${kubernetesName(name)}
spec:
  predictor:
    minReplicas: 1
    maxReplicas: 4
    model:
      modelFormat:
        name: onnx
      protocolVersion: v2
      runtime: kserve-tritonserver
      # The folder that holds ${name}/config.pbtxt and ${name}/1/model.onnx: export --triton writes it.
      storageUri: ${JSON.stringify(storageUri)}
      resources:
        requests:
          cpu: "1"
          memory: ${memory}Mi
        limits:
          cpu: "2"
          memory: ${2 * memory}Mi
`;
}

/** Lower-case letters, digits and hyphens, at most 63, beginning with a letter: the name becomes a part of host names. */
function kubernetesName(name: string): string {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]+/gu, "-");
  const started = /^[a-z]/u.test(plain) ? plain : `model-${plain}`;
  return started.slice(0, 63).replaceAll(/^-+|-+$/gu, "");
}
