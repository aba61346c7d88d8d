"""init_module_ on models as people have them: of Hugging Face's transformers, with adapters of peft."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from torch import nn  # noqa: E402  (after the skips)
from transformers.pytorch_utils import Conv1D  # noqa: E402

import fastinit.torch as init  # noqa: E402

SEED = 7
GPT2 = transformers.GPT2Config(
    n_layer=2, n_embd=64, n_head=2, vocab_size=200, n_positions=32, bos_token_id=0, eos_token_id=0
)
GPT2_RULES = {
    "*.c_proj.weight": ("normal", 0.0, 0.01),
    (Conv1D, "weight"): ("normal", 0.0, 0.02),
    nn.Embedding: ("normal", 0.0, 0.02),
    "*.bias": "zeros",
}
LLAMA = transformers.LlamaConfig(
    hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, vocab_size=200
)
LLAMA_RULES = {nn.Linear: ("normal", 0.0, 0.02), nn.Embedding: ("normal", 0.0, 0.02), "*norm.weight": "ones"}


def test_weights_of_hugging_faces_conv1d_get_the_fans_of_inputs_by_outputs():
    """(64, 256): a variance of 1/64, where PyTorch's layout would make it 1/256."""
    model = transformers.GPT2LMHeadModel(GPT2)
    weight = model.transformer.h[0].mlp.c_fc.weight
    for rule, layout in (("lecun_normal", "keras"), (("lecun_normal", {"layout": "torch"}), "torch")):
        done = init.init_module_(model, {(Conv1D, "weight"): rule, "*.bias": "zeros"}, seed=SEED)
        assert done["transformer.h.0.mlp.c_fc.weight"].arguments == {"layout": layout}
        fan = 64 if layout == "keras" else 256
        assert weight.var().item() * fan == pytest.approx(1, rel=0.05)  # of 16,384 values: 4.5 deviations
    init.init_module_(model, {Conv1D: lambda module, name: "lecun_normal" if name == "weight" else None}, seed=SEED)
    assert weight.var().item() * 64 == pytest.approx(1, rel=0.05)
    assert "'keras'" not in str(init.init_module_(nn.Linear(4, 4), {"weight": "lecun_normal"}, seed=SEED))


def test_conv1d_that_is_tied_to_a_linear_layer_needs_a_layout_in_the_rule():
    model = nn.ModuleDict({"c": Conv1D(4, 4), "l": nn.Linear(4, 4)})
    model["l"].weight = model["c"].weight
    with pytest.raises(ValueError, match=r"layout='keras'\), rule 'c\.weight' .*such as layout=, must be said in it"):
        init.init_module_(model, {"c.weight": "he_normal", "*bias": "zeros"}, seed=SEED)
    init.init_module_(model, {"c.weight": ("he_normal", {"layout": "torch"}), "*bias": "zeros"}, seed=SEED)


def test_subclass_of_conv1d_has_its_layout():
    own = type("Own", (Conv1D,), {})(8, 4)
    report = init.init_module_(own, {"weight": "he_normal", "bias": "zeros"}, seed=SEED)
    assert report["weight"].arguments == {"layout": "keras"}


def test_rules_of_gpt2_fill_the_real_class_with_its_own_spreads():
    torch.manual_seed(1)
    theirs, own = transformers.GPT2LMHeadModel(GPT2), transformers.GPT2LMHeadModel(GPT2)
    for parameter in own.parameters():
        parameter.data.fill_(9)
    report = init.init_module_(own, GPT2_RULES, seed=SEED)
    assert report["transformer.wte.weight"].aliases == ("lm_head.weight",)
    assert report.unwritten == ()
    for (name, value), expected in zip(own.named_parameters(), theirs.parameters(), strict=True):
        if expected.unique().numel() == 1:
            assert torch.equal(value, expected), name
        else:
            error = 5 / expected.numel() ** 0.5
            assert value.std().item() == pytest.approx(expected.std().item(), rel=error), name
            assert abs(value.mean().item()) < error * expected.std().item(), name


def test_tied_output_layer_of_gpt2_counts_as_linear_too():
    model = transformers.GPT2LMHeadModel(GPT2)
    agreeing = {**GPT2_RULES, (nn.Linear, "weight"): ("normal", 0.0, 0.02)}
    assert "lm_head.weight" not in init.init_module_(model, agreeing, seed=SEED)
    with pytest.raises(ValueError, match=r"'transformer\.wte\.weight' and 'lm_head\.weight' are tied"):
        init.init_module_(model, {**agreeing, (nn.Linear, "weight"): "he_normal"}, seed=SEED)


def test_buffers_that_to_empty_left_as_garbage_are_listed_and_can_be_made_again():
    whole = transformers.LlamaForCausalLM(LLAMA)
    init.init_module_(whole, LLAMA_RULES, seed=SEED)
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(LLAMA)
    model.to_empty(device="cpu")
    for buffer in model.buffers():
        buffer.fill_(3.0)
    report = init.init_module_(model, LLAMA_RULES, seed=SEED)
    assert "model.rotary_emb.inv_freq" in report.unwritten
    assert all(name.startswith("model.rotary_emb.") for name in report.unwritten)
    tokens = torch.arange(10)[None]
    with torch.no_grad():
        assert not torch.equal(model(tokens).logits, whole(tokens).logits)
        model.model.rotary_emb = type(model.model.rotary_emb)(LLAMA)
        assert torch.equal(model(tokens).logits, whole(tokens).logits)


def test_frozen_table_of_whisper_stays_what_it_is():
    config = transformers.WhisperConfig(
        d_model=64,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=96,
        decoder_ffn_dim=96,
        vocab_size=200,
        max_source_positions=30,
        max_target_positions=20,
        pad_token_id=1,
        bos_token_id=2,
        eos_token_id=3,
        decoder_start_token_id=2,
    )
    model = transformers.WhisperForConditionalGeneration(config)
    table = model.model.encoder.embed_positions.weight
    before = table.clone()
    report = init.init_module_(model, seed=SEED)
    assert torch.equal(table, before)
    assert report["model.encoder.embed_positions.weight"].rule == "requires_grad=False"
    assert not model.model.decoder.embed_tokens.weight[1].any(), "the row of padding"


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")  # peft asks by an old name
def test_adapters_are_drawn_and_the_model_under_them_is_kept():
    peft = pytest.importorskip("peft", reason="peft is not installed")
    base = transformers.GPT2LMHeadModel(GPT2)
    config = peft.LoraConfig(r=4, target_modules=["c_attn"], fan_in_fan_out=True, modules_to_save=["ln_f"])
    model = peft.get_peft_model(base, config)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rules = {"*.lora_A.*": ("he_uniform", {"negative_slope": 5**0.5}), "*.lora_B.*": "zeros"}
    report = init.init_module_(model, rules, seed=SEED, keep_unmatched=True)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if ".lora_A." in name}
    assert {done.scheme for done in report.values()} == {None, "he_uniform", "zeros"}
    assert all(not value.any() for name, value in model.state_dict().items() if ".lora_B." in name)


def test_functions_take_the_integer_buffers_that_hugging_faces_own_initialisation_fills():
    model = transformers.BertModel(
        transformers.BertConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=50
        )
    )
    types = model.embeddings.token_type_ids
    types.fill_(5)
    init.zeros_(types)
    assert not types.any()
    count = nn.BatchNorm1d(3).num_batches_tracked
    assert init.ones_(count).item() == 1
