// Reading: everything that is shown of one student and one sentence pair, as numbers and words; pictures come after.

import { links, masses, score, solve, sum, toWords, trace, unpack } from "./solver.js";
import { MEANING } from "./drawing.js";

export const number = (x) => (x === 0 ? "0" : Math.abs(x) < 0.001 ? x.toExponential(1) : x.toFixed(x < 0.1 ? 4 : 3));
const largest = (values, least) => values.reduce((x, y) => Math.max(x, y), least);
const percent = (part, whole) => `${Math.round((100 * part) / whole)} %`;

// Costs and masses of a problem, and the costs of the cells that are shown.
function problem(state, pair, part) {
  const { words } = part, [N, M, m] = [pair.s.length, pair.t.length, pair.tt.length];
  const key = `${state.layer} ${state.position} ${state.level}`;
  if (part.key !== key) {
    const apart = (k) => Math.abs((words[Math.floor(k / m)] + 0.5) / N - (pair.to[k % m] + 0.5) / M);
    const C = unpack(part.costs[state.layer], 2).map((c, k) => c + state.position * apart(k)), high = 2 + state.position;
    const cheapest = () => toWords(C.map((c) => high - c), words, pair.to, N, M, true).map((x) => high - x);
    const cost = state.level === "token" ? C : cheapest(), highest = largest(cost, 1);
    Object.assign(part, { key, C, cost, cheap: cost.map((c) => 1 - c / highest) });
  }
  const a = masses(words, state.marginals, part.idf, state.hand.s);
  return { C: part.C, a, b: masses(pair.to, state.marginals, pair.idf, state.hand.t) };
}

// The plan, or the one after `step` half iterations. `memory` keeps what the next call is near to.
function solution(state, { C, a, b }, name, step, memory) {
  if (!C.length) return { plan: C, rows: a, columns: b, cost: 0, moved: 0, converged: true };
  const known = (memory[name] ||= {});
  if (step < 0) return (known.warm = solve(C, a, b, state, known.warm));
  const key = JSON.stringify(state);
  if (known.key !== key) Object.assign(known, { key, run: trace(C, a, b, state) });
  const { steps, at } = known.run, now = Math.min(step, steps.length - 1);
  return { ...at(now), played: { at: now, steps } };
}

// What each link is, by "i-j": plain without gold; else hit, possible, false, and miss for a sure link not found.
function tell(found, pair) {
  const told = new Map(), [S, P] = [pair.sure, pair.possible].map((cells) => new Set((cells || []).map(String)));
  const kind = (cell) => (!pair.sure ? "plain" : S.has(cell) ? "hit" : P.has(cell) ? "possible" : "false");
  for (const cell of found) told.set(cell.join("-"), kind(String(cell)));
  for (const cell of pair.sure || []) if (!told.has(cell.join("-"))) told.set(cell.join("-"), "miss");
  return told;
}

// Links between words; a word that keeps too little of its mass has none.
function linked(state, pair, words, T, W, have, keep) {
  const poor = keep.map((side, s) => side.map((x, k) => Number(x < state.null * have[s][k]))), M = pair.t.length;
  const able = ([i, j]) => !(state.null && (poor[0][i] || poor[1][j]));
  if (state.level === "word") {
    const rich = W.map((w, k) => (able([Math.floor(k / M), k % M]) ? w : 0));
    return links(rich, pair.s.length, M, state.rule, state.threshold);
  }
  const cells = links(T, words.length, pair.tt.length, state.rule, state.threshold);
  const found = cells.map(([i, j]) => [words[i], pair.to[j]]).filter(able);
  return [...new Map(found.map((cell) => [String(cell), cell])).values()].sort(([i, j], [x, y]) => i - x || j - y);
}

