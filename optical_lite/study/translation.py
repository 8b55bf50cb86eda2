"""Translation: questions in English by a neural translator, the strongest thing that a student has to be set beside.

The model (NLLB, 2.5 GB) is fetched from its hub, so its rows of the comparison need a network or a folder with it.
Source: NLLB Team, "No Language Left Behind", arXiv 2207.04672.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ..corpora import THREE_LETTERS, language
from ..settings import InputError, device

MODEL, REVISION = "facebook/nllb-200-distilled-600M", "f8d333a098d19b4fd9a8b18f94170487ad3f821d"
ENGLISH = "eng_Latn"
BEAMS, LONGEST = 4, 128  # of the search for a translation; tokens a side


def nllb_code(lang: str) -> str:
    """NLLB's name of a language.

    >>> nllb_code("sw"), nllb_code("mar")
    ('swh_Latn', 'mar_Deva')
    """
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

    short = language(lang)
    return next(code for code in FAIRSEQ_LANGUAGE_CODES if THREE_LETTERS.get(code[:3]) == short)


@torch.inference_mode()
def translate(texts: Sequence[str], lang: str, model: str | Path = MODEL, batch: int = 16) -> list[str]:
    """English translations of some texts, by beam search; the same texts give the same translations.

    Parameters
    ----------
    texts : in one language; longer ones are cut at 128 tokens
    lang : their language
    model : a folder, or :data:`MODEL`, which the hub has at a pinned revision. Its weights are a pickle there; torch
        reads tensors from it and nothing else (``weights_only``)
    batch : texts at a time

    Raises
    ------
    InputError
        a model that cannot be reached
    """
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    local = Path(model).is_dir()
    if not local and str(model) != MODEL:
        raise InputError(
            f"translation: got model {str(model)!r}, expected a folder with NLLB or {MODEL}; check the path"
        )
    how = {"trust_remote_code": False, "local_files_only": local, "revision": "main" if local else REVISION}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(model), src_lang=nllb_code(lang), **how)
        translator = AutoModelForSeq2SeqLM.from_pretrained(str(model), weights_only=True, **how).to(device()).eval()
    except (OSError, ValueError) as error:
        raise InputError(
            f"translation: got model {str(model)!r}, expected a whole folder with NLLB, or {MODEL} and a network that "
            f"reaches the hub ({type(error).__name__}); check the path or the network"
        ) from error
    order, found = sorted(range(len(texts)), key=lambda i: len(texts[i])), {}
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        inputs = tokenizer(
            [texts[i] for i in rows], return_tensors="pt", padding=True, truncation=True, max_length=LONGEST
        ).to(device())
        made = translator.generate(
            **inputs, forced_bos_token_id=tokenizer.convert_tokens_to_ids(ENGLISH), num_beams=BEAMS,
            max_new_tokens=LONGEST, do_sample=False,
        )  # fmt: skip
        found.update(zip(rows, tokenizer.batch_decode(made, skip_special_tokens=True), strict=True))
    return [found[i] for i in range(len(texts))]
