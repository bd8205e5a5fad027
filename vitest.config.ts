import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: more processes than that only take turns.
    maxWorkers: 2,
    reporters: ["default", "./test/support/closingLine.ts"],
  },
});
