// Transport between two sentences, from a plan to links, and from links to scores: the explorer without a page.
//
// A matrix is a Float64Array of n * m numbers, row by row; masses a (n) and b (m) sum to 1. Every plan but the exact
// one has the form T_ij = a_i b_j exp((f_i + g_j - C_ij) / epsilon), with potentials f and g in units of cost. It is
// the plan of optical_lite.transport, which says where each method comes from.

export const METHODS = ["sinkhorn", "unbalanced", "partial", "exact", "similarity"];
export const RULES = [
  "forward", "backward", "intersection", "union", "grow-diag", "grow-diag-final", "itermax", "match", "threshold",
];
const FORBIDDEN = 40; // epsilons on top of all costs: what costs so much more moves nothing
const TOLERANCE = 1e-11; // of the marginal error, in units of mass
export const sum = (values) => values.reduce((x, y) => x + y, 0);

// One half of a Sinkhorn iteration, on logarithms:
//   out_i = -damping epsilon log sum_j weight_j exp((other_j - C_ij) / epsilon).
// Entry (i, j) of C stands at i * down + j * across, so that the same lines update rows and columns.
function update(C, out, other, weight, epsilon, damping, down, across) {
  for (let i = 0; i < out.length; i++) {
    let top = -Infinity, total = 0;
    for (let j = 0, k = i * down; j < other.length; j++, k += across)
      if (weight[j] > 0 && other[j] - C[k] > top) top = other[j] - C[k];
    for (let j = 0, k = i * down; j < other.length; j++, k += across)
      total += weight[j] * Math.exp((other[j] - C[k] - top) / epsilon);
    out[i] = -damping * (top + epsilon * Math.log(total));
  }
}

// A problem in the form that the iteration works on. Partial transport is balanced transport with a waste row and a
// waste column, which nothing may use both of; unbalanced transport damps the updates.
function prepare(C, a, b, { method, epsilon, reach, mass }) {
  if (method !== "partial") return { C, a, b, epsilon, reach: method === "unbalanced" ? reach : Infinity };
  const n = a.length, m = b.length, wide = new Float64Array((n + 1) * (m + 1));
  for (let i = 0; i < n; i++) wide.set(C.subarray(i * m, (i + 1) * m), i * (m + 1));
  wide[wide.length - 1] = 2 * C.reduce((x, y) => Math.max(x, Math.abs(y)), 0) + 1 + FORBIDDEN * epsilon;
  const waste = (masses) => Float64Array.from([...masses, (1 - mass) * sum(masses)]);
  return { C: wide, a: waste(a), b: waste(b), epsilon, reach: Infinity };
}

const damping = ({ epsilon, reach }) => (reach === Infinity ? 1 : reach / (reach + epsilon));

// The plan of two potentials, its sums and what is wrong with them; what a row wants to move falls with its potential.
function form(p, f, g, T) {
  const n = p.a.length, m = p.b.length, rows = new Float64Array(n), columns = new Float64Array(m);
  for (let i = 0, k = 0; i < n; i++)
    for (let j = 0; j < m; j++, k++) {
      T[k] = p.a[i] * p.b[j] * Math.exp((f[i] + g[j] - p.C[k]) / p.epsilon);
      rows[i] += T[k];
      columns[j] += T[k];
    }
  const left = (x, potential) => (p.reach === Infinity ? x : x * Math.exp(-potential / p.reach));
  const want = (masses, potential) => masses.map((x, i) => left(x, potential[i]));
  const off = (sums, wanted) => sum(sums.map((x, i) => Math.abs(x - wanted[i])));
  const wantRows = want(p.a, f), wantColumns = want(p.b, g);
  return { rows, columns, wantRows, wantColumns, error: off(rows, wantRows) + off(columns, wantColumns) };
}

// Solve A x = y for a symmetric A, not negative, by its lower half; a direction in which A is 0 is left alone.
function eliminate(A, y) {
  const m = y.length, floor = 1e-15 * A.reduce((x, v, k) => (k % (m + 1) ? x : Math.max(x, v)), 0);
  const pivots = new Float64Array(m);
  for (let k = 0; k < m; k++) {
    pivots[k] = A[k * m + k] > floor ? A[k * m + k] : Infinity;
    for (let i = k + 1; i < m; i++) {
      const times = A[i * m + k] / pivots[k];
      y[i] -= times * y[k];
      for (let j = k + 1; j <= i; j++) A[i * m + j] -= times * A[j * m + k];
    }
  }
  for (let k = m - 1; k >= 0; k--) {
    for (let i = k + 1; i < m; i++) y[k] -= A[i * m + k] * y[i];
    y[k] /= pivots[k];
  }
  return y;
}

