"""A sharded tensor gets what the whole one gets: in a process that plays each rank of a mesh, and in real processes."""

import doctest
import itertools
import math
import os
import re
import runpy
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
dist = pytest.importorskip("torch.distributed.tensor", reason="this PyTorch has no DTensor")

from test_torch import Halved  # noqa: E402
from torch.distributed import destroy_process_group, init_process_group  # noqa: E402  (after the skips)
from torch.distributed.device_mesh import DeviceMesh  # noqa: E402
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor  # noqa: E402
from torch.distributed.tensor.placement_types import _StridedShard  # noqa: E402
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

import fastinit  # noqa: E402
import fastinit.torch as init  # noqa: E402
from fastinit.torch import tensors  # noqa: E402

# A mesh of the CPU: PyTorch says that its own random operators do not support it.
pytestmark = pytest.mark.filterwarnings("ignore:DTensor random operators")
ROOT = Path(__file__).parent.parent
EXAMPLE = str(ROOT / "examples" / "sharded_weights.py")
SEED = 7


@contextmanager
def rank_of(rank, mesh_shape):
    """The mesh as that rank sees it; nothing is sent anywhere."""
    count = math.prod(mesh_shape)
    init_process_group("fake", store=FakeStore(), rank=rank, world_size=count)
    try:
        yield DeviceMesh("cpu", torch.arange(count).reshape(mesh_shape))
    finally:
        destroy_process_group()


def placements(axes, mesh_shape):
    """All ways to place a tensor with so many axes, those of FSDP2 with tensor parallelism among them."""
    kinds = [Replicate(), *map(Shard, range(axes))]
    yield from itertools.product(kinds, repeat=len(mesh_shape))
    for axis in range(axes if len(mesh_shape) > 1 else 0):
        for last in kinds:
            if last == Shard(axis):
                yield (*[_StridedShard(axis, split_factor=mesh_shape[-1])] * (len(mesh_shape) - 1), last)
    if len(mesh_shape) == 2:
        yield _StridedShard(0, split_factor=3), Replicate()


def cuts():
    for mesh_shape, shapes in (
        ((1,), [(5, 3)]),
        ((2,), [(), (7, 5), (1, 3), (4, 6, 5)]),
        ((3,), [(7, 5), (2, 2)]),
        ((2, 2), [(8, 6), (7, 5), (3, 1)]),
        ((2, 3), [(13, 5), (6, 12)]),
        ((2, 2, 2), [(9, 16)]),
    ):
        for shape in shapes:
            for placed in placements(len(shape), mesh_shape):
                yield mesh_shape, shape, placed


@pytest.mark.parametrize(("mesh_shape", "shape", "placed"), list(cuts()), ids=str)
def test_every_rank_gets_its_part_of_the_whole(mesh_shape, shape, placed):
    """PyTorch itself cuts the whole tensor: its parts are what ours must be."""
    whole = torch.from_numpy(fastinit.Generator(SEED).normal(np.empty(shape, np.float32), stream="w"))
    for rank in range(math.prod(mesh_shape)):
        with rank_of(rank, mesh_shape) as mesh:
            expected = distribute_tensor(whole, mesh, placed, src_data_rank=None).to_local()
            sharded = distribute_tensor(torch.zeros(shape), mesh, placed, src_data_rank=None)
            init.normal_(sharded, generator=fastinit.Generator(SEED), stream="w")
            assert torch.equal(sharded.to_local(), expected)


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("xavier_uniform_", (), (9, 10)),
        ("kaiming_normal_", (0.1, "fan_out"), (9, 10, 3)),
        ("trunc_normal_", (), (19,)),
        ("orthogonal_", (), (9, 10)),
        ("sparse_", (0.4,), (9, 10)),
        ("constant_", (0.5,), (9, 10)),
        ("eye_", (), (9, 10)),
        ("dirac_", (3,), (9, 4, 3)),
    ],
)
@pytest.mark.parametrize("placed", [(Shard(0), Replicate()), (_StridedShard(0, split_factor=2), Shard(0))], ids=str)
def test_every_function_fills_shards_with_fans_of_the_whole(name, arguments, shape, placed):
    named = {} if name in ("constant_", "eye_", "dirac_") else {"generator": fastinit.Generator(SEED)}
    whole = getattr(init, name)(torch.empty(shape), *arguments, **named)
    for rank in range(4):
        with rank_of(rank, (2, 2)) as mesh:
            named = {"generator": fastinit.Generator(SEED)} if named else {}
            expected = distribute_tensor(whole, mesh, placed, src_data_rank=None).to_local()
            sharded = distribute_tensor(torch.zeros(shape), mesh, placed, src_data_rank=None)
            getattr(init, name)(sharded, *arguments, **named)
            assert torch.equal(sharded.to_local(), expected)


