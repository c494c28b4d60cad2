import { health } from "./generated/health.js";
import { inference } from "./generated/inference.js";

/** How messages of one type become bytes and back. */
export interface Codec<Message> {
  readonly encode: (message: Message) => Buffer;
  readonly decode: (bytes: Buffer) => Message;
}

/** One method of a service. */
export interface Method<Request, Response> {
  /** As it is addressed: `/package.Service/Method`. */
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}

interface Encoder<Message> {
  encode(message: Message): { finish(): Uint8Array };
}

interface Decoder<Message> {
  decode(bytes: Uint8Array): Message;
}

function codec<Message>(type: Encoder<Message> & Decoder<Message>): Codec<Message> {
  return {
    encode(message) {
      const bytes = type.encode(message).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    decode: (bytes) => type.decode(bytes),
  };
}

function method<Request, Response>(
  name: string,
  request: Encoder<Request> & Decoder<Request>,
  response: Encoder<Response> & Decoder<Response>,
  service = "inference.GRPCInferenceService",
): Method<Request, Response> {
  return { path: `/${service}/${name}`, request: codec(request), response: codec(response) };
}

/** Methods of the inference service that are answered. */
export interface Methods {
  readonly serverLive: Method<inference.ServerLiveRequest.$Properties, inference.ServerLiveResponse.$Properties>;
  readonly serverReady: Method<inference.ServerReadyRequest.$Properties, inference.ServerReadyResponse.$Properties>;
  readonly modelReady: Method<inference.ModelReadyRequest.$Properties, inference.ModelReadyResponse.$Properties>;
  readonly serverMetadata: Method<
    inference.ServerMetadataRequest.$Properties,
    inference.ServerMetadataResponse.$Properties
  >;
  readonly modelMetadata: Method<
    inference.ModelMetadataRequest.$Properties,
    inference.ModelMetadataResponse.$Properties
  >;
  readonly modelInfer: Method<inference.ModelInferRequest.$Properties, inference.ModelInferResponse.$Properties>;
  readonly modelStreamInfer: Method<
    inference.ModelInferRequest.$Properties,
    inference.ModelStreamInferResponse.$Properties
  >;
  readonly modelConfig: Method<inference.ModelConfigRequest.$Properties, inference.ModelConfigResponse.$Properties>;
  readonly modelStatistics: Method<
    inference.ModelStatisticsRequest.$Properties,
    inference.ModelStatisticsResponse.$Properties
  >;
  readonly repositoryIndex: Method<
    inference.RepositoryIndexRequest.$Properties,
    inference.RepositoryIndexResponse.$Properties
  >;
  readonly repositoryModelLoad: Method<
    inference.RepositoryModelLoadRequest.$Properties,
    inference.RepositoryModelLoadResponse.$Properties
  >;
  readonly repositoryModelUnload: Method<
    inference.RepositoryModelUnloadRequest.$Properties,
    inference.RepositoryModelUnloadResponse.$Properties
  >;
}

export const methods: Methods = {
  serverLive: method("ServerLive", inference.ServerLiveRequest, inference.ServerLiveResponse),
  serverReady: method("ServerReady", inference.ServerReadyRequest, inference.ServerReadyResponse),
  modelReady: method("ModelReady", inference.ModelReadyRequest, inference.ModelReadyResponse),
  serverMetadata: method("ServerMetadata", inference.ServerMetadataRequest, inference.ServerMetadataResponse),
  modelMetadata: method("ModelMetadata", inference.ModelMetadataRequest, inference.ModelMetadataResponse),
  modelInfer: method("ModelInfer", inference.ModelInferRequest, inference.ModelInferResponse),
  modelStreamInfer: method("ModelStreamInfer", inference.ModelInferRequest, inference.ModelStreamInferResponse),
  modelConfig: method("ModelConfig", inference.ModelConfigRequest, inference.ModelConfigResponse),
  modelStatistics: method("ModelStatistics", inference.ModelStatisticsRequest, inference.ModelStatisticsResponse),
  repositoryIndex: method("RepositoryIndex", inference.RepositoryIndexRequest, inference.RepositoryIndexResponse),
  repositoryModelLoad: method(
    "RepositoryModelLoad",
    inference.RepositoryModelLoadRequest,
    inference.RepositoryModelLoadResponse,
  ),
  repositoryModelUnload: method(
    "RepositoryModelUnload",
    inference.RepositoryModelUnloadRequest,
    inference.RepositoryModelUnloadResponse,
  ),
};

/** gRPC's standard health check. */
export const healthCheck: Method<health.HealthCheckRequest.$Properties, health.HealthCheckResponse.$Properties> =
  method("Check", health.HealthCheckRequest, health.HealthCheckResponse, "grpc.health.v1.Health");

/** The same, with a message whenever the status changes. */
export const healthWatch: Method<health.HealthCheckRequest.$Properties, health.HealthCheckResponse.$Properties> =
  method("Watch", health.HealthCheckRequest, health.HealthCheckResponse, "grpc.health.v1.Health");

export const ServingStatus: typeof health.HealthCheckResponse.ServingStatus = health.HealthCheckResponse.ServingStatus;
export type ServingStatus = health.HealthCheckResponse.ServingStatus;
export const InstanceKind: typeof inference.ModelInstanceGroup.Kind = inference.ModelInstanceGroup.Kind;
export const DataType: typeof inference.DataType = inference.DataType;

export type HealthRequestMessage = health.HealthCheckRequest.$Properties;
export type HealthResponseMessage = health.HealthCheckResponse.$Properties;
export type InferRequestMessage = inference.ModelInferRequest.$Properties;
export type InferResponseMessage = inference.ModelInferResponse.$Properties;
export type StreamResponseMessage = inference.ModelStreamInferResponse.$Properties;
export type InferInputMessage = inference.ModelInferRequest.InferInputTensor.$Properties;
export type ContentsMessage = inference.InferTensorContents.$Properties;
export type ParameterMessage = inference.InferParameter.$Properties;
export type ConfigMessage = inference.ModelConfig.$Properties;
