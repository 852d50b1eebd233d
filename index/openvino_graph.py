"""Turns a torch module into an OpenVINO graph and compiles it for the CPU; knows nothing of what the module computes.

OpenVINO reports its use over the network, already when it is imported, unless its telemetry package is missing: so it
is made to be missing here, before anything of OpenVINO is imported.
"""

from __future__ import annotations

import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from index.types import FloatArray

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # importing it now raises ImportError


def convert(module: Any, example: Mapping[str, Any]) -> Any:
    """Trace a torch module whose inputs are all (batch, length) integers.

    :param example: Name and tensor of each input of ``module.forward``, in its order.
    """
    import torch  # heavy; whoever calls has loaded it
    from openvino import PartialShape, Type
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of branches on shapes; tests hold the results to torch's
        decoder = TorchScriptPythonDecoder(module.eval(), example_input=dict(example))
    front_end = FrontEndManager().load_by_framework("pytorch")
    graph = front_end.convert(front_end.load(decoder))
    for node in graph.inputs:
        node.get_node().set_partial_shape(PartialShape([-1, -1]))
        node.get_node().set_element_type(Type.i64)
    graph.validate_nodes_and_infer_types()
    return graph


def compile_graph(graph: Any, num_streams: int, num_threads: int | None = None) -> Any:
    """Compile for the CPU, in bfloat16 where it has it, else float32.

    :param num_streams: Inferences computed side by side.
    :param num_threads: Of all streams together, bound to no core, so that several processes can share a machine; None
        for all there are.
    """
    from openvino import Core

    core = Core()
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    precision = "bf16" if "BF16" in capabilities else "f32"
    options = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": str(num_streams)}
    if num_threads is not None:
        options |= {"INFERENCE_NUM_THREADS": str(num_threads), "ENABLE_CPU_PINNING": "NO"}
    return core.compile_model(graph, "CPU", options)


def infer_batches(compiled: Any, batches: Iterable[Mapping[str, Any]], num_streams: int) -> Iterator[list[FloatArray]]:
    """The outputs of each batch, in order; the next ones are computed meanwhile.

    OpenVINO's own queue calls back into Python from threads that it later waits for while it holds Python's lock: some
    one in fifty processes never ended. Nothing is called back here.

    :param compiled: As :func:`compile_graph` gives it.
    :param num_streams: That it was compiled for.
    """
    idle = [compiled.create_infer_request() for _ in range(num_streams + 1)]  # one is filled while the others compute
    busy: deque[Any] = deque()
    for inputs in batches:
        if not idle:
            yield _outputs(busy[0])
            idle.append(busy.popleft())
        request = idle.pop()
        request.start_async(dict(inputs))
        busy.append(request)
    for request in busy:
        yield _outputs(request)


def _outputs(request: Any) -> list[FloatArray]:
    request.wait()
    return [np.array(tensor.data, dtype=np.float32) for tensor in request.output_tensors]
