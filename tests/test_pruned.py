import pytest
import torch

from optical_lite import pocket
from optical_lite import pruned as pruned_module
from optical_lite.pruned import PrunedIndex
from optical_lite.retrieval import PassageIndex, score, search
from optical_lite.settings import InputError


@pytest.fixture(scope="module")
def data():
    return pocket.collection("sw")


@pytest.fixture(scope="module")
def index(teacher, data):
    return PassageIndex.cached(teacher, data.passages)


@pytest.fixture(scope="module")
def pruned(index):
    return PrunedIndex.build(index, centroids=256, rounds=3)


def test_lists_hold_every_token_once(index, pruned):
    assert pruned.starts[0] == 0
    assert pruned.starts[-1] == len(pruned.lists)
    nearest = (index.vectors.float() @ pruned.centroids.T).argmax(1)
    owner = torch.repeat_interleave(torch.arange(len(index.ids)), index.lengths)
    expected = {(int(c), int(p)) for c, p in zip(nearest, owner, strict=True)}
    found = {
        (c, int(p)) for c in range(len(pruned.centroids)) for p in pruned.lists[pruned.starts[c] : pruned.starts[c + 1]]
    }
    assert len(found & expected) > 0.99 * len(expected)  # bfloat16 may break a tie the other way
    assert len(found) == len(pruned.lists)


def test_with_every_candidate_it_is_the_exact_search(teacher, data, index, pruned):
    questions = dict(list(data.translations.items())[:10])
    exact = search(index, teacher, questions, k=20)
    found = pruned.search(teacher, questions, k=20, probes=4, candidates=len(index.ids))
    for query, ranking in exact.items():
        assert {p for p, _ in found[query][:18]} <= {p for p, _ in ranking}
        assert [s for _, s in found[query][:20]] == pytest.approx([s for _, s in ranking[:20]], abs=2e-2)


def test_few_candidates_find_most_of_the_top(teacher, data, index, pruned):
    questions = dict(list(data.translations.items())[:30])
    exact = search(index, teacher, questions, k=10)
    few = pruned.search(teacher, questions, k=10, probes=16, candidates=60)
    one = pruned.search(teacher, questions, k=10, probes=1, candidates=10)
    recall = [
        sum(len({p for p, _ in run[q][:10]} & {p for p, _ in exact[q][:10]}) for q in exact) / (10 * len(exact))
        for run in (few, one)
    ]
    assert recall[0] > 0.9
    assert recall[1] < recall[0]


def test_the_estimate_is_what_its_formula_says(teacher, index, pruned):
    query = teacher.encode(["Where do the rivers meet?"])
    vectors = query.vectors[0][query.mask[0]]
    found = pruned.estimate(vectors, probes=3)
    near = (vectors @ pruned.centroids.T).topk(3)
    for passage in (0, 7, len(index.ids) - 1):
        expected = 0.0
        for values, cells in zip(near.values.tolist(), near.indices.tolist(), strict=True):
            inside = [v for v, c in zip(values, cells, strict=True)
                      if passage in pruned.lists[pruned.starts[c] : pruned.starts[c + 1]]]  # fmt: skip
            expected += max(inside, default=values[-1])
        assert found[passage].item() == pytest.approx(expected, abs=1e-5)


def reference(pruned, query, probes, candidates):
    """Both stages with plain loops: positions and exact scores of the candidates."""
    similarity, total = query @ pruned.centroids.T, []
    lists = [set(part.tolist()) for part in pruned.lists.split(pruned.starts.diff().tolist())]
    for passage in range(len(pruned.index.ids)):
        total.append(0.0)
        for row in similarity:
            near = row.topk(probes)
            pairs = zip(near.values.tolist(), near.indices.tolist(), strict=True)
            total[-1] += max((v for v, c in pairs if passage in lists[c]), default=near.values[-1].item())
    chosen = sorted(range(len(total)), key=lambda i: -total[i])[:candidates]
    vectors = pruned.index.vectors.split(pruned.index.lengths.tolist())
    return {i: (query @ vectors[i].float().T).amax(1).sum().item() for i in chosen}


def test_the_search_is_what_the_plain_loops_say(teacher, index, pruned):
    query = teacher.encode(["Who keeps bees in the hills?"])
    vectors = query.vectors[0][query.mask[0]]
    expected = reference(pruned, vectors, 4, 15)
    found = dict(pruned.search_vectors("q", vectors, 10, 4, 15)["q"])
    best = sorted(expected, key=lambda i: -expected[i])[:10]
    assert set(found) == {index.ids[i] for i in best}
    assert [found[index.ids[i]] for i in best] == pytest.approx([expected[i] for i in best], abs=5e-2)


def test_many_centroids_are_found_by_way_of_cells(index, monkeypatch):
    vectors, centers = index.vectors[:3000].float(), index.vectors[3000:4500].float()
    for name, value in (("FLAT", 1000), ("CELLS", 32), ("AROUND", 6)):
        monkeypatch.setattr(pruned_module, name, value)
    similarity, share, loss = vectors @ centers.T, {}, {}
    best = similarity.max(1)
    for around in (1, 6, 32):
        monkeypatch.setattr(pruned_module, "AROUND", around)
        found = pruned_module._nearest(vectors, centers)
        share[around] = (found == best.indices).float().mean().item()
        loss[around] = (best.values - similarity.gather(1, found[:, None])[:, 0]).mean().item()
    assert share[32] > 0.999  # every cell: the nearest of all
    assert share[1] < share[6] < share[32]
    assert loss[6] < 0.05
    assert loss[6] < loss[1]


def test_same_seed_same_index_and_bad_input(index, pruned):
    again = PrunedIndex.build(index, centroids=256, rounds=3)
    assert torch.equal(again.lists, pruned.lists)
    empty = PassageIndex([], torch.zeros(0, 4).half(), torch.zeros(0, dtype=torch.long))
    with pytest.raises(InputError, match="without token vectors"):
        PrunedIndex.build(empty)
    assert pruned.search_vectors("q", torch.zeros(0, 384), 5, 2, 10) == {"q": []}


def test_rescoring_is_exact(teacher, index, pruned):
    query = teacher.encode(["A city by the lake"])
    chosen = torch.tensor([3, 50, 99])
    found = pruned.rescore(query.vectors[0][query.mask[0]], chosen)
    torch.testing.assert_close(found, score(index, query)[0, chosen], atol=5e-2, rtol=0)
