"""init_module_ fills every parameter by its name and by the rule that matches it, or says why not."""

import contextlib
import copy
import functools
import math

import numpy as np
import pytest
from test_torch import COMPLEX, DTYPES, Halved, bits, zero3_placeholder

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402  (after the skip)

import fastinit  # noqa: E402
import fastinit.torch as init  # noqa: E402

SEED = 7


def drawn(name, scheme, shape, dtype=torch.float32, **arguments):
    array = np.empty(shape, {**DTYPES, **COMPLEX}[dtype])
    return getattr(fastinit.Generator(SEED), scheme)(array, stream=name, **arguments)


def small_model():
    return nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.LayerNorm(30), nn.Linear(30, 10, bias=False))


def values(module):
    return {name: bits(tensor) for name, tensor in module.state_dict().items()}


def refused(message, model, rules=None, error=ValueError, **options):
    """The error with that message by which init_module_ refuses, and writes nothing."""
    before = values(model)
    with pytest.raises(error, match=message) as caught:
        init.init_module_(model, rules, seed=SEED, **options)
    assert values(model) == before
    return caught.value


# ---- Rules -----------------------------------------------------------------------------------------------------------


def test_each_parameter_is_filled_by_its_name_and_its_rule():
    model = small_model()
    rules = {
        "0.weight": ("he_normal", {"negative_slope": 0.1}),
        "*.bias": "zeros",
        (nn.Linear, "weight"): ("normal", 0.0, 0.02),
        nn.LayerNorm: ("constant", 0.5),
    }
    done = init.init_module_(model, rules, seed=SEED)
    weight = drawn("0.weight", "he_normal", (30, 20), layout="torch", negative_slope=0.1)
    assert bits(model[0].weight) == weight.tobytes()
    assert bits(model[3].weight) == drawn("3.weight", "normal", (10, 30), std=0.02).tobytes()
    assert not model[0].bias.any()
    assert not model[2].bias.any()
    assert (model[2].weight == 0.5).all()
    assert list(done) == [name for name, _ in model.named_parameters()]
    assert done["0.weight"] == init.Filled(
        "he_normal", {"negative_slope": 0.1, "layout": "torch"}, "'0.weight'", (30, 20), torch.float32, ()
    )
    assert [(each.scheme, each.rule) for each in done.values()][1:] == [
        ("zeros", "'*.bias'"),
        ("constant", "LayerNorm"),
        ("zeros", "'*.bias'"),
        ("normal", "(Linear, 'weight')"),
    ]
    assert str(done["3.weight"]) == "normal(mean=0.0, std=0.02)"


def test_the_first_rule_that_matches_applies_and_order_decides():
    model = small_model()
    init.init_module_(model, {"3.weight": "ones", "*.weight": "zeros"}, seed=SEED)
    assert model[3].weight.all()
    assert not model[0].weight.any()


def test_rules_may_be_functions_of_the_module():
    model = nn.Sequential(nn.Linear(4, 5), nn.Conv1d(3, 8, 5))
    rules = {nn.Module: lambda module, name: ("constant", module.weight.shape[0] if name == "weight" else 0.0)}
    done = init.init_module_(model, rules, seed=SEED)
    assert model[0].weight.unique().item() == 5
    assert model[1].weight.unique().item() == 8
    assert str(done["1.weight"]) == "constant(value=8)"


def test_rules_may_leave_a_parameter_as_it_is():
    model = small_model()
    before = model[0].weight.clone()
    done = init.init_module_(model, {"0.weight": None}, seed=SEED)
    assert torch.equal(model[0].weight, before)
    assert done["0.weight"].scheme is None
    assert str(done["0.weight"]) == "left as it is"