// Attributes: the problem (C, a, b), its solution, W (the plan by word), links and score; and of the level that is
// shown V (cells), rows and columns (labels), have and keep (masses and what is moved), top (the most a cell can hold),
// and framed (cells that are links or should be, as [row, column, kind]).
export function read(state, pair, name, step, memory) {
  const part = pair.students[name], { words } = part, [N, M] = [pair.s.length, pair.t.length];
  const asked = problem(state, pair, part), solved = solution(state, asked, name, step, memory), T = solved.plan;
  const similar = state.method === "similarity", W = toWords(T, words, pair.to, N, M, similar);
  const byWord = (rows, columns) => [toWords(rows, words, [0], N, 1), toWords(columns, pair.to, [0], M, 1)];
  const have = byWord(asked.a, asked.b), keep = byWord(solved.rows, solved.columns);
  const most = (sides) => (similar ? 1 : Math.min(...sides.map((side) => largest(side, 1e-9))));
  const found = linked(state, pair, words, T, W, have, keep);
  const told = tell(found, pair), frames = [...told].map(([cell, kind]) => [...cell.split("-").map(Number), kind]);
  const shown = state.level === "word" ? { V: W, rows: pair.s, columns: pair.t, have, keep, framed: frames } : { V: T,
    rows: part.tokens, columns: pair.tt, have: [asked.a, asked.b], keep: [solved.rows, solved.columns], framed: [] };
  return { name, part, similar, ...asked, solution: solved, W, found, told, m: pair.tt.length, M,
    wordTop: most(have), top: most(shown.have), ...shown, scored: pair.sure && score(found, pair.sure, pair.possible) };
}

// One line on a cell.
export function cellText(state, one, at) {
  const m = one.columns.length, [i, j] = [Math.floor(at / m), at % m], v = one.V[at], whole = one.keep[0][i];
  const share = !one.similar && whole > 0 ? `, ${percent(v, whole)} of its row` : "", kind = one.told.get(`${i}-${j}`);
  const said = state.level === "token" ? "" : `, ${MEANING[kind] || (kind ? "a link" : "no link")}`;
  const what = `${one.similar ? "similarity" : "mass"} ${number(v)}${share}`;
  return `${one.rows[i]} → ${one.columns[j]}: ${what}, cost ${number(one.part.cost[at])}${said}`;
}

// One line on a word of a sentence, or on a label of a heat map: where its mass goes, the largest parts first.
export function sideText(one, pair, side, k, isWord) {
  const V = isWord ? one.W : one.V, [rows, columns] = isWord ? [pair.s, pair.t] : [one.rows, one.columns];
  const parts = (side ? rows : columns).map((name, x) => [V[side ? x * columns.length + k : k * columns.length + x], name]);
  const total = sum(parts.map(([v]) => v)), best = parts.filter(([v]) => v > 0.01 * total).sort(([x], [y]) => y - x);
  const goes = best.slice(0, 4).map(([v, name]) => `${name} ${percent(v, total)}`).join(", ") || "no mass";
  const masses = `; has mass ${number(one.have[side][k])}, moves ${number(one.keep[side][k])}`;
  return `${(side ? columns : rows)[k]} ${side ? "←" : "→"} ${goes}${isWord || one.similar ? "" : masses}`;
}

// The sum that a cell enters: its tokens' masses, and what each adds to the transport cost, as a title and a table.
export function addends(state, pair, one, at) {
  const width = one.columns.length, [I, J] = [Math.floor(at / width), at % width], { f, g, plan, cost } = one.solution;
  const among = (owner, k) => [...owner.keys()].filter((t) => (state.level === "word" ? owner[t] === k : t === k));
  const cells = among(one.part.words, I).flatMap((i) => among(pair.to, J).map((j) => [i, j, i * one.m + j]));
  const kernel = (i, j, k) => Math.exp((f[i] + g[j] - one.C[k]) / state.epsilon);
  const line = ([i, j, k]) => [`${one.part.tokens[i]} → ${pair.tt[j]}`, number(one.C[k]),
    ...(f ? [one.a[i], one.b[j], kernel(i, j, k)].map(number) : []), number(plan[k]), number(plan[k] * one.C[k])];
  const [total, paid] = [sum(cells.map(([, , k]) => plan[k])), sum(cells.map(([, , k]) => plan[k] * one.C[k]))];
  const said = one.similar ? `similarity ${number(one.V[at])}, the largest of these`
    : `${number(total)} of mass, which adds ${number(paid)} to the transport cost of ${number(cost)}`;
  const factors = f ? ["mass a", "mass b", "exp((f + g − C) / ε)", "T = a · b · exp"] : ["T"];
  const lines = cells.sort(([, , x], [, , y]) => plan[y] - plan[x]).slice(0, 12).map(line);
  return { title: `${one.rows[I]} → ${one.columns[J]}: ${said}`, head: ["tokens", "cost C", ...factors, "T · C"], lines };
}
