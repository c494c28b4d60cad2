import * as $protobuf from "protobufjs";
interface Long {
    readonly low: number;
    readonly high: number;
    readonly unsigned: boolean;
}

/** Namespace health. */
export namespace health {

    /**
     * Properties of a HealthCheckRequest.
     * @deprecated Use health.HealthCheckRequest.$Properties instead.
     */
    interface IHealthCheckRequest extends health.HealthCheckRequest.$Properties {
    }

    /** Represents a HealthCheckRequest. */
    class HealthCheckRequest {

        /**
         * Constructs a new HealthCheckRequest.
         * @param [properties] Properties to set
         */
        constructor(properties?: health.HealthCheckRequest.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** HealthCheckRequest service. */
        service: string;

        /**
         * Encodes the specified HealthCheckRequest message. Does not implicitly {@link health.HealthCheckRequest.verify|verify} messages.
         * @param message HealthCheckRequest message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: health.HealthCheckRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a HealthCheckRequest message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {health.HealthCheckRequest & health.HealthCheckRequest.$Shape} HealthCheckRequest
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): health.HealthCheckRequest & health.HealthCheckRequest.$Shape;
    }

    namespace HealthCheckRequest {

        /** Properties of a HealthCheckRequest. */
        interface $Properties {

            /** HealthCheckRequest service */
            service?: (string|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a HealthCheckRequest. */
        type $Shape = health.HealthCheckRequest.$Properties;
    }

    /**
     * Properties of a HealthCheckResponse.
     * @deprecated Use health.HealthCheckResponse.$Properties instead.
     */
    interface IHealthCheckResponse extends health.HealthCheckResponse.$Properties {
    }

    /** Represents a HealthCheckResponse. */
    class HealthCheckResponse {

        /**
         * Constructs a new HealthCheckResponse.
         * @param [properties] Properties to set
         */
        constructor(properties?: health.HealthCheckResponse.$Properties);

        /** Unknown fields preserved while decoding when enabled */
        $unknowns?: Uint8Array[];

        /** HealthCheckResponse status. */
        status: health.HealthCheckResponse.ServingStatus;

        /**
         * Encodes the specified HealthCheckResponse message. Does not implicitly {@link health.HealthCheckResponse.verify|verify} messages.
         * @param message HealthCheckResponse message or plain object to encode
         * @param [writer] Writer to encode to
         * @returns Writer
         */
        static encode(message: health.HealthCheckResponse.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

        /**
         * Decodes a HealthCheckResponse message from the specified reader or buffer.
         * @param reader Reader or buffer to decode from
         * @param [length] Message length if known beforehand
         * @returns {health.HealthCheckResponse & health.HealthCheckResponse.$Shape} HealthCheckResponse
         * @throws {Error} If the payload is not a reader or valid buffer
         * @throws {$protobuf.util.ProtocolError} If required fields are missing
         */
        static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): health.HealthCheckResponse & health.HealthCheckResponse.$Shape;
    }

    namespace HealthCheckResponse {

        /** Properties of a HealthCheckResponse. */
        interface $Properties {

            /** HealthCheckResponse status */
            status?: (health.HealthCheckResponse.ServingStatus|null);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];
        }

        /** Shape of a HealthCheckResponse. */
        type $Shape = health.HealthCheckResponse.$Properties;

        /** ServingStatus enum. */
        enum ServingStatus {

            /** UNKNOWN value */
            UNKNOWN = 0,

            /** SERVING value */
            SERVING = 1,

            /** NOT_SERVING value */
            NOT_SERVING = 2,

            /** SERVICE_UNKNOWN value */
            SERVICE_UNKNOWN = 3
        }
    }
}