class Tokens(nn.Module):
    """A parameter that no type of module explains."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.full((1, 4), 5.0))
        self.head = nn.Linear(4, 2)


def test_parameter_that_nothing_matches_is_an_error_unless_told_otherwise():
    model = Tokens()
    before = values(model)
    refused("no rule matches 'token'; a rule of None leaves a parameter as it is", model)
    done = init.init_module_(model, {"token": None}, seed=SEED)
    assert (model.token == 5).all()
    assert done["token"].rule == "'token'"
    assert bits(model.head.weight) != before["head.weight"]
    refused(r"no rule matches 'token', 'head\.weight', 'head\.bias'", model, defaults=False)


def test_keep_unmatched_keeps_all_that_no_rule_matches_defaults_or_not():
    """A pretrained model with new layers, as LoRA has them."""
    model = nn.Sequential(nn.Linear(20, 30), nn.BatchNorm1d(30), nn.Linear(30, 10))
    model(torch.randn(5, 20))
    before = values(model)
    done = init.init_module_(model, {"2.weight": "he_normal"}, seed=SEED, keep_unmatched=True)
    assert [name for name, value in values(model).items() if value != before[name]] == ["2.weight"]
    assert {name: each.rule for name, each in done.items()} == {
        **dict.fromkeys(("0.weight", "0.bias", "1.weight", "1.bias", "2.bias"), "no rule"),
        "2.weight": "'2.weight'",
    }


def test_frozen_parameters_are_written_by_rules_alone():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    model(torch.arange(5))
    model[0].requires_grad_(False)
    model[2].requires_grad_(False)
    before = values(model)
    done = init.init_module_(model, seed=SEED)
    changed = [name for name, value in values(model).items() if value != before[name]]
    assert changed == ["1.weight", "1.bias"], "frozen, with the statistics that belong to it"
    for name in ("0.weight", "2.weight", "2.bias"):
        assert (done[name].scheme, done[name].rule, str(done[name])) == (None, "requires_grad=False", "left as it is")
    for rule in ("0.*", nn.Embedding, (nn.Embedding, "weight")):
        init.init_module_(model, {rule: ("normal", 0.0, 0.5)}, seed=SEED)
        assert bits(model[0].weight) == drawn("0.weight", "normal", (10, 4), std=0.5).tobytes()


def test_module_that_is_frozen_as_a_whole_needs_rules():
    model = small_model().requires_grad_(False)
    refused("all parameters are frozen .* nothing would be filled", model)
    init.init_module_(model, seed=SEED, keep_unmatched=True)
    done = init.init_module_(model, {"0.weight": "he_normal"}, seed=SEED)
    assert bits(model[0].weight) == drawn("0.weight", "he_normal", (30, 20), layout="torch").tobytes()
    assert done["3.weight"].scheme is None


def test_other_layers_do_not_change_a_layers_values():
    one, other = small_model(), nn.Sequential(nn.Linear(20, 30), nn.Linear(99, 3))
    for model in (one, other):
        init.init_module_(model, seed=SEED)
    assert torch.equal(one[0].weight, other[0].weight)
    assert torch.equal(one[0].bias, other[0].bias)


def test_part_of_a_model_gets_what_it_gets_in_the_whole():
    whole, part = nn.ModuleDict({"body": small_model()}), small_model()
    init.init_module_(whole, seed=SEED)
    done = init.init_module_(part, seed=SEED, prefix="body")
    assert values(part) == values(whole["body"])
    assert "body.0.weight" in done


def test_without_a_seed_it_is_the_default_generators_and_takes_no_unnamed_stream():
    fastinit.seed(SEED)
    one, other = small_model(), small_model()
    init.init_module_(one)
    assert fastinit.default_generator.stream == 0
    init.init_module_(other, seed=SEED)
    assert values(one) == values(other)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype(dtype):
    model = nn.Linear(40, 30).to(dtype)
    init.init_module_(model, {"weight": "he_normal"}, seed=SEED)
    assert bits(model.weight) == drawn("weight", "he_normal", (30, 40), dtype, layout="torch").tobytes()


# ---- What PyTorch's constructors draw --------------------------------------------------------------------------------

MODULES = {
    "AdaptiveLogSoftmaxWithLoss": lambda: nn.AdaptiveLogSoftmaxWithLoss(64, 300, [50, 120]),
    "BatchNorm1d": lambda: nn.BatchNorm1d(70),
    "BatchNorm2d": lambda: nn.BatchNorm2d(70),
    "BatchNorm3d": lambda: nn.BatchNorm3d(70),
    "Bilinear": lambda: nn.Bilinear(40, 50, 60),
    "Conv1d": lambda: nn.Conv1d(40, 50, 7),
    "Conv2d": lambda: nn.Conv2d(64, 48, 3, groups=4),
    "Conv3d": lambda: nn.Conv3d(20, 30, (1, 3, 5)),
    "ConvTranspose1d": lambda: nn.ConvTranspose1d(40, 60, 3),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(40, 60, 3, groups=2),
    "ConvTranspose3d": lambda: nn.ConvTranspose3d(20, 30, 3),
    "Embedding": lambda: nn.Embedding(300, 50),
    "EmbeddingBag": lambda: nn.EmbeddingBag(300, 50),
    "GRU": lambda: nn.GRU(30, 40),
    "GRUCell": lambda: nn.GRUCell(30, 40),
    "GroupNorm": lambda: nn.GroupNorm(7, 70),
    "InstanceNorm1d": lambda: nn.InstanceNorm1d(70, affine=True),
    "InstanceNorm2d": lambda: nn.InstanceNorm2d(70, affine=True, track_running_stats=True),
    "InstanceNorm3d": lambda: nn.InstanceNorm3d(70, affine=True),
    "LSTM": lambda: nn.LSTM(30, 40, 2, bidirectional=True, proj_size=20),
    "LSTMCell": lambda: nn.LSTMCell(50, 70),
    "LayerNorm": lambda: nn.LayerNorm(70),
    "Linear": lambda: nn.Linear(300, 200),
    "LinearCrossEntropyLoss": lambda: nn.LinearCrossEntropyLoss(300, 200, bias=True),
    "MultiheadAttention": lambda: nn.MultiheadAttention(64, 4, add_bias_kv=True),
    "PReLU": lambda: nn.PReLU(3, init=0.1),
    "RMSNorm": lambda: nn.RMSNorm(70),
    "RNN": lambda: nn.RNN(30, 40),
    "RNNBase": lambda: nn.RNNBase("GRU", 30, 40),
    "RNNCell": lambda: nn.RNNCell(50, 70),
    "RNNCellBase": lambda: nn.RNNCellBase(50, 70, True, 3),
    "SyncBatchNorm": lambda: nn.SyncBatchNorm(70),
    "Transformer": lambda: nn.Transformer(64, 4, 1, 2, 96, batch_first=True),
    "TransformerDecoder": lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(64, 4, 96), 2),
    "TransformerDecoderLayer": lambda: nn.TransformerDecoderLayer(64, 4, 96),
    "TransformerEncoder": lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 96, batch_first=True), 2),
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(64, 4, 96),
    "MultiheadAttention of other sizes": lambda: nn.MultiheadAttention(64, 4, kdim=32, vdim=48),
    "Transformer in a model": lambda: nn.Sequential(nn.Linear(64, 64), MODULES["Transformer"]()),
    "LSTM without biases": lambda: nn.LSTM(30, 40, bias=False),
    "LazyLinear that has run": lambda: ran(nn.LazyLinear(200), torch.ones(2, 300)),
    "LazyConv2d that has run": lambda: ran(nn.LazyConv2d(50, 3), torch.ones(2, 40, 5, 5)),
}
LEFT_OUT = ("Container", "NLLLoss2d", "DataParallel")  # two that are deprecated; what has only what it wraps
SIZES = ((), (2,), (2, 2), (2, 2.0), (0, (2,)))  # of which one suits any module without parameters


def ran(module, x):
    module(x)
    return module


def made(module_type):
    """A module of a type that takes sizes alone, of those that have parameters."""
    for sizes in SIZES:
        for keywords in ({}, {"output_size": 2}):
            with contextlib.suppress(TypeError, ValueError):
                return module_type(*sizes, **keywords)
    raise AssertionError(f"{module_type} is new: give it arguments among MODULES")


def test_every_class_of_torch_nn_with_parameters_is_among_the_modules():
    """So that a class that PyTorch adds is tried, too."""
    classes = [each for each in vars(nn).values() if isinstance(each, type) and issubclass(each, nn.Module)]
    for each in classes:
        if each.__name__ not in (*MODULES, *LEFT_OUT) and not each.__name__.startswith("Lazy"):
            assert not list(made(each).parameters()), f"{each} has parameters: a line among MODULES tries its defaults"
    assert len(classes) > 100


@pytest.mark.parametrize("name", MODULES)
def test_defaults_are_distributed_as_what_pytorchs_constructor_draws(name):
    """Constants are equal; the mean and the deviation of draws, and their bounds where they are uniform, are close."""
    torch.manual_seed(1)
    theirs, own = MODULES[name](), MODULES[name]()
    for tensor in own.state_dict().values():
        tensor.fill_(9)
    init.init_module_(own, seed=SEED)
    for (key, expected), value in zip(theirs.state_dict().items(), own.state_dict().values(), strict=True):
        if expected.numel() == 1 or expected.unique().numel() == 1:
            assert torch.equal(value, expected), key
            continue
        spread, error = expected.std().item(), 6 / math.sqrt(expected.numel())
        assert value.mean().item() == pytest.approx(expected.mean().item(), abs=spread * error), key
        assert value.std().item() == pytest.approx(spread, rel=error), key
        if "Embedding" not in name and "bias_" not in key:
            assert value.abs().max().item() == pytest.approx(expected.abs().max().item(), rel=error), key


def subclass(base, **methods):
    return type(f"Own{base.__name__}", (base,), methods)


def nothing(self):
    pass


@pytest.mark.parametrize(
    ("base", "arguments", "method"),
    [
        (nn.Linear, (4, 4), "reset_parameters"),
        (nn.Conv2d, (4, 4, 3), "reset_parameters"),
        (nn.Embedding, (4, 4), "reset_parameters"),
        (nn.BatchNorm1d, (4,), "reset_parameters"),
        (nn.LSTM, (4, 4), "reset_parameters"),
        (nn.MultiheadAttention, (4, 2), "_reset_parameters"),
        (nn.Transformer, (4, 2, 1, 1, 8), "_reset_parameters"),
    ],
    ids=str,
)
def test_subclasses_with_an_initialisation_of_their_own_have_no_defaults(base, arguments, method):
    keywords = {"batch_first": True} if base is nn.Transformer else {}
    own = subclass(base, **{method: nothing})(*arguments, **keywords)
    model = nn.ModuleDict({"own": own, "head": nn.Linear(4, 2)})
    before = values(model)
    names = [name for name, _ in own.named_parameters(prefix="own")]
    refused(f"no rule matches '{names[0]}'", model)
    init.init_module_(model, {"own.*": None}, seed=SEED)
    assert [name for name, value in values(model).items() if value != before[name]] == ["head.weight", "head.bias"]
    plain = subclass(base, forward=nothing)(*arguments, **keywords)  # which changes something else
    assert all(each.scheme for each in init.init_module_(plain, seed=SEED).values())


class LanguageModel(nn.Transformer):
    """A Transformer with layers of its own, one in the place of PyTorch's decoder."""

    def __init__(self):
        super().__init__(64, 2, 1, 1, 64, batch_first=True)
        self.tokens = nn.Embedding(100, 64)
        self.decoder = nn.Linear(64, 100)


