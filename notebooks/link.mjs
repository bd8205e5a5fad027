// Makes `import "liftwise"` in a notebook the library in the folder above.
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const link = join(here, "node_modules", "liftwise");
mkdirSync(dirname(link), { recursive: true });
if (!existsSync(link)) symlinkSync(join(here, ".."), link, "junction");
