"""The transformer: shapes, masking, gradients, and the way to a Hugging Face folder and back."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import scaled_dot_product_attention  # noqa: E402

from outcrop.training.network import (  # noqa: E402
    Shape,
    Transformer,
    attend,
    copying_start,
    deepened,
    document_lengths,
)

TINY = Shape(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
             head_dim=16, intermediate_size=64, max_position_embeddings=32)  # fmt: skip


def woken(shape: Shape = TINY) -> Transformer:
    """A model whose zero-initialised matrices are not zero, so that attention matters."""
    torch.manual_seed(0)
    model = Transformer(shape)
    for layer in model.model.layers:
        torch.nn.init.normal_(layer.self_attn.o_proj.weight, std=0.2)
        torch.nn.init.normal_(layer.mlp.down_proj.weight, std=0.2)
    return model.eval()


def test_logits_have_a_value_for_every_token_of_the_vocabulary():
    assert woken()(torch.arange(10)[None]).shape == (1, 10, 64)


def test_a_position_sees_nothing_after_it():
    model, ids = woken(), torch.arange(12)[None]
    changed = ids.clone()
    changed[0, 8:] = 63
    with torch.no_grad():
        torch.testing.assert_close(model(ids)[0, :8], model(changed)[0, :8])


def test_packed_documents_do_not_see_each_other():
    model = woken()
    first, second = torch.arange(5), torch.arange(20, 27)
    documents = torch.tensor([[1] * 5 + [2] * 7])
    with torch.no_grad():
        packed = model(torch.cat([first, second])[None], document_lengths(documents))
        alone = model(second[None])
    torch.testing.assert_close(packed[0, 5:], alone[0], atol=1e-4, rtol=1e-4)


def test_documents_end_with_their_row_whatever_number_the_next_one_has():
    assert document_lengths(torch.tensor([[1, 1, 2], [2, 2, 2], [2, 0, 0]])) == [2, 1, 3, 1, 2]


def test_packed_rows_give_the_gradients_of_a_mask():
    """torch's own attention under an explicit mask is the reference."""
    documents = torch.tensor([[1] * 5 + [2] * 7, [3] * 9 + [0] * 3])
    same = (documents[:, None, :, None] == documents[:, None, None, :]) & torch.ones(12, 12, dtype=torch.bool).tril()
    ours, theirs = (torch.randn(3, 2, 12, 4, 8, generator=torch.manual_seed(1), requires_grad=True) for _ in range(2))
    attend(*ours, document_lengths(documents)).square().sum().backward()
    masked = scaled_dot_product_attention(*theirs.transpose(2, 3), attn_mask=same)
    masked.square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)


def test_loss_counts_only_weighted_positions():
    model, ids = woken(), torch.arange(11)[None]
    weights = torch.zeros(1, 10)
    weights[0, 3] = 1
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(model(ids[:, :-1])[0, 3:4], ids[0, 4:5])
        assert model.loss(ids[:, :-1], ids[:, 1:], weights).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_dial_makes_shapes_that_divide():
    for depth in (2, 4, 6, 8, 12, 24):
        shape = Shape.of_depth(depth, 4096)
        assert shape.num_attention_heads % shape.num_key_value_heads == 0
        assert shape.num_attention_heads * shape.head_dim == shape.hidden_size


@pytest.mark.parametrize("qk_norm", [True, False])
def test_a_folder_gives_the_same_model_back(tmp_path, qk_norm):
    pytest.importorskip("safetensors")
    from outcrop.training import hub_folder

    model = woken(Shape(**{**TINY.to_dict(), "qk_norm": qk_norm}))
    hub_folder.save(model, tmp_path, end_token=1, pad_token=0)
    again = hub_folder.load(tmp_path)
    assert again.shape == model.shape
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == ("qwen3" if qk_norm else "llama")
    ids = torch.arange(9)[None]
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(ids), model(ids))


def test_transformers_reads_the_folder_alike(tmp_path):
    transformers = pytest.importorskip("transformers")
    from outcrop.training import hub_folder

    model, ids = woken(), torch.arange(9)[None]
    hub_folder.save(model, tmp_path, end_token=1, pad_token=0)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, model(ids), atol=1e-4, rtol=1e-4)


def test_more_layers_change_nothing_until_they_learn():
    model, ids = woken(), torch.arange(9)[None]
    grown = deepened(model, 5)
    assert grown.shape.num_hidden_layers == 5
    with torch.no_grad():
        torch.testing.assert_close(grown(ids), model(ids))


@pytest.mark.parametrize("heads, groups", [(4, 2), (2, 2), (2, 1)])
def test_weights_that_can_copy_say_random_tokens_again_before_any_training(heads, groups):
    torch.manual_seed(0)
    shape = Shape(
        vocab_size=1000,
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=heads,
        num_key_value_heads=groups,
        intermediate_size=64,
    )
    model = Transformer(shape)
    copying_start(model)
    phrase = torch.randperm(1000)[:40]
    with torch.no_grad():
        said = model(torch.cat((phrase, phrase))[None])[0, 40:-1].argmax(-1)
    assert (said == phrase[1:]).float().mean() > 0.7
