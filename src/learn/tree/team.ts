/**
 * Threads that go through the phases of one job in step with the main thread, which does its share of every phase. A phase is a number of
 * tasks; whoever is free takes the next one, so nobody waits for a thread that has not started yet or lost its core, and since tasks add
 * whole numbers or write to places of their own, the result does not depend on who did what.
 *
 * One word, the ticket, says all: its low bits count the tasks that nobody has taken, the bits above them the phase. A thread takes a task by
 * counting the ticket down; if the phase has changed meanwhile, that fails.
 */

/** Words of the control block: ticket, tasks done, operation, stop; the rest are arguments of the operation. */
export const control = { ticket: 0, done: 1, operation: 2, stop: 3, arguments: 8, words: 64 } as const;

export const mostTasks = 16_383;
const taskBits = 14;
const taskMask = 16_383;

/** One task of one operation; `slot` is 0 on the main thread and the worker's number on others. */
export type Operate = (operation: number, task: number, slot: number) => void;

export interface Team {
  /** Does tasks 0 .. tasks - 1 of the operation; a promise where there are others to wait for. */
  phase(operation: number, tasks: number): Promise<void> | undefined;
}

/** A team of one: every phase is a loop. */
export function alone(operate: Operate): Team {
  return {
    phase: (operation, tasks) => {
      for (let task = 0; task < tasks; task++) operate(operation, task, 0);
      return undefined;
    },
  };
}

/**
 * The main thread's side. @param failed says whether a helper has died, which ends the job
 */
export function lead(block: Int32Array, operate: Operate, failed: () => unknown): Team {
  let phase = 0;
  return {
    phase: async (operation, tasks) => {
      phase = (phase + 1) & 0x3ffff;
      block[control.operation] = operation;
      Atomics.store(block, control.done, 0);
      Atomics.store(block, control.ticket, (phase << taskBits) | tasks);
      Atomics.notify(block, control.ticket);
      for (let task = take(block); task >= 0; task = take(block)) {
        operate(operation, task, 0);
        Atomics.add(block, control.done, 1);
      }
      for (let tries = 0; ; tries++) {
        const done = Atomics.load(block, control.done);
        if (done === tasks) return;
        if (tries < 5000) continue;
        Atomics.wait(block, control.done, done, 1);
        if (tries % 20 !== 0) continue;
        // Only between turns of the event loop is a dead worker heard of.
        await new Promise(setImmediate);
        const reason = failed();
        if (reason !== undefined) throw reason;
      }
    },
  };
}

/** The helpers' side: takes tasks until the leader says stop. */
export function follow(block: Int32Array, operate: Operate, slot: number): void {
  let idle = 0;
  while (Atomics.load(block, control.stop) === 0) {
    const ticket = Atomics.load(block, control.ticket);
    const task = (ticket & taskMask) - 1;
    if (task < 0) {
      if (idle++ > 3000) Atomics.wait(block, control.ticket, ticket, 1000);
      continue;
    }
    idle = 0;
    if (Atomics.compareExchange(block, control.ticket, ticket, ticket - 1) !== ticket) continue;
    operate(block[control.operation], task, slot);
    Atomics.add(block, control.done, 1);
    Atomics.notify(block, control.done);
  }
}

/** Ends `follow` in every helper. */
export function dismiss(block: Int32Array): void {
  Atomics.store(block, control.stop, 1);
  Atomics.notify(block, control.ticket);
}

function take(block: Int32Array): number {
  for (;;) {
    const ticket = Atomics.load(block, control.ticket);
    const task = (ticket & taskMask) - 1;
    if (task < 0 || Atomics.compareExchange(block, control.ticket, ticket, ticket - 1) === ticket) return task;
  }
}
