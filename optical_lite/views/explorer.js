// Explorer: a plan that moves under the hand. Python sends costs, words and gold links; everything else happens here.
//
// `mount(node, data)` shows it in a page; the default export is what anywidget asks for. With `ask`, a kernel reads
// what the data does not hold: other pairs, other students, one's own text. optical_lite.views.material makes the data.

import { METHODS, RULES, links, masses, score, solve, sum, toWords, trace, unpack } from "./solver.js";
import { MEANING, errorCurve, heatmap, html, reasons, sentences, svg, toPng, together } from "./drawing.js";

const DEFAULT = {
  view: "align", pair: 0, student: "", other: "", compare: "one", layer: 0, level: "word", method: "sinkhorn",
  epsilon: 0.05, reach: 0.5, mass: 0.8, marginals: "uniform", rule: "intersection", threshold: 0, null: 0, position: 0,
  cell: -1, hand: {}, question: 0, passage: "",
};
const aligning = (s) => s.view === "align", blurred = (s) => aligning(s) && !["exact", "similarity"].includes(s.method);
const SLIDERS = { // label, lowest, highest, step (0: a logarithmic scale), and when it does something
  epsilon: ["epsilon", 0.003, 3, 0, blurred],
  reach: ["reach: price of mass left behind", 0.01, 10, 0, (s) => aligning(s) && s.method === "unbalanced"],
  mass: ["share of mass that moves", 0.05, 1, 0.05, (s) => aligning(s) && s.method === "partial"],
  threshold: ["threshold of a link", 0, 1, 0.02, aligning],
  null: ["no link for a word that keeps less", 0, 0.95, 0.05, (s) => blurred(s) && s.method !== "sinkhorn"],
  position: ["cost of distance from the diagonal", 0, 1, 0.05, aligning],
};
const COMPARE = [["one", "one student"], ["side", "two, side by side"], ["difference", "one minus the other"]];
const same = (list) => list.map((x) => [x, x]);
const number = (x) => (x === 0 ? "0" : Math.abs(x) < 0.001 ? x.toExponential(1) : x.toFixed(x < 0.1 ? 4 : 3));
const short = (text) => (text.length > 72 ? text.slice(0, 72).trimEnd() + "…" : text);
const title = (item, k) => `${k + 1}. ${item.note ? `[${item.note}] ` : ""}${short(item.source || item.text)}`;
const titles = (list) => list.map((item, k) => [k, title(item, k)]);
const button = (text, onclick, more = {}) => html("button", { type: "button", onclick, ...more }, text);

// What a state from outside (a link, a notebook) may say: known names, with values that they can have.
function sane(given, data) {
  const among = {
    method: METHODS, rule: RULES, level: ["word", "token"], compare: COMPARE.map(([x]) => x), view: ["align", "search"],
    student: data.names, other: data.names, pair: [...data.pairs.keys()], question: [...data.questions.keys()],
    layer: data.layers, marginals: ["uniform", "words", ...(data.idf ? ["idf"] : [])],
  };
  const found = {};
  for (const [name, value] of Object.entries(DEFAULT)) {
    const x = typeof value === "number" ? Number(given[name]) : given[name];
    if (given[name] === undefined || x === null || typeof x !== typeof value || Number.isNaN(x)) continue;
    if (name in among && !among[name].includes(x)) continue;
    if (name === "hand") { // factors of words, by side
      const factors = (side) => Object.entries(side || {}).filter(([k, y]) => /^\d+$/.test(k) && y >= 1e-3 && y <= 1e3);
      found.hand = Object.fromEntries(["s", "t"].filter((side) => x[side]).map((side) => [side, Object.fromEntries(factors(x[side]))]));
    } else found[name] = name in SLIDERS ? Math.min(SLIDERS[name][2], Math.max(SLIDERS[name][1], x)) : x;
  }
  return found;
}

export class Explorer {
  constructor(root, data, { state = {}, save = () => {}, ask = null } = {}) {
    Object.assign(this, { root, data, save, ask, step: -1, key: "", warm: {}, traces: new Map(), controls: {} });
    this.start = { ...DEFAULT, layer: data.layers[0], student: data.names.at(-1), other: data.names[0] };
    this.state = { ...this.start, ...sane(state, data) };
    this.build();
    this.theme();
    this.watch = new MutationObserver(() => this.theme());
    this.watch.observe(document.body, { attributes: true });
    this.room = this.figures.clientWidth;
    this.sizes = new ResizeObserver(([entry]) => { // asking for the width while drawing would lay out the page twice
      if (Math.abs(entry.contentRect.width - this.room) > 8) [this.room] = [entry.contentRect.width, this.later()];
    });
    this.sizes.observe(this.figures);
    this.draw();
  }

  close() {
    this.stop();
    this.watch.disconnect();
    this.sizes.disconnect();
    cancelAnimationFrame(this.waiting);
    clearTimeout(this.saving);
    clearTimeout(this.speaking);
  }