// Newton's step on the dual problem: near the solution it squares the error, where an iteration only shrinks it.
// Rows are eliminated first, so that a system of m numbers is left (Brauer, Clason, Lorenz and Wirth, 2017).
function newton(p, f, T, { rows, columns, wantRows, wantColumns }) {
  const n = rows.length, m = columns.length, e = p.epsilon;
  const weight = (moved, wanted) => moved.map((x, i) => x + (e / p.reach) * wanted[i] || 1);
  const pr = weight(rows, wantRows), q = weight(columns, wantColumns), A = new Float64Array(m * m);
  const y = columns.map((x, j) => wantColumns[j] - x);
  for (let i = 0; i < n; i++) {
    const at = i * m, lack = (wantRows[i] - rows[i]) / pr[i];
    for (let j = 0; j < m; j++) {
      const t = T[at + j] / pr[i];
      y[j] -= T[at + j] * lack;
      if (t > 1e-18) for (let k = 0; k <= j; k++) A[j * m + k] -= t * T[at + k];
    }
  }
  // balanced potentials are known up to a number that f gains and g loses: ask for the one with sum 0
  const hold = p.reach === Infinity ? sum(q) / (m * m) : 0;
  for (let j = 0; j < m; j++) for (let k = 0; k <= j; k++) A[j * m + k] += hold + (j === k ? q[j] : 0);
  const dg = eliminate(A, y).map((x) => e * x), df = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let left = e * (wantRows[i] - rows[i]);
    for (let j = 0; j < m; j++) left -= T[i * m + j] * dg[j];
    df[i] = left / pr[i];
  }
  return [df, dg];
}

// Bring potentials to the solution for one epsilon: Newton's steps wherever they help, iterations where they do not.
function settle(p, f, g, T, tolerance) {
  const n = f.length, m = g.length, d = damping(p);
  let now = { error: Infinity };
  for (let round = 0, count = 1; round < 60 && !(now.error <= tolerance); round++, count = Math.min(100, 2 * count)) {
    for (let k = 0; k < count; k++) {
      update(p.C, f, g, p.b, p.epsilon, d, m, 1);
      update(p.C, g, f, p.a, p.epsilon, d, 1, m);
    }
    now = form(p, f, g, T);
    for (let better = now.error < 0.5; better && now.error > tolerance; ) {
      const [df, dg] = newton(p, f, T, now), largest = Math.max(...df.map(Math.abs), ...dg.map(Math.abs));
      better = false;
      for (let size = Math.min(1, (8 * p.epsilon) / largest), tries = 0; tries < 3 && !better; size /= 3, tries++) {
        const [F, G] = [f.map((x, i) => x + size * df[i]), g.map((x, j) => x + size * dg[j])], then = form(p, F, G, T);
        if (!(then.error < 0.9 * now.error)) continue;
        f.set(F);
        g.set(G);
        [now, better] = [then, true];
      }
      if (!better) form(p, f, g, T);
    }
  }
  return now.error <= Math.max(tolerance, 1e-9);
}

function entropic(p, start) {
  const n = p.a.length, m = p.b.length, T = new Float64Array(n * m);
  const f = new Float64Array(n), g = new Float64Array(m);
  const warm = start?.f?.length === n && start.g.length === m; // similarities have no potentials
  if (warm) [f.set(start.f), g.set(start.g)];
  const range = p.C.reduce((x, c) => Math.max(x, Math.abs(c)), 0);
  // from a blurred plan to the sharp one: each is a good start for the next
  for (let level = warm ? p.epsilon : Math.max(p.epsilon, range / 8); ; level = Math.max(p.epsilon, level / 2)) {
    const last = level <= p.epsilon, solved = settle({ ...p, epsilon: level }, f, g, T, last ? TOLERANCE : 1e-4);
    if (last && !solved && warm) return entropic(p);
    if (last) return { T, f, g, converged: solved };
  }
}