@pytest.mark.parametrize("placed", [(Shard(0), Replicate()), (_StridedShard(0, split_factor=2), Shard(0))], ids=str)
def test_shards_of_complex_tensors_and_by_a_generator_of_another_class(placed):
    for dtype in (torch.complex64, torch.complex128, torch.float32):
        make = Halved if dtype == torch.float32 else lambda: fastinit.Generator(SEED)
        mean = 0.5 if dtype == torch.float32 else 1 - 2j
        whole = init.normal_(torch.empty(9, 10, dtype=dtype), mean, generator=make())
        for rank in range(4):
            with rank_of(rank, (2, 2)) as mesh:
                expected = distribute_tensor(whole, mesh, placed, src_data_rank=None).to_local()
                sharded = distribute_tensor(torch.zeros(9, 10, dtype=dtype), mesh, placed, src_data_rank=None)
                g = make()
                init.normal_(sharded, mean, generator=g)
                assert torch.equal(sharded.to_local(), expected)
                assert g.stream == 1


def test_order_in_which_the_mesh_cuts_an_axis_is_followed():
    """Sharded over the second axis of the mesh first: what _StridedShard says in another way."""
    from torch.distributed.tensor._dtensor_spec import DTensorSpec, ShardOrderEntry, TensorMeta

    for rank in range(6):
        with rank_of(rank, (2, 3)) as mesh:
            strided = (_StridedShard(0, split_factor=3), Shard(0))
            expected = distribute_tensor(torch.zeros(13, 4), mesh, strided, src_data_rank=None)
            init.normal_(expected, generator=fastinit.Generator(SEED))
            local = torch.zeros_like(expected.to_local())
            meta = TensorMeta(torch.Size((13, 4)), (4, 1), torch.float32)
            order = (ShardOrderEntry(tensor_dim=0, mesh_dims=(1, 0)),)
            spec = DTensorSpec(mesh, (Shard(0), Shard(0)), meta, shard_order=order)
            sharded = DTensor(local, spec, requires_grad=False)
            init.normal_(sharded, generator=fastinit.Generator(SEED))
            assert torch.equal(local, expected.to_local())


@pytest.mark.parametrize("axis", [0, 1])
def test_row_of_padding_is_zero_in_the_shards_that_hold_it(axis):
    whole = torch.nn.Embedding(8, 4, padding_idx=5)
    init.init_module_(whole, seed=SEED)
    for rank in range(3):
        with rank_of(rank, (3,)) as mesh:
            module = torch.nn.Embedding(8, 4, padding_idx=5)
            sharded = distribute_tensor(torch.ones(8, 4), mesh, [Shard(axis)], src_data_rank=None).requires_grad_()
            # A Parameter would get the mesh of an earlier rank, as PyTorch caches what it makes of a tensor.
            module._parameters["weight"] = sharded
            init.init_module_(module, seed=SEED)
            expected = distribute_tensor(whole.weight.detach(), mesh, [Shard(axis)], src_data_rank=None)
            assert torch.equal(module.weight.to_local(), expected.to_local())


def test_rank_outside_the_mesh_fills_nothing_and_takes_the_stream_all_the_same():
    g = fastinit.Generator(SEED)
    init_process_group("fake", store=FakeStore(), rank=2, world_size=3)
    try:
        mesh = DeviceMesh("cpu", torch.arange(2))
        sharded = distribute_tensor(torch.zeros(4), mesh, [Shard(0)], src_data_rank=None)
        init.normal_(sharded, generator=g)
        assert g.stream == 1
    finally:
        destroy_process_group()


def streams_of(shape):
    """A stream for each row: names and numbers in no order."""
    return [f"experts.{i}" if i % 3 else 5 * i for i in reversed(range(shape[0]))]


