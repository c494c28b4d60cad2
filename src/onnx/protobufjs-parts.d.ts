// protobufjs has types for its entries only, not for these files of theirs.

declare module "protobufjs/src/writer.js" {
  import $protobuf from "protobufjs/minimal.js";

  const writer: typeof $protobuf.Writer;
  export default writer;
}

declare module "protobufjs/src/util/minimal.js" {
  import $protobuf from "protobufjs/minimal.js";

  const util: typeof $protobuf.util;
  export default util;
}