// Exact transport by shortest paths: each sends what it can from one row to the nearest column with room left.
export function exact(C, a, b) {
  const n = a.length, m = b.length, T = new Float64Array(n * m), f = new Float64Array(n), tiny = 1e-14;
  const g = Float64Array.from({ length: m }, (_, j) => Math.min(...a.map((_, i) => C[i * m + j])));
  const left = Float64Array.from(a), room = Float64Array.from(b);
  for (let source = 0; source < n; source++)
    for (let guard = 0; left[source] > tiny && guard < 4 * (n + m); guard++) {
      const far = [new Float64Array(n).fill(Infinity), new Float64Array(m).fill(Infinity)];
      const from = [new Int32Array(n), new Int32Array(m)], done = [new Uint8Array(n), new Uint8Array(m)];
      far[0][source] = 0;
      let end = -1;
      for (;;) {
        let best = Infinity, side = 0, at = -1;
        for (const s of [0, 1])
          for (let k = 0; k < far[s].length; k++)
            if (!done[s][k] && far[s][k] < best) [best, side, at] = [far[s][k], s, k];
        if (at < 0) break;
        done[side][at] = 1;
        if (side && room[at] > tiny) { end = at; break; }
        for (let k = 0; k < (side ? n : m); k++) {
          const [i, j] = side ? [k, at] : [at, k], other = 1 - side;
          if (done[other][k] || (side && !(T[i * m + j] > 0))) continue;
          const next = best + (side ? 0 : Math.max(0, C[i * m + j] - f[i] - g[j]));
          if (next < far[other][k]) [far[other][k], from[other][k]] = [next, at];
        }
      }
      if (end < 0) break; // rounding: no room is left anywhere
      const reached = far[1][end];
      for (let i = 0; i < n; i++) if (far[0][i] < reached) f[i] += reached - far[0][i];
      for (let j = 0; j < m; j++) if (far[1][j] < reached) g[j] -= reached - far[1][j];
      const there = [], back = []; // cells of the path that gain, and that lose
      for (let j = end, i = -1; i !== source; j = from[0][i]) {
        if (i >= 0) back.push(i * m + j);
        i = from[1][j];
        there.push(i * m + j);
      }
      const flow = Math.min(left[source], room[end], ...back.map((k) => T[k]));
      for (const k of there) T[k] += flow;
      for (const k of back) T[k] = T[k] - flow < tiny ? 0 : T[k] - flow;
      left[source] -= flow;
      room[end] -= flow;
    }
  return { T, converged: true };
}

// The solution of one problem. Options: method, epsilon, and reach (unbalanced) or mass (partial). `start` is an
// earlier solution, from which a slider's next step is near.
export function solve(C, a, b, options, start) {
  const similar = () => ({ T: C.map((c) => Math.max(0, 1 - c / 2)), converged: true });
  const known = { similarity: similar, exact: () => exact(C, a, b) };
  return facts(known[options.method]?.() ?? entropic(prepare(C, a, b, options), start), C, a, b);
}

// The sums of a matrix's rows and of its columns.
function sums(T, n, m) {
  const rows = new Float64Array(n), columns = new Float64Array(m);
  T.forEach((t, k) => { rows[Math.floor(k / m)] += t; columns[k % m] += t; });
  return [rows, columns];
}

// A plan, without a waste row and column, with its sums, its cost and the mass that it moves.
function facts({ T, f, g, converged }, C, a, b) {
  const m = b.length, wide = T.length > C.length ? m + 1 : m;
  const plan = C.map((_, k) => T[Math.floor(k / m) * wide + (k % m)]), [rows, columns] = sums(plan, a.length, m);
  return { plan, f, g, converged, rows, columns, cost: sum(plan.map((t, k) => t * C[k])), moved: sum(rows) };
}

// Sinkhorn from the start, half an iteration at a time: potentials and marginal error after each, until it is small.
export function trace(C, a, b, options, { limit = 300, tolerance = 1e-3 } = {}) {
  const p = prepare(C, a, b, options), n = p.a.length, m = p.b.length, T = new Float64Array(n * m), d = damping(p);
  const f = new Float64Array(n), g = new Float64Array(m), steps = [];
  const keep = (side) => steps.push({ f: f.slice(), g: g.slice(), side, ...form(p, f, g, T) });
  keep("");
  for (let k = 0; k < 2 * limit && !(k % 2 === 0 && steps.at(-1).error <= tolerance); k++) {
    if (k % 2) update(p.C, g, f, p.a, p.epsilon, d, 1, m);
    else update(p.C, f, g, p.b, p.epsilon, d, m, 1);
    keep(k % 2 ? "columns" : "rows");
  }
  const at = (k) => {
    form(p, steps[k].f, steps[k].g, T);
    return facts({ ...steps[k], T, converged: steps[k].error <= tolerance }, C, a, b);
  };
  return { steps, at };
}

// Masses of tokens that sum to 1: the same for each, for each word, or by weights; by hand changed by word `factors`.
export function masses(owner, kind, weights, factors) {
  const tokens = new Map();
  owner.forEach((word) => tokens.set(word, (tokens.get(word) || 0) + 1));
  const plain = (word, k) => (kind === "words" ? 1 / tokens.get(word) : kind === "idf" && weights ? weights[k] : 1);
  const changed = owner.map((word, k) => plain(word, k) * (factors?.[word] ?? 1)), total = sum(changed) || 1;
  return Float64Array.from(changed, (x) => x / total);
}

