export { ToolError } from "./errors.ts";
