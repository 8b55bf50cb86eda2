"""Losses: what the student is asked to make small; each makes a scalar of a batch of pairs.

Shapes everywhere: student vectors ``S`` (B, n, d), teacher vectors ``H`` (B, m, d), unit length;
masks (B, n), (B, m). Vectors on padding are never read. A pair with an empty side teaches nothing;
a batch of such pairs has a loss without a gradient. The losses of :data:`AMONG` take more English
sentences, ``H`` (K, m, d) with K at least B: the first B are the pairs' own, and all are compared
with.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .cost import cosine_cost, uniform_marginal
from .kernels.given import as_mask, as_masses, as_numbers, as_sentences
from .settings import InputError
from .transport import TransportPlan, solve

TEMPERATURE = 0.05  # of every softmax over sentences


def transport_loss(
    S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor, *,
    a: Tensor | None = None, b: Tensor | None = None, **options: object,
) -> tuple[Tensor, TransportPlan]:  # fmt: skip
    r"""Transport distillation: the Frobenius inner product of plan and cost.

    .. math:: L = \frac{1}{B} \sum_k \langle T^{(k)}, C^{(k)} \rangle, \qquad
              \partial L / \partial C = T / B

    The plan is a constant in the backward pass. At the optimum this is the exact gradient of the
    regularised transport cost (envelope theorem), and nothing of the solver is kept in memory.

    Gradients flow into both sides where they are wanted. ``a`` and ``b`` are marginals, shapes
    (B, n) and (B, m), uniform by default; where they sum to 1 the loss is in [0, 2]. The options
    are those of :func:`optical_lite.transport.solve`, by default ``method="stabilized"`` and
    ``max_iterations=100``.

    >>> S = torch.eye(2)[None].requires_grad_()
    >>> mask = torch.ones(1, 2, dtype=torch.bool)
    >>> loss, plan = transport_loss(S, torch.eye(2)[None].flip(1), mask, mask, method="exact")
    >>> loss.item(), plan.plan.tolist()
    (0.0, [[[0.0, 0.5], [0.5, 0.0]]])

    Source: our reading of the abstract of Huang, Yu and Allan, WSDM 2023 (arXiv 2301.12566);
    lesson 03.
    """
    S, H, source_mask, target_mask = _real(S, H, source_mask, target_mask)
    a = uniform_marginal(source_mask) if a is None else as_masses("loss", a, source_mask)
    b = uniform_marginal(target_mask) if b is None else as_masses("loss", b, target_mask)
    alive = a.any(1) & b.any(1)
    a, b = a * alive[:, None], b * alive[:, None]
    C = cosine_cost(S, H)  # (B, n, m)
    options = {"method": "stabilized", "max_iterations": 100} | options
    plan = solve(C, a, b, **options)
    return (plan.plan * C).sum((1, 2)).mean(), plan


def greedy_loss(S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor) -> Tensor:
    r"""Each student token goes to its nearest teacher token, whoever else goes there.

    .. math:: L = \frac{1}{B} \sum_k \frac{1}{n_k} \sum_i \min_j C^{(k)}_{ij}
    """
    S, H, source_mask, target_mask = _real(S, H, source_mask, target_mask)
    C = cosine_cost(S, H).masked_fill(~target_mask[:, None, :], 2.0)  # the largest cosine cost
    return (C.amin(2) * uniform_marginal(source_mask)).sum(1).mean()


@torch.no_grad()
def one_to_one(C: Tensor, source_mask: Tensor, target_mask: Tensor) -> Tensor:
    """Greedy one-to-one alignment: again and again the cheapest pair of two tokens still free.

    Costs and masks of a batch -> bool, shape (B, n, m), min(n_k, m_k) pairs a sentence pair. NaN or
    infinite costs between real tokens are an InputError.

    >>> C = torch.tensor([[[0.1, 0.2], [0.0, 0.9]]])
    >>> both = torch.ones(1, 2, dtype=torch.bool)
    >>> one_to_one(C, both, both).int().tolist()
    [[[0, 1], [1, 0]]]

    Source: the alignment step of DR.DECR as released (primeqa/primeqa@4ae1b45,
    colbert/training/training.py).
    """
    (C,), of = as_numbers("one_to_one", C), (source_mask, target_mask)
    p, q = (as_mask("one_to_one", mask) for mask in of)
    if C.ndim != 3 or p.shape != C.shape[:2] or q.shape != (len(C), C.shape[2]):
        got = f"cost {tuple(C.shape)}, masks {tuple(p.shape)} and {tuple(q.shape)}"
        raise InputError("one_to_one", got, "(B, n, m), (B, n), (B, m); add [None] for one pair")
    live = p[:, :, None] & q[:, None, :]  # (B, n, m)
    if not C.where(live, 0.0).isfinite().all():
        expected = "finite numbers; check the vectors"
        raise InputError("one_to_one", "NaN or infinite costs between real tokens", expected)
    free, (B, n, m) = C.masked_fill(~live, torch.inf), C.shape
    found, rows = torch.zeros_like(C, dtype=torch.bool), torch.arange(B, device=C.device)
    for _ in range(min(n, m)):
        best, place = free.flatten(1).min(1)
        i, j = place // m, place % m
        found[rows, i, j] |= torch.isfinite(best)
        free[rows, i], free[rows, :, j] = torch.inf, torch.inf
    return found


def match_loss(S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor) -> Tensor:
    """Cosine cost of the greedy one-to-one pairs (half their squared distance).

    After DR.DECR (arXiv 2112.08185).
    """
    S, H, source_mask, target_mask = _real(S, H, source_mask, target_mask)
    C = cosine_cost(S, H)
    pairs = one_to_one(C, source_mask, target_mask)
    return ((pairs * C).sum((1, 2)) / pairs.sum((1, 2)).clamp_min(1)).mean()


def sentence_loss(S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor) -> Tensor:
    """Sentence-level distillation: one minus the cosine of the two mean vectors.

    After Reimers and Gurevych, EMNLP 2020 (arXiv 2004.09813), with cosine for squared error.
    """
    S, H, _, _ = _real(S, H, source_mask, target_mask)
    return (1 - F.cosine_similarity(S.sum(1), H.sum(1), dim=-1)).mean()  # sums point as means do


def contrast_loss(
    S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor, same: Tensor | None = None
) -> Tensor:
    """Find the sentence's own translation among the batch's, by the cosine of mean vectors.

    After van den Oord et al., 2018 (arXiv 1807.03748), with the other English sentences of the
    batch as negatives. Bitext repeats some sentences; what says the same is no negative (``same``,
    of :func:`repeated`).
    """
    S, H, *masks = _real(S, H, source_mask, target_mask, more=True)
    return find_own(F.normalize(S.sum(1), dim=-1) @ F.normalize(H.sum(1), dim=-1).T, same, *masks)


def late_loss(
    S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor, same: Tensor | None = None
) -> Tensor:
    """Find the sentence's own translation among the batch's, by late interaction (MaxSim).

    As :func:`contrast_loss`, with :func:`mean_maxsim` for the cosine of mean vectors; lesson 07.
    """
    S, H, source_mask, target_mask = _real(S, H, source_mask, target_mask, more=True)
    scores = mean_maxsim(S, source_mask, H, target_mask)
    return find_own(scores, same, source_mask, target_mask)


def score_loss(
    S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor, same: Tensor | None = None
) -> Tensor:
    """Score the batch's other English sentences as the teacher does when it reads the translation.

    The teacher's soft labels are its MaxSim scores of the English side with every other English
    sentence; the loss is their Kullback-Leibler divergence. Its own sentence is left out: it scores
    1 with itself, far above the rest, and the labels would be those of :func:`late_loss`.
    """
    S, H, source_mask, target_mask = _real(S, H, source_mask, target_mask, more=True)
    aside, alive = _aside(same, source_mask, target_mask)
    ours, theirs = (
        mean_maxsim(*side, H, target_mask).masked_fill(aside, -1e3) / TEMPERATURE  # (B, K)
        for side in ((S, source_mask), (H[: len(S)], target_mask[: len(S)]))
    )
    each = F.kl_div(ours.log_softmax(-1), theirs.softmax(-1), reduction="none")  # (B, K)
    return (each * alive[:, None]).sum() / len(S)


def repeated(ids: Tensor) -> Tensor:
    """Which other sentences of a batch are word for word the same: ids (B, m) -> bool (B, B).

    >>> repeated(torch.tensor([[5, 6], [7, 0], [5, 6]])).int().tolist()
    [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    """
    own = torch.eye(len(ids), dtype=torch.bool, device=ids.device)
    return (ids[:, None] == ids[None]).all(2) & ~own


def find_own(
    scores: Tensor, same: Tensor | None, source_mask: Tensor, target_mask: Tensor
) -> Tensor:
    """Cross entropy of the right column of each row, which has the row's number; mean over rows.

    Scores have the shape (B, K), K at least B. Where ``same``, of that shape, is True another
    column holds the right one's text, and is left out, as is a column without a token. A row of a
    pair with an empty side counts 0.
    """
    aside, alive = _aside(same, source_mask, target_mask)
    scores = (scores / TEMPERATURE).masked_fill(aside.fill_diagonal_(False), -torch.inf)
    right = torch.arange(len(scores), device=scores.device).masked_fill(~alive, -100)  # ignored
    return F.cross_entropy(scores, right, reduction="sum") / len(scores)


def _aside(same: Tensor | None, source_mask: Tensor, target_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Columns that a row is not told apart from, (B, K), and rows with a token on both sides, (B,).

    These columns are the row's own, those that hold its own's text, and those without a token.
    """
    told = target_mask.any(1)  # (K,)
    own = torch.eye(len(source_mask), len(told), dtype=torch.bool, device=told.device)
    if same is not None and (same := as_mask("loss", same)).shape != own.shape:
        got = f"same of shape {tuple(same.shape)}"
        raise InputError("loss", got, f"{tuple(own.shape)}, a column for each English sentence")
    aside = own | ~told if same is None else own | ~told | same
    return aside, source_mask.any(1) & told[: len(own)]


def mean_maxsim(Q: Tensor, query_mask: Tensor, P: Tensor, passage_mask: Tensor) -> Tensor:
    """Mean similarity of query tokens with their best match: (B, n, d), (K, m, d) -> (B, K)."""
    similarity = torch.einsum("bnd,kmd->bknm", Q, P)
    best = similarity.masked_fill(~passage_mask[None, :, None, :], -1.0).amax(3)  # (B, K, n)
    return (best * uniform_marginal(query_mask)[:, None, :]).sum(2)


def _real(
    S: Tensor, H: Tensor, source_mask: Tensor, target_mask: Tensor, more: bool = False
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Vectors with 0 on padding, where nothing reaches a loss or a gradient, and masks of bool."""
    (S, source_mask), (H, target_mask) = as_sentences("loss", (S, source_mask), (H, target_mask))
    fitting = len(S) <= len(H) if more else len(S) == len(H)
    if not (fitting and S.numel() and H.numel()):
        expected = "(B, n, d), (B, m, d) with at least one pair and place"
        raise InputError("loss", f"vectors {tuple(S.shape)} and {tuple(H.shape)}", expected)
    return S, H, source_mask, target_mask


# of each pair by itself; of a pair among the others of its batch
PLAIN = {"greedy": greedy_loss, "match": match_loss, "sentence": sentence_loss}
AMONG = {"contrast": contrast_loss, "late": late_loss, "score": score_loss}
