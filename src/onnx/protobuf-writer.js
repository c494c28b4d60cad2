/// <reference path="./protobufjs-parts.d.ts" />
// The part of protobufjs that writes, without the one that reads: the exporter only writes, and browsers load what it imports.
import util from "protobufjs/src/util/minimal.js";
import Writer from "protobufjs/src/writer.js";

export default { Writer, util, roots: {} };
