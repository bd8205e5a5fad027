import { defineConfig } from "vitest/config";

/** The second stage of the check: documentation, notebooks and the package as a new user meets them. Slow, and needs what is built. */
export default defineConfig({
  test: {
    include: ["test/**/*.stage.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    reporters: ["default", "./test/support/closingLine.ts"],
  },
});