def test_layers_that_are_added_to_a_transformer_have_their_own_defaults():
    done = init.init_module_(LanguageModel(), seed=SEED)
    assert done["encoder.layers.0.linear1.weight"].scheme == "xavier_uniform"
    assert done["tokens.weight"].rule == "default of Embedding"
    assert done["decoder.weight"].rule == "default of Linear"


def test_transformer_without_one_of_its_halves_has_the_others_default():
    model = LanguageModel()
    del model.decoder
    assert init.init_module_(model, seed=SEED)["encoder.layers.0.linear1.weight"].scheme == "xavier_uniform"


class WithoutConstructor(nn.Linear):
    def __init__(self):
        nn.Module.__init__(self)
        self.weight = nn.Parameter(torch.ones(3, 4))


def test_subclass_that_never_ran_pytorchs_constructor_has_no_default():
    refused("no rule matches 'weight'", WithoutConstructor())


def test_transformer_draws_the_matrices_of_an_encoder_that_it_was_given():
    own = nn.Sequential(nn.Linear(64, 64), nn.Embedding(10, 64))
    model = nn.Transformer(64, 2, 1, 1, 64, custom_encoder=own, batch_first=True)
    done = init.init_module_(model, seed=SEED)
    assert {done[f"encoder.{i}.weight"].scheme for i in range(2)} == {"xavier_uniform"}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_defaults_do_not_look_at_a_weight_that_may_be_computed_packed_or_missing():
    norm = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 9))
    vectors = values(norm.parametrizations.weight[0])
    done = init.init_module_(norm, {"*original": "he_normal"}, seed=SEED)
    assert values(norm.parametrizations.weight[0]) == vectors, "what power iteration would change"
    assert done["bias"].arguments == {"low": -0.5, "high": 0.5}
    packed = nn.Linear(100, 3)
    packed.weight = nn.Parameter(torch.zeros(150, 1, dtype=torch.uint8), requires_grad=False)
    assert init.init_module_(packed, seed=SEED)["bias"].arguments == {"low": -0.1, "high": 0.1}
    del packed.weight
    assert init.init_module_(packed, seed=SEED)["bias"].arguments == {"low": -0.1, "high": 0.1}
    empty = nn.Linear(0, 3)
    init.init_module_(empty, seed=SEED)
    assert not empty.bias.any(), "as PyTorch's constructor"


