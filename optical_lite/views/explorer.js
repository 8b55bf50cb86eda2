// Explorer: a plan that moves under the hand. Python sends costs, words and gold links; everything else happens here.
//
// `mount(node, data)` shows it in a page; the default export is what anywidget asks for. With `ask`, a kernel reads
// what the data does not hold: other pairs, other students, one's own text. optical_lite.views.material makes the data.

import { METHODS, RULES } from "./solver.js";
import { MEANING, errorCurve, heatmap, html, sentences, svg, toPng, together } from "./drawing.js";
import { addends, cellText, frames, labelled, number, read, sideText } from "./reading.js";
import { grid, ranking } from "./search.js";

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
      const fine = ([k, y]) => /^\d+$/.test(k) && y >= 1e-3 && y <= 1e3;
      const factors = (side) => [side, Object.fromEntries(Object.entries(x[side]).filter(fine))];
      found.hand = Object.fromEntries(["s", "t"].filter((side) => x[side]).map(factors));
    } else found[name] = name in SLIDERS ? Math.min(SLIDERS[name][2], Math.max(SLIDERS[name][1], x)) : x;
  }
  return found;
}

export class Explorer {
  constructor(root, data, { state = {}, save = () => {}, ask = null } = {}) {
    Object.assign(this, { root, data, save, ask, step: -1, key: "", memory: {}, controls: {} });
    const [other, student] = data.compared;
    this.start = { ...DEFAULT, layer: data.layers[0], student, other };
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
    // letters that came along are there a moment later: only then can words be measured
    if (data.face) document.fonts.load('14px "Noto Sans Devanagari"', "\u0921").then(() => { this.key = ""; this.draw(); });
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
    const behind = (node) => (node ? getComputedStyle(node).backgroundColor : "rgb(255, 255, 255)");
    let node = this.root.parentElement;
    while (node && behind(node) === "rgba(0, 0, 0, 0)") node = node.parentElement;
    const [r, g, b] = behind(node).match(/[\d.]+/g).map(Number);
    const theme = r + g + b < 384 ? "dark" : "light", look = getComputedStyle(this.top);
    if (theme === this.top.dataset.theme) return;
    this.top.dataset.theme = theme;
    // for what is painted on a canvas: asking at every move would lay out the page twice
    this.inks = ["--mass", "--less", "--ground"].map((name) => look.getPropertyValue(name).trim());
    this.later();
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
    const option = ([value, text]) => html("option", { value }, text);
    this.controls[name].fill = (all) => select.replaceChildren(...all.map(option));
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
    const kinds = [["uniform", "each token the same"], ["words", "each word the same"], ["idf", "rare ones more (idf)"]];
    const view = (name, text) => button(text, () => this.set({ view: name }), { class: "tab", "data-view": name });
    const views = data.questions.length ? [view("align", "Alignment"), view("search", "Search")] : [];
    this.tabs = html("div", { class: "tabs" }, ...views);
    this.reset = button("reset masses", () => this.set({ hand: {} }));
    const texts = [
      this.choice("pair", "sentence pair", titles(data.pairs), aligning),
      ...this.own("pair", ["your own sentence", "its English"]),
      this.choice("question", "question", titles(data.questions), searching),
      ...this.own("question", ["your own question"]),
    ];
    const parts = [
      this.choice("compare", "show", COMPARE, aligning), this.choice("student", "student", names, () => true),
      this.choice("other", "other student", names, (s) => s.compare !== "one" || searching(s)), this.training(),
      this.choice("layer", "layer", data.layers.map((l) => [l, l || "last"]), () => data.layers.length > 1),
      this.choice("method", "solver", same(METHODS), aligning),
      ...["epsilon", "reach", "mass"].map((x) => this.slider(x)), this.iterations(),
      this.choice("marginals", "mass", data.idf ? kinds : kinds.slice(0, 2), aligning), this.reset,
      this.choice("level", "show and link", [["word", "words"], ["token", "sub-words"]], aligning),
      this.choice("rule", "rule", same(RULES), aligning),
      ...["threshold", "null", "position"].map((x) => this.slider(x)),
    ];
    this.figures = html("div", { class: "figures" });
    this.readout = html("p", { class: "readout" });
    this.sums = html("div", { class: "sum" });
    const summary = html("summary", {}, "the same as a table");
    this.table = html("details", { class: "twin", ontoggle: () => this.twin() }, summary, html("div"));
    const kept = ["SVG", "PNG", "PNG for slides", "CSV", "Pharaoh", "link"].map((x) => button(x, () => this.export(x)));
    this.message = html("p", { class: "message", role: "status" });
    this.spoken = html("p", { class: "spoken", role: "status" });
    const stage = html("div", { class: "stage" }, this.message, this.figures, this.readout, this.sums, this.table,
      html("div", { class: "exports" }, ...kept), this.spoken);
    const board = html("div", { class: "board" }, html("div", { class: "controls" }, ...parts), stage);
    this.top = html("div", { class: "optical", "data-view": this.state.view }, html("style", {}, data.face || ""), this.tabs,
      html("div", { class: "texts" }, ...texts), board);
    this.root.replaceChildren(this.top);
  }

