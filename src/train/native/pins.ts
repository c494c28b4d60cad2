/** One TensorFlow wheel of the Python registry: what is asked for, and how what came is known to be it. */
export interface TensorFlowPin {
  /** Version of TensorFlow. */
  readonly version: string;
  /** `process.platform`-`process.arch` that its libraries are for. */
  readonly target: string;
  /** Name of the project on the Python registry. */
  readonly project: string;
  /** Platform tag of the wheel. */
  readonly wheelPlatform: string;
  /** Digest of the wheel, hexadecimal. */
  readonly sha256: string;
  /** Size of the wheel in bytes. */
  readonly bytes: number;
  /** Size in bytes of the members we keep. */
  readonly unpackedBytes: number;
  /** File names of TensorFlow's libraries, in the wheel's folder `tensorflow/`. */
  readonly libraries: readonly string[];
}

/** CPython version whose wheels are taken. The libraries do not depend on it; the digests below do. */
export const wheelPython = "3.12";

const linuxLibraries = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];

/** The wheels that were tried; digests and sizes are those of the Python registry. */
export const pins: readonly TensorFlowPin[] = [
  {
    version: "2.20.0",
    target: "linux-x64",
    project: "tensorflow-cpu",
    wheelPlatform: "manylinux2014_x86_64",
    sha256: "c7a9224185818094ed95c4e114d3efe77241db35fbf0b75251fb2bf6222dd6a7",
    bytes: 258_989_246,
    unpackedBytes: 779_637_780,
    libraries: linuxLibraries,
  },
  {
    version: "2.20.0",
    target: "linux-arm64",
    project: "tensorflow",
    wheelPlatform: "manylinux2014_aarch64",
    sha256: "2bfbfb3dd0e22bffc45fe1e922390d27753e99261fab8a882e802cf98a0e078f",
    bytes: 259_533_109,
    unpackedBytes: 933_876_261,
    libraries: linuxLibraries,
  },
  {
    version: "2.20.0",
    target: "darwin-arm64",
    project: "tensorflow",
    wheelPlatform: "macosx_12_0_arm64",
    sha256: "52b122f0232fd7ab10f28d537ce08470d0b6dcac7fff9685432daac7f8a06c8f",
    bytes: 200_540_302,
    unpackedBytes: 703_521_528,
    libraries: ["libtensorflow_cc.2.dylib", "libtensorflow_framework.2.dylib"],
  },
];

/** Headers of TensorFlow's C API that tfjs-node's sources include, below the wheel's `tensorflow/include/`. */
export const headers: readonly string[] = [
  "tensorflow/c/c_api.h",
  "tensorflow/c/c_api_macros.h",
  "tensorflow/c/tf_attrtype.h",
  "tensorflow/c/tf_buffer.h",
  "tensorflow/c/tf_datatype.h",
  "tensorflow/c/tf_status.h",
  "tensorflow/c/tf_tensor.h",
  "tensorflow/c/tf_tstring.h",
  "tensorflow/c/eager/c_api.h",
  "tensorflow/core/platform/ctstring.h",
  "tensorflow/core/platform/ctstring_internal.h",
  "tsl/platform/ctstring.h",
  "tsl/platform/ctstring_internal.h",
  "xla/tsl/c/tsl_status.h",
];