// A matrix of tokens as one of words: sums of a plan, or the largest similarity.
export function toWords(T, rows, columns, N, M, largest = false) {
  const W = new Float64Array(N * M), m = columns.length;
  T.forEach((t, k) => {
    const at = rows[Math.floor(k / m)] * M + columns[k % m];
    W[at] = largest ? Math.max(W[at], t) : W[at] + t;
  });
  return W;
}

// The largest entry of each row, and of each column; entries stand as in `update`.
function mutual(W, N, M) {
  const largest = (count, length, down, across) => {
    const chosen = new Uint8Array(N * M);
    for (let i = 0; i < count; i++) {
      let best = i * down;
      for (let j = 1; j < length; j++) if (W[i * down + j * across] > W[best]) best = i * down + j * across;
      if (W[best] > 0) chosen[best] = 1;
    }
    return chosen;
  };
  return [largest(N, M, M, 1), largest(M, N, 1, M)];
}

function grow(chosen, union, N, M, final) {
  const [rows, columns] = sums(chosen, N, M), front = [...chosen.keys()].filter((k) => chosen[k]);
  const add = (k) => { chosen[k] = rows[Math.floor(k / M)] = columns[k % M] = 1; };
  while (front.length) {
    const k = front.shift(), i = Math.floor(k / M), j = k % M;
    for (let x = i - 1; x <= i + 1; x++)
      for (let y = j - 1; y <= j + 1; y++) {
        const at = x * M + y, inside = x >= 0 && y >= 0 && x < N && y < M;
        if (inside && union[at] && !chosen[at] && !(rows[x] && columns[y])) { add(at); front.push(at); }
      }
  }
  if (final) union.forEach((x, k) => { if (x && !rows[Math.floor(k / M)] && !columns[k % M]) add(k); });
  return chosen;
}

function itermax(W, chosen, N, M) {
  const [rows, columns] = sums(chosen, N, M); // each 0 or 1
  if (Math.min(N, M) <= 2 || rows.every(Boolean) || columns.every(Boolean)) return chosen;
  const free = W.map((w, k) => w * [1, 0.9, 0][rows[Math.floor(k / M)] + columns[k % M]]);
  const [again, back] = mutual(free, N, M);
  return chosen.map((x, k) => x | (again[k] & back[k]));
}

function match(W, N, M) {
  const size = Math.max(N, M), high = Math.max(...W, 0), C = new Float64Array(size * size).fill(high);
  W.forEach((w, k) => (C[Math.floor(k / M) * size + (k % M)] = high - w));
  const one = new Float64Array(size).fill(1), { T } = exact(C, one, one);
  return Uint8Array.from(W, (_, k) => T[Math.floor(k / M) * size + (k % M)] > 0.5);
}

// Links that a rule reads off a matrix, as a sorted list of [row, column]; see optical_lite.alignment.linking.
export function links(W, N, M, rule, threshold = 0) {
  if (!N || !M) return [];
  const [forward, backward] = mutual(W, N, M), both = forward.map((x, k) => x & backward[k]);
  const union = forward.map((x, k) => x | backward[k]);
  const chosen = {
    forward: () => forward, backward: () => backward, intersection: () => both, union: () => union,
    "grow-diag": () => grow(both, union, N, M, false), "grow-diag-final": () => grow(both, union, N, M, true),
    itermax: () => itermax(W, both, N, M), match: () => match(W, N, M), threshold: () => new Uint8Array(N * M).fill(1),
  }[rule]();
  const [rows, columns] = sums(W, N, M), found = [];
  chosen.forEach((x, k) => {
    const i = Math.floor(k / M), j = k % M;
    if (x && W[k] > 0 && Math.min(W[k] / rows[i], W[k] / columns[j]) >= threshold) found.push([i, j]);
  });
  return found;
}

// Precision, recall and alignment error rate of links against sure and possible ones.
export function score(found, sure, possible) {
  const key = (cell) => cell.join("-"), S = new Set(sure.map(key)), P = new Set([...S, ...possible.map(key)]);
  const inSure = found.filter((c) => S.has(key(c))).length, inPossible = found.filter((c) => P.has(key(c))).length;
  const total = found.length + S.size;
  return {
    precision: found.length ? inPossible / found.length : 0, recall: S.size ? inSure / S.size : 0,
    aer: total ? 1 - (inSure + inPossible) / total : 0,
  };
}

// Base64 of little-endian 16-bit numbers, from 0 to `scale`.
export function unpack(code, scale) {
  const bytes = Uint8Array.from(atob(code), (x) => x.charCodeAt(0));
  return Float64Array.from(new Uint16Array(bytes.buffer), (x) => (x / 65535) * scale);
}
