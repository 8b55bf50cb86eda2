import pytest
import torch

from optical_lite import lexical, retrieval
from optical_lite.datasets import pocket
from optical_lite.encoder import TokenBatch
from optical_lite.kernels import maxsim as kernel
from optical_lite.lexicon import ibm1
from optical_lite.retrieval import PassageIndex
from optical_lite.settings import InputError


@pytest.fixture(scope="module")
def teacher(tiny, number_type):
    return tiny


def random_batch(count, width, d=8, seed=0):
    torch.manual_seed(seed)
    vectors = torch.nn.functional.normalize(torch.randn(count, width, d), dim=-1)
    lengths = torch.arange(count) % (width + 1)  # some texts are empty
    mask = torch.arange(width) < lengths[:, None]
    return vectors * mask[..., None], mask


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_readable_scores_are_the_same_of_arrays_lists_and_masks_of_0_and_1(kind):
    q, q_mask, p, p_mask = (*random_batch(2, 3), *random_batch(3, 4, seed=1))
    expected = retrieval.maxsim(q, q_mask, p, p_mask)
    for given in (
        (q.to(kind), q_mask.long(), p, p_mask.float()),
        (q.to(kind).numpy(), q_mask.numpy(), p.tolist(), p_mask.tolist()),
    ):
        torch.testing.assert_close(retrieval.maxsim(*given), expected, check_dtype=False)
    with pytest.raises(InputError, match=r"^maxsim: got vectors of 8 and 7 dimensions"):
        retrieval.maxsim(q, q_mask, p[..., :7], p_mask)
    best, where = retrieval.explain(q[1][:1].tolist(), p[2][:2].to(kind).numpy())
    torch.testing.assert_close(best, (q[1][:1] @ p[2][:2].T).amax(1))
    assert where.tolist() == (q[1][:1] @ p[2][:2].T).argmax(1).tolist()


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_score_that_is_no_number_does_not_vanish(k, place):
    scores = torch.tensor([[0.5, 0.9, 0.1]])
    scores[0, place] = torch.nan
    run = {"q": list(zip("abc", scores[0].tolist(), strict=True))}
    for call in (
        lambda: retrieval.top(["q"], ["a", "b", "c"], scores, k),
        lambda: retrieval.at_most(run, k),
        lambda: retrieval.cut(run["q"], k),
    ):
        with pytest.raises(InputError, match=r"^search: got a score of '[abc]' that is no number, expected"):
            call()


@pytest.mark.parametrize("k", [0, -1, 2.5, True, "3", None])
def test_a_depth_is_a_whole_number(k):
    run = {"q": [("a", 1.0), ("b", 0.5)]}
    for call in (
        lambda: retrieval.search(None, None, {}, k),
        lambda: retrieval.at_most(run, k),
        lambda: retrieval.top(["q"], ["a", "b"], torch.rand(1, 2), k),
        lambda: lexical.bm25({"a": "maji"}, {"q": "maji"}, k),
        lambda: lexical.fuse(run, run, 0.5, k),
        lambda: retrieval.cut(run["q"], k),
        lambda: ibm1([(["maji"], ["water"])]).translations("maji", k),
    ):
        with pytest.raises(InputError, match=f"^k: got {k!r}, expected a whole number from 1 to"):
            call()


@pytest.mark.parametrize(
    "masks", [((5, 2), (2, 3)), ((1, 2), (1, 1)), ((1, 2), (1, 3)), ((1, 3), (2, 3)), ((2,), (2, 3))]
)
def test_a_mask_has_the_shape_of_its_vectors(masks):
    mask, passage_mask = (torch.ones(shape) for shape in masks)
    with pytest.raises(InputError, match=r"^maxsim: got vectors and masks of shapes"):
        retrieval.maxsim(torch.rand(1, 2, 8), mask, torch.rand(2, 3, 8), passage_mask)