  // Dark where the page around it is dark.
  theme() {
    let node = this.root.parentElement, colour = "";
    for (; node; node = node.parentElement) if ((colour = getComputedStyle(node).backgroundColor) !== "rgba(0, 0, 0, 0)") break;
    const [r, g, b] = node ? colour.match(/[\d.]+/g).map(Number) : [255, 255, 255];
    this.top.dataset.theme = r + g + b < 384 ? "dark" : "light";
  }

  // --- controls

  control(name, label, input, when, show) {
    const node = html("label", { class: `control ${name}` }, html("span", {}, label), input);
    this.controls[name] = { node, when, show, label: node.firstChild };
    return node;
  }

  choice(name, label, options, when) {
    const whole = typeof DEFAULT[name] === "number", select = html("select", {});
    select.addEventListener("change", () => this.set({ [name]: whole ? Number(select.value) : select.value }));
    const node = this.control(name, label, select, when, (state) => { select.value = state[name]; });
    this.controls[name].fill = (all) => select.replaceChildren(...all.map(([value, text]) => html("option", { value }, text)));
    this.controls[name].fill(options);
    return node;
  }

  slider(name) {
    const [label, low, high, step, when] = SLIDERS[name], output = html("output", {});
    const [to, from] = step ? [Number, Number] : [Math.log10, (x) => Number((10 ** x).toPrecision(3))];
    const input = html("input", { type: "range", min: to(low), max: to(high), step: step || 0.01 });
    input.addEventListener("input", () => this.set({ [name]: from(input.value) }));
    const node = this.control(name, label, input, when, (state) => {
      input.value = to(state[name]);
      output.textContent = String(state[name]);
      input.setAttribute("aria-valuetext", String(state[name]));
    });
    this.controls[name].label.append(" ", output);
    return node;
  }

  build() {
    const { data } = this, names = same(data.names), searching = (s) => s.view === "search";
    const kinds = [["uniform", "each token the same"], ["words", "each word the same"], ["idf", "idf: rare weighs more"]];
    const view = (name, text) => button(text, () => this.set({ view: name }), { class: "tab", "data-view": name });
    this.tabs = html("div", { class: "tabs" }, ...(data.questions.length ? [view("align", "Alignment"), view("search", "Search")] : []));
    this.reset = button("reset masses", () => this.set({ hand: {} }));
    const texts = [
      this.choice("pair", "sentence pair", titles(data.pairs), aligning), ...this.own("pair", ["your own sentence", "its English"]),
      this.choice("question", "question", titles(data.questions), searching), ...this.own("question", ["your own question"]),
    ];
    const parts = [
      this.choice("compare", "show", COMPARE, aligning), this.choice("student", "student", names, () => true),
      this.choice("other", "other student", names, (s) => s.compare !== "one" || searching(s)), this.training(),
      this.choice("layer", "layer", data.layers.map((l) => [l, l || "last"]), () => data.layers.length > 1),
      this.choice("method", "solver", same(METHODS), aligning), ...["epsilon", "reach", "mass"].map((x) => this.slider(x)), this.iterations(),
      this.choice("marginals", "mass", data.idf ? kinds : kinds.slice(0, 2), aligning), this.reset,
      this.choice("level", "show and link", [["word", "words"], ["token", "sub-words"]], aligning),
      this.choice("rule", "rule", same(RULES), aligning), ...["threshold", "null", "position"].map((x) => this.slider(x)),
    ];
    this.figures = html("div", { class: "figures" });
    this.readout = html("p", { class: "readout" });
    this.sums = html("div", { class: "sum" });
    this.table = html("details", { class: "twin", ontoggle: () => this.twin() }, html("summary", {}, "the same as a table"), html("div"));
    const exports = ["SVG", "PNG", "PNG for slides", "CSV", "Pharaoh", "link"].map((kind) => button(kind, () => this.export(kind)));
    this.message = html("p", { class: "message", role: "status" });
    this.spoken = html("p", { class: "spoken", role: "status" });
    this.top = html("div", { class: "optical" }, html("style", {}, data.face || ""), this.tabs,
      html("div", { class: "texts" }, ...texts), html("div", { class: "board" }, html("div", { class: "controls" }, ...parts), html("div", { class: "stage" }, this.message, this.figures, this.readout, this.sums,
        this.table, html("div", { class: "exports" }, ...exports), this.spoken)));
    this.root.replaceChildren(this.top);
  }

  // Boxes for one's own text, where a kernel can read it.
  own(kind, labels) {
    if (!this.ask) return [];
    const boxes = labels.map((label) => html("input", { type: "text", placeholder: label, "aria-label": label, dir: "auto" }));
    const onsubmit = (event) => {
      event.preventDefault();
      this.request(kind, { texts: boxes.map((box) => box.value), note: "own" });
    };
    const node = html("form", { class: "own", onsubmit }, ...boxes, html("button", {}, kind === "pair" ? "align" : "search"));
    this.controls[`own ${kind}`] = { node, when: (s) => aligning(s) === (kind === "pair"), show: () => {} };
    return [node];
  }