@pytest.mark.parametrize(
    ("mesh_shape", "shape", "placed"), [cut for cut in cuts() if cut[1]], ids=[str(cut) for cut in cuts() if cut[1]]
)
def test_rows_of_a_sharded_tensor_are_what_their_streams_make_them(mesh_shape, shape, placed):
    streams = streams_of(shape)
    whole = torch.empty(shape)
    for i, stream in enumerate(streams):
        init.normal_(whole[i], generator=fastinit.Generator(SEED), stream=stream)
    for rank in range(math.prod(mesh_shape)):
        with rank_of(rank, mesh_shape) as mesh:
            expected = distribute_tensor(whole, mesh, placed, src_data_rank=None).to_local()
            sharded = distribute_tensor(torch.zeros(shape), mesh, placed, src_data_rank=None)
            g = fastinit.Generator(SEED)
            init.normal_(sharded, generator=g, streams=streams)
            assert torch.equal(sharded.to_local(), expected)
            assert g.stream == 0


@pytest.mark.parametrize(
    ("name", "arguments", "shape", "dtype"),
    [
        ("xavier_uniform_", (), (9, 6, 10), torch.float32),
        ("kaiming_normal_", (0.1, "fan_out"), (9, 10, 3, 2), torch.bfloat16),
        ("xavier_normal_", (), (9, 6, 10), torch.complex64),
        ("trunc_normal_", (), (19,), torch.float64),
        ("orthogonal_", (), (9, 6, 10), torch.float32),
        ("sparse_", (0.4,), (9, 6, 10), torch.float16),
    ],
)
@pytest.mark.parametrize(
    "placed",
    [
        (Shard(0), Replicate()),
        (_StridedShard(0, split_factor=2), Shard(0)),
        (Shard(0), Shard(1)),
        (Shard(1), Shard(-1)),
    ],
    ids=str,
)
def test_every_function_fills_shards_of_rows_with_fans_of_a_row(name, arguments, shape, dtype, placed):
    placed = tuple(Shard(each.dim % len(shape)) if each in (Shard(1), Shard(-1)) else each for each in placed)
    streams = streams_of(shape)
    whole = torch.empty(shape, dtype=dtype)
    for i, stream in enumerate(streams):
        getattr(init, name)(whole[i], *arguments, generator=fastinit.Generator(SEED), stream=stream)
    for rank in range(4):
        with rank_of(rank, (2, 2)) as mesh:
            expected = distribute_tensor(whole, mesh, placed, src_data_rank=None).to_local()
            sharded = distribute_tensor(torch.zeros(shape, dtype=dtype), mesh, placed, src_data_rank=None)
            getattr(init, name)(sharded, *arguments, generator=fastinit.Generator(SEED), streams=streams)
            assert torch.equal(sharded.to_local(), expected)


def test_shards_of_rows_in_pieces_for_another_device(lazy_device, monkeypatch):
    """What a GPU gets: the shard of each rank, in pieces that cut rows."""
    streams, whole = streams_of((9,)), torch.empty(9, 6, 7)
    for i, stream in enumerate(streams):
        init.normal_(whole[i], generator=fastinit.Generator(SEED), stream=stream)
    for pieces, placed in itertools.product((5, 30, 100), ([Shard(0)], [Shard(1)], [Shard(2)])):
        monkeypatch.setattr(tensors, "BUFFER", pieces)
        for rank in range(2):
            with rank_of(rank, (2,)) as mesh:
                expected = distribute_tensor(whole, mesh, placed, src_data_rank=None).to_local()
                sharded = distribute_tensor(torch.zeros(9, 6, 7), mesh, placed, src_data_rank=None)
                sharded._local_tensor = sharded._local_tensor.to(lazy_device)
                init.normal_(sharded, generator=fastinit.Generator(SEED), streams=streams)
                assert torch.equal(sharded.to_local().cpu(), expected)


def test_experts_of_the_page_are_the_same_on_every_rank():
    page = (ROOT / "docs" / "pytorch.md").read_text(encoding="utf-8")
    [example] = [each for each in doctest.DocTestParser().get_examples(page) if "def experts(mesh)" in each.source]
    names = [f"layers.0.experts.{i}.up" for i in range(8)]
    here = {"init": init, "g": fastinit.Generator(SEED), "names": names}
    exec(example.source, here)
    whole = init.kaiming_normal_(torch.empty(8, 512, 64), nonlinearity="relu", generator=here["g"], streams=names)
    for ranks in (1, 2, 3):
        parts = []
        for rank in range(ranks):
            with rank_of(rank, (ranks,)) as mesh:
                parts.append(here["experts"](mesh).to_local())
        assert torch.equal(torch.cat(parts), whole)