  // Boxes for one's own text, where a kernel can read it.
  own(kind, labels) {
    if (!this.ask) return [];
    const box = (label) => html("input", { type: "text", placeholder: label, "aria-label": label, dir: "auto" });
    const boxes = labels.map(box), send = html("button", {}, kind === "pair" ? "align" : "search");
    const onsubmit = (event) => {
      event.preventDefault();
      this.request(kind, { texts: boxes.map((box) => box.value), note: "own" });
    };
    const node = html("form", { class: "own", onsubmit }, ...boxes, send);
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
    this.top.dataset.view = state.view;
    for (const tab of this.tabs.children) tab.setAttribute("aria-pressed", String(tab.dataset.view === state.view));
  }

  // --- state

  set(patch) {
    const only = Object.keys(patch).join();
    Object.assign(this.state, patch);
    if (["pair", "level", "compare"].includes(only)) this.state.cell = -1;
    if (only === "pair") this.state.hand = {};
    if (only === "view") this.say(""); // what was said of the other view
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
    const changed = ([name, x]) => JSON.stringify(x) !== JSON.stringify(this.start[name]);
    return Object.fromEntries(Object.entries(this.state).filter(changed));
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

  // --- alignment

  draw() {
    const { state, data } = this, two = state.compare !== "one";
    this.showControls();
    if (state.view === "search") return this.drawSearch();
    const pair = data.pairs[state.pair], names = two ? [state.student, state.other] : [state.student];
    if (names.some((name) => pair.students?.[name]?.costs[state.layer] === undefined))
      return this.ask ? this.request("pair", pair) : this.say("this page does not hold these costs");
    this.pair = pair;
    this.reads = names.map((name) => read(state, pair, name, this.step, this.memory));
    const key = JSON.stringify([state.pair, names, state.compare, state.level, pair.source, this.room]);
    if (key !== this.key) this.panels = this.lay(pair, this.reads, this.room || 980);
    this.key = key;
    this.paint(pair, this.reads);
  }

  // New pictures for a new pair or another layout.
  lay(pair, reads, room) {
    const { compare } = this.state, beside = compare !== "one" && room > 760, own = beside ? room / 2 - 20 : room - 8;
    const minus = compare === "difference", share = { one: own / 2, side: own, difference: room / (beside ? 3 : 1) - 24 };
    this.memory = {};
    const panels = reads.map((one, k) => {
      const odd = [new Set(one.part.unknown), new Set(pair.tu)], { rows, columns } = one;
      const words = sentences(pair.s, pair.t, odd, own, `links of ${one.name}`), maps = {};
      const map = (title, bars) => heatmap(rows, columns, title, share[compare], bars);
      if (rows.length && columns.length) {
        maps.plan = map(minus ? `plan of ${one.name}` : "plan T: the fuller, the more mass", !minus);
        if (compare === "one") maps.cost = map("cost C: the fuller, the cheaper");
        if (minus && k && rows.join() === reads[0].rows.join()) maps.difference = map("first minus second; ochre is less");
      }
      return { words, maps, facts: html("p", { class: "facts" }) };
    });
    this.say(minus && !panels[1].maps.difference ? "their sub-words differ: show words to subtract" : "");
    this.figures.className = `figures ${beside ? "side" : ""}`;
    const nodes = ({ maps }) => Object.values(maps).map((map) => map.node);
    const row = (some) => html("div", { class: "maps" }, ...some.flatMap(nodes));
    const figures = panels.map((panel, k) => html("figure", {}, html("figcaption", {}, reads[k].name),
      html("div", { class: "wide" }, panel.words.node), panel.facts, minus ? null : row([panel])));
    this.figures.replaceChildren(...figures, ...(minus ? [row(panels)] : []));
    panels.forEach((panel, k) => this.listen(panel, k));
    return panels;
  }

  paint(pair, reads) {
    const { state } = this, [first, second] = reads, { played } = first.solution;
    reads.forEach((one, k) => {
      const { words, maps, facts } = this.panels[k], { told, V, top, keep, have } = one, framed = frames(state, one);
      words.paint(told, one.W, one.wordTop);
      maps.plan?.paint(V.map((v) => v / top), this.inks, framed, [0, 1].map((side) => [keep[side], have[side]]));
      maps.plan?.flash(played && played.steps[played.at].side);
      maps.cost?.paint(one.part.cheap, this.inks, framed);
      maps.difference?.paint(first.V.map((v, at) => (v - second.V[at]) / top), this.inks);
      facts.replaceChildren(...this.facts(one, pair));
    });
    this.iteration.disabled = this.curvePlace.hidden = !played;
    if (played) {
      this.iteration.max = played.steps.length - 1;
      this.iteration.value = played.at;
      const errors = () => errorCurve(played.steps.map((step) => step.error), "marginal error by half iteration");
      if (this.curved !== played.steps) this.curve = errors();
      this.curved = played.steps;
      this.curvePlace.replaceChildren(this.curve.node);
      this.curve.paint(played.at);
    }
    this.point();
    this.showSums(pair);
    if (this.table.open) this.twin();
    clearTimeout(this.speaking);
    const speak = () => { this.spoken.textContent = this.panels.map((panel) => panel.facts.textContent).join(". "); };
    this.speaking = setTimeout(speak, 600);
  }

  facts(one, pair) {
    const { solution, scored, found } = one, { played } = solution, parts = [];
    if (one.similar) parts.push("no transport: cells are (1 + cosine) / 2");
    else parts.push(`transport cost ${solution.cost.toFixed(4)}, mass moved ${solution.moved.toFixed(3)}`);
    if (played) {
      const { side, error } = played.steps[played.at], said = side && `, ${side} were rescaled`;
      parts.push(`half iteration ${played.at}${said}: marginal error ${error.toExponential(1)}`);
    } else if (!solution.converged) parts.push(html("strong", {}, "NOT CONVERGED"));
    parts.push(`${found.length} link${found.length === 1 ? "" : "s"}`);
    const strange = [...one.part.unknown.map((i) => pair.s[i]), ...pair.tu.map((j) => pair.t[j])];
    if (strange.length) parts.push(`unknown to the tokenizer, so never linked: ${strange.join(" ")}`);
    const joined = () => parts.flatMap((part, k) => (k ? ["; ", part] : [part]));
    if (!scored) return joined();
    parts.push(`precision ${scored.precision.toFixed(2)}, recall ${scored.recall.toFixed(2)}`);
    parts.push(html("b", {}, `AER ${scored.aer.toFixed(3)}`));
    const kinds = Object.entries(MEANING).map(([kind, meaning]) => {
      const drawn = svg("path", { d: "M1 4h28", class: `link ${kind}` });
      const count = [...one.told.values()].filter((x) => x === kind).length;
      const line = svg("svg", { width: 30, height: 8, class: "pic key", "aria-hidden": "true" }, drawn);
      return html("span", { class: "kind" }, line, ` ${meaning}: ${count}`);
    });
    return [...joined(), html("span", { class: "kinds" }, ...kinds)];
  }

  // --- what a pointer or a key points at

  listen({ words, maps }, which) {
    const on = (node, does) => Object.entries(does).forEach(([name, handler]) => node.addEventListener(name, handler));
    const pointerleave = () => { words.focus(null); this.hover(null); };
    const pointerover = ({ target: { dataset: d } }) => {
      const [side, k] = [Number(d.side), Number(d.k)], one = this.reads[which];
      if (d.i !== undefined && this.state.level === "word") this.hover(d.i * one.M + Number(d.j), which);
      else if (d.side !== undefined && !this.dragging)
        this.readout.textContent = sideText(one, this.pair, side, k, d.word !== undefined);
      if (d.word !== undefined) words.focus(side, k);
    };
    on(words.node, { pointerover, pointerleave });
    for (const [kind, map] of Object.entries(maps)) {
      const keys = "arrow keys move, Enter shows the sum, plus and minus change the mass of the row, with Shift of the column";
      map.drawing.setAttribute("tabindex", "0");
      map.drawing.setAttribute("role", "application");
      map.drawing.setAttribute("aria-label", `${kind}: ${keys}`);
      const pointermove = (event) => {
        const at = this.dragging ? null : map.cellAt(event);
        if (at !== null && (at !== this.at || which !== this.of)) this.hover(at, which);
      };
      const click = (event) => { if (map.cellAt(event) !== null) this.set({ cell: map.cellAt(event) }); };
      const keydown = (event) => this.keys(event, map, which);
      on(map.drawing, { pointerover, pointermove, pointerleave, click, keydown });
      if (kind === "plan") on(map.drawing, this.drags(map, which));
    }
  }

  keys(event, map, which) {
    const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: map.columns, ArrowUp: -map.columns }[event.key];
    const times = { "+": 1.25, "=": 1.25, "*": 1.25, "-": 0.8, _: 0.8 }[event.key], at = this.at ?? -1;
    if (move) this.hover(at < 0 ? 0 : Math.max(0, Math.min(map.rows * map.columns - 1, at + move)), which, true);
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
        map.drawing.setPointerCapture(event.pointerId);
        this.dragging = { side: Number(side), k: Number(k) };
      },
      pointermove: (event) => {
        const { side, k } = this.dragging || {};
        if (this.dragging) this.weigh(which, side, k, map.massAt(event, side));
      },
      lostpointercapture: () => { this.dragging = null; },
    };
  }

  weigh(which, side, k, wanted) {
    const one = this.reads[which], owner = side ? this.pair.to : one.part.words, letter = "st"[side];
    const word = this.state.level === "word" ? k : owner[k], before = this.state.hand[letter] || {};
    const within = (x, low, high) => Math.min(high, Math.max(low, x));
    const now = within(one.have[side][k], 1e-4, 0.999), want = within(wanted, 0.002, 0.9);
    const factor = within(((before[word] ?? 1) * want * (1 - now)) / (now * (1 - want)), 1e-3, 1e3);
    this.set({ hand: { ...this.state.hand, [letter]: { ...before, [word]: Number(factor.toPrecision(4)) } } });
  }

  // The figures in which a cell is the one that is pointed at in one of them: tokens of two students can differ.
  sharing(at) {
    const rows = this.reads[this.of || 0].rows.join();
    return this.reads.filter((one) => at !== null && at < one.V.length && one.rows.join() === rows);
  }

  // What stands before a line where there is more than one student.
  called(one) {
    return this.reads.length > 1 ? `${one.name}: ` : "";
  }

  point() {
    const at = this.at ?? (this.state.cell >= 0 ? this.state.cell : null), shown = this.sharing(at);
    this.panels.forEach(({ maps }, k) => {
      for (const map of Object.values(maps)) map.point(shown.includes(this.reads[k]) ? at : null);
    });
  }

  hover(at, which = this.of || 0, speak = false) {
    if (!this.reads) return;
    [this.at, this.of] = [at, Math.min(which, this.reads.length - 1)];
    this.point();
    const lines = this.sharing(at).map((one) => this.called(one) + cellText(this.state, one, at));
    this.readout.textContent = lines.join(" | ");
    if (speak) this.spoken.textContent = lines.join(". ");
  }

  showSums(pair) {
    const { cell } = this.state, blocks = this.sharing(cell < 0 ? null : cell).flatMap((one) => {
      const { title, head, lines } = addends(this.state, pair, one, cell);
      return [html("h4", {}, this.called(one) + title), grid(head, lines)];
    });
    this.sums.replaceChildren(...blocks, ...(blocks.length ? [button("close", () => this.set({ cell: -1 }))] : []));
  }

  // Whatever is shown, as tables: [title, head, lines].
  tables(show) {
    if (!aligning(this.state)) return this.rankings.map(({ head, lines }, k) => [["before", "after"][k], head, lines]);
    return (this.reads || []).map((one) => {
      const [head, ...lines] = labelled(one, show);
      return [`${one.name}, plan`, head, lines];
    });
  }

  twin() {
    const nodes = ([title, head, lines]) => [html("h4", {}, title), grid(head, lines)];
    this.table.lastChild.replaceChildren(...(this.table.open ? this.tables(number).flatMap(nodes) : []));
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
    if (names.some((name) => !q.students?.[name]))
      return this.ask ? this.request("question", q) : this.say("this page does not hold these rankings");
    const known = (id) => names.every((name) => q.students[name].why[id]), first = q.students[state.student].top[0][0];
    const chosen = known(state.passage) ? state.passage : q.right.find(known) ?? first;
    const pick = (passage) => this.set({ passage });
    this.rankings = names.map((name, k) => ranking(`${["before", "after"][k]}: ${name}`, q, q.students[name],
      data.passages, chosen, known, pick));
    Object.assign(this, { key: "", reads: null });
    this.figures.className = "figures side";
    this.figures.replaceChildren(...this.rankings.map((r) => r.node));
    this.readout.textContent = "";
    this.sums.replaceChildren();
    this.spoken.textContent = this.rankings.map((r) => r.facts).join(". ");
    if (this.table.open) this.twin();
  }

  // --- files

  saveAs(content, ending) {
    const { view, pair, question } = this.state, name = view === "align" ? `alignment_${pair + 1}` : `search_${question + 1}`;
    const link = html("a", { href: URL.createObjectURL(new Blob([content])), download: `${name}.${ending}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    this.say(`saved ${name}.${ending}`);
  }

  async export(kind) {
    const { panels } = this, searching = !aligning(this.state);
    if (kind === "link") {
      const state = this.different(), page = () => location.href.split("#")[0] + "#" + hash(state);
      const text = this.ask ? JSON.stringify(state) : page();
      this.say(text);
      return navigator.clipboard?.writeText(text).then(() => this.say(`copied: ${text}`), () => {});
    }
    if (kind === "CSV") {
      const quoted = (x) => (/[",\n]/.test(x) ? `"${x.replaceAll('"', '""')}"` : x);
      const line = (cells) => cells.map((x) => quoted(String(x))).join(",") + "\n";
      return this.saveAs(this.tables().map(([, head, lines]) => [head, ...lines].map(line).join("")).join("\n"), "csv");
    }
    if (kind === "Pharaoh") {
      if (searching) return this.say("links are in the alignment view");
      const line = (one) => one.found.map((cell) => cell.join("-")).join(" ") + "\n";
      return this.saveAs(this.reads.map(line).join(""), "links");
    }
    const maps = (panel) => Object.values(panel.maps), words = (panel) => panel.words;
    const rows = searching ? [this.rankings.map((r) => ({ node: r.picture }))] : [panels.map(words), panels.flatMap(maps)];
    const whole = together(rows, getComputedStyle(this.top).getPropertyValue("--paper").trim(), this.data.face);
    if (kind === "SVG") return this.saveAs(whole.text, "svg");
    return this.saveAs(await toPng(whole, kind === "PNG" ? Math.round(2 * whole.width) : 1920), "png");
  }
}

// A state as the end of an address, and back.
function hash(state) {
  const plain = ([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : value];
  return String(new URLSearchParams(Object.entries(state).map(plain)));
}

function unhash(text) {
  const found = Object.fromEntries(new URLSearchParams(text.slice(1)));
  try {
    return found.hand ? { ...found, hand: JSON.parse(found.hand) } : found;
  } catch {
    return {}; // somebody's typing: begin at the beginning
  }
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