  // The steps of the run to which the student belongs, as [step, student].
  steps() {
    return this.data.runs.find((run) => run.some(([, name]) => name === this.state.student)) || this.data.runs[0] || [];
  }

  training() {
    const input = html("input", { type: "range", min: 0, step: 1 }), output = html("output");
    input.addEventListener("input", () => this.set({ student: this.steps()[input.value][1] }));
    const node = this.control("run", "training step ", input, () => this.steps().length > 1, (state) => {
      const steps = this.steps(), at = steps.findIndex(([, name]) => name === state.student);
      input.max = steps.length - 1;
      input.value = Math.max(0, at);
      output.textContent = at < 0 ? "–" : String(steps[at][0]);
      input.setAttribute("aria-valuetext", output.textContent);
    });
    this.controls.run.label.append(output);
    return node;
  }

  iterations() {
    this.iteration = html("input", { type: "range", min: 0, step: 1, "aria-label": "half iteration" });
    this.iteration.addEventListener("input", () => { this.pause(); this.seek(Number(this.iteration.value)); });
    this.playButton = button("▶ iterate", () => (this.timer ? this.pause() : this.play()), { class: "play" });
    this.curvePlace = html("div", { class: "curve" });
    const solved = button("solution", () => { this.stop(); this.later(); });
    const node = html("div", { class: "player" }, this.playButton, solved, this.iteration, this.curvePlace);
    this.controls.player = { node, when: blurred, show: () => {} };
    return node;
  }

  showControls() {
    const { state } = this;
    for (const { node, when, show } of Object.values(this.controls)) {
      show(state);
      node.hidden = !when(state);
    }
    const [after, before] = aligning(state) ? ["student", "other student"] : ["after: student", "before: student"];
    this.controls.student.label.textContent = after;
    this.controls.other.label.textContent = before;
    this.reset.hidden = !aligning(state) || !Object.keys(state.hand).length;
    for (const tab of this.tabs.children) tab.setAttribute("aria-pressed", String(tab.dataset.view === state.view));
  }

  // --- state

  set(patch) {
    const only = Object.keys(patch).join();
    Object.assign(this.state, patch);
    if (["pair", "level", "compare"].includes(only)) this.state.cell = -1;
    if (only === "pair") this.state.hand = {};
    if (only !== "cell") this.stop();
    this.later();
  }