def test_padding_is_never_read_and_a_passage_without_tokens_scores_0():
    q, p = torch.rand(1, 2, 8), torch.rand(2, 3, 8)
    q[0, 1], p[0, 2] = torch.nan, torch.inf
    found = retrieval.maxsim(q, [[1, 0]], p, [[1, 1, 0], [0, 0, 0]])
    torch.testing.assert_close(found, torch.stack([(p[0, :2] @ q[0, 0]).max(), torch.tensor(0.0)])[None])
    for m in (0, 3):
        assert retrieval.maxsim(q, [[1, 1]], p[:, :m], torch.zeros(2, m)).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("block", [1, 500, 1 << 24])
def test_blocked_scores_equal_the_readable_ones(monkeypatch, number_type, block):
    monkeypatch.setattr(kernel, "BLOCK", block)
    q, q_mask = random_batch(9, 5)
    p, p_mask = random_batch(23, 11, seed=1)
    order = p_mask.sum(1).argsort(stable=True)
    p, p_mask = p[order].half().float(), p_mask[order]
    index = PassageIndex([f"p{i}" for i in range(23)], p[p_mask].half(), p_mask.sum(1))
    found = retrieval.score(index, TokenBatch(q, q_mask, q_mask.long(), []))
    expected = retrieval.maxsim(q, q_mask, p, p_mask)
    loose = 5 * 2**-8 if number_type == "bf16" else 1e-5  # five similarities up to 1, each with eight bits
    torch.testing.assert_close(found, expected, atol=loose, rtol=0)
    loops = [
        sum(
            max((float(q[i, s] @ p[j, t]) for t in range(11) if p_mask[j, t]), default=0.0)
            for s in range(5) if q_mask[i, s]
        )
        for i in range(9) for j in range(23)
    ]  # fmt: skip
    torch.testing.assert_close(expected.flatten(), torch.tensor(loops), atol=1e-5, rtol=0)


def test_near_means_keep_their_order_in_either_number_type(number_type):
    angles = torch.linspace(0.1, 0.4, 200)  # their cosines lie closer than eight bits tell apart
    index = PassageIndex(
        [f"p{i:03}" for i in range(200)], torch.stack([angles.cos(), angles.sin()], 1).half(),
        torch.ones(200, dtype=torch.long), scorer="mean",
    )  # fmt: skip
    asked = TokenBatch(torch.tensor([[[1.0, 0.0]]]), torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1).long(), [])
    (shard,) = index.shards(200)
    found = retrieval.score(shard, asked)[0]
    assert (found - angles.cos()).abs().max() < 5e-4  # halves store them
    assert len(found.unique()) > 100


def test_search_finds_a_passage_by_its_own_words(teacher):
    passages = dict(list(pocket.passages().items())[:12])
    index = PassageIndex.build(teacher, passages)
    run = retrieval.search(index, teacher, {name: text[:80] for name, text in passages.items()}, k=5)
    assert all(run[name][0][0] == name and len(run[name]) == 5 for name in passages)
    assert all(run[name] == sorted(run[name], key=lambda pair: -pair[1]) for name in passages)


def test_cache_gives_the_same_index(teacher):
    passages = dict(list(pocket.passages().items())[:5])
    built, first = PassageIndex.build(teacher, passages), PassageIndex.cached(teacher, passages)
    second = PassageIndex.cached(teacher, passages)
    assert built.ids == first.ids == second.ids
    torch.testing.assert_close(first.vectors, second.vectors)
    changed = PassageIndex.cached(teacher, {**passages, "new": "water"})
    assert "new" in changed.ids


def test_bm25_agrees_with_the_formula():
    """Lucene's BM25 with k1 = 1.5, b = 0.75, by hand."""
    from math import log

    texts = {"a": "maji safi maji", "b": "moto", "c": "maji ya moto sana leo"}
    (ranking,) = lexical.bm25(texts, {"q": "Maji!"}).values()
    mean, found = (3 + 1 + 5) / 3, dict(ranking)
    idf = log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    for name, count, size in (("a", 2, 3), ("c", 1, 5)):
        assert found[name] == pytest.approx(idf * count / (count + 1.5 * (0.25 + 0.75 * size / mean)), rel=1e-5)
    assert "b" not in found