class WithAdapter(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)
        self.adapter = nn.Parameter(torch.zeros(4, 2))


def test_parameters_that_a_subclass_adds_are_nobodys_default():
    refused("no rule matches 'adapter'", WithAdapter())


def test_padding_of_embeddings_is_zero_whatever_the_rule():
    for rules in ({}, {"weight": ("normal", 0.0, 0.02)}):
        for index in (0, 3, 9):
            model = nn.Embedding(10, 4, padding_idx=index)
            init.init_module_(model, rules, seed=SEED)
            assert not model.weight[index].any()
            assert model.weight.count_nonzero() == 36


def test_running_statistics_start_again():
    model = nn.BatchNorm1d(3)
    model(torch.randn(5, 3))
    init.init_module_(model, seed=SEED)
    assert model.running_mean.tolist() == [0, 0, 0]
    assert model.running_var.tolist() == [1, 1, 1]
    assert model.num_batches_tracked.item() == 0


def test_running_statistics_are_kept_where_what_is_around_them_is_kept():
    def backbone():
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False))

    def statistics(model):
        return [buffer.tolist() for buffer in model.buffers()]

    model = nn.Sequential(backbone(), nn.Flatten(), nn.Linear(144, 2))
    model[0](torch.randn(8, 3, 8, 8))
    before = statistics(model)
    for rules in ({"0.*": None}, {"0.0.bias": None}):
        done = init.init_module_(model, rules, seed=SEED)
        assert statistics(model) == before
        assert done.unwritten == ("0.1.running_mean", "0.1.running_var", "0.1.num_batches_tracked")
    model[0].requires_grad_(False)
    assert len(init.init_module_(model, seed=SEED).unwritten) == 3
    assert statistics(model) == before
    model[0].requires_grad_(True)
    assert init.init_module_(model, seed=SEED).unwritten == ()
    assert statistics(model) != before
    alone = nn.BatchNorm1d(3, affine=False)
    alone(torch.randn(5, 3))
    assert init.init_module_(alone, seed=SEED).unwritten == ()
    assert alone.running_mean.tolist() == [0, 0, 0]