  later() {
    this.waiting ||= requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.save(this.different()), 300);
  }

  // What differs from the state one starts with: short links, small files.
  different() {
    return Object.fromEntries(Object.entries(this.state).filter(([name, x]) => JSON.stringify(x) !== JSON.stringify(this.start[name])));
  }

  say(text) {
    this.message.textContent = text;
  }

  // Ask the kernel to read a pair or a question of the lists, or one's own, which comes last in its list.
  async request(kind, item) {
    const { state, data } = this, list = kind === "pair" ? data.pairs : data.questions;
    this.say("asking the kernel …");
    const what = item.row === undefined ? { texts: item.texts || [item.text] } : { row: item.row };
    const found = await this.ask({ kind, ...what, students: [state.student, state.other], layer: state.layer });
    this.say(found.problem || "");
    if (found.problem) return;
    Object.assign(data.passages, found.passages);
    const known = item.students || {};
    for (const [name, part] of Object.entries(found.item.students))
      known[name] = { ...part, costs: { ...known[name]?.costs, ...part.costs } };
    Object.assign(item, found.item, { students: known });
    if (list.includes(item)) return this.later();
    if (list.at(-1).note === "own") list.pop();
    list.push(item);
    this.controls[kind].fill(titles(list));
    this.key = "";
    this.set({ [kind]: list.length - 1 });
  }

  // --- alignment: what is shown of one student

  // Costs and masses, and the costs of the cells that are shown.
  problem(pair, part) {
    const { state } = this, { words } = part, [N, M, m] = [pair.s.length, pair.t.length, pair.tt.length];
    const key = `${state.layer} ${state.position} ${state.level}`;
    if (part.key !== key) {
      let C = unpack(part.costs[state.layer], 2);
      const apart = (k) => Math.abs((words[Math.floor(k / m)] + 0.5) / N - (pair.to[k % m] + 0.5) / M);
      if (state.position) C = C.map((c, k) => c + state.position * apart(k));
      const high = 2 + state.position; // the cheapest of a word's tokens stands for the word
      const cost = state.level === "token" ? C : toWords(C.map((c) => high - c), words, pair.to, N, M, true).map((x) => high - x);
      Object.assign(part, { key, C, cost, highest: cost.reduce((x, c) => Math.max(x, c), 1) });
    }
    const a = masses(words, state.marginals, part.idf, state.hand.s), b = masses(pair.to, state.marginals, pair.idf, state.hand.t);
    return { C: part.C, a, b };
  }

  // The plan, or the one after some half iterations.
  solution({ C, a, b }, name) {
    const { state } = this;
    if (!C.length) return { plan: C, rows: a, columns: b, cost: 0, moved: 0, converged: true };
    if (this.step < 0) return (this.warm[name] = solve(C, a, b, state, this.warm[name]));
    const key = JSON.stringify([state, name]);
    if (!this.traces.has(key)) {
      if (this.traces.size > 1) this.traces.clear();
      this.traces.set(key, trace(C, a, b, state));
    }
    const { steps, at } = this.traces.get(key), now = Math.min(this.step, steps.length - 1);
    return { ...at(now), played: { at: now, steps } };
  }

  read(pair, name) {
    const { state } = this, part = pair.students[name], { words } = part, [N, M] = [pair.s.length, pair.t.length];
    const problem = this.problem(pair, part), solution = this.solution(problem, name), similar = state.method === "similarity";
    const { a, b } = problem, T = solution.plan, [n, m] = [a.length, b.length], W = toWords(T, words, pair.to, N, M, similar);
    const byWord = (mass, owner, size) => toWords(mass, [...owner], [0], size, 1);
    const have = [byWord(a, words, N), byWord(b, pair.to, M)], keep = [byWord(solution.rows, words, N), byWord(solution.columns, pair.to, M)];
    const poor = keep.map((side, s) => side.map((x, k) => Number(x < state.null * have[s][k])));
    const able = ([i, j]) => !(state.null && (poor[0][i] || poor[1][j])), word = state.level === "word";
    let found;
    if (word) found = links(W.map((w, k) => (able([Math.floor(k / M), k % M]) ? w : 0)), N, M, state.rule, state.threshold);
    else {
      const cells = links(T, n, m, state.rule, state.threshold).map(([i, j]) => [words[i], pair.to[j]]).filter(able);
      found = [...new Map(cells.map((cell) => [String(cell), cell])).values()].sort(([i, j], [x, y]) => i - x || j - y);
    }
    const most = (masses) => (similar ? 1 : Math.min(...masses.map((side) => side.reduce((x, y) => Math.max(x, y), 1e-9))));
    const shown = word ? { V: W, rows: pair.s, columns: pair.t, have, keep }
      : { V: T, rows: part.tokens, columns: pair.tt, have: [a, b], keep: [solution.rows, solution.columns] };
    return { name, part, ...problem, solution, W, found, told: tell(found, pair), N, M, m, top: most(shown.have),
      wordTop: most(have), ...shown, scored: pair.sure && score(found, pair.sure, pair.possible) };
  }

  draw() {
    const { state, data } = this;
    this.showControls();
    if (state.view === "search") return this.drawSearch();
    const pair = data.pairs[state.pair], names = state.compare === "one" ? [state.student] : [state.student, state.other];
    if (names.some((name) => pair.students?.[name]?.costs[state.layer] === undefined)) {
      if (this.ask) return this.request("pair", pair);
      return this.say("this page does not hold these costs");
    }
    this.pair = pair;
    this.reads = names.map((name) => this.read(pair, name));
    const room = this.room || 980, key = JSON.stringify([state.pair, names, state.compare, state.level, pair.source, room]);
    if (key !== this.key) this.panels = this.lay(pair, this.reads, room);
    this.key = key;
    this.paint(pair, this.reads);
  }

  // New pictures for a new pair or another layout.
  lay(pair, reads, room) {
    const { compare } = this.state, beside = compare === "side" && room > 760, own = beside ? room / 2 - 20 : room - 8;
    this.warm = {};
    const panels = reads.map((read, k) => {
      const words = sentences(pair.s, pair.t, [new Set(read.part.unknown), new Set(pair.tu)], own, `links of ${read.name}`);
      const maps = {}, { rows, columns } = read, wide = compare === "one" ? own / 2 : own;
      if (rows.length && columns.length) {
        if (compare !== "difference") maps.plan = heatmap(rows, columns, "plan T: dark holds more mass", wide, true);
        if (compare === "one") maps.cost = heatmap(rows, columns, "cost C: dark is cheap", wide);
        if (compare === "difference" && k && rows.join() === reads[0].rows.join())
          maps.difference = heatmap(rows, columns, "first plan minus second: blue is more, ochre is less", wide);
      }
      return { words, maps, facts: html("p", { class: "facts" }) };
    });
    if (compare === "difference" && !panels[1].maps.difference) this.say("their sub-words differ: show words to subtract");
    else this.say("");
    this.figures.className = `figures ${beside ? "side" : ""}`;
    this.figures.replaceChildren(...panels.map(({ words, maps, facts }, k) => html("figure", {}, html("figcaption", {}, reads[k].name),
      html("div", { class: "wide" }, words.node), facts, html("div", { class: "maps" }, ...Object.values(maps).map((map) => map.node)))));
    panels.forEach((panel, k) => this.listen(panel, k));
    return panels;
  }

  paint(pair, reads) {
    const { state } = this, [first, second] = reads, { played } = first.solution;
    const framed = (read) => (state.level === "word" ? [...read.told].map(([cell, kind]) => [...cell.split("-").map(Number), kind]) : []);
    reads.forEach((read, k) => {
      const { words, maps, facts } = this.panels[k];
      words.paint(read.told, read.W, read.wordTop);
      maps.plan?.paint(read.V.map((v) => v / read.top), framed(read), [0, 1].map((side) => [read.keep[side], read.have[side]]));
      maps.plan?.flash(played && played.steps[played.at].side);
      maps.cost?.paint(read.part.cost.map((c) => 1 - c / read.part.highest), framed(read));
      maps.difference?.paint(first.V.map((v, at) => (v - second.V[at]) / read.top));
      facts.replaceChildren(...this.facts(read, pair));
    });
    this.iteration.disabled = this.curvePlace.hidden = !played;
    if (played) {
      this.iteration.max = played.steps.length - 1;
      this.iteration.value = played.at;
      if (this.curved !== played.steps) this.curve = errorCurve(played.steps.map((s) => s.error), "marginal error by half iteration");
      this.curved = played.steps;
      this.curvePlace.replaceChildren(this.curve.node);
      this.curve.paint(played.at);
    }
    this.addends(pair, reads);
    this.point();
    if (this.table.open) this.twin();
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => { this.spoken.textContent = this.panels.map((p) => p.facts.textContent).join(". "); }, 600);
  }

  facts(read, pair) {
    const { solution, scored, found } = read, { played } = solution, parts = [];
    if (this.state.method === "similarity") parts.push("no transport: cells are (1 + cosine) / 2");
    else parts.push(`transport cost ${solution.cost.toFixed(4)}, mass moved ${solution.moved.toFixed(3)}`);
    if (played) {
      const { side, error } = played.steps[played.at];
      parts.push(`half iteration ${played.at}${side && `, ${side} were rescaled`}: marginal error ${error.toExponential(1)}`);
    } else if (!solution.converged) parts.push(html("strong", {}, "NOT CONVERGED"));
    parts.push(`${found.length} link${found.length === 1 ? "" : "s"}`);
    const strange = [...read.part.unknown.map((i) => pair.s[i]), ...pair.tu.map((j) => pair.t[j])];
    if (strange.length) parts.push(`unknown to the tokenizer, so never linked: ${strange.join(" ")}`);
    if (!scored) return parts.flatMap((part, k) => (k ? ["; ", part] : [part]));
    parts.push(`precision ${scored.precision.toFixed(2)}, recall ${scored.recall.toFixed(2)}`, html("b", {}, `AER ${scored.aer.toFixed(3)}`));
    const kinds = Object.entries(MEANING).map(([kind, meaning]) => {
      const line = svg("svg", { width: 30, height: 8, class: "pic key" }, svg("path", { d: "M1 4h28", class: `link ${kind}` }));
      return html("span", { class: "kind" }, line, ` ${meaning}: ${[...read.told.values()].filter((x) => x === kind).length}`);
    });
    return [...parts.flatMap((part, k) => (k ? ["; ", part] : [part])), html("span", { class: "kinds" }, ...kinds)];
  }

  // --- what a pointer or a key points at

  listen({ words, maps }, which) {
    const on = (node, handlers) => Object.entries(handlers).forEach(([name, does]) => node.addEventListener(name, does));
    const leave = () => { words.focus(null); this.hover(null); };
    const over = ({ target: { dataset: d } }) => {
      if (d.at !== undefined) this.hover(Number(d.at), which);
      else if (d.i !== undefined && this.state.level === "word") this.hover(d.i * this.reads[which].M + Number(d.j), which);
      else if (d.side !== undefined && !this.dragging) this.hoverSide(which, Number(d.side), Number(d.k), d.word !== undefined);
      if (d.word !== undefined) words.focus(Number(d.side), Number(d.k));
    };
    on(words.node, { pointerover: over, pointerleave: leave });
    for (const [kind, map] of Object.entries(maps)) {
      for (const [name, value] of Object.entries({ tabindex: "0", role: "application", "aria-label":
        `${kind}: arrow keys move, Enter shows the sum, plus and minus change the mass of the row, with Shift of the column` }))
        map.node.setAttribute(name, value);
      const click = ({ target: { dataset: d } }) => d.at !== undefined && this.set({ cell: Number(d.at) });
      on(map.node, { pointerover: over, pointerleave: leave, click, keydown: (event) => this.keys(event, map, which) });
      if (kind === "plan") on(map.node, this.drags(map, which));
    }
  }

  keys(event, map, which) {
    const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: map.columns, ArrowUp: -map.columns }[event.key], at = this.at ?? -1;
    const times = { "+": 1.25, "=": 1.25, "*": 1.25, "-": 0.8, _: 0.8 }[event.key];
    if (move) this.hover(Math.max(0, Math.min(map.rows * map.columns - 1, at < 0 ? 0 : at + move)), which, true);
    else if (event.key === "Enter" && at >= 0) this.set({ cell: at });
    else if (times && at >= 0) {
      const side = event.shiftKey ? 1 : 0, k = side ? at % map.columns : Math.floor(at / map.columns);
      this.weigh(which, side, k, this.reads[which].have[side][k] * times);
    } else return;
    event.preventDefault();
  }

  // Drag a bar: its word weighs more or less, and the others share the rest.
  drags(map, which) {
    return {
      pointerdown: (event) => {
        const { bar, side, k } = event.target.dataset;
        if (bar === undefined) return;
        event.preventDefault();
        map.node.setPointerCapture(event.pointerId);
        this.dragging = { side: Number(side), k: Number(k) };
      },
      pointermove: (event) => {
        if (this.dragging) this.weigh(which, this.dragging.side, this.dragging.k, map.massAt(event, this.dragging.side));
      },
      pointerup: () => { this.dragging = null; },
      pointercancel: () => { this.dragging = null; },
    };
  }

  weigh(which, side, k, wanted) {
    const read = this.reads[which], word = this.state.level === "word" ? k : (side ? this.pair.to : read.part.words)[k];
    const within = (x, low, high) => Math.min(high, Math.max(low, x)), letter = "st"[side], before = this.state.hand[letter] || {};
    const now = within(read.have[side][k], 1e-4, 0.999), want = within(wanted, 0.002, 0.9);
    const factor = within(((before[word] ?? 1) * want * (1 - now)) / (now * (1 - want)), 1e-3, 1e3);
    this.set({ hand: { ...this.state.hand, [letter]: { ...before, [word]: Number(factor.toPrecision(4)) } } });
  }

  // Whether a cell of one figure is the same cell in another: tokens of two students can differ.
  alike(read, which) {
    return read.rows.join() === this.reads[which].rows.join();
  }

  point() {
    const at = this.at ?? (this.state.cell >= 0 ? this.state.cell : null);
    this.panels.forEach(({ maps }, k) => Object.values(maps).forEach((map) =>
      map.point(at !== null && at < this.reads[k].V.length && this.alike(this.reads[k], this.of || 0) ? at : null)));
  }

  hover(at, which = this.of || 0, speak = false) {
    if (!this.reads || !aligning(this.state)) return;
    [this.at, this.of] = [at, Math.min(which, this.reads.length - 1)];
    this.point();
    const shown = at === null ? [] : this.reads.filter((read) => this.alike(read, this.of) && at < read.V.length);
    const text = shown.map((read) => {
      const m = read.columns.length, [i, j] = [Math.floor(at / m), at % m], v = read.V[at], whole = read.keep[0][i];
      const kind = this.state.level === "word" ? read.told.get(`${i}-${j}`) : undefined, said = MEANING[kind] || (kind ? "a link" : "no link");
      const what = this.state.method === "similarity" ? `similarity ${number(v)}` : `mass ${number(v)}${whole > 0 ? `, ${Math.round((100 * v) / whole)} % of its row` : ""}`;
      return `${shown.length > 1 ? `${read.name}: ` : ""}${read.rows[i]} → ${read.columns[j]}: ${what}, cost ${number(read.part.cost[at])}, ${said}`;
    }).join(" | ");
    this.readout.textContent = text;
    if (speak) this.spoken.textContent = text;
  }

  // A word or a label: where its mass goes, the largest parts first.
  hoverSide(which, side, k, isWord) {
    const read = this.reads[which], V = isWord ? read.W : read.V, [rows, columns] = isWord ? [this.pair.s, this.pair.t] : [read.rows, read.columns];
    const m = columns.length, others = side ? rows : columns, parts = others.map((name, x) => [V[side ? x * m + k : k * m + x], name]);
    const total = sum(parts.map(([v]) => v)), best = parts.sort(([x], [y]) => y - x).slice(0, 4).filter(([v]) => v > 0.01 * total);
    const goes = total > 0 ? best.map(([v, name]) => `${name} ${Math.round((100 * v) / total)} %`).join(", ") : "no mass";
    const bar = isWord || this.state.method === "similarity" ? "" : `; has mass ${number(read.have[side][k])}, moves ${number(read.keep[side][k])}; drag its bar`;
    this.readout.textContent = `${(side ? columns : rows)[k]} ${side ? "←" : "→"} ${goes}${bar}`;
  }

  // The sum that a cell enters: its tokens' masses, and what each adds to the transport cost.
  addends(pair, reads) {
    const { state } = this, at = state.cell, shown = at < 0 ? [] : reads.filter((read) => this.alike(read, this.of || 0) && at < read.V.length);
    const blocks = shown.flatMap((read) => {
      const width = read.columns.length, [I, J] = [Math.floor(at / width), at % width], word = state.level === "word", { f, g, plan } = read.solution;
      const among = (owner, k) => [...owner.keys()].filter((t) => (word ? owner[t] === k : t === k)), scaled = f && state.method !== "exact";
      const cells = among(read.part.words, I).flatMap((i) => among(pair.to, J).map((j) => [i, j, i * read.m + j])).sort(([, , x], [, , y]) => plan[y] - plan[x]);
      const lines = cells.slice(0, 12).map(([i, j, k]) => [`${read.part.tokens[i]} → ${pair.tt[j]}`, number(read.C[k]),
        ...(scaled ? [number(read.a[i]), number(read.b[j]), number(Math.exp((f[i] + g[j] - read.C[k]) / state.epsilon))] : []),
        number(plan[k]), number(plan[k] * read.C[k])]);
      const head = ["tokens", "cost C", ...(scaled ? ["mass a", "mass b", "exp((f + g − C) / ε)"] : []), scaled ? "T = a · b · exp" : "T", "T · C"];
      const [total, paid] = [sum(cells.map(([, , k]) => plan[k])), sum(cells.map(([, , k]) => plan[k] * read.C[k]))];
      const said = state.method === "similarity" ? `similarity ${number(read.V[at])}, the largest of these`
        : `${number(total)} of mass, which adds ${number(paid)} to the transport cost of ${number(read.solution.cost)}`;
      return [html("h4", {}, `${shown.length > 1 ? `${read.name}: ` : ""}${read.rows[I]} → ${read.columns[J]}: ${said}`), grid(head, lines)];
    });
    this.sums.replaceChildren(...blocks, ...(blocks.length ? [button("close", () => this.set({ cell: -1 }))] : []));
  }

  twin() {
    const slice = (read, i) => Array.from(read.V.slice(i * read.columns.length, (i + 1) * read.columns.length), number);
    const tables = !this.table.open ? [] : aligning(this.state)
      ? (this.reads || []).flatMap((read) => [html("h4", {}, `${read.name}, plan`), grid(["", ...read.columns], read.rows.map((row, i) => [row, ...slice(read, i)]))])
      : this.rankings.map(({ head, lines }) => grid(head, lines));
    this.table.lastChild.replaceChildren(...tables);
  }

  // --- iterations

  seek(step) {
    this.step = step;
    this.later();
  }

  // Slowly at first, when each update can be followed; faster when they only polish.
  play() {
    const last = () => Number(this.iteration.max), next = () => {
      if (this.step >= last()) return this.pause();
      this.seek(Math.min(last(), this.step + (this.step > 40 ? 4 : 1)));
      this.timer = setTimeout(next, this.step < 6 ? 900 : this.step < 20 ? 350 : 120);
    };
    this.seek(this.step < 0 || this.step >= last() ? 0 : this.step);
    this.timer = setTimeout(next, 900);
    this.playButton.textContent = "❚❚ pause";
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.playButton.textContent = "▶ iterate";
  }

  stop() {
    this.pause();
    this.step = -1;
  }

  // --- search

  drawSearch() {
    const { state, data } = this, q = data.questions[state.question], names = [state.other, state.student];
    if (names.some((name) => !q.students?.[name])) {
      if (this.ask) return this.request("question", q);
      return this.say("this page does not hold these rankings");
    }
    const known = (id) => names.every((name) => q.students[name].why[id]), first = q.students[state.student].top[0][0];
    const chosen = known(state.passage) ? state.passage : q.right.find(known) ?? first;
    Object.assign(this, { rankings: [], pictures: [], key: "", reads: null });
    const columns = names.map((name, which) => {
      const part = q.students[name], [best, where] = part.why[chosen], passage = data.passages[chosen].tokens;
      const lines = part.top.map(([id, value], k) => [String(k + 1), q.right.includes(id) ? "✓" : "", value.toFixed(2), data.passages[id].title]);
      const list = grid(["rank", "right", "score", "passage"], lines), total = sum(best);
      this.rankings.push({ head: ["rank", "right", "score", "passage"], lines });
      [...list.querySelectorAll("tbody tr")].forEach((row, k) => {
        const id = part.top[k][0], pick = () => known(id) && this.set({ passage: id });
        row.classList.toggle("chosen", id === chosen);
        row.setAttribute("tabindex", "0");
        row.addEventListener("click", pick);
        row.addEventListener("keydown", (event) => event.key === "Enter" && pick());
      });
      const why = reasons(part.tokens, best, where, passage, `why: rank ${part.ranks[chosen]}, score ${total.toFixed(2)}`);
      this.pictures.push(why.node);
      const weight = new Float64Array(passage.length);
      where.forEach((at, k) => { if (at >= 0) weight[at] += Math.max(0, best[k]); });
      const high = Math.max(...weight, 1e-9), text = html("p", { class: "passage" }, ...passage.flatMap((token, k) => {
        const span = html("span", { "data-k": k, style: `--share:${(weight[k] / high).toFixed(2)}`, class: weight[k] ? "met" : "" }, token.replace(/^##/, ""));
        return token.startsWith("##") || !k ? [span] : [" ", span];
      }));
      why.node.addEventListener("pointerover", (event) => {
        const at = event.target.closest(".reason")?.dataset.where;
        for (const span of text.children) span.classList.toggle("on", span.dataset.k === at);
      });
      const place = part.rank ? `the right passage has rank ${part.rank}` : "which passage is right is not known";
      return html("figure", {}, html("figcaption", {}, `${which ? "after: " : "before: "}${name}`), html("p", { class: "facts" }, place), list,
        html("div", { class: "wide" }, why.node), text);
    });
    this.figures.className = "figures side";
    this.figures.replaceChildren(...columns);
    this.readout.textContent = "";
    this.sums.replaceChildren();
    this.spoken.textContent = columns.map((c) => c.querySelector(".facts").textContent).join(". ");
    if (this.table.open) this.twin();
  }

  // --- files

  async export(kind) {
    const { state } = this, searching = state.view === "search", name = `optical_${searching ? "search" : "alignment"}_${(searching ? state.question : state.pair) + 1}`;
    const save = (content, ending) => {
      const link = html("a", { href: URL.createObjectURL(new Blob([content])), download: `${name}.${ending}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      this.say(`saved ${name}.${ending}`);
    };
    if (kind === "link") {
      const text = this.ask ? JSON.stringify(this.different()) : location.href.split("#")[0] + "#" + hash(this.different());
      this.say(text);
      return navigator.clipboard?.writeText(text).then(() => this.say(`copied: ${text}`), () => {});
    }
    if (kind === "CSV") {
      const quoted = (x) => (/[",\n]/.test(x) ? `"${x.replaceAll('"', '""')}"` : x), line = (cells) => cells.map((x) => quoted(String(x))).join(",");
      const tables = searching ? this.rankings.map((r) => [r.head, ...r.lines])
        : this.reads.map((r) => [["", ...r.columns], ...r.rows.map((row, i) => [row, ...r.V.slice(i * r.columns.length, (i + 1) * r.columns.length)])]);
      return save(tables.map((t) => t.map(line).join("\n") + "\n").join("\n"), "csv");
    }
    if (kind === "Pharaoh") return searching ? this.say("links are in the alignment view") : save(this.reads.map((r) => r.found.map((c) => c.join("-")).join(" ") + "\n").join(""), "links");
    const rows = searching ? [this.pictures] : state.compare === "side" ? [this.panels.map((p) => p.words.node), this.panels.map((p) => Object.values(p.maps).map((m) => m.node)).flat()]
      : this.panels.flatMap((p) => [[p.words.node], Object.values(p.maps).map((m) => m.node)]);
    const whole = together(rows, getComputedStyle(this.top).getPropertyValue("--paper").trim() || "#fff", this.data.face);
    if (kind === "SVG") return save(whole.text, "svg");
    return save(await toPng(whole, kind === "PNG" ? Math.round(2 * whole.width) : 1920), "png");
  }
}

function grid(head, lines) {
  return html("div", { class: "scroll" }, html("table", {}, html("thead", {}, html("tr", {}, ...head.map((x) => html("th", { scope: "col" }, x)))),
    html("tbody", {}, ...lines.map((cells) => html("tr", {}, ...cells.map((x, k) => html(k ? "td" : "th", k ? {} : { scope: "row" }, x)))))));
}

// A state as the end of an address, and back.
function hash(state) {
  return Object.entries(state).map(([name, value]) => `${name}=${encodeURIComponent(typeof value === "object" ? JSON.stringify(value) : value)}`).join("&");
}

function unhash(text) {
  try {
    return Object.fromEntries(text.replace(/^#/, "").split("&").filter(Boolean).map((part) => {
      const [name, value] = part.split(/=(.*)/s), text = decodeURIComponent(value ?? "");
      return [name, text.startsWith("{") ? JSON.parse(text) : text];
    }));
  } catch {
    return {}; // somebody's typing: begin at the beginning
  }
}

// What each link is, by "i-j": plain without gold; else hit, possible, false, and miss for a sure link not found.
function tell(found, pair) {
  const told = new Map(), [S, P] = [pair.sure, pair.possible].map((cells) => new Set((cells || []).map(String)));
  const kind = (cell) => (!pair.sure ? "plain" : S.has(cell) ? "hit" : P.has(cell) ? "possible" : "false");
  for (const cell of found) told.set(cell.join("-"), kind(String(cell)));
  for (const cell of pair.sure || []) if (!told.has(cell.join("-"))) told.set(cell.join("-"), "miss");
  return told;
}

// In a page of its own: the state stands in the address.
export function mount(root, data) {
  const save = (state) => history.replaceState(null, "", "#" + hash(state));
  return new Explorer(root, data, { state: { ...data.state, ...unhash(location.hash) }, save });
}

export default {
  render({ model, el }) {
    const waiting = new Map();
    const answer = (message) => { waiting.get(message.id)?.(message); waiting.delete(message.id); };
    const ask = (question) => new Promise((resolve) => {
      const id = `${Date.now()}-${Math.random()}`;
      waiting.set(id, resolve);
      model.send({ id, ...question });
    });
    const save = (state) => { model.set("state", state); model.save_changes(); };
    model.on("msg:custom", answer);
    const view = new Explorer(el, structuredClone(model.get("data")), { state: model.get("state"), save, ask });
    return () => { model.off("msg:custom", answer); view.close(); };
  },
};
