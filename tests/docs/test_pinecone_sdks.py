"""docs/pinecone-sdks.md as printed: its programs, with the SDKs of their languages. Only ports and the number of characters of keys are put in."""

import os
import re
import subprocess

import pytest

from tests.gateway.gateway import Gateway, Shop
from tests.support.cluster import ROOT

PAGE = (ROOT / "docs/pinecone-sdks.md").read_text()
MADE = ROOT / "target/clients"


def block(language):
    """The page's only block in a language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return text


@pytest.fixture(scope="module")
def gateway(server, tmp_path_factory):
    shop = Shop(server, "sdks")
    gateway = Gateway(shop.address, tmp_path_factory.mktemp("sdks") / "log")
    gateway.key = shop.key()[1]
    yield gateway
    assert gateway.stop() == 0
    shop.destroy()


def run(gateway, program, directory, *command):
    assert "http://localhost:5080" in program
    file = directory / f"printed.{command[-1]}"
    file.write_text(program.replace("http://localhost:5080", gateway.url))
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PINECONE_API_KEY": gateway.key}
    done = subprocess.run([*map(str, command[:-1]), str(file)], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python(gateway, tmp_path):
    assert run(gateway, block("python"), tmp_path, MADE / "python-10/bin/python", "py") == "a {'year': 1931}\n"


def test_typescript(gateway, tmp_path):
    package = MADE / "sdk-node/node_modules/pinecone-9/dist/index.js"
    program = block("typescript").replace("import { Pinecone } from '@pinecone-database/pinecone'", f"import sdk from '{package}'; const {{ Pinecone }} = sdk")
    assert run(gateway, program, tmp_path, MADE / "python/bin/node", "mjs") == "a { year: 1931 }\n"


def test_demo(gateway):
    environment = {
        "PATH": os.environ["PATH"], "HOME": "/nonexistent", "PINECONE_API_KEY": gateway.key, "PINECONE_CONTROLLER_HOST": gateway.url,
    }
    command = [MADE / "python-10/bin/python", ROOT / "demo/sdk.py"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    nearest, _, dramas = done.stdout.partition("nearest dramas after 2000:\n")
    assert "vec3  0.0000" in nearest and dramas.split()[0] == "vec3" and "records: 4" in dramas


def test_table_of_versions():
    """The page tells the versions that are installed for the tests."""
    sdk = ROOT / "tests/gateway/sdk"
    for file in ("python-9/requirements.txt", "python-10/requirements.txt"):
        assert re.search(r"pinecone==(\S+)", (sdk / file).read_text())[1] in PAGE
    for version in re.findall(r"pinecone@([0-9.]+)", (sdk / "node/package.json").read_text()):
        assert version in PAGE
    stores = (sdk / "stores/requirements.txt").read_text()
    for name in ("langchain-pinecone", "llama-index-vector-stores-pinecone", "pinecone"):
        assert re.search(rf"^{name}==(\S+)", stores, re.MULTILINE)[1] in PAGE