def test_ranks_that_hold_no_row_and_no_part_of_the_mesh_check_the_streams_all_the_same():
    init_process_group("fake", store=FakeStore(), rank=2, world_size=3)
    try:
        for mesh in (DeviceMesh("cpu", torch.arange(2)), DeviceMesh("cpu", torch.arange(3))):
            sharded = distribute_tensor(torch.zeros(2, 4), mesh, [Shard(0)], src_data_rank=None)
            g = fastinit.Generator(SEED)
            init.normal_(sharded, generator=g, streams=range(2))
            assert g.stream == 0
            with pytest.raises(ValueError, match=r"streams\[1\]: stream=-3 is out of range"):
                init.normal_(sharded, generator=g, streams=[0, -3])
            with pytest.raises(ValueError, match="std=-1"):
                init.normal_(sharded, 0, -1, generator=g, streams=range(2))
    finally:
        destroy_process_group()


def test_streams_of_a_dtensor_are_those_of_all_its_rows():
    with rank_of(0, (2,)) as mesh:
        sharded = distribute_tensor(torch.ones(4, 3), mesh, [Shard(0)], src_data_rank=None)
        with pytest.raises(ValueError, match=r"streams has 2 streams, and tensor has shape=\(4, 3\); accepted is one"):
            init.normal_(sharded, generator=fastinit.Generator(SEED), streams=range(2))  # those of the rank's own
        with pytest.raises(ValueError, match="generator is not seeded"):
            init.normal_(sharded, generator=fastinit.Generator(), streams=range(4))
        with pytest.raises(ValueError, match="with a DTensor, whose placements say both"):
            init.normal_(sharded, generator=fastinit.Generator(SEED), streams=range(4), offset=(0,), global_shape=(8,))
        assert (sharded.to_local() == 1).all()


# ---- FSDP2 -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def one_process():
    init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield DeviceMesh("cpu", torch.arange(1))
    destroy_process_group()


def linears():
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Linear(6, 4))


@pytest.mark.parametrize("when", ["before it is sharded", "sharded", "gathered"])
def test_fsdp2_frees_and_gathers_what_was_filled(one_process, when):
    fully_shard = pytest.importorskip("torch.distributed.fsdp").fully_shard
    plain, model = linears(), linears()
    init.init_module_(plain, seed=SEED)
    if when == "before it is sharded":
        init.init_module_(model, seed=SEED)
    fully_shard(model, mesh=one_process)
    if when == "gathered":
        model.unshard()
    init.init_module_(model, seed=SEED)
    for _ in range(2):
        model(torch.ones(2, 4)).sum().backward()
        model.unshard()
        for ours, expected in zip(model.parameters(), plain.parameters(), strict=True):
            assert torch.equal(ours, expected)
        model.reshard()


def test_part_of_a_model_that_fsdp2_has_gathered_is_refused(one_process):
    fully_shard = pytest.importorskip("torch.distributed.fsdp").fully_shard
    plain, model = linears(), linears()
    init.init_module_(plain[1], prefix="1", seed=SEED)
    fully_shard(model, mesh=one_process)
    with torch.no_grad():
        model(torch.ones(2, 4))  # after which the outermost module stays gathered
    with pytest.raises(ValueError, match=r"parameter '1\.weight': FSDP2 has gathered it, by a module around"):
        init.init_module_(model[1], prefix="1", seed=SEED)
    model.reshard()
    init.init_module_(model[1], prefix="1", seed=SEED)
    assert torch.equal(model[1].weight.to_local(), plain[1].weight)


def test_parameters_that_fsdp2_leaves_alone_are_filled(one_process):
    fully_shard = pytest.importorskip("torch.distributed.fsdp").fully_shard
    plain, model = linears(), linears()
    init.init_module_(plain, seed=SEED)
    fully_shard(model, mesh=one_process, ignored_params={model[0].weight})
    init.init_module_(model, seed=SEED)
    assert torch.equal(model[0].weight, plain[0].weight)


def test_parameters_that_fsdp2_has_gathered_can_be_freed_after_a_single_fill(one_process):
    fully_shard = pytest.importorskip("torch.distributed.fsdp").fully_shard
    model = linears()
    fully_shard(model, mesh=one_process)
    model.unshard()
    init.normal_(model[0].weight, generator=fastinit.Generator(SEED))
    model.reshard()