def test_model_that_was_made_in_inference_mode_is_filled():
    def made():
        return nn.Sequential(nn.Embedding(10, 4, padding_idx=2), nn.BatchNorm1d(4))

    with torch.inference_mode():
        model = made()
    plain = made()
    for each in (model, plain):
        init.init_module_(each, seed=SEED)
    with torch.inference_mode():
        assert all(map(torch.equal, model.state_dict().values(), plain.state_dict().values()))
        init.init_module_(plain, seed=8)
        init.init_module_(plain, seed=SEED)
        assert all(map(torch.equal, model.state_dict().values(), plain.state_dict().values()))


# ---- Tied, wrapped, meta ---------------------------------------------------------------------------------------------


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.body = nn.Linear(8, 8)
        self.head = nn.Linear(8, 50, bias=False)
        self.head.weight = self.embedding.weight


def test_tied_weights_are_filled_once_and_any_of_their_names_can_be_in_a_rule():
    model = Tied()
    done = init.init_module_(model, seed=SEED)
    assert done["embedding.weight"].aliases == ("head.weight",)
    assert "head.weight" not in done
    assert bits(model.head.weight) == drawn("embedding.weight", "normal", (50, 8)).tobytes()
    done = init.init_module_(model, {"head.weight": ("normal", 0.0, 0.5)}, seed=SEED)
    assert bits(model.head.weight) == drawn("embedding.weight", "normal", (50, 8), std=0.5).tobytes()


