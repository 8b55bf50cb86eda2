// Search: the passages that a question finds, and why token by token, by two students side by side.

import { html, reasons } from "./drawing.js";
import { sum } from "./solver.js";

export function grid(head, lines) {
  const row = (cells) => html("tr", {}, ...cells.map((x, k) => html(k ? "td" : "th", k ? {} : { scope: "row" }, x)));
  const top = html("tr", {}, ...head.map((x) => html("th", { scope: "col" }, x)));
  return html("div", { class: "scroll" }, html("table", {}, html("thead", {}, top), html("tbody", {}, ...lines.map(row))));
}

// The passage, its tokens as dark as the parts of the score that they hold.
function text(tokens, best, where) {
  const weight = new Float64Array(tokens.length);
  where.forEach((at, k) => { if (at >= 0) weight[at] += Math.max(0, best[k]); });
  const high = Math.max(...weight, 1e-9), spans = tokens.map((token, k) => {
    const look = { "data-k": k, class: weight[k] ? "met" : "", style: `--share:${(weight[k] / high).toFixed(2)}` };
    return html("span", look, token.replace(/^##/, ""));
  });
  return html("p", { class: "passage" }, ...spans.flatMap((span, k) => (tokens[k].startsWith("##") || !k ? [span] : [" ", span])));
}

// One student's ranking and reasons. `pick` chooses another passage; `known` are those whose reasons are here.
export function ranking(name, question, part, passages, chosen, known, pick) {
  const [best, where] = part.why[chosen], { tokens } = passages[chosen], head = ["rank", "right", "score", "passage"];
  const lines = part.top.map(([id, value], k) =>
    [String(k + 1), question.right.includes(id) ? "✓" : "", value.toFixed(2), passages[id].title]);
  const list = grid(head, lines);
  [...list.querySelectorAll("tbody tr")].forEach((row, k) => {
    const id = part.top[k][0], does = () => known(id) && pick(id);
    row.classList.toggle("chosen", id === chosen);
    row.setAttribute("tabindex", "0");
    row.addEventListener("click", does);
    row.addEventListener("keydown", (event) => event.key === "Enter" && does());
  });
  const why = `why ${chosen} has rank ${part.ranks[chosen]}, score ${sum(best).toFixed(2)}`;
  const picture = reasons(part.tokens, best, where, tokens, why), passage = text(tokens, best, where);
  picture.addEventListener("pointerover", (event) => {
    const at = event.target.closest(".reason")?.dataset.where;
    for (const span of passage.children) span.classList.toggle("on", span.dataset.k === at);
  });
  const facts = part.rank ? `the right passage has rank ${part.rank}` : "which passage is right is not known";
  const node = html("figure", {}, html("figcaption", {}, name), html("p", { class: "facts" }, facts), list,
    html("div", { class: "wide" }, picture), passage);
  return { node, picture, facts, head, lines };
}
