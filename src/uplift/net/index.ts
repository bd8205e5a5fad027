export { dragonnet } from "./dragonnet.ts";
export { tarnet } from "./tarnet.ts";
