import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const beside = fileURLToPath(new URL("../../../shared/datasets", import.meta.url));
const folder = process.env.LIFTWISE_DATA_DIR || beside;

/** Folder of the public data sets, or undefined where they are not on this machine. */
export const shared: string | undefined = existsSync(folder) ? folder : undefined;

/** What a skipped test is called, so that it is seen why. */
export const needsShared = shared === undefined ? " (skipped: no public data; set LIFTWISE_DATA_DIR)" : "";
