"""Serves a GGUF chat model on a loopback port for the stacks that are compared; knows nothing of them.

The engine and its settings are those of :mod:`qa.generators.llamacpp`, but for a longer context, which some stacks'
prompts need. Greedy unless a request says otherwise. Its key is the environment's
OPENAI_API_KEY, which the stacks read by themselves. Prints its address when the model is loaded; ends with its input.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys

from qa.generators.cpu_cores import limit_spinning, num_usable_cores
from scripts.peers.protocol import MAX_TOKENS

_BATCH_TOKENS = 256
_PROMPT_CACHE_MIB = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--context-tokens", type=int, required=True)
    arguments = parser.parse_args()
    limit_spinning()
    import xllamacpp  # here: it must find what limit_spinning sets

    parameters = xllamacpp.CommonParams()
    parameters.model.path = arguments.gguf
    parameters.n_ctx = arguments.context_tokens
    parameters.n_parallel = 1
    parameters.n_batch = parameters.n_ubatch = _BATCH_TOKENS
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = num_usable_cores()
    parameters.cache_ram_mib = _PROMPT_CACHE_MIB
    parameters.no_extra_bufts = platform.machine().lower() in ("x86_64", "amd64")
    parameters.fit_params = False
    parameters.offline = True
    parameters.verbosity = 0
    parameters.sampling.temp = 0.0
    parameters.n_predict = MAX_TOKENS
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [os.environ["OPENAI_API_KEY"]]
    parameters.cors_origins = "https://localhost.invalid"  # no page has this origin (RFC 2606)
    parameters.cors_origins_explicit = True
    parameters.ui = False
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