# ---- Bad input -------------------------------------------------------------------------------------------------------


def test_sums_that_are_still_to_be_made_are_refused():
    with rank_of(0, (2,)) as mesh:
        sharded = DTensor.from_local(torch.zeros(4), mesh, [Partial()])
        with pytest.raises(ValueError, match=r"placements \(Partial\(sum\),\); accepted are Shard and Replicate"):
            init.normal_(sharded, generator=fastinit.Generator(SEED))


def test_sums_over_one_process_are_the_tensor_itself():
    with rank_of(0, (1,)) as mesh:
        out = DTensor.from_local(torch.zeros(4), mesh, [Partial()])
        init.normal_(out, generator=fastinit.Generator(SEED), stream="w")
        expected = fastinit.Generator(SEED).normal(np.empty(4, np.float32), stream="w")
        assert out.to_local().numpy().tobytes() == expected.tobytes()


def test_shards_that_are_not_what_their_placement_says_are_refused():
    with rank_of(0, (2,)) as mesh:
        sharded = DTensor.from_local(torch.zeros(1, 3), mesh, [Shard(0)], run_check=False, shape=(8, 3), stride=(3, 1))
        with pytest.raises(ValueError, match=r"shard here has shape \(1, 3\); its placements .* make it \(4, 3\)"):
            init.normal_(sharded, generator=fastinit.Generator(SEED))


def test_sharded_tensors_need_a_seed_that_all_processes_share():
    with rank_of(0, (2,)) as mesh:
        sharded = distribute_tensor(torch.zeros(4), mesh, [Shard(0)], src_data_rank=None)
        with pytest.raises(ValueError, match="generator is not seeded"):
            init.normal_(sharded, generator=fastinit.Generator())
        init.normal_(sharded, generator=fastinit.Generator(SEED))
        module = torch.nn.Linear(3, 4)
        module.bias = torch.nn.Parameter(sharded)
        fastinit.seed()
        with pytest.raises(ValueError, match="seed=None with sharded parameters"):
            init.init_module_(module)
        fastinit.seed(SEED)
        init.init_module_(module)


def test_blocks_of_dtensors_are_refused():
    with rank_of(0, (2,)) as mesh:
        sharded = distribute_tensor(torch.zeros(4), mesh, [Shard(0)], src_data_rank=None)
        with pytest.raises(ValueError, match="with a DTensor, whose placements say both"):
            init.normal_(sharded, generator=fastinit.Generator(SEED), offset=(0,), global_shape=(8,))


def test_modules_that_flatten_their_parameters_are_refused():
    class FullyShardedDataParallel(torch.nn.Module):
        pass

    with pytest.raises(TypeError, match="wrapped in FullyShardedDataParallel, which flattens parameters"):
        init.init_module_(torch.nn.Sequential(FullyShardedDataParallel()), seed=SEED)


def test_names_that_data_parallel_training_adds_do_not_count():
    plain, inner = torch.nn.Linear(3, 4), torch.nn.Linear(3, 4)
    init.init_module_(plain, seed=SEED)
    with rank_of(0, (1,)):
        wrapped = torch.nn.parallel.DistributedDataParallel(inner)
        assert list(init.init_module_(wrapped, seed=SEED)) == ["weight", "bias"]
    assert torch.equal(inner.weight, plain.weight)


# ---- Real processes --------------------------------------------------------------------------------------------------


def digests_of(processes):
    """What the example prints of fastinit's weights, in so many processes that talk over gloo."""
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
        EXAMPLE,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    return re.search(rf"^fastinit +{processes} of  (.*)$", run.stdout, re.M)[1]


def test_one_two_and_four_processes_start_from_the_same_weights():
    """Whole, by FSDP2, and by FSDP2 with tensor parallelism: bit for bit."""
    example = runpy.run_path(EXAMPLE)
    model = example["Block"]()
    example["fill_by_fastinit"](model)
    digests = dict(example["digests"](model))
    page = (ROOT / "docs" / "pytorch.md").read_text(encoding="utf-8")
    assert page.count(" | ".join(digests.values())) == 3
    whole = "  ".join(f"{name} {digest}" for name, digest in digests.items())
    assert digests_of(2) == whole
    assert digests_of(4) == whole