class TiedBackwards(nn.Module):
    """The head is registered first, so that the embedding is the second owner of the weight."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 50, bias=False)
        self.embedding = nn.Embedding(50, 8, padding_idx=3)
        self.other = nn.Embedding(50, 8, padding_idx=5)
        self.embedding.weight = self.other.weight = self.head.weight


def test_rules_for_the_type_of_any_owner_of_a_tied_weight_apply():
    model, expected = TiedBackwards(), drawn("head.weight", "normal", (50, 8), std=0.5)
    expected[[3, 5]] = 0
    for rule in (nn.Embedding, (nn.Embedding, "weight"), (nn.Linear, "weight"), "other.*", "head.weight"):
        model.head.weight.data.fill_(9)
        done = init.init_module_(model, {rule: ("normal", 0.0, 0.5)}, seed=SEED)
        assert bits(model.head.weight) == expected.tobytes(), rule
        assert done["head.weight"].aliases == ("embedding.weight", "other.weight")
        assert list(done) == ["head.weight"]


def test_padding_of_every_owner_of_a_tied_weight_is_zero():
    model = TiedBackwards()
    done = init.init_module_(model, seed=SEED)
    assert done["head.weight"].rule == "default of Linear", "with defaults alone the first owner's counts"
    assert (model.head.weight == 0).all(1).nonzero().flatten().tolist() == [3, 5]


def test_default_of_a_later_owner_counts_where_the_first_has_none():
    model = nn.Module()
    model.weight = nn.Parameter(torch.zeros(50, 8))
    model.embedding = nn.Embedding(50, 8)
    model.embedding.weight = model.weight
    assert init.init_module_(model, seed=SEED)["weight"].rule == "default of Embedding"
    assert bits(model.weight) == drawn("weight", "normal", (50, 8)).tobytes()


def test_rules_that_disagree_about_a_tied_weight_are_an_error_that_names_both():
    model = Tied()
    rules = {nn.Embedding: ("normal", 0.0, 0.02), (nn.Linear, "weight"): "he_normal"}
    said = str(refused(r"'embedding\.weight' and 'head\.weight' are tied.* disagree", model, rules))
    for part in ("rule Embedding makes it normal(mean=0.0, std=0.02)", "rule (Linear, 'weight') he_normal(layout="):
        assert part in said
    assert said.endswith("before these, decides; leave out what then matches nothing")
    kept = {**rules, nn.Embedding: None}
    refused(r"rule Embedding makes it stay as it is, rule \(Linear, 'weight'\) he_normal", model, kept)
    names = {nn.Embedding: "ones", "head.weight": "zeros"}
    refused(r"rule Embedding makes it .*, rule 'head\.weight' zeros\(\)", model, names)
    init.init_module_(model, {"head.weight": "ones", (nn.Linear, "weight"): "he_normal"}, seed=SEED)
    assert (model.embedding.weight == 1).all(), "the name is the parameter's, whoever owns it"
    init.init_module_(model, {**rules, nn.Embedding: "he_normal"}, seed=SEED)
    assert bits(model.head.weight) == drawn("embedding.weight", "he_normal", (50, 8), layout="torch").tobytes()


def test_weights_that_to_empty_parts_have_to_be_tied_again():
    with torch.device("meta"):
        model = Tied()
    model.to_empty(device="cpu")
    assert model.head.weight is not model.embedding.weight
    model.head.weight = model.embedding.weight
    assert init.init_module_(model, seed=SEED)["embedding.weight"].aliases == ("head.weight",)


def test_module_that_is_used_twice_is_filled_once():
    layer = nn.Linear(4, 4)
    done = init.init_module_(nn.Sequential(layer, nn.ReLU(), layer), seed=SEED)
    assert done["0.weight"].aliases == ("2.weight",)
    assert list(done) == ["0.weight", "0.bias"]


def test_parameters_that_share_memory_in_another_way_are_refused():
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 2, bias=False))
    model[1].weight = nn.Parameter(model[0].weight.detach()[:2])
    refused("parameter '0.weight' and parameter '1.weight' share memory", model)


def test_wrappers_do_not_change_names_and_so_not_values():
    plain = small_model()
    init.init_module_(plain, seed=SEED)
    compiled = torch.compile(small_model(), backend="eager")
    done = init.init_module_(compiled, {"0.weight": "he_normal", (nn.Linear, "w*"): "lecun_uniform"}, seed=SEED)
    assert "0.weight" in done
    init.init_module_(compiled, seed=SEED)
    assert list(values(compiled).values()) == list(values(plain).values())
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    inner = small_model()
    inner[0] = checkpoint_wrapper(inner[0])
    init.init_module_(inner, seed=SEED)
    assert list(values(inner).values()) == list(values(plain).values())


def test_names_that_replicas_add_do_not_count_at_any_depth():
    plain, inner = small_model(), small_model()
    init.init_module_(plain, seed=SEED)
    for wrapped in (nn.DataParallel(inner), torch.compile(nn.DataParallel(inner), backend="eager")):
        assert list(init.init_module_(wrapped, seed=SEED)) == ["0.weight", "0.bias", "2.weight", "2.bias", "3.weight"]
        assert values(inner) == values(plain)
    assert "a.0.weight" in init.init_module_(nn.ModuleDict({"a": nn.DataParallel(inner)}), seed=SEED)
    assert "module.weight" in init.init_module_(nn.ModuleDict({"module": nn.Linear(2, 2)}), seed=SEED)


def test_parameters_whose_names_differ_only_by_a_wrapper_are_refused():
    model = small_model()
    model.add_module("_orig_mod", nn.Sequential(nn.Linear(20, 30)))
    refused(r"two parameters have the name '0\.weight'", model)


def test_meta_module_is_refused_until_it_has_memory():
    with torch.device("meta"):
        model = small_model()
    with pytest.raises(ValueError, match=r"parameter '0.weight': it is on the meta device .*to_empty"):
        init.init_module_(model, seed=SEED)
    model.to_empty(device="cpu")
    plain = small_model()
    for each in (model, plain):
        init.init_module_(each, seed=SEED)
    assert values(model) == values(plain)


class WithBuffers(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norms = nn.ModuleList([nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False)])
        self.register_buffer("mask", torch.ones(4))
        self.register_buffer("angles", torch.ones(2), persistent=False)
        self.register_buffer("empty", torch.ones(0))
        self.register_buffer("absent", None)


def test_report_lists_the_buffers_that_nothing_wrote():
    with torch.device("meta"):
        model = WithBuffers()
    model.to_empty(device="cpu")
    done = init.init_module_(model, seed=SEED, prefix="part")
    assert done.unwritten == ("part.mask", "part.angles")
    assert [norm.running_var.tolist() for norm in model.norms] == [[1.0] * 4] * 2
    kept = init.init_module_(model, {"linear.*": "zeros"}, seed=SEED, keep_unmatched=True)
    assert kept.unwritten[:3] == ("mask", "angles", "norms.0.running_mean")
    assert "norms.1.num_batches_tracked" in kept.unwritten
    assert init.init_module_(torch.compile(model, backend="eager"), seed=SEED).unwritten == ("mask", "angles")


def test_report_reads_as_a_table():
    model = nn.Sequential(nn.Linear(2, 2), nn.PReLU().requires_grad_(False))
    model.register_buffer("mask", torch.ones(4))
    done = init.init_module_(model, {"0.weight": "ones", "0.bias": "zeros"}, seed=SEED)
    assert str(done).splitlines() == [
        "0.weight  ones()  by '0.weight'",
        "0.bias    zeros()  by '0.bias'",
        "1.weight  left as it is  by requires_grad=False",
        "buffers not written: mask",
    ]


def test_module_on_another_device_gets_the_same_values(lazy_device):
    model, plain = small_model().to(lazy_device), small_model()
    model[3].weight = nn.Parameter(model[3].weight.detach().cpu())  # some here, some there
    for each in (model, plain):
        init.init_module_(each, {"0.weight": "orthogonal"}, seed=SEED)
    assert {name: bits(tensor.cpu()) for name, tensor in model.state_dict().items()} == values(plain)


def test_training_goes_on_with_the_same_parameters():
    model = small_model()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    identities = [id(parameter) for parameter in model.parameters()]
    init.init_module_(model, seed=SEED)
    assert [id(parameter) for parameter in model.parameters()] == identities
    before = copy.deepcopy(model.state_dict())
    model(torch.randn(5, 20)).sum().backward()
    optimiser.step()
    assert not torch.equal(model[3].weight, before["3.weight"])


# ---- Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "error", "message"),
    [
        ({"fc.weight": "zeros"}, ValueError, "rule 'fc.weight' matches nothing; the names are '0.weight', '0.bias'"),
        ({nn.Conv2d: "zeros"}, ValueError, "rule Conv2d matches nothing"),
        ({"*": "zeros", nn.Linear: "ones"}, ValueError, r"rule Linear never applies: '\*', before it"),
        ({"*": "zero"}, ValueError, r"rule '\*': scheme='zero'; accepted are bits, constant"),
        ({"*": ("normal", {"sd": 1})}, TypeError, r"rule '\*': normal: got an unexpected keyword argument 'sd'"),
        ({"*": 3}, TypeError, r"rule '\*': 3; accepted is a scheme's name or a tuple"),
        (
            {"*": "kaiming_normal_"},
            ValueError,
            r"rule '\*': scheme='kaiming_normal_'; .*did you mean 'kaiming_normal'\?",
        ),
        ({"*": ("trunc_normal_", 0, 1)}, ValueError, r"rule '\*': .*did you mean 'truncated_normal'\?"),
        ({nn.Linear: "HeNormal"}, ValueError, r"rule Linear: .*did you mean 'he_normal'\?"),
        ({nn.Linear: "gauss"}, ValueError, r"rule Linear: scheme='gauss'; .*zeros$"),
        ({"*": nn.init.xavier_uniform_}, TypeError, r"rule '\*': xavier_uniform_ is not a .*here 'xavier_uniform',"),
        ({"*": init.normal_}, TypeError, r"rule '\*': normal_ is not a function of a module and a parameter's name"),
        ({"*": nn.init.constant_}, TypeError, r"rule '\*': constant_ is not a function"),
        ({"*": nn.init.kaiming_normal}, TypeError, r"kaiming_normal is not a function .*, here 'kaiming_normal',"),
        ({"*": lambda tensor, value: None}, TypeError, r"rule '\*': <lambda> is not a function of a module"),
        ({"*": torch.Tensor.zero_}, TypeError, r"rule '\*': zero_ is not a function .*, here 'zeros',"),
        ({"*": functools.partial(nn.init.trunc_normal_, std=0.1)}, TypeError, "here 'truncated_normal',"),
        ({"*": lambda tensor: None}, TypeError, r"rule '\*': <lambda> is not a function of a module"),
        ({"*": lambda module, name, depth: None}, TypeError, r"rule '\*': <lambda> is not a function of a module"),
        ({nn.Linear: nn.Linear}, TypeError, "rule Linear: Linear is not a function of a module"),
        ({"*": lambda module, name: 3}, TypeError, r"rule '\*': 3; accepted is a scheme's name or a tuple"),
        ({3: "zeros"}, TypeError, "rules has the key 3; accepted are a pattern of names"),
        ({(nn.Linear, 3): "zeros"}, TypeError, r"rules has the key \(<class .*Linear'>, 3\)"),
        ({int: "zeros"}, TypeError, "rules has the key <class 'int'>"),
        ([("*", "zeros")], TypeError, "rules must be a mapping, not list"),
        ({"0.weight": ("normal", 0.0, -1.0)}, ValueError, "parameter '0.weight': normal: mean=0.0, std=-1.0"),
        ({"0.bias": "he_normal"}, ValueError, r"parameter '0.bias': he_normal: shape=\(30,\); layout='torch'"),
        ({"0.bias": "bits"}, TypeError, "parameter '0.bias': bits: out has dtype float32; accepted are uint32"),
    ],
)
def test_bad_rules_are_named_and_nothing_is_written(rules, error, message):
    refused(message, small_model(), rules, error)


def test_error_inside_a_rules_function_tells_the_rule():
    refused(r"rule '\*': '>' not supported", small_model(), {"*": max}, TypeError)  # which does not tell what it takes
    error = refused("nothing", small_model(), {nn.Linear: lambda module, name: module.nothing}, AttributeError)
    assert error.__notes__ == ["in rule Linear"]


def zeros_for_all_(module, name):
    return "zeros"


@pytest.mark.parametrize(
    "function",
    [
        zeros_for_all_,
        lambda module, name: "zeros",
        lambda *both: "zeros",
        functools.partial(lambda a, module, name: a, "zeros"),
    ],
)
def test_functions_of_a_module_and_a_name_are_rules(function):
    model = small_model()
    init.init_module_(model, {"*": function}, seed=SEED)
    assert not model[0].weight.any()


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_complex_modules_are_filled_by_rules_of_normals(dtype):
    model = nn.Sequential(nn.Linear(20, 30, dtype=dtype), nn.Linear(30, 10, dtype=dtype))
    rules = {"0.weight": "he_normal", "1.weight": ("normal", 1j, {"std": 0.5}), "*.bias": ("constant", 1 + 2j)}
    done = init.init_module_(model, rules, seed=SEED)
    assert str(done["1.weight"]) == "normal(mean=1j, std=0.5)"
    assert bits(model[0].weight) == drawn("0.weight", "he_normal", (30, 20), dtype, layout="torch").tobytes()
    assert bits(model[1].weight) == drawn("1.weight", "normal", (10, 30), dtype, mean=1j, std=0.5).tobytes()
    assert (model[1].bias == 1 + 2j).all()
    drawn_by = "complex numbers are drawn by normal and by the normal schemes that are not truncated"
    for rules in ({}, {"1.weight": "he_uniform"}, {"1.weight": ("he_normal", {"truncated": True})}):
        for more in ({}, {"*.weight": "uniform"}):
            message = rf"parameter '.\.weight': tensor has dtype {dtype}; .*; {drawn_by}"
            refused(message, model, {**rules, **more}, TypeError)


def test_seed_may_be_a_seed_sequence():
    sequence = np.random.SeedSequence(SEED)
    one, other = small_model(), small_model()
    init.init_module_(one, seed=sequence)
    init.init_module_(other, seed=fastinit.Generator(sequence).seed)
    assert values(one) == values(other)


@pytest.mark.parametrize("layout", ["jax", "flax", "tensorflow"])
def test_layouts_of_other_names_are_keras(layout):
    model = small_model()
    init.init_module_(model, {"0.weight": ("he_normal", {"layout": layout})}, seed=SEED)
    assert bits(model[0].weight) == drawn("0.weight", "he_normal", (30, 20), layout="keras").tobytes()


def test_default_generator_of_another_class_draws_its_own(monkeypatch, lazy_device):
    g = Halved()
    monkeypatch.setattr(fastinit, "default_generator", g)
    for device in ("cpu", lazy_device):
        model = small_model().to(device)
        init.init_module_(model, {"0.weight": ("normal", 1.0, 3.0)})
        assert bits(model[0].weight.cpu()) == drawn("0.weight", "normal", (30, 20), mean=1.0, std=1.5).tobytes()
    assert g.calls == 2


def test_error_of_a_number_stays_the_cause():
    class Number:
        def __float__(self):
            raise TypeError("not known yet")

    for rules in ({"0.weight": ("normal", Number())}, {"0.weight": lambda *_: ("constant", Number())}):
        error = refused(r"parameter '0\.weight': .* must be a number, not Number", small_model(), rules, TypeError)
        assert str(error.__cause__) == "not known yet"


def test_bools_in_rules_are_no_numbers():
    for rule in (("normal", True), ("he_normal", {"fan_in": True}), ("he_normal", 20, True), ("constant", True)):
        message = r"parameter '0\.weight': .* must be a number, not bool"
        refused(message, small_model(), {"0.weight": rule}, TypeError)


def test_parameters_that_cannot_be_filled_are_named_and_nothing_is_written():
    model = small_model()
    model.phase = nn.Parameter(torch.zeros(3, dtype=torch.complex64))
    before = values(model)
    drawn = {"phase": "uniform"}
    refused("parameter 'phase': tensor has dtype torch.complex64; accepted are", model, drawn, TypeError)
    model.phase = nn.Parameter(torch.zeros(3, dtype=torch.int8), requires_grad=False)
    refused("parameter 'phase': tensor has dtype torch.int8", model, drawn, TypeError)
    model.phase = nn.Parameter(torch.zeros(3))
    model.phase.data.untyped_storage().resize_(0)
    with pytest.raises(ValueError, match=r"parameter 'phase': tensor of shape \(3,\) has a storage of 0 bytes"):
        init.init_module_(model, {"phase": "zeros"}, seed=SEED)
    model.phase = zero3_placeholder((3, 4))
    with pytest.raises(ValueError, match=r"parameter 'phase': .*ZeRO-3 .*shape \(3, 4\).*GatheredParameters"):
        init.init_module_(model, {"phase": "zeros"}, seed=SEED)
    del model.phase
    assert values(model) == {name: value for name, value in before.items() if name != "phase"}
    with pytest.raises(ValueError, match=r"parameter 'weight' is of a lazy module"):
        init.init_module_(nn.LazyLinear(3), seed=SEED)
    model.norm = nn.LazyBatchNorm1d(affine=False)
    with pytest.raises(ValueError, match=r"buffer 'norm.running_mean' is of a lazy module"):
        init.init_module_(model, seed=SEED)
    del model.norm
    cut = nn.Linear(3, 3)
    cut.weight = zero3_placeholder((3, 3))
    with pytest.raises(ValueError, match=r"parameter 'weight': .*ZeRO-3"):
        init.init_module_(cut, seed=SEED)
    with pytest.raises(TypeError, match=r"module must be a torch.nn.Module, not Tensor"):
        init.init_module_(torch.zeros(3), seed=SEED)
    with pytest.raises(ValueError, match=r"seed=-1"):
        init.init_module_(small_model(), seed=-1)