def test_bm25_with_unknown_words_returns_nothing():
    assert lexical.bm25({"a": "water"}, {"q": "maji", "empty": ""}) == {"q": [], "empty": []}


def test_structured_queries_with_certain_translations_are_bm25():
    from scipy.sparse import csr_matrix

    from optical_lite.lexicon import NULL, Lexicon

    passages = {"a": "clean water for the village", "b": "the market sells maize", "c": "water water everywhere"}
    sure = Lexicon([NULL, "maji", "safi"], ["water", "clean"], csr_matrix([[0, 0], [1, 0], [0, 1]], dtype=float))
    ours = lexical.structured(passages, {"q": "maji safi"}, sure)["q"]
    theirs = lexical.bm25(passages, {"q": "water clean"})["q"]
    assert [p for p, _ in ours] == [p for p, _ in theirs] == ["a", "c"]
    for (_, x), (_, y) in zip(ours, theirs, strict=True):
        assert x == pytest.approx(y, rel=1e-5)
    unsure = Lexicon([NULL, "maji"], ["water", "maize"], csr_matrix([[0, 0], [0.6, 0.4]]))
    assert [p for p, _ in lexical.structured(passages, {"q": "maji"}, unsure)["q"]] == ["c", "a", "b"]


def test_fusion_lies_between_its_two_runs():
    first = {"q": [("a", 9.0), ("b", 8.0), ("c", 5.0)], "r": [("a", 1.0), ("b", 1.0)], "s": []}
    second = {"q": [("b", 2.0), ("d", 1.0)], "r": [("b", 4.0), ("a", 2.0)], "s": [("c", 3.0)]}
    ranked = lambda share: {q: [p for p, _ in rows] for q, rows in lexical.fuse(first, second, share).items()}  # noqa: E731
    assert ranked(0.0)["q"][:2] == ["a", "b"]
    assert ranked(1.0)["q"][0] == "b"
    assert dict(lexical.fuse(first, second, 0.25)["q"]) == {"a": 0.75, "b": 0.75 * 0.75 + 0.25, "c": 0.0, "d": 0.0}
    assert ranked(0.5)["r"] == ["b", "a"]  # one list cannot tell its passages apart, the other can
    assert ranked(0.5)["s"] == ["c"]
    with pytest.raises(InputError, match=r"share 1\.5"):
        lexical.fuse(first, second, 1.5)
    with pytest.raises(InputError, match="question 's' in one run only"):
        lexical.fuse(first, {"q": [], "r": []})


def test_mean_vectors_rank_by_their_cosine(teacher, tmp_path):
    """Each side has a prefix of its own; the mean is over unit vectors of content tokens, the prefix's among them."""
    passages = dict(list(pocket.passages().items())[:6])
    queries = {name: text[:60] for name, text in passages.items()}
    reader = teacher.copy("with prefixes")
    reader.model.config.prefixes = ["ask: ", "tell: "]
    found = PassageIndex.cached(reader, passages, scorer="mean")
    assert found.scorer == PassageIndex.load(found.save(tmp_path / "m.safetensors")).scorer == "mean"
    assert found.vectors.shape == (6, reader.dimension)
    run = retrieval.search(found, reader, queries, k=6)

    def mean(text):
        batch = reader.encode([text])
        return torch.nn.functional.normalize(batch.vectors[0][batch.mask[0]].mean(0), dim=0)

    for query, ranking in run.items():
        expected = {
            name: float(mean("ask: " + queries[query]) @ mean("tell: " + text)) for name, text in passages.items()
        }
        assert {name for name, _ in ranking} == set(expected)
        assert [value for _, value in ranking] == sorted((value for _, value in ranking), reverse=True)
        for name, value in ranking:  # in bf16 two near means may change places
            assert value == pytest.approx(expected[name], abs=2e-2)
    assert PassageIndex.cached(teacher, passages).scorer == "maxsim"  # the two do not share a place in the cache
    with pytest.raises(InputError, match="scorer: got 'max', expected one of maxsim, mean"):
        PassageIndex.cached(teacher, passages, scorer="max")
