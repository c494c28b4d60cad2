/**
 * What the declarations of this package name of TF.js, as far as it is known without it. TypeScript looks at a pattern only where the
 * file itself is not found, so where TF.js is installed, its own types are taken. A program's own imports of `@tensorflow/tfjs` do
 * not fit the patterns.
 */
declare module "@tensorflow/tfjs/dist/index.*" {
  interface DataTypeMap {
    float32: Float32Array;
    int32: Int32Array;
    bool: Uint8Array;
    complex64: Float32Array;
    string: string[];
  }

  type DataType = keyof DataTypeMap;

  interface Tensor {
    readonly shape: number[];
    readonly dtype: DataType;
    data<D extends DataType = "float32">(): Promise<DataTypeMap[D]>;
    dispose(): void;
  }

  interface NamedTensorMap {
    [name: string]: Tensor;
  }

  interface ModelPredictConfig {
    batchSize?: number;
    verbose?: boolean;
  }

  interface Variable extends Tensor {
    readonly name: string;
    trainable: boolean;
  }

  interface Optimizer {
    dispose(): void;
  }

  interface LayersModel {
    readonly name: string;
  }
}

declare module "@tensorflow/tfjs-node/dist/index.*" {
  const tensorflow: object;
  export default tensorflow;
}
