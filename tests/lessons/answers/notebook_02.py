"""Right and wrong answers for the checks of notebook 02."""

from __future__ import annotations

import math

import torch

import optical_lite as ol


def log_sinkhorn(C, a, b, epsilon, iterations):
    live = (a > 0)[:, :, None] & (b > 0)[:, None, :]  # (B, n, m)
    log_K = -torch.where(live, C, 0.0) / epsilon
    log_a, log_b = a.log(), b.log()  # -inf on padding
    log_v = torch.zeros_like(b)
    for _ in range(iterations):
        log_u = log_a - torch.logsumexp(log_K + log_v[:, None, :], 2)  # (B, n)
        log_v = log_b - torch.logsumexp(log_K + log_u[:, :, None], 1)  # (B, m)
    return (log_K + log_u[:, :, None] + log_v[:, None, :]).exp()


def _spread(C, a, b, epsilon):
    T = ol.transport.solve(C[None], a[None], b[None], epsilon=epsilon, max_iterations=2000).plan[0]
    P = T / a[:, None]
    return (a * (-torch.xlogy(P, P).sum(1)).exp()).sum().item()


def _blurred(C, a, b, epsilon):
    P = ol.transport.solve(C[None], a[None], b[None], epsilon=epsilon, max_iterations=2000).plan[0] / a[:, None]
    return (-torch.xlogy(P, P).sum(1)).mean().exp().item()


def epsilon_for(C, a, b, targets, spread=None):
    low, high = 0.01, 10.0
    for _ in range(25):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if (spread or _spread)(C, a, b, middle) < targets else (low, middle)
    return middle


def _scaling(C, a, b, epsilon, iterations):
    K = torch.exp(-C / epsilon)
    v = torch.ones_like(b)
    for _ in range(iterations):
        u = a / (K @ v[:, :, None])[..., 0]
        v = b / (K.transpose(1, 2) @ u[:, :, None])[..., 0]
    return u[:, :, None] * K * v[:, None, :]


def _no_mask(C, a, b, epsilon, iterations):
    log_K, log_v = -C / epsilon, torch.zeros_like(b)
    for _ in range(iterations):
        log_u = a.log() - torch.logsumexp(log_K + log_v[:, None, :], 2)
        log_v = b.log() - torch.logsumexp(log_K + log_u[:, :, None], 1)
    return (log_K + log_u[:, :, None] + log_v[:, None, :]).exp()


def _clamped(C, a, b, epsilon, iterations):
    C = torch.where(torch.isfinite(C), C, 0.0)
    log_K, log_v = -C / epsilon, torch.zeros_like(b)
    for _ in range(iterations):
        log_u = a.clamp_min(1e-9).log() - torch.logsumexp(log_K + log_v[:, None, :], 2)
        log_v = b.clamp_min(1e-9).log() - torch.logsumexp(log_K + log_u[:, :, None], 1)
    return (log_K + log_u[:, :, None] + log_v[:, None, :]).exp()


def _swapped(C, a, b, epsilon, iterations):
    return log_sinkhorn(C, (a > 0) / (a > 0).sum(1, keepdim=True), b, epsilon, iterations)  # forgets the weights in a


RIGHT = {
    "ex02_1": ([1, 0, 2], 0.2),
    "ex02_3": log_sinkhorn,
    "ex02_4": epsilon_for,
    "ex02_2": (torch.full((3, 3), 1.5), 0.01),
}
WRONG = {
    "ex02_2": [
        (torch.full((3, 3), 1.5), 0.1),
        (torch.full((3, 3), 3.0), 0.01),
        (torch.rand(6, 7, generator=torch.Generator().manual_seed(0)), 1e-5),
        (1 - torch.eye(3), 0.001),
        (torch.ones(3), 0.01),
        (torch.full((3, 3), 1.5), 0.0),
        (torch.full((3, 3), 1.5), float("nan")),
        (0.01, torch.full((3, 3), 1.5)),
        0.01,
    ],
    "ex02_1": [
        ([0, 0, 2], 1 / 6),
        ([0, 1, 2], 0.3),
        ([1, 0, 2], 0.6),
        ([1, 0, 2], 0.1),
        [1, 0, 2],
        ([2, 0, 1], 11 / 30),
    ],
    "ex02_3": [
        _scaling,
        _no_mask,
        _clamped,
        _swapped,
        lambda C, a, b, epsilon, iterations: a[:, :, None] * b[:, None, :],
        lambda C, a, b, epsilon, iterations: log_sinkhorn(C, a, b, epsilon, 1),
        lambda C, a, b, epsilon, iterations: log_sinkhorn(C, a, b, 0.05, iterations),
        lambda C, a, b, epsilon, iterations: log_sinkhorn(C[:1], a[:1], b[:1], epsilon, iterations),
        lambda C, a, b, epsilon, iterations: None,
    ],
    "ex02_4": [
        lambda C, a, b, targets: 0.05,
        lambda C, a, b, targets: targets,
        lambda C, a, b, targets: epsilon_for(C, a, b, 1.2 * targets),
        lambda C, a, b, targets: epsilon_for(C.T, b, a, targets),
        lambda C, a, b, targets: epsilon_for(C, a, b, targets, _blurred),
        lambda C, a, b, targets: None,
    ],
}
