import type $protobuf from "protobufjs/minimal.js";

declare const writing: Pick<typeof $protobuf, "Writer" | "util" | "roots">;
export default writing;
