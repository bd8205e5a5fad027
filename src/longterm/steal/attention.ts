import * as c from "../../compute/index.ts";

/** Sizes of the attention net. */
export interface AttentionSizes {
  /** Feature columns, steps, metrics, length of the effect on the course, arms. */
  readonly features: number;
  readonly steps: number;
  readonly metrics: number;
  readonly effect: number;
  readonly arms: number;
  readonly hidden: number;
}

/** What stands in for the outcome that the linear part leaves: natural part and direct effect of each treated arm. */
export interface Parts {
  /** [rows]. */
  readonly natural: c.Tensor;
  /** [rows, arms - 1]. */
  readonly direct: c.Tensor;
}

/**
 * Interaction attention (Liu2023): every feature and every step is a token; the separated short-term effect of an arm, with the arm's own vector, asks which tokens its
 * long-term effect depends on.
 *   token_f = x_f e_f + b_f, token_t = GRU state; query_a = W [u_a; e_a], u_a = dense(effect on the course);
 *   score_k = w' relu(sigmoid(W1 query) + sigmoid(W2 token_k + b)); dy_a = mlp([mean tokens, sum_k softmax(score)_k token_k, u_a]); y0 = mlp([mean tokens, last state])
 */
export function attentionNet(sizes: AttentionSizes): c.Layer<[x: c.Tensor, s: c.Tensor, effect: c.Tensor], Parts> {
  const { features, steps, metrics, effect, arms, hidden: h } = sizes;
  const gru = c.nn.gru(metrics, h);
  const lift = c.nn.dense(effect, h);
  const ask = c.nn.dense(2 * h, h);
  const left = c.nn.dense(h, h, { bias: false });
  const right = c.nn.dense(h, h);
  const score = c.nn.dense(h, 1, { bias: false });
  const natural = c.nn.mlp(2 * h, [h, 1], { activation: "elu", last: "linear" });
  const direct = c.nn.mlp(3 * h, [h, 1], { activation: "elu", last: "linear" });
  const start = c.starts.uniform(1 / Math.sqrt(h));
  const init = {
    scale: c.weight([features, h], { start }),
    shift: c.weight([features, h], { start }),
    arm: c.weight([Math.max(1, arms - 1), h], { start }),
    gru: gru.init,
    lift: lift.init,
    ask: ask.init,
    left: left.init,
    right: right.init,
    score: score.init,
    natural: natural.init,
    direct: direct.init,
  };
  return {
    init,
    apply: (weights, x, s, shortEffect, step?: c.Step) => {
      void step;
      const w = weights as c.TensorsOf<typeof init>;
      const fields = c.add(c.mul(c.reshape(x, [-1, features, 1]), w.scale as c.Tensor), w.shift as c.Tensor);
      const course = gru.apply(w.gru as c.Tensors, s);
      const tokens = c.concat([fields, course.states], 1);
      const pooled = c.mean(fields, 1);
      const y0 = c.squeeze(natural.apply(w.natural as c.Tensors, c.concat([pooled, course.last], 1)), -1);
      const keys = c.sigmoid(right.apply(w.right as c.Tensors, tokens));
      const each: c.Tensor[] = [];
      for (let a = 0; a < arms - 1; a++) {
        const part = c.slice(shortEffect, 1, a * effect, (a + 1) * effect);
        const u = c.tanh(lift.apply(w.lift as c.Tensors, part));
        const own = c.add(c.mul(u, 0), c.take(w.arm as c.Tensor, 0, a));
        const query = c.sigmoid(left.apply(w.left as c.Tensors, ask.apply(w.ask as c.Tensors, c.concat([u, own], 1))));
        const scores = c.squeeze(score.apply(w.score as c.Tensors, c.relu(c.add(c.reshape(query, [-1, 1, h]), keys))), -1);
        const seen = c.sum(c.mul(c.reshape(c.softmax(scores), [-1, features + steps, 1]), tokens), 1);
        each.push(direct.apply(w.direct as c.Tensors, c.concat([pooled, seen, u], 1)));
      }
      return { natural: y0, direct: arms > 1 ? c.concat(each, 1) : c.reshape(c.mul(y0, 0), [-1, 1]) };
    },
  };
}
